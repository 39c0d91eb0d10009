import type { Retention } from '../../model/retention.ts';
import type { TwoStates } from './head-rows.ts';
import { getU32, getU53, Kind } from './keys.ts';
import type { RowWriter } from './row-writer.ts';

/**
 * What is hidden of a stream, as its last fact has it. Like heads and cursors such a row changes from block to block, so it
 * holds two states: that of the block which wrote the row, and the one before.
 *
 *     retention  current ‖ previous, or nothing
 *                each: block (4) ‖ flags (1: tombstoned) ‖ position of the fact (8) ‖ floor (8) ‖ floor in time (8), then
 *                each plus one, 0 for none: head revision at the deletion (8) ‖ max count (8) ‖ max age (8) ‖ revision
 *                of the metadata (8)
 */
export interface RetentionEnd extends Retention {
  /** The block in which the fact lies. */
  readonly block: number;
}

const HALF = 5 + 7 * 8;

export function putRetention(to: RowWriter, name: Uint8Array, current: RetentionEnd, previous?: RetentionEnd): void {
  to.start(Kind.retention, name.length * 2 + 2 + 2 * HALF)
    .name(name)
    .value();
  putHalf(to, current);
  if (previous) putHalf(to, previous);
  to.end();
}

function putHalf(to: RowWriter, end: RetentionEnd): void {
  to.u32(end.block).u8(end.tombstoned ? 1 : 0);
  to.u53(end.position)
    .u53(end.floor)
    .u53(end.floorUs)
    .u53(end.deletedAt + 1);
  to.u53((end.maxCount ?? -1) + 1).u53((end.maxAgeUs ?? -1) + 1);
  to.u53(end.metadataRevision + 1);
}

export function decodeRetention(body: Uint8Array): TwoStates<RetentionEnd> | undefined {
  if (body.length === HALF) return { current: half(body, 0), previous: undefined };
  if (body.length !== 2 * HALF) return undefined;
  const current = half(body, 0);
  const previous = half(body, HALF);
  return previous.block < current.block ? { current, previous } : undefined;
}

function half(body: Uint8Array, at: number): RetentionEnd {
  const figure = (n: number) => getU53(body, at + 5 + n * 8);
  const optional = (n: number) => (figure(n) === 0 ? undefined : figure(n) - 1);
  return {
    block: getU32(body, at),
    tombstoned: body[at + 4] === 1,
    position: figure(0),
    floor: figure(1),
    floorUs: figure(2),
    deletedAt: figure(3) - 1,
    maxCount: optional(4),
    maxAgeUs: optional(5),
    metadataRevision: figure(6) - 1,
  };
}
