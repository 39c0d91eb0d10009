import { decodeUtf8, encodeUtf8 } from '../../base/bytes.ts';
import { FactstoreError } from '../../base/errors.ts';
import { isErasedEvent, scanRecordedEvent } from '../../model/event.ts';
import { PayloadView } from '../../model/payload.ts';
import { matchesQuery, type Query } from '../../model/query.ts';
import { EntryType } from '../../raft/types.ts';
import type { EntryRecord } from '../record.ts';
import type { LocatedEntry } from './block-rows.ts';
import { EventScanner } from './event-scan.ts';
import type { IndexView } from './index-view.ts';
import type { SpendRows } from './posting-cursor.ts';
import { queryPlaces } from './query-places.ts';
import { damagedIndex } from './row-writer.ts';
import { isVisible, Visibility } from './visibility.ts';

/** Where entries come from. The raft log is one. */
interface EntrySource {
  /** An entry; undefined where the log does not reach it. */
  get(index: number): Promise<EntryRecord | undefined>;
  /** Entries `from` … `to`, both inclusive, as far as `maxBytes` allow, but at least one. */
  read(from: number, to: number, maxBytes: number): Promise<readonly EntryRecord[]>;
}

export interface ReaderPorts {
  readonly log: EntrySource;
  /** An entry that memory still has. */
  readonly recent?: (index: number) => EntryRecord | undefined;
  /** Lets the event loop have its turn. Asked between batches for which nothing was awaited. */
  readonly yieldTurn: () => Promise<void>;
  /** Lowers what a turn may read; it never raises it. */
  readonly turn?: TurnLimits | undefined;
}

export interface TurnLimits {
  readonly events: number;
  readonly bytes: number;
}

/** An event as it is served. */
export interface ReadEvent {
  /** A RecordedEvent message. */
  readonly bytes: Uint8Array;
  readonly position: number;
  readonly revision: number;
  /** The append that it came with: one object for all its events that are read in one go. */
  readonly append: { readonly id: Uint8Array; readonly producer: string | undefined };
  /** Only its place is left (rule D4): it is never given out, whatever is visible. */
  readonly erased: boolean;
}

/**
 * What one turn read (rule C3): nothing, where none of what it looked at shows. Turns come all the same, so that whoever
 * reads can tell how far it has come, and end a read that nobody waits for any more.
 */
export interface ReadBatch {
  readonly events: readonly ReadEvent[];
  /** Where a read that goes on behind this batch begins: a revision in a stream, otherwise a position. */
  readonly next: number;
  /** The position that was looked at last. */
  readonly lookedTo: number;
}

export interface ReadRange {
  /** A revision or a position, inclusive. Without it, the first one, or backwards the last one. */
  readonly from?: number | undefined;
  readonly backwards?: boolean | undefined;
  /** How many events at most; without it, all. */
  readonly limit?: number | undefined;
  /** Also events that are hidden by now: a projection is fed each event as it was when it was appended (rule P1). */
  readonly hidden?: boolean | undefined;
}

export interface QueryReadRange extends ReadRange {
  /** Bounds what is read of the index, events that turn out not to match included. */
  readonly spend?: SpendRows | undefined;
}

export interface AllRange extends QueryReadRange {
  /** Leaves out the events of system streams. */
  readonly userEvents?: boolean | undefined;
}

const TURN_EVENTS = 256;
const TURN_BYTES = 64 << 10;

/**
 * Reads events up to a view's head, in turns of at most 256 events, or 64 KiB and one event. Each event is looked at
 * before it is given out: it must be the one that the index says is there.
 */
export class EventReader {
  private readonly ports: ReaderPorts;
  private readonly scanner = new EventScanner();
  private readonly limits: TurnLimits;

  constructor(ports: ReaderPorts) {
    this.ports = ports;
    this.limits = {
      events: Math.min(ports.turn?.events ?? TURN_EVENTS, TURN_EVENTS),
      bytes: Math.min(ports.turn?.bytes ?? TURN_BYTES, TURN_BYTES),
    };
  }

  /** Lets the event loop have its turn. */
  yieldTurn(): Promise<void> {
    return this.ports.yieldTurn();
  }

  /** A stream's events from a revision on. */
  async *readStream(view: IndexView, stream: string, range: ReadRange = {}): AsyncGenerator<ReadBatch> {
    const backwards = range.backwards === true;
    const step = backwards ? -1 : 1;
    const name = encodeUtf8(stream);
    const part = await new Visibility(view).of(stream);
    const { first } = part;
    const from = backwards ? range.from : Math.max(range.from ?? 0, first);
    const places = view.streamPlaces(stream, { ...(from !== undefined && { fromRevision: from }), backwards });
    let left = range.limit ?? Number.POSITIVE_INFINITY;
    if (left <= 0) return;
    const slices = new Slices(left);
    const entries = new EntryWindow(this.ports);
    for await (const batch of places) {
      const count = backwards ? Math.max(0, batch.revision - first + 1) : batch.positions.length;
      const positions = batch.positions.slice(0, count);
      if (positions.length === 0) return;
      for (let at = 0; at < positions.length; ) {
        const wanted = slices.next(positions, at);
        const turn = new Turn(this.limits);
        entries.begin(await view.locateMany(wanted));
        for (let i = 0; i < wanted.length; i++) {
          const payload = await entries.payload(i);
          const event = this.eventAt(payload, wanted[i] as number);
          const revision = batch.revision + (at + i) * step;
          if (event.revision !== revision || !this.isOf(name)) throw misplaced(stream, revision, event.position);
          if (isVisible(part, revision) && !event.erased) {
            turn.add(event);
            left--;
          }
          if (left > 0 && !turn.full && i + 1 < wanted.length) continue;
          yield turn.take(revision + step, event.position);
          if (left === 0) return;
          if (!entries.tookTurn()) await this.ports.yieldTurn();
        }
        at += wanted.length;
      }
    }
  }

  /** All events from a position on, in the order of the log. */
  async *readAll(view: IndexView, range: AllRange = {}): AsyncGenerator<ReadBatch> {
    const backwards = range.backwards === true;
    let position = Math.max(range.from ?? (backwards ? view.head : 1), backwards ? 0 : 1);
    if (backwards) position = Math.min(position, view.head);
    let left = range.limit ?? Number.POSITIVE_INFINITY;
    if (position < 1 || position > view.head || left <= 0) return;
    const turn = new Turn(this.limits);
    const showsAll = range.hidden === true;
    const visibility = new Visibility(view);
    const walk = new EntryWalk(this.ports, view.appliedIndex, (await view.locate(position)).logIndex, backwards);
    for await (const records of walk.entries()) {
      for (const record of records) {
        if (record.type !== EntryType.events || record.count === 0) continue;
        const payload = new PlacedPayload(record);
        while (payload.holds(position) && position <= view.head) {
          const event = this.eventAt(payload, position);
          position += backwards ? -1 : 1;
          turn.looked++;
          const wanted = !range.userEvents || !this.scanner.isSystem();
          const visible = showsAll || visibility.hidesNothing;
          if (wanted && !event.erased && (visible || (await this.shows(visibility, event)))) {
            turn.add(event);
            left--;
          } else range.spend?.(1);
          if (left > 0 && !turn.full) continue;
          yield turn.take(position, event.position);
          if (left === 0) return;
          if (!walk.tookTurn()) await this.ports.yieldTurn();
        }
      }
      if (position < 1 || position > view.head) break;
    }
    if (!turn.empty) yield turn.take(position, position + (backwards ? 1 : -1));
  }

  /** The events that match a query which has items, from a position on. */
  async *readQuery(view: IndexView, query: Query, range: QueryReadRange = {}): AsyncGenerator<ReadBatch> {
    const step = range.backwards ? -1 : 1;
    const { from, backwards, spend, limit = Number.POSITIVE_INFINITY } = range;
    let left = limit;
    if (left <= 0) return;
    const slices = new Slices(left);
    const entries = new EntryWindow(this.ports);
    const { yieldTurn } = this.ports;
    const visibility = new Visibility(view);
    for await (const { positions, lookedTo } of queryPlaces(view, query, { from, backwards, spend, yieldTurn })) {
      if (positions.length === 0) yield { events: [], next: lookedTo + step, lookedTo };
      for (let at = 0; at < positions.length; ) {
        const wanted = slices.next(positions, at);
        at += wanted.length;
        const turn = new Turn(this.limits);
        entries.begin(await view.locateMany(wanted));
        for (let i = 0; i < wanted.length; i++) {
          const event = this.eventAt(await entries.payload(i), wanted[i] as number);
          const seen = range.hidden || visibility.hidesNothing || (await this.shows(visibility, event));
          const shown = seen && !event.erased;
          if (shown && isOf(query, event)) {
            turn.add(event);
            left--;
          } else spend?.(1);
          if (left > 0 && !turn.full && i + 1 < wanted.length) continue;
          yield turn.take(event.position + step, event.position);
          if (left === 0) return;
          if (!entries.tookTurn()) await this.ports.yieldTurn();
        }
      }
    }
  }

  /** The event at a position, without waiting; undefined where memory does not have it any more. */
  readAtOnce(view: IndexView, position: number): ReadEvent | undefined {
    const located = view.locateAtOnce(position);
    const record = located && this.ports.recent?.(located.logIndex);
    return record && this.eventAt(new PlacedPayload(record), position);
  }

  /** The names of the streams that have their events at these positions, which ascend. */
  async *streamsAt(view: IndexView, positions: readonly number[]): AsyncGenerator<string> {
    const entries = new EntryWindow(this.ports);
    entries.begin(positions.length > 0 ? await view.locateMany(positions) : []);
    for (const [i, position] of positions.entries()) {
      const payload = await entries.payload(i);
      this.eventAt(payload, position);
      const { bytes, streamStart, streamEnd } = this.scanner;
      const stream = decodeUtf8(bytes, streamStart, streamEnd);
      if (stream === undefined) throw damagedIndex(`position ${position} names no stream`);
      yield stream;
      if (i % TURN_EVENTS === TURN_EVENTS - 1 && !entries.tookTurn()) await this.ports.yieldTurn();
    }
  }

  private eventAt(payload: PlacedPayload, position: number): ReadEvent {
    const bytes = payload.event(position);
    if (!bytes || !this.scanner.scan(bytes, 0, bytes.length) || this.scanner.position !== position) {
      throw damagedIndex(`position ${position} is not in entry ${payload.record.index}`);
    }
    const erased = payload.erased && isErasedEvent(bytes);
    return { bytes, position, revision: this.scanner.revision, append: payload, erased };
  }

  /** Whether the event that was scanned last can be seen. */
  private async shows(visibility: Visibility, { revision, erased }: ReadEvent): Promise<boolean> {
    if (erased) return false;
    const { bytes, streamStart, streamEnd } = this.scanner;
    const stream = decodeUtf8(bytes, streamStart, streamEnd);
    if (stream === undefined) return true;
    const part = visibility.of(stream);
    return isVisible(part instanceof Promise ? await part : part, revision);
  }

  private isOf(name: Uint8Array): boolean {
    const { bytes, streamStart, streamEnd } = this.scanner;
    if (streamEnd - streamStart !== name.length) return false;
    for (let i = 0; i < name.length; i++) if (bytes[streamStart + i] !== name[i]) return false;
    return true;
  }
}

/**
 * Cuts places into what is looked up at once. As many as are wanted at first, which is enough where all of them show, and
 * each time twice as many: where most are hidden, it costs little more than without a limit.
 */
class Slices {
  private size: number;

  constructor(limit: number) {
    this.size = Math.min(limit, TURN_EVENTS);
  }

  next(positions: readonly number[], at: number): readonly number[] {
    const slice = positions.slice(at, at + this.size);
    this.size = Math.min(2 * this.size, TURN_EVENTS);
    return slice;
  }
}

/** Gathers what one turn gives out. */
class Turn {
  private readonly limits: TurnLimits;
  private events: ReadEvent[] = [];
  private bytes = 0;
  /** How many events were looked at, those left out included. */
  looked = 0;

  constructor(limits: TurnLimits) {
    this.limits = limits;
  }

  get full(): boolean {
    const { events, bytes } = this.limits;
    return this.events.length >= events || this.bytes >= bytes || this.looked >= TURN_EVENTS;
  }

  get empty(): boolean {
    return this.events.length === 0;
  }

  add(event: ReadEvent): void {
    this.events.push(event);
    this.bytes += event.bytes.length;
  }

  take(next: number, lookedTo: number): ReadBatch {
    const events = this.events;
    this.events = [];
    this.bytes = 0;
    this.looked = 0;
    return { events, next, lookedTo };
  }
}

/** An entry's events by position. */
class PlacedPayload {
  readonly record: EntryRecord;
  /** Whether some of its events were erased, or all. Here, as the positions are, because a record decodes its fields at each look. */
  readonly erased: boolean;
  private readonly firstPosition: number;
  private readonly nextPosition: number;
  private readonly payload: PayloadView;
  private appendId: Uint8Array | undefined;

  constructor(record: EntryRecord) {
    this.record = record;
    this.erased = record.erased;
    this.firstPosition = record.firstPosition;
    this.nextPosition = record.nextPosition;
    try {
      this.payload = new PayloadView(record.payload, record.count);
    } catch (cause) {
      throw new FactstoreError('DATA_LOSS', `raft log: entry ${record.index} cannot be read`, {}, { cause });
    }
  }

  /** Made when it is asked for: most reads do not want it. */
  get id(): Uint8Array {
    this.appendId ??= this.payload.appendId;
    return this.appendId;
  }

  /** The name of the producer that sent it, where one did. */
  get producer(): string | undefined {
    return this.payload.producer?.producer;
  }

  holds(position: number): boolean {
    return position >= this.firstPosition && position < this.nextPosition;
  }

  event(position: number): Uint8Array | undefined {
    return this.holds(position) ? this.payload.event(position - this.firstPosition) : undefined;
  }
}

/** Goes through the entries of the log, one after another; takes from memory those that it has. */
class EntryWalk {
  private readonly ports: ReaderPorts;
  private readonly last: number;
  private readonly first: number;
  private readonly backwards: boolean;
  private awaited = false;

  constructor(ports: ReaderPorts, last: number, first: number, backwards: boolean) {
    this.ports = ports;
    this.last = last;
    this.first = first;
    this.backwards = backwards;
  }

  /** Whether anything was read from the disk since this was asked last: the event loop has had its turn then. */
  tookTurn(): boolean {
    const awaited = this.awaited;
    this.awaited = false;
    return awaited;
  }

  /** In batches: a promise for each entry costs more than an entry of one event does. */
  async *entries(): AsyncGenerator<readonly EntryRecord[]> {
    const step = this.backwards ? -1 : 1;
    let ahead = 1;
    for (let index = this.first; index >= 1 && index <= this.last; ) {
      const recent = this.ports.recent?.(index);
      if (recent) {
        yield [recent];
        index += step;
        continue;
      }
      this.awaited = true;
      const records = this.backwards ? await this.behind(index, ahead) : await this.ahead(index);
      if (records.length === 0) throw damagedIndex(`it names entry ${index}, which the raft log does not have`);
      yield records;
      index += step * records.length;
      const bytes = records.reduce((sum, record) => sum + record.bytes.length, 0);
      const fitting = Math.floor((records.length * TURN_BYTES) / (bytes * 2));
      ahead = Math.max(1, Math.min(TURN_EVENTS, ahead * 4, fitting));
    }
  }

  private ahead(index: number): Promise<readonly EntryRecord[]> {
    return this.ports.log.read(index, Math.min(this.last, index + TURN_EVENTS - 1), TURN_BYTES);
  }

  /** Up to `count` entries that end with `index`, the last one first; one alone where they are larger than expected. */
  private async behind(index: number, count: number): Promise<readonly EntryRecord[]> {
    const records = await this.ports.log.read(Math.max(1, index - count + 1), index, TURN_BYTES);
    if (records.at(-1)?.index === index) return [...records].reverse();
    const record = await this.ports.log.get(index);
    return record ? [record] : [];
  }
}

/** Fetches the entries of scattered events, several at once, but never more than a turn's bytes beside the first one. */
class EntryWindow {
  private readonly ports: ReaderPorts;
  private located: readonly LocatedEntry[] = [];
  private readonly payloads = new Map<number, PlacedPayload>();
  private awaited = false;

  constructor(ports: ReaderPorts) {
    this.ports = ports;
  }

  /** The events to come lie in these entries. */
  begin(located: readonly LocatedEntry[]): void {
    this.located = located;
  }

  /** Whether anything was read from the disk since this was asked last: the event loop has had its turn then. */
  tookTurn(): boolean {
    const awaited = this.awaited;
    this.awaited = false;
    return awaited;
  }

  /** The entry of the i-th event. */
  async payload(i: number): Promise<PlacedPayload> {
    const index = (this.located[i] as LocatedEntry).logIndex;
    const held = this.payloads.get(index);
    if (held) return held;
    const recent = this.ports.recent?.(index);
    return recent ? this.hold(recent) : this.fetch(i);
  }

  private async fetch(from: number): Promise<PlacedPayload> {
    this.payloads.clear();
    const wanted: number[] = [];
    let bytes = 0;
    for (let i = from; i < this.located.length; i++) {
      const entry = this.located[i] as LocatedEntry;
      if (entry.logIndex === wanted.at(-1)) continue;
      bytes += entry.bytes;
      if (wanted.length > 0 && bytes > TURN_BYTES) break;
      wanted.push(entry.logIndex);
    }
    this.awaited = true;
    const records = await Promise.all(wanted.map((index) => this.ports.log.get(index)));
    const payloads = records.map((record, n) => {
      if (!record) throw damagedIndex(`it names entry ${wanted[n]}, which the raft log does not have`);
      return this.hold(record);
    });
    return payloads[0] as PlacedPayload;
  }

  private hold(record: EntryRecord): PlacedPayload {
    const payload = new PlacedPayload(record);
    this.payloads.set(record.index, payload);
    return payload;
  }
}

/** Looks at what the index cannot tell apart: streams of one category by their beginnings, the system's from users'. */
export function isOf(query: Query, { bytes }: ReadEvent): boolean {
  const keys = scanRecordedEvent(bytes);
  return keys !== undefined && matchesQuery(query, keys);
}

function misplaced(stream: string, revision: number, position: number): Error {
  return damagedIndex(`position ${position} is not revision ${revision} of stream ${JSON.stringify(stream)}`);
}
