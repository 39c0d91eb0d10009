import { createHash, hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { EntryType } from '../raft/types.ts';

/**
 * One entry of the raft log, as it is stored, sent to peers and read back: encoded once, by the leader.
 *
 *     offset  bytes  what (integers little-endian)
 *          0      1  format version (1)
 *          1      1  entry type
 *          2      2  flags, set by scavenging, outside the chain; 1: events of it were erased
 *          4      4  count: how many events (positions) it holds
 *          8      8  term
 *         16      8  first position: of its first event; without events, the position that the next event will get
 *         24      8  created, microseconds since 1970
 *         32     32  digest: SHA-256 of the payload
 *         64     32  chain hash: SHA-256 of (previous chain hash, log index, bytes 1, 4–63 of this header)
 *         96      4  length of the payload
 *        100      4  checksum: CRC-32 of the log index (8 bytes, little-endian), bytes 0–99 and the payload
 *        104      …  payload
 *
 * The chain (rule D4) gives integrity, order and replica equality in one: two nodes agree on everything up to an index
 * if and only if their chain hashes there are the same. It starts at SHA-256 of the cluster id.
 */
const FORMAT = 1;
const RECORD_HEADER_BYTES = 104;
/** Events were erased: the digest is that of the payload as it was, and only the checksum covers what is left (rule D4). */
const ERASED = 1;

/** A sealed entry: its index and its bytes. */
export class EntryRecord {
  readonly index: number;
  readonly bytes: Buffer;

  constructor(index: number, bytes: Buffer) {
    this.index = index;
    this.bytes = bytes;
  }

  get type(): EntryType {
    return this.bytes[1] as EntryType;
  }

  /** Whether some of its events were erased, or all. */
  get erased(): boolean {
    return (this.bytes.readUInt16LE(2) & ERASED) !== 0;
  }

  get count(): number {
    return this.bytes.readUInt32LE(4);
  }

  get term(): number {
    return readUint53(this.bytes, 8);
  }

  get firstPosition(): number {
    return readUint53(this.bytes, 16);
  }

  /** The position that the first event of the next entry will get. */
  get nextPosition(): number {
    return this.firstPosition + this.count;
  }

  get createdUs(): number {
    return readUint53(this.bytes, 24);
  }

  get digest(): Buffer {
    return this.bytes.subarray(32, 64);
  }

  get chain(): Buffer {
    return this.bytes.subarray(64, 96);
  }

  get payload(): Buffer {
    return this.bytes.subarray(RECORD_HEADER_BYTES);
  }
}

/** What the leader decides about an entry before it is sealed. */
export interface EntryDraft {
  readonly index: number;
  readonly term: number;
  readonly type: EntryType;
  readonly firstPosition: number;
  readonly count: number;
  readonly createdUs: number;
  readonly payload: Uint8Array | UnwrittenPayload;
}

/** A payload that is written where it stays: an append is copied once on its way into the log. */
export interface UnwrittenPayload {
  readonly length: number;
  writeTo(bytes: Buffer, start: number): void;
  /** The same in pieces of about this size, with a pause after each. */
  writeInPieces(bytes: Buffer, start: number, pieceBytes: number): Generator<void>;
}

/** More than this is copied and hashed in pieces of this size (rule C3): one takes about a millisecond. */
export const PIECE_BYTES = 1 << 20;

/** The chain hash before the first entry. */
export function genesisChain(clusterId: Uint8Array): Buffer {
  return sha256(clusterId);
}

/** Gives an entry its digest, chain hash and checksum. */
export function sealEntry(draft: EntryDraft, previousChain: Uint8Array): EntryRecord {
  const record = draftEntry(draft);
  const { bytes } = record;
  if (draft.payload instanceof Uint8Array) bytes.set(draft.payload, RECORD_HEADER_BYTES);
  else draft.payload.writeTo(bytes, RECORD_HEADER_BYTES);
  sha256(bytes.subarray(RECORD_HEADER_BYTES)).copy(bytes, 32);
  chainHash(previousChain, draft.index, bytes).copy(bytes, 64);
  bytes.writeUInt32LE(checksum(draft.index, bytes), 100);
  return record;
}

/** The no-op with which a leader begins its term. It carries position and time on (rule S15). */
export function sealNoop(index: number, term: number, end: LogPlace): EntryRecord {
  return sealBehind({ index, term, type: EntryType.noop, payload: new Uint8Array(0) }, end);
}

/** An entry that changes the members. It carries position and time on, as a no-op does. */
export function sealMembership(term: number, end: LogPlace, payload: Uint8Array): EntryRecord {
  return sealBehind({ index: end.index + 1, term, type: EntryType.membership, payload }, end);
}

/** An entry without events. */
function sealBehind(entry: Pick<EntryDraft, 'index' | 'term' | 'type' | 'payload'>, end: LogPlace): EntryRecord {
  const { nextPosition, createdUs, chain } = end;
  return sealEntry({ ...entry, firstPosition: nextPosition, count: 0, createdUs }, chain);
}

/** An entry that has its place in the log, but neither its payload nor its hashes yet. */
export function draftEntry(draft: EntryDraft): EntryRecord {
  const bytes = Buffer.allocUnsafe(RECORD_HEADER_BYTES + draft.payload.length);
  bytes[0] = FORMAT;
  bytes[1] = draft.type;
  bytes.writeUInt16LE(0, 2);
  bytes.writeUInt32LE(draft.count, 4);
  writeUint53(bytes, 8, draft.term);
  writeUint53(bytes, 16, draft.firstPosition);
  writeUint53(bytes, 24, draft.createdUs);
  bytes.writeUInt32LE(draft.payload.length, 96);
  return new EntryRecord(draft.index, bytes);
}

/** Seals a drafted entry, with a pause after each piece (rule C3). `previous` is sealed when this begins. */
export function* sealInPieces(record: EntryRecord, payload: UnwrittenPayload, previous: LogPlace): Generator<void> {
  const { bytes, index } = record;
  yield* payload.writeInPieces(bytes, RECORD_HEADER_BYTES, PIECE_BYTES);
  const digest = createHash('sha256');
  for (const piece of piecesOf(record.payload)) {
    digest.update(piece);
    yield;
  }
  digest.digest().copy(bytes, 32);
  chainHash(previous.chain, index, bytes).copy(bytes, 64);
  let sum = headerChecksum(index, bytes);
  for (const piece of piecesOf(record.payload)) {
    sum = crc32(piece, sum);
    yield;
  }
  bytes.writeUInt32LE(sum, 100);
}

/** The same entry with what is left of its payload (rule D4): a stub in its place, with its header, digest and chain hash. */
export function stubOf(record: EntryRecord, left: Uint8Array): EntryRecord {
  const bytes = Buffer.allocUnsafe(RECORD_HEADER_BYTES + left.length);
  record.bytes.copy(bytes, 0, 0, RECORD_HEADER_BYTES);
  bytes.writeUInt16LE(ERASED, 2);
  bytes.writeUInt32LE(left.length, 96);
  bytes.set(left, RECORD_HEADER_BYTES);
  bytes.writeUInt32LE(checksum(record.index, bytes), 100);
  return new EntryRecord(record.index, bytes);
}

/** The digest of a payload, made with a pause after each piece (rule C3). */
export async function digestInPieces(payload: Uint8Array, yieldTurn: () => Promise<void>): Promise<Buffer> {
  const digest = createHash('sha256');
  for (const piece of piecesOf(payload)) {
    digest.update(piece);
    await yieldTurn();
  }
  return digest.digest();
}

function* piecesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += PIECE_BYTES) yield bytes.subarray(from, from + PIECE_BYTES);
}

/** Why bytes are not the record that should stand there; undefined where they are. The cheap check, at every read. */
export function recordDamage(index: number, bytes: Buffer): string | undefined {
  if (bytes.length < RECORD_HEADER_BYTES) return `it has ${bytes.length} bytes, fewer than a header`;
  if (bytes[0] !== FORMAT) return `its format is ${bytes[0]}, not ${FORMAT}`;
  if ((bytes.readUInt16LE(2) & ~ERASED) !== 0) return `its flags ${bytes.readUInt16LE(2)} are not known`;
  if (bytes.readUInt32LE(96) !== bytes.length - RECORD_HEADER_BYTES) return 'its length is wrong';
  if (bytes.readUInt32LE(100) !== checksum(index, bytes)) return 'its checksum is wrong';
  return undefined;
}

/**
 * Whether digest and chain hash are what they must be, behind `previousChain`: the full check, at every receipt. `digest`
 * is that of the payload, where it has been made already. Of a payload that was erased there is nothing to digest; that the
 * entry is the one that was written follows from its chain hash, which covers the digest.
 */
export function chainDamage(
  record: EntryRecord,
  previousChain: Uint8Array,
  digest: Buffer = record.erased ? record.digest : sha256(record.payload),
): string | undefined {
  if (record.erased && record.type !== EntryType.events) return 'it is a stub, of a type that is never erased';
  if (!record.erased && !digest.equals(record.digest)) return 'its digest is wrong';
  if (!chainHash(previousChain, record.index, record.bytes).equals(record.chain)) return 'its chain hash is wrong';
  return undefined;
}

/** A place in the raft log that the next entry joins on to. Each entry is one; so is the empty log. */
export interface LogPlace {
  readonly index: number;
  readonly term: number;
  readonly nextPosition: number;
  readonly createdUs: number;
  readonly chain: Buffer;
}

/** The place before the first entry. `genesis` is the chain hash there. */
export function emptyLog(genesis: Uint8Array): LogPlace {
  return { index: 0, term: 0, nextPosition: 1, createdUs: 0, chain: Buffer.from(genesis) };
}

/** The place behind an entry, as a copy: it does not keep the bytes of a big record in memory. */
export function placeOf(place: LogPlace): LogPlace {
  const { index, term, nextPosition, createdUs, chain } = place;
  return { index, term, nextPosition, createdUs, chain: Buffer.from(chain) };
}

/** Why an entry cannot follow a place (rule S2); undefined where it can. It looks at headers only, not at the chain. */
export function continuityDamage(previous: LogPlace, record: EntryRecord): string | undefined {
  if (record.index !== previous.index + 1) return `it has index ${record.index} behind index ${previous.index}`;
  if (record.term < previous.term) return `its term ${record.term} is lower than term ${previous.term} before it`;
  if (record.firstPosition !== previous.nextPosition)
    return `its first position is ${record.firstPosition}, but the next one is ${previous.nextPosition}`;
  if (record.createdUs < previous.createdUs) return `its time ${record.createdUs} is before ${previous.createdUs}`;
  return undefined;
}

/** In one call: for the few hundred bytes of most entries, a hash object costs more than the hashing. */
function sha256(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer');
}

const scratch = Buffer.alloc(32 + 8 + 1 + 60);

function chainHash(previous: Uint8Array, index: number, header: Buffer): Buffer {
  scratch.set(previous, 0);
  writeUint53(scratch, 32, index);
  scratch[40] = header[1] as number;
  header.copy(scratch, 41, 4, 64);
  return sha256(scratch);
}

const indexScratch = Buffer.alloc(8);

function checksum(index: number, bytes: Buffer): number {
  return crc32(bytes.subarray(RECORD_HEADER_BYTES), headerChecksum(index, bytes));
}

function headerChecksum(index: number, bytes: Buffer): number {
  writeUint53(indexScratch, 0, index);
  return crc32(bytes.subarray(0, 100), crc32(indexScratch));
}

/** Integers below 2^53 in 8 bytes, little-endian. */
export function readUint53(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * 0x1_0000_0000;
}

export function writeUint53(bytes: Buffer, offset: number, value: number): void {
  bytes.writeUInt32LE(value % 0x1_0000_0000, offset);
  bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), offset + 4);
}
