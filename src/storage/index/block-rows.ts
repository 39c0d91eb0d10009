import { crc32 } from 'node:zlib';
import type { Operation } from '../store.ts';
import { VarintReader } from '../varint-reader.ts';
import { getU32, getU53, Kind } from './keys.ts';
import { decodePlaces, decodeRowPlaces, type RowPlaces } from './place-rows.ts';
import type { RowWriter } from './row-writer.ts';

/**
 * The values of rows that belong to one block (integers big-endian). They never change once their block is sealed. A
 * decoder takes a value without its checksum and gives undefined for bytes that are not such a value.
 *
 *     stream                  block (4) ‖ created of the last event here (8) ‖ places
 *     type, category, tag     places (place-rows.ts)
 *     created names           names (created-names.ts)
 *     locate                  log index (8) ‖ first position (8) ‖ created (8) ‖ bytes (varint) of the entry that holds
 *                             the row's first place, then for each further entry that begins within the row's places:
 *                             log index, first position and created, each less the entry's before, bytes (varints)
 *     append ids              log index (8) of the first ‖ for each: append id (16) ‖ log index less the one before (varint)
 *     seal                    see below
 *     format                  version (1) ‖ positions in a block (4)
 *
 * A place is a position less its block's first position, and lists of places ascend.
 */

/** The places of one stream in one block. */
export interface StreamRow {
  readonly block: number;
  readonly lastCreatedUs: number;
  readonly places: Uint16Array;
}

export function decodeStreamRow(body: Uint8Array): StreamRow | undefined {
  const places = body.length > 12 ? decodePlaces(body, 12) : undefined;
  return places && { block: getU32(body, 0), lastCreatedUs: getU53(body, 4), places };
}

/** The same, as the places stand there: a list of them takes up to 16 times as much. */
export function decodeStreamRowPlaces(body: Uint8Array): { block: number; places: RowPlaces } | undefined {
  const places = body.length > 12 ? decodeRowPlaces(body, 12) : undefined;
  return places && { block: getU32(body, 0), places };
}

/** Where an entry is and what it holds. */
export interface LocatedEntry {
  readonly logIndex: number;
  readonly firstPosition: number;
  readonly createdUs: number;
  /** The length of its record. */
  readonly bytes: number;
}

/** How many bytes the value of a locating row of so many entries takes at most. */
export function locateRoom(entries: number): number {
  return 24 + 10 + entries * 40;
}

export function putLocateRow(to: RowWriter, entries: readonly LocatedEntry[]): void {
  let before: LocatedEntry | undefined;
  for (const entry of entries) {
    if (before) {
      to.varint(entry.logIndex - before.logIndex);
      to.varint(entry.firstPosition - before.firstPosition);
      to.varint(entry.createdUs - before.createdUs);
    } else to.u53(entry.logIndex).u53(entry.firstPosition).u53(entry.createdUs);
    to.varint(entry.bytes);
    before = entry;
  }
}

export function decodeLocateRow(body: Uint8Array): LocatedEntry[] | undefined {
  if (body.length < 25) return undefined;
  const reader = new VarintReader(body, 24);
  let last: LocatedEntry = {
    logIndex: getU53(body, 0),
    firstPosition: getU53(body, 8),
    createdUs: getU53(body, 16),
    bytes: reader.next(),
  };
  const entries = [last];
  while (reader.more()) {
    last = {
      logIndex: last.logIndex + reader.next(),
      firstPosition: last.firstPosition + reader.next(),
      createdUs: last.createdUs + reader.next(),
      bytes: reader.next(),
    };
    entries.push(last);
  }
  return reader.bad ? undefined : entries;
}

/** Append ids with the log indexes of their entries, ascending. */
export interface AppendIdRow {
  /** 16 bytes each, back to back. */
  readonly ids: Uint8Array;
  readonly logIndexes: readonly number[];
}

export function decodeAppendIds(body: Uint8Array): AppendIdRow | undefined {
  if (body.length < 8) return undefined;
  const reader = new VarintReader(body, 8);
  const ids = new Uint8Array(Math.ceil((body.length - 8) / 17) * 16);
  const logIndexes: number[] = [];
  let logIndex = getU53(body, 0);
  while (reader.more()) {
    const id = reader.bytes(16);
    logIndex += reader.next();
    if (!id) return undefined;
    ids.set(id, logIndexes.length * 16);
    logIndexes.push(logIndex);
  }
  return reader.bad || logIndexes.length === 0
    ? undefined
    : { ids: ids.subarray(0, logIndexes.length * 16), logIndexes };
}

/** What a block's seal says. */
export interface Seal {
  /** The entry that holds the block's last position. */
  readonly logIndex: number;
  readonly firstPosition: number;
  /** The last position of that entry: beyond the block's own where the entry straddles its end. */
  readonly lastPosition: number;
  /** Of the block's first and last events. */
  readonly firstCreatedUs: number;
  readonly lastCreatedUs: number;
  /** The time by which append ids are forgotten, at that entry (rule S6). */
  readonly idTimeUs: number;
  /** How many rows the block has; the seal, and rows of heads and producers, are not counted. */
  readonly rows: number;
  /** How many append ids it has. */
  readonly appendIds: number;
  /** In how many chunks its rows were written. */
  readonly chunks: number;
  /** Of all its rows, as they were written (`digestOfRows`); undefined where the block was written before there was one. */
  readonly digest: number | undefined;
  /** The chain hash of that entry, 32 bytes. */
  readonly chain: Uint8Array;
}

const SEAL_BYTES = 6 * 8 + 3 * 4 + 32;

/**
 *     log index (8) ‖ first position (8) ‖ last position (8) ‖ created of the block's first (8) and last event (8) ‖
 *     time of append ids (8) ‖ rows (4) ‖ append ids (4) ‖ chunks (4) ‖ chain hash (32) ‖ digest (4)
 */
export function putSeal(to: RowWriter, block: number, seal: Seal): void {
  to.start(Kind.seal, 5 + SEAL_BYTES + 4)
    .u32(block)
    .value();
  to.u53(seal.logIndex).u53(seal.firstPosition).u53(seal.lastPosition);
  to.u53(seal.firstCreatedUs).u53(seal.lastCreatedUs).u53(seal.idTimeUs);
  to.u32(seal.rows).u32(seal.appendIds).u32(seal.chunks).raw(seal.chain);
  if (seal.digest !== undefined) to.u32(seal.digest);
  to.end();
}

export function decodeSeal(body: Uint8Array): Seal | undefined {
  if (body.length !== SEAL_BYTES && body.length !== SEAL_BYTES + 4) return undefined;
  return {
    logIndex: getU53(body, 0),
    firstPosition: getU53(body, 8),
    lastPosition: getU53(body, 16),
    firstCreatedUs: getU53(body, 24),
    lastCreatedUs: getU53(body, 32),
    idTimeUs: getU53(body, 40),
    rows: getU32(body, 48),
    appendIds: getU32(body, 52),
    chunks: getU32(body, 56),
    chain: new Uint8Array(body.subarray(60, SEAL_BYTES)),
    digest: body.length > SEAL_BYTES ? getU32(body, SEAL_BYTES) : undefined,
  };
}

/** The digests of a block's rows up to a chunk, and up to its end. */
export interface Chunk {
  readonly before: number;
  readonly after: number;
}

/** Carries the digest of a block's rows on: that of their own checksums, which stand for what they hold. */
export function digestOfRows(rows: readonly Operation[], before: number): number {
  return rows.reduce((digest, row) => (row.type === 'put' ? crc32(row.value.subarray(-4), digest) : digest), before);
}

/**
 * Marks one chunk of a block's rows, in the same batch as they: LevelDB loses records of its write-ahead file without a
 * word, but only whole batches. It tells which rows these are, as an attempt at the block that a crash ended may have left
 * markers of other chunks.
 *
 *     digest before (4) ‖ digest after (4); nothing where the block was written before there were digests
 */
export function putChunk(to: RowWriter, block: number, number: number, chunk: Chunk | undefined): void {
  to.start(Kind.chunk, 14).u32(block).u16(number).value();
  if (chunk) to.u32(chunk.before).u32(chunk.after);
  to.end();
}

export function decodeChunk(body: Uint8Array): Partial<Chunk> | undefined {
  if (body.length === 0) return {};
  return body.length === 8 ? { before: getU32(body, 0), after: getU32(body, 4) } : undefined;
}

/** The format of the rows. A change of it raises the number, and the index is built again. */
export const FORMAT_VERSION = 6;

export interface Format {
  readonly version: number;
  readonly blockEvents: number;
}

export function putFormat(to: RowWriter, format: Format): void {
  to.start(Kind.format, 6).value().u8(format.version).u32(format.blockEvents).end();
}

export function decodeFormat(body: Uint8Array): Format | undefined {
  return body.length === 5 ? { version: body[0] as number, blockEvents: getU32(body, 1) } : undefined;
}
