import { crc32 } from 'node:zlib';
import { decodeUtf8, encodeUtf8 } from '../base/bytes.ts';
import type { HardState } from '../raft/types.ts';
import { readUint53, writeUint53 } from './record.ts';

/**
 * The rows of the database `log/`, in the order of their keys (integers in keys are big-endian, so that they sort):
 *
 *     key                                     value
 *     00 00 00 00 00 00 00 00 ‖ 00            how far the last scavenge has come (scavenge-row.ts)
 *     00 00 00 00 00 00 00 00 ‖ 01            hard state, where it was written before there was any entry
 *     00 00 00 00 00 00 00 00 ‖ 02 ‖ index 8  a committed membership entry: its sealed record (rule D6)
 *     index 8                                 a sealed entry (record.ts)
 *     index 8 ‖ 01                            hard state behind the last entry of a batch (rule D3)
 *
 * Rows are only ever added at the end, as LevelDB likes it: neighbouring tables do not overlap, and compaction moves
 * them instead of rewriting them. A row of hard state under a key of its own, or membership rows sorting behind the
 * entries, would make every table overlap every other. Hard states of older batches stay where they are, between
 * entries; only the one behind the last entry means anything.
 */
const HARD_STATE = 1;
const MEMBERSHIP = 2;
const INDEX_BYTES = 8;

export type RowKey =
  | { readonly kind: 'entry'; readonly index: number }
  | { readonly kind: 'hardState'; readonly index: number }
  | { readonly kind: 'membership'; readonly index: number };

export function entryKey(index: number): Buffer {
  const key = Buffer.allocUnsafe(INDEX_BYTES);
  writeIndex(key, 0, index);
  return key;
}

/** The key of the hard state behind the entry with this index; 0: of an empty log. */
export function hardStateKey(index: number): Buffer {
  const key = Buffer.allocUnsafe(INDEX_BYTES + 1);
  writeIndex(key, 0, index);
  key[INDEX_BYTES] = HARD_STATE;
  return key;
}

/** Lies behind an entry and its hard state, and before the next entry; of no row. */
export function behindEntryKey(index: number): Buffer {
  const key = Buffer.alloc(INDEX_BYTES + 1, 0xff);
  writeIndex(key, 0, index);
  return key;
}

export function membershipKey(index: number): Buffer {
  const key = Buffer.alloc(INDEX_BYTES + 1 + INDEX_BYTES);
  key[INDEX_BYTES] = MEMBERSHIP;
  writeIndex(key, INDEX_BYTES + 1, index);
  return key;
}

/** What a key names; undefined where no such key is ever written. */
export function parseKey(key: Buffer): RowKey | undefined {
  if (key.length < INDEX_BYTES || key.readUInt32BE(0) >= 0x20_0000) return undefined;
  const index = readIndex(key, 0);
  if (key.length === INDEX_BYTES) return index > 0 ? { kind: 'entry', index } : undefined;
  if (key.length === INDEX_BYTES + 1 && key[INDEX_BYTES] === HARD_STATE) return { kind: 'hardState', index };
  if (key.length !== INDEX_BYTES + 1 + INDEX_BYTES || index !== 0 || key[INDEX_BYTES] !== MEMBERSHIP) return undefined;
  return key.readUInt32BE(INDEX_BYTES + 1) < 0x20_0000
    ? { kind: 'membership', index: readIndex(key, INDEX_BYTES + 1) }
    : undefined;
}

/** The hard state, and the end of the log that it was written with. */
export interface HardStateRow extends HardState {
  readonly lastIndex: number;
  /** Chain hash at `lastIndex`. */
  readonly chain: Buffer;
  /** Index of the newest committed membership entry, whose row is there then; 0: none. */
  readonly membershipIndex: number;
}

/** The most that a vote (a member id) may take, in bytes of UTF-8. */
export const VOTE_BYTES_MAX = 512;

const FORMAT = 1;
const FIXED = 68;

/**
 *     offset  bytes  what (integers little-endian)
 *          0      1  format version (1)
 *          1      1  zero
 *          2      2  length n of the vote, 0 to 512; 0: did not vote in this term
 *          4      8  term
 *         12      8  commit index
 *         20      8  last index: that of the entry before this row
 *         28      8  index of the newest committed membership entry; 0: none
 *         36     32  chain hash at the last index
 *         68      n  vote, UTF-8
 *       68+n      4  checksum: CRC-32 of all before
 */
export function encodeHardState(row: HardStateRow): Buffer {
  const vote = encodeUtf8(row.vote ?? '');
  const bytes = Buffer.alloc(FIXED + vote.length + 4);
  bytes[0] = FORMAT;
  bytes.writeUInt16LE(vote.length, 2);
  writeUint53(bytes, 4, row.term);
  writeUint53(bytes, 12, row.commit);
  writeUint53(bytes, 20, row.lastIndex);
  writeUint53(bytes, 28, row.membershipIndex);
  bytes.set(row.chain, 36);
  bytes.set(vote, FIXED);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, bytes.length - 4)), bytes.length - 4);
  return bytes;
}

/** The row; a text that says what is wrong where it is not one. */
export function decodeHardState(bytes: Buffer): HardStateRow | string {
  if (bytes.length < FIXED + 4) return `it has ${bytes.length} bytes, fewer than ${FIXED + 4}`;
  const end = bytes.length - 4;
  if (bytes.readUInt32LE(end) !== crc32(bytes.subarray(0, end))) return 'its checksum is wrong';
  if (bytes[0] !== FORMAT) return `its format is ${bytes[0]}, not ${FORMAT}`;
  if (bytes.readUInt16LE(2) !== end - FIXED) return 'its length is wrong';
  const vote = decodeUtf8(bytes, FIXED, end);
  if (vote === undefined) return 'its vote is not valid UTF-8';
  return {
    term: readUint53(bytes, 4),
    vote: vote === '' ? undefined : vote,
    commit: readUint53(bytes, 12),
    lastIndex: readUint53(bytes, 20),
    membershipIndex: readUint53(bytes, 28),
    chain: Buffer.from(bytes.subarray(36, FIXED)),
  };
}

function writeIndex(key: Buffer, offset: number, index: number): void {
  key.writeUInt32BE(Math.floor(index / 0x1_0000_0000), offset);
  key.writeUInt32BE(index % 0x1_0000_0000, offset + 4);
}

function readIndex(key: Buffer, offset: number): number {
  return key.readUInt32BE(offset) * 0x1_0000_0000 + key.readUInt32BE(offset + 4);
}
