import type { Retention } from '../../model/retention.ts';
import { NO_REVISIONS } from '../../model/revision-ranges.ts';
import type { TwoStates } from './head-rows.ts';
import { getU32, getU53, Kind } from './keys.ts';
import type { RowWriter } from './row-writer.ts';

/**
 * What is hidden of a stream, as its last fact has it. Like heads and cursors such a row changes from block to block, so it
 * holds two states: that of the block which wrote the row, and the one before.
 *
 *     retention  bytes of the current one (4) ‖ current ‖ previous, or nothing
 *                each: block (4) ‖ flags (1: tombstoned) ‖ position of the fact (8) ‖ floor (8) ‖ floor in time (8), then
 *                each plus one, 0 for none: head revision at the deletion (8) ‖ max count (8) ‖ max age (8) ‖ revision
 *                of the metadata (8); then for each erased range its first revision (8) and the one behind it (8)
 */
export interface RetentionEnd extends Retention {
  /** The block in which the fact lies. */
  readonly block: number;
}

const FIXED = 5 + 7 * 8;
const RANGE = 2 * 8;

function bytesOf({ erased }: RetentionEnd): number {
  return FIXED + erased.length * RANGE;
}

export function putRetention(to: RowWriter, name: Uint8Array, current: RetentionEnd, previous?: RetentionEnd): void {
  const bytes = bytesOf(current);
  to.start(Kind.retention, name.length * 2 + 2 + 4 + bytes + (previous ? bytesOf(previous) : 0))
    .name(name)
    .value()
    .u32(bytes);
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
  for (const { from, to: behind } of end.erased) to.u53(from).u53(behind);
}

export function decodeRetention(body: Uint8Array): TwoStates<RetentionEnd> | undefined {
  const behind = body.length < 4 ? 0 : 4 + getU32(body, 0);
  const current = half(body.subarray(4, behind));
  if (!current || behind > body.length) return undefined;
  if (behind === body.length) return { current, previous: undefined };
  const previous = half(body.subarray(behind));
  if (!previous) return undefined;
  return previous.block < current.block ? { current, previous } : undefined;
}

function half(body: Uint8Array): RetentionEnd | undefined {
  const ranges = (body.length - FIXED) / RANGE;
  if (!Number.isInteger(ranges) || ranges < 0) return undefined;
  const figure = (n: number) => getU53(body, 5 + n * 8);
  const range = (n: number) => ({ from: getU53(body, FIXED + n * RANGE), to: getU53(body, FIXED + n * RANGE + 8) });
  const optional = (n: number) => (figure(n) === 0 ? undefined : figure(n) - 1);
  return {
    block: getU32(body, 0),
    tombstoned: body[4] === 1,
    position: figure(0),
    floor: figure(1),
    floorUs: figure(2),
    erased: ranges > 0 ? Array.from({ length: ranges }, (_, n) => range(n)) : NO_REVISIONS,
    deletedAt: figure(3) - 1,
    maxCount: optional(4),
    maxAgeUs: optional(5),
    metadataRevision: figure(6) - 1,
  };
}
