import { crc32 } from 'node:zlib';
import { readUint53, writeUint53 } from './record.ts';

/** How far this node has come with a scavenge (rule R2): its progress, in the database of the log. */
export interface ScavengeProgress {
  /** The scavenge point: the position of the fact that started it, the newest that this node has begun with. */
  readonly point: number;
  /** The newest point at which this node was through, the compaction included; 0: none. */
  readonly doneTo: number;
  /** Entries up to this index were looked at. */
  readonly through: number;
  /** Events whose content was erased, and the bytes that their records became shorter by. */
  readonly events: number;
  readonly bytes: number;
  /**
   * Content that was erased, at this point or an earlier one, may still lie in LevelDB's older tables, until those of log
   * and index were rewritten to their end.
   */
  readonly owesRewrite: boolean;
}

/** It sorts before all other rows: like those of memberships it is rewritten, and would overlap every table in between. */
export const SCAVENGE_KEY = Buffer.alloc(9);

const FORMAT = 3;
const CHECKSUM_BYTES = 4;
const BYTES = 2 + 5 * 8 + CHECKSUM_BYTES;
/** By format. Both say whether the point is done; the first not whether a rewrite is owed, which `done` does not tell either. */
const FORMER_BYTES: Readonly<Record<number, number>> = {
  1: 2 + 4 * 8 + CHECKSUM_BYTES,
  2: 3 + 4 * 8 + CHECKSUM_BYTES,
};

/**
 *     format version (3) ‖ owes a rewrite (1) ‖ point (8) ‖ through (8) ‖ events (8) ‖ bytes (8) ‖ done to (8) ‖
 *     checksum (4): CRC-32 of all before
 *
 * Integers little-endian. Formats of before:
 *
 *     format version (2) ‖ done (1) ‖ owes a rewrite (1) ‖ point (8) ‖ through (8) ‖ events (8) ‖ bytes (8) ‖ checksum (4)
 *     format version (1) ‖ done (1) ‖ point (8) ‖ through (8) ‖ events (8) ‖ bytes (8) ‖ checksum (4)
 */
export function encodeScavengeProgress(progress: ScavengeProgress): Buffer {
  const { point, through, events, doneTo } = progress;
  const bytes = Buffer.alloc(BYTES);
  bytes[0] = FORMAT;
  bytes[1] = progress.owesRewrite ? 1 : 0;
  for (const [n, figure] of [point, through, events, progress.bytes, doneTo].entries()) {
    writeUint53(bytes, 2 + n * 8, figure);
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(0, BYTES - CHECKSUM_BYTES)), BYTES - CHECKSUM_BYTES);
  return bytes;
}

/** Undefined where the bytes are not such a row: the scavenge then begins anew, which does no harm. */
export function decodeScavengeProgress(bytes: Buffer): ScavengeProgress | undefined {
  const format = bytes[0] ?? 0;
  if (bytes.length !== (format === FORMAT ? BYTES : FORMER_BYTES[format])) return undefined;
  const end = bytes.length - CHECKSUM_BYTES;
  if (bytes.readUInt32LE(end) !== crc32(bytes.subarray(0, end))) return undefined;
  const figures = format === 2 ? 3 : 2;
  const figure = (n: number) => readUint53(bytes, figures + n * 8);
  const [point, through, events, erasedBytes] = [figure(0), figure(1), figure(2), figure(3)];
  const owesRewrite = format === 1 || bytes[figures - 1] === 1;
  const formerlyDone = bytes[1] === 1 ? point : 0;
  const doneTo = format === FORMAT ? figure(4) : formerlyDone;
  return { point, doneTo, through, events, bytes: erasedBytes, owesRewrite };
}
