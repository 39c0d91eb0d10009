import { crc32 } from 'node:zlib';
import { readUint53, writeUint53 } from './record.ts';

/** How far this node has come with a scavenge (rule R2): its progress, in the database of the log. */
export interface ScavengeProgress {
  /** The scavenge point: the position of the fact that started it. */
  readonly point: number;
  /** Entries up to this index were looked at. */
  readonly through: number;
  /** Events whose content was erased, and the bytes that their records became shorter by. */
  readonly events: number;
  readonly bytes: number;
  /** Whether all of it is done, the compaction included. */
  readonly done: boolean;
  /**
   * Content that was erased, at this point or an earlier one, may still lie in LevelDB's older tables, until those of log
   * and index were rewritten to their end.
   */
  readonly owesRewrite: boolean;
}

/** It sorts before all other rows: like those of memberships it is rewritten, and would overlap every table in between. */
export const SCAVENGE_KEY = Buffer.alloc(9);

const FORMAT = 2;
/** Has no byte that tells whether a rewrite is owed. Its `done` does not tell it either. */
const FORMER_FORMAT = 1;
const FIGURES_BYTES = 4 * 8;
const CHECKSUM_BYTES = 4;
const BYTES = 3 + FIGURES_BYTES + CHECKSUM_BYTES;
const FORMER_BYTES = 2 + FIGURES_BYTES + CHECKSUM_BYTES;

/**
 *     format version (2) ‖ done (1) ‖ owes a rewrite (1) ‖ point (8) ‖ through (8) ‖ events (8) ‖ bytes (8) ‖
 *     checksum (4): CRC-32 of all before
 *
 * Integers little-endian. Format 1 is the same without the third byte.
 */
export function encodeScavengeProgress(progress: ScavengeProgress): Buffer {
  const bytes = Buffer.alloc(BYTES);
  bytes[0] = FORMAT;
  bytes[1] = progress.done ? 1 : 0;
  bytes[2] = progress.owesRewrite ? 1 : 0;
  for (const [n, figure] of [progress.point, progress.through, progress.events, progress.bytes].entries()) {
    writeUint53(bytes, 3 + n * 8, figure);
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(0, BYTES - CHECKSUM_BYTES)), BYTES - CHECKSUM_BYTES);
  return bytes;
}

/** Undefined where the bytes are not such a row: the scavenge then begins anew, which does no harm. */
export function decodeScavengeProgress(bytes: Buffer): ScavengeProgress | undefined {
  const former = bytes[0] === FORMER_FORMAT;
  if (bytes.length !== (former ? FORMER_BYTES : BYTES) || (!former && bytes[0] !== FORMAT)) return undefined;
  const end = bytes.length - CHECKSUM_BYTES;
  if (bytes.readUInt32LE(end) !== crc32(bytes.subarray(0, end))) return undefined;
  const figure = (n: number) => readUint53(bytes, end - FIGURES_BYTES + n * 8);
  const [point, through, events, erasedBytes] = [figure(0), figure(1), figure(2), figure(3)];
  return { point, through, events, bytes: erasedBytes, done: bytes[1] === 1, owesRewrite: former || bytes[2] === 1 };
}
