import { InvariantViolation } from '../../base/assert.ts';
import { decodeUtf8, encodeUtf8 } from '../../base/bytes.ts';

/**
 * The keys of the index. Numbers in keys are big-endian, so that rows stand in the order of their numbers.
 *
 *     format      00
 *     seal        10 ‖ block (4)
 *     chunk       11 ‖ block (4) ‖ running number (2)
 *     locate      20 ‖ block (4) ‖ 256ths of the block's places (1)
 *     append ids  21 ‖ block (4) ‖ running number (2)
 *     stream      30 ‖ name ‖ first revision in its block (8)
 *     type        31 ‖ name ‖ block (4)
 *     category    32 ‖ name ‖ block (4)
 *     tag         33 ‖ name ‖ block (4)
 *     created     34 ‖ name ‖ block (4): where streams of this category begin; of an empty name, all streams
 *     created     35 ‖ block (4) ‖ name: the last of some names of streams that begin in the block
 *       names
 *     head        40 ‖ name
 *     producer    41 ‖ name
 *     retention   42 ‖ name
 *
 * A name (rule D10) is UTF-8 ended by 00; a byte 00 in it is written 01 01 and a byte 01 is written 01 02. Names
 * hold no control characters, but whatever bytes a name had, the order would stay and no name be a prefix of another.
 */
export const Kind = {
  format: 0x00,
  seal: 0x10,
  chunk: 0x11,
  locate: 0x20,
  appendIds: 0x21,
  stream: 0x30,
  type: 0x31,
  category: 0x32,
  tag: 0x33,
  created: 0x34,
  createdNames: 0x35,
  head: 0x40,
  producer: 0x41,
  retention: 0x42,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** The kinds of names that have one row per block in which they occur. */
export type BlockNameKind = typeof Kind.type | typeof Kind.category | typeof Kind.tag | typeof Kind.created;

/** How many places one locating row covers. */
export const PLACES_PER_LOCATE_ROW = 256;

export function putU32(to: Uint8Array, at: number, value: number): number {
  to[at] = value >>> 24;
  to[at + 1] = value >>> 16;
  to[at + 2] = value >>> 8;
  to[at + 3] = value;
  return at + 4;
}

/** Eight bytes, of which a number up to 2^53 - 1 fills the lower seven at most. */
export function putU53(to: Uint8Array, at: number, value: number): number {
  return putU32(to, putU32(to, at, Math.floor(value / 0x1_0000_0000)), value % 0x1_0000_0000);
}

export function getU32(from: Uint8Array, at: number): number {
  return (
    (((from[at] ?? 0) << 24) | ((from[at + 1] ?? 0) << 16) | ((from[at + 2] ?? 0) << 8) | (from[at + 3] ?? 0)) >>> 0
  );
}

export function getU53(from: Uint8Array, at: number): number {
  return getU32(from, at) * 0x1_0000_0000 + getU32(from, at + 4);
}

/** Writes a name as it stands in keys, with its end; gives the offset behind. It takes 2 × length + 1 bytes at most. */
export function putName(to: Uint8Array, offset: number, name: Uint8Array, start: number, end: number): number {
  let at = offset;
  for (let i = start; i < end; i++) {
    const byte = name[i] as number;
    if (byte <= 1) {
      to[at++] = 1;
      to[at++] = byte + 1;
    } else to[at++] = byte;
  }
  to[at++] = 0;
  return at;
}

/** The name that `putName` wrote at an offset. */
export function readName(from: Uint8Array, offset: number): Uint8Array {
  const name: number[] = [];
  for (let at = offset; at < from.length && from[at] !== 0; at++) {
    name.push(from[at] === 1 ? (from[++at] as number) - 1 : (from[at] as number));
  }
  return Uint8Array.from(name);
}

/** The key of a name's own row (head, producer), which is also what all keys of that name begin with. */
export function nameKey(kind: Kind, name: string | Uint8Array, room = 0): Uint8Array {
  const bytes = typeof name === 'string' ? encodeUtf8(name) : name;
  const key = new Uint8Array(1 + bytes.length * 2 + 1 + room);
  key[0] = kind;
  return key.subarray(0, putName(key, 1, bytes, 0, bytes.length) + room);
}

/** The name in the key of its own row. */
export function nameOfKey(key: Uint8Array): string {
  const name = new Uint8Array(key.length);
  let length = 0;
  for (let at = 1; at < key.length - 1; at++) {
    const byte = key[at] as number;
    name[length++] = byte === 1 ? (key[++at] as number) - 1 : byte;
  }
  const text = decodeUtf8(name, 0, length);
  if (text === undefined) throw new InvariantViolation(`the key ${Buffer.from(key).toString('hex')} holds no name`);
  return text;
}

/** The key of a stream's row that begins with this revision. */
export function streamKey(name: string | Uint8Array, revision: number): Uint8Array {
  const key = nameKey(Kind.stream, name, 8);
  putU53(key, key.length - 8, revision);
  return key;
}

/** The first revision that the key of a stream's row names. */
export function revisionOfKey(key: Uint8Array): number {
  return getU53(key, key.length - 8);
}

/** The key of the row of a type, category or tag in a block. */
export function blockNameKey(kind: BlockNameKind, name: string | Uint8Array, block: number): Uint8Array {
  const key = nameKey(kind, name, 4);
  putU32(key, key.length - 4, block);
  return key;
}

/** The block that the key of a type's, category's or tag's row names. */
export function blockOfNameKey(key: Uint8Array): number {
  return getU32(key, key.length - 4);
}

export function formatKey(): Uint8Array {
  return Uint8Array.of(Kind.format);
}

export function sealKey(block: number): Uint8Array {
  const key = new Uint8Array(5);
  key[0] = Kind.seal;
  putU32(key, 1, block);
  return key;
}

/** The key of the row that locates the entry of this place in a block. */
export function locateKey(block: number, place: number): Uint8Array {
  const key = new Uint8Array(6);
  key[0] = Kind.locate;
  putU32(key, 1, block);
  key[5] = Math.floor(place / PLACES_PER_LOCATE_ROW);
  return key;
}

export function appendIdsKey(block: number, number: number): Uint8Array {
  const key = new Uint8Array(7);
  key[0] = Kind.appendIds;
  putU32(key, 1, block);
  key[5] = number >>> 8;
  key[6] = number;
  return key;
}

/** The key of a row of names of streams that begin in a block, of which this is the last one. */
export function createdNamesKey(block: number, last: Uint8Array): Uint8Array {
  const key = new Uint8Array(5 + last.length * 2 + 1);
  key[0] = Kind.createdNames;
  putU32(key, 1, block);
  return key.subarray(0, putName(key, 5, last, 0, last.length));
}

/** The block that the key of a seal, locating, append-id or created-names row names. */
export function blockOfKey(key: Uint8Array): number {
  return getU32(key, 1);
}

/** What all keys of one kind lie between: from (inclusive), to (exclusive). */
export function kindRange(kind: Kind): { from: Uint8Array; to: Uint8Array } {
  return { from: Uint8Array.of(kind), to: Uint8Array.of(kind + 1) };
}
