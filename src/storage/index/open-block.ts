import { InvariantViolation } from '../../base/assert.ts';
import { decodeUtf8 } from '../../base/bytes.ts';
import type { Retention } from '../../model/retention.ts';
import type { EntryRecord } from '../record.ts';
import type { LocatedEntry, Seal } from './block-rows.ts';
import type { EventScanner } from './event-scan.ts';
import type { Cursor, CursorEnd, StreamEnd } from './head-rows.ts';
import { type BlockNameKind, Kind } from './keys.ts';
import { NameTable } from './name-table.ts';
import { PlaceLists } from './place-lists.ts';
import type { RetentionEnd } from './retention-rows.ts';

/** A stream's part of a block. */
export interface StreamInBlock {
  readonly name: string;
  /** The number of its name and of its list of places. */
  readonly id: number;
  readonly category: number;
  readonly firstRevision: number;
  /** What the blocks before say; undefined where the stream begins here. */
  readonly prior: StreamEnd | undefined;
}

/** A producer's part of a block. */
export interface ProducerInBlock {
  readonly prior: CursorEnd | undefined;
  readonly end: CursorEnd;
}

/** What a block says of a stream's retention. */
export interface RetentionInBlock {
  readonly prior: RetentionEnd | undefined;
  readonly end: RetentionEnd;
}

/** Tells what the blocks before say of a stream; undefined where it was never written. */
export type PriorOf = (stream: string) => StreamEnd | undefined;

/**
 * The block that is being filled. It only ever grows: what it says up to some position stays as it is, so that readers
 * may hold it, and ask it with the position up to which they look. Once full and sealed, its rows say the same.
 */
export class OpenBlock {
  readonly number: number;
  /** The position of its place 0. */
  readonly firstPosition: number;
  /** How many places it has. */
  readonly size: number;
  readonly names: NameTable;
  readonly lists = new PlaceLists();
  readonly streams = new Map<string, StreamInBlock>();
  readonly producers = new Map<string, ProducerInBlock>();
  readonly retentions = new Map<string, RetentionInBlock>();
  /** The append ids of the entries whose first event lies here, 16 bytes each, and their log indexes. */
  appendIds = new Uint8Array(1 << 12);
  readonly appendIdIndexes: number[] = [];
  /** How many of its places are filled. */
  filled = 0;
  /** How many streams begin in it. */
  creations = 0;
  private readonly streamsById: (StreamInBlock | undefined)[] = [];
  /** By place: the number of the stream that has its event there. */
  private readonly streamOfPlace: Uint32Array;
  private lastStream: StreamInBlock | undefined;
  /** The entries that have events here, ascending; the first may have begun in a block before. */
  private readonly entryIndexes: number[] = [];
  private readonly entryFirsts: number[] = [];
  private readonly entryCreated: number[] = [];
  private readonly entryBytes: number[] = [];
  private lastRecord: EntryRecord | undefined;
  private idTimeUs = 0;
  /** By list: places at which a name is not to be written, because the event there is erased (rule R2). */
  private readonly forgotten = new Map<number, Set<number>>();

  constructor(number: number, size: number, hashSeed: number) {
    this.number = number;
    this.size = size;
    this.firstPosition = number * size + 1;
    this.names = new NameTable(hashSeed);
    this.streamOfPlace = new Uint32Array(size);
  }

  get full(): boolean {
    return this.filled === this.size;
  }

  /** What is added next belongs to this entry; `idTimeUs`: the time of append ids at it. */
  beginEntry(record: EntryRecord, idTimeUs: number): void {
    if (this.entryIndexes.at(-1) === record.index) return;
    this.entryIndexes.push(record.index);
    this.entryFirsts.push(record.firstPosition);
    this.entryCreated.push(record.createdUs);
    this.entryBytes.push(record.bytes.length);
    this.lastRecord = record;
    this.idTimeUs = idTimeUs;
  }

  addAppendId(id: Uint8Array, logIndex: number): void {
    const at = this.appendIdIndexes.length * 16;
    if (at === this.appendIds.length) {
      const larger = new Uint8Array(at * 2);
      larger.set(this.appendIds);
      this.appendIds = larger;
    }
    this.appendIds.set(id, at);
    this.appendIdIndexes.push(logIndex);
  }

  moveProducer(name: string, cursor: Cursor, prior: CursorEnd | undefined): void {
    // A copy: the id is a part of its entry, which would stay in memory with it.
    const appendId = new Uint8Array(cursor.appendId);
    this.producers.set(name, { prior, end: { ...cursor, appendId, block: this.number } });
  }

  /** The stream's retention is another one from here on; `prior` is what held before. */
  setRetention(stream: string, retention: Retention, prior: RetentionEnd | undefined): RetentionEnd {
    const here = this.retentions.get(stream);
    const end = { ...retention, block: this.number };
    this.retentions.set(stream, { prior: here ? here.prior : prior, end });
    return end;
  }

  /** Adds the next event. A revision that does not follow its stream's head ends in an InvariantViolation (rule S2). */
  add(event: EventScanner, priorOf: PriorOf): void {
    const stream = this.streamOf(event, priorOf);
    const lists = this.lists;
    const names = this.names;
    const place = this.filled;
    const expected = stream.firstRevision + lists.count(stream.id);
    if (event.revision !== expected) throw brokenRevision(stream.name, event, expected);
    const bytes = event.bytes;
    this.streamOfPlace[place] = stream.id;
    lists.push(stream.id, place);
    lists.push(stream.category, place);
    if (event.revision === 0) this.addCreation(event, place);
    if (event.typeEnd > event.typeStart) {
      lists.push(names.intern(Kind.type, bytes, event.typeStart, event.typeEnd), place);
    }
    for (let t = 0; t < event.tagCount; t++) {
      lists.push(names.intern(Kind.tag, bytes, event.tags[t * 2] as number, event.tags[t * 2 + 1] as number), place);
    }
    this.filled = place + 1;
  }

  /** A stream begins here: among those of its category, and among all. */
  private addCreation({ bytes, streamStart, streamEnd }: EventScanner, place: number): void {
    const { names, lists } = this;
    const end = categoryEnd(bytes, streamStart, streamEnd);
    this.creations++;
    lists.push(names.intern(Kind.created, bytes, streamStart, end), place);
    lists.push(names.intern(Kind.created, bytes, streamStart, streamStart), place);
  }

  private streamOf(event: EventScanner, priorOf: PriorOf): StreamInBlock {
    const { bytes, streamStart, streamEnd } = event;
    const last = this.lastStream;
    if (last && this.names.is(last.id, Kind.stream, bytes, streamStart, streamEnd)) return last;
    const id = this.names.intern(Kind.stream, bytes, streamStart, streamEnd);
    const stream = this.streamsById[id] ?? this.addStream(id, event, priorOf);
    this.lastStream = stream;
    return stream;
  }

  private addStream(id: number, event: EventScanner, priorOf: PriorOf): StreamInBlock {
    const { bytes, streamStart, streamEnd } = event;
    const name = decodeUtf8(bytes, streamStart, streamEnd);
    if (name === undefined)
      throw new InvariantViolation(`the stream's name at position ${event.position} is not UTF-8`);
    const prior = priorOf(name);
    const end = categoryEnd(bytes, streamStart, streamEnd);
    const category = this.names.intern(Kind.category, bytes, streamStart, end);
    const stream = { name, id, category, firstRevision: prior ? prior.revision + 1 : 0, prior };
    while (this.streamsById.length < id) this.streamsById.push(undefined);
    this.streamsById[id] = stream;
    this.streams.set(name, stream);
    return stream;
  }

  /** Whether the stream whose name stands at `start` has events here. */
  hasStream(bytes: Uint8Array, start: number, end: number): boolean {
    return this.names.find(Kind.stream, bytes, start, end) >= 0;
  }

  /** The stream with this list; undefined where the list is of something else. */
  streamById(id: number): StreamInBlock | undefined {
    return this.streamsById[id];
  }

  /** The name of the stream that has its event at a place which is filled. */
  streamAt(place: number): string {
    return (this.streamsById[this.streamOfPlace[place] as number] as StreamInBlock).name;
  }

  /** How many places of a list lie at or before a position. */
  countUpTo(list: number, position: number): number {
    if (position >= this.firstPosition + this.filled - 1) return this.lists.count(list);
    return this.lists.countBelow(list, Math.max(0, position - this.firstPosition + 1));
  }

  /** What the block says of a stream's end, looking at its first `count` events here; at least one. */
  streamEnd(stream: StreamInBlock, count = this.lists.count(stream.id)): StreamEnd {
    const lastPlace = this.lists.at(stream.id, count - 1);
    const firstPlace = this.lists.at(stream.id, 0);
    return {
      block: this.number,
      revision: stream.firstRevision + count - 1,
      lastPosition: this.firstPosition + lastPlace,
      lastCreatedUs: this.createdAt(lastPlace),
      firstPosition: stream.prior ? stream.prior.firstPosition : this.firstPosition + firstPlace,
      firstCreatedUs: stream.prior ? stream.prior.firstCreatedUs : this.createdAt(firstPlace),
    };
  }

  /** The event at a place was erased: of this name the block's rows must not say that it had it. */
  forget(kind: BlockNameKind, name: Uint8Array, position: number): void {
    const list = this.names.find(kind, name, 0, name.length);
    if (list < 0) return;
    const places = this.forgotten.get(list) ?? new Set();
    this.forgotten.set(list, places.add(position - this.firstPosition));
  }

  /** The places of a list that its row names; none: there is no row. */
  lastingPlaces(list: number): Uint16Array {
    const forgotten = this.forgotten.get(list);
    const places = this.lists.list(list);
    return forgotten ? places.filter((place) => !forgotten.has(place)) : places;
  }

  /** How many names have a row. */
  get lastingNames(): number {
    const gone = [...this.forgotten.keys()].filter((list) => this.lastingPlaces(list).length === 0);
    return this.names.size - gone.length;
  }

  /** When the event at a place was created. */
  createdAt(place: number): number {
    return this.entryCreated[this.entryNumberAt(place)] as number;
  }

  /** The entry that holds the event at a place. */
  entryAt(place: number): LocatedEntry {
    return this.entry(this.entryNumberAt(place));
  }

  /** The entry that holds place `from`, and those that begin behind it and before `to`. */
  entriesBetween(from: number, to: number): LocatedEntry[] {
    const entries: LocatedEntry[] = [];
    const last = this.entryNumberAt(to - 1);
    for (let n = this.entryNumberAt(from); n <= last; n++) entries.push(this.entry(n));
    return entries;
  }

  private entry(n: number): LocatedEntry {
    return {
      logIndex: this.entryIndexes[n] as number,
      firstPosition: this.entryFirsts[n] as number,
      createdUs: this.entryCreated[n] as number,
      bytes: this.entryBytes[n] as number,
    };
  }

  /** The number of the last entry that begins at or before a place. */
  private entryNumberAt(place: number): number {
    const position = this.firstPosition + place;
    let low = 0;
    let high = this.entryFirsts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.entryFirsts[middle] as number) <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The seal of the full block, which has been written as so many rows in so many chunks, with this digest. */
  seal(rows: number, chunks: number, digest: number): Seal {
    const last = this.lastRecord;
    if (!last || !this.full) throw new InvariantViolation(`block ${this.number} is sealed before it is full`);
    return {
      logIndex: last.index,
      firstPosition: last.firstPosition,
      lastPosition: last.nextPosition - 1,
      firstCreatedUs: this.createdAt(0),
      lastCreatedUs: last.createdUs,
      idTimeUs: this.idTimeUs,
      rows,
      appendIds: this.appendIdIndexes.length,
      chunks,
      chain: last.chain,
      digest,
    };
  }
}

function categoryEnd(bytes: Uint8Array, start: number, end: number): number {
  const dash = bytes.subarray(start, end).indexOf(0x2d);
  return dash < 0 ? end : start + dash;
}

function brokenRevision(stream: string, event: EventScanner, expected: number): InvariantViolation {
  return new InvariantViolation(
    `the event at position ${event.position} has revision ${event.revision} of stream ${JSON.stringify(stream)}, ` +
      `whose next revision is ${expected}`,
  );
}
