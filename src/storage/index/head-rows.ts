import { getU32, getU53, Kind } from './keys.ts';
import type { RowWriter } from './row-writer.ts';

/**
 * Rows that change from block to block: the head of each stream, the cursor of each producer. Such a row is written by
 * the block that last moved it, before that block's seal; so it keeps beside the current state the one of the block
 * before. Where the current block turns out never to have been sealed, the previous state holds.
 *
 *     head      created of the first event (8) ‖ position of the first event (8) ‖ current ‖ previous, or nothing
 *               each: block (4) ‖ head revision (8) ‖ position (8) and created (8) of the last event
 *     producer  current ‖ previous, or nothing
 *               each: block (4) ‖ current of the last append (8) ‖ its log index (8) ‖ its append id (16)
 */

/** What is known of a stream at the end of a block. */
export interface StreamEnd {
  /** The block in which its last event lies. */
  readonly block: number;
  readonly revision: number;
  readonly lastPosition: number;
  readonly lastCreatedUs: number;
  readonly firstPosition: number;
  readonly firstCreatedUs: number;
}

/** How far a producer has come (rule S7). */
export interface Cursor {
  readonly current: number;
  readonly appendId: Uint8Array;
  readonly logIndex: number;
}

/** A cursor at the end of a block. */
export interface CursorEnd extends Cursor {
  /** The block in which the first event of the producer's last append lies. */
  readonly block: number;
}

/** A row that holds a state and the one before. */
export interface TwoStates<T> {
  readonly current: T;
  readonly previous: T | undefined;
}

const HEAD_HALF = 28;
const PRODUCER_HALF = 36;

export function putHead(to: RowWriter, name: Uint8Array, current: StreamEnd, previous: StreamEnd | undefined): void {
  to.start(Kind.head, name.length * 2 + 2 + 16 + 2 * HEAD_HALF)
    .name(name)
    .value();
  to.u53(current.firstCreatedUs).u53(current.firstPosition);
  putHeadHalf(to, current);
  if (previous) putHeadHalf(to, previous);
  to.end();
}

function putHeadHalf(to: RowWriter, end: StreamEnd): void {
  to.u32(end.block).u53(end.revision).u53(end.lastPosition).u53(end.lastCreatedUs);
}

export function decodeHead(body: Uint8Array): TwoStates<StreamEnd> | undefined {
  if (body.length !== 16 + HEAD_HALF && body.length !== 16 + 2 * HEAD_HALF) return undefined;
  const current = headHalf(body, 16);
  if (body.length === 16 + HEAD_HALF) return { current, previous: undefined };
  const previous = headHalf(body, 16 + HEAD_HALF);
  return previous.block < current.block && previous.revision < current.revision ? { current, previous } : undefined;
}

function headHalf(body: Uint8Array, at: number): StreamEnd {
  return {
    block: getU32(body, at),
    revision: getU53(body, at + 4),
    lastPosition: getU53(body, at + 12),
    lastCreatedUs: getU53(body, at + 20),
    firstCreatedUs: getU53(body, 0),
    firstPosition: getU53(body, 8),
  };
}

export function putProducer(to: RowWriter, name: Uint8Array, current: CursorEnd, previous?: CursorEnd): void {
  to.start(Kind.producer, name.length * 2 + 2 + 2 * PRODUCER_HALF)
    .name(name)
    .value();
  putCursor(to, current);
  if (previous) putCursor(to, previous);
  to.end();
}

function putCursor(to: RowWriter, end: CursorEnd): void {
  to.u32(end.block).u53(end.current).u53(end.logIndex).raw(end.appendId);
}

export function decodeProducer(body: Uint8Array): TwoStates<CursorEnd> | undefined {
  if (body.length === PRODUCER_HALF) return { current: cursorHalf(body, 0), previous: undefined };
  if (body.length !== 2 * PRODUCER_HALF) return undefined;
  const current = cursorHalf(body, 0);
  const previous = cursorHalf(body, PRODUCER_HALF);
  return previous.block < current.block ? { current, previous } : undefined;
}

function cursorHalf(body: Uint8Array, at: number): CursorEnd {
  return {
    block: getU32(body, at),
    current: getU53(body, at + 4),
    logIndex: getU53(body, at + 12),
    appendId: new Uint8Array(body.subarray(at + 20, at + 36)),
  };
}

/** The state that holds when so many blocks are sealed; undefined where there was none yet. */
export function stateAt<T extends { readonly block: number }>(row: TwoStates<T>, sealed: number): T | undefined {
  if (row.current.block < sealed) return row.current;
  return row.previous && row.previous.block < sealed ? row.previous : undefined;
}
