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
}

/** It sorts before all other rows: like those of memberships it is rewritten, and would overlap every table in between. */
export const SCAVENGE_KEY = Buffer.alloc(9);

const FORMAT = 1;
const BYTES = 2 + 4 * 8 + 4;

/**
 *     format version (1) ‖ done (1) ‖ point (8) ‖ through (8) ‖ events (8) ‖ bytes (8) ‖ checksum (4): CRC-32 of all before
 *
 * Integers little-endian.
 */
export function encodeScavengeProgress(progress: ScavengeProgress): Buffer {
  const bytes = Buffer.alloc(BYTES);
  bytes[0] = FORMAT;
  bytes[1] = progress.done ? 1 : 0;
  for (const [n, figure] of [progress.point, progress.through, progress.events, progress.bytes].entries()) {
    writeUint53(bytes, 2 + n * 8, figure);
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(0, BYTES - 4)), BYTES - 4);
  return bytes;
}

/** Undefined where the bytes are not such a row: the scavenge then begins anew, which does no harm. */
export function decodeScavengeProgress(bytes: Buffer): ScavengeProgress | undefined {
  if (bytes.length !== BYTES || bytes[0] !== FORMAT) return undefined;
  if (bytes.readUInt32LE(BYTES - 4) !== crc32(bytes.subarray(0, BYTES - 4))) return undefined;
  const figure = (n: number) => readUint53(bytes, 2 + n * 8);
  return { point: figure(0), through: figure(1), events: figure(2), bytes: figure(3), done: bytes[1] === 1 };
}
