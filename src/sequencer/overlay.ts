import type { WriteResult } from '../model/append.ts';
import type { Query } from '../model/query.ts';
import type { StreamHead } from '../model/stream.ts';
import { PendingEvents, type ProposedEvents } from './pending-events.ts';
import type { KnownCursor } from './ports.ts';

/** What one proposed entry changes, once it is applied. */
export interface Effects extends ProposedEvents {
  /** The append id as a map key. */
  readonly appendKey: string;
  readonly digest: Uint8Array;
  readonly writes: readonly WriteResult[];
  /** A stream whose lifecycle it changes, as it is from there on. */
  readonly change: { readonly stream: string; readonly head: StreamHead } | undefined;
  readonly cursor: { readonly producer: string; readonly current: number; readonly appendId: Uint8Array } | undefined;
}

/** What is forgotten in one go, in a few milliseconds: entries and what they write to, and events. */
const FORGOTTEN_AT_ONCE = { writes: 2_000, events: 500 } as const;

/**
 * The effects of the entries that this leader has proposed and that look-ups may not know yet (rule S3).
 *
 * An entry is forgotten only when it is applied *and* no older look-up is waiting: what a look-up does not include is
 * always still here. So the newest word on a stream is the overlay's where it has one, else the look-up's.
 */
export class Overlay {
  /** In the order of the log. */
  private readonly entries: Effects[] = [];
  private readonly events = new PendingEvents();
  private readonly heads = new Map<string, { readonly head: StreamHead; readonly index: number }>();
  private readonly appends = new Map<string, Effects>();
  private readonly cursors = new Map<string, KnownCursor>();
  /** How many waiting look-ups there are for each applied index that they remember. */
  private readonly waiting = new Map<number, number>();
  private appliedIndex = 0;
  /** How many of the entries change a stream's lifecycle. */
  private changes = 0;

  head(stream: string): StreamHead | undefined {
    return this.heads.get(stream)?.head;
  }

  /** Whether an entry that is not applied yet writes to a stream. */
  isProposed(stream: string): boolean {
    return (this.heads.get(stream)?.index ?? 0) > this.appliedIndex;
  }

  cursor(producer: string): KnownCursor | undefined {
    return this.cursors.get(producer);
  }

  append(appendKey: string): Effects | undefined {
    return this.appends.get(appendKey);
  }

  get size(): number {
    return this.entries.length;
  }

  /** How many events in flight are in memory, by their names. */
  get eventsRead(): number {
    return this.events.size;
  }

  add(effects: Effects): void {
    this.entries.push(effects);
    this.appends.set(effects.appendKey, effects);
    for (const { stream, revision } of effects.writes) {
      // What an entry in flight said of the stream still holds when the stream goes on.
      const retention = this.changes > 0 ? this.heads.get(stream)?.head.retention : undefined;
      this.heads.set(stream, { head: { state: 'exists', revision, retention }, index: effects.index });
    }
    if (effects.change) {
      this.changes++;
      this.heads.set(effects.change.stream, { head: effects.change.head, index: effects.index });
    }
    if (effects.cursor) {
      const { producer, current, appendId } = effects.cursor;
      this.cursors.set(producer, { current, appendId, logIndex: effects.index });
    }
    this.forget();
  }

  /** Whether an event that matches stands behind a position, in an entry that look-ups may not know yet (rule S4). */
  hasMatch(query: Query, after: number): boolean {
    this.readEvents(Number.POSITIVE_INFINITY);
    return this.events.hasMatch(query, after);
  }

  /** The position of the last event in flight that has been read; undefined: there is none. */
  get lastRead(): number | undefined {
    return this.events.last;
  }

  /** About how many comparisons `hasMatch` takes at most; of the events that have been read. */
  comparisons(query: Query, after: number): number {
    return this.events.comparisons(query, after);
  }

  /** Whether an event that matches stands behind `after` and not behind `upTo`, which have been read. */
  hasMatchUpTo(query: Query, after: number, upTo: number): boolean {
    return this.events.hasMatchUpTo(query, after, upTo);
  }

  /** Reads about so many of the events in flight ahead of `hasMatch`; false while there are more (rule C3). */
  readEvents(count: number): boolean {
    return this.events.read(this.entries, count);
  }

  /** A look-up that remembers `appliedIndex` began; whatever came after it is kept until `lookupDone`. */
  lookupWaits(appliedIndex: number): void {
    this.waiting.set(appliedIndex, (this.waiting.get(appliedIndex) ?? 0) + 1);
  }

  lookupDone(appliedIndex: number): void {
    const count = this.waiting.get(appliedIndex) ?? 0;
    if (count > 1) this.waiting.set(appliedIndex, count - 1);
    else this.waiting.delete(appliedIndex);
    this.forget();
  }

  /** Everything up to this index is in the index now. */
  applied(index: number): void {
    this.appliedIndex = index;
    this.forget();
  }

  /** Leadership is lost: what was proposed may never come to be. */
  clear(): void {
    this.entries.length = 0;
    this.changes = 0;
    this.heads.clear();
    this.appends.clear();
    this.cursors.clear();
    this.events.clear();
  }

  /**
   * Behind a look-up that took long there may be much to forget: no more goes at once than one step may take (rule C3), and
   * the next calls go on. Nothing is wrong with what stays longer: it would stay as well if an older look-up were still
   * waiting, of which the judge knows no more than that it may be there.
   */
  private forget(): void {
    let safe = this.appliedIndex;
    for (const index of this.waiting.keys()) safe = Math.min(safe, index);
    let count = 0;
    let left: number = FORGOTTEN_AT_ONCE.writes;
    for (const effects of this.entries) {
      if (effects.index > safe || left <= 0) break;
      this.forgetOne(effects);
      left -= 1 + effects.writes.length;
      count++;
    }
    if (count > 0) this.entries.splice(0, count);
    this.events.drop(FORGOTTEN_AT_ONCE.events);
  }

  private forgetOne(effects: Effects): void {
    this.appends.delete(effects.appendKey);
    this.events.forget(effects);
    for (const { stream } of effects.writes) this.forgetHead(stream, effects.index);
    if (effects.change) {
      this.changes--;
      this.forgetHead(effects.change.stream, effects.index);
    }
    const producer = effects.cursor?.producer;
    if (producer !== undefined && this.cursors.get(producer)?.logIndex === effects.index) this.cursors.delete(producer);
  }

  private forgetHead(stream: string, index: number): void {
    if (this.heads.get(stream)?.index === index) this.heads.delete(stream);
  }
}
