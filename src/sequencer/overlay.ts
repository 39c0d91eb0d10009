import { InvariantViolation } from '../base/assert.ts';
import type { WriteResult } from '../model/append.ts';
import { type EventKeys, scanRecordedEvent } from '../model/event.ts';
import { PayloadView } from '../model/payload.ts';
import { matchesQuery, type Query } from '../model/query.ts';
import type { StreamHead } from '../model/stream.ts';
import type { KnownCursor } from './ports.ts';

/** What one proposed entry changes, once it is applied. */
export interface Effects {
  readonly index: number;
  /** The append id as a map key. */
  readonly appendKey: string;
  readonly digest: Uint8Array;
  readonly payload: Uint8Array;
  readonly firstPosition: number;
  /** How many events. */
  readonly count: number;
  readonly writes: readonly WriteResult[];
  readonly cursor: { readonly producer: string; readonly current: number; readonly appendId: Uint8Array } | undefined;
}

/**
 * The effects of the entries that this leader has proposed and that look-ups may not know yet (rule S3).
 *
 * An entry is forgotten only when it is applied *and* no older look-up is waiting: what a look-up does not include is
 * always still here. So the newest word on a stream is the overlay's where it has one, else the look-up's.
 */
export class Overlay {
  /** In the order of the log. */
  private readonly entries: Effects[] = [];
  /** Their events, read once a condition asks: appends without conditions cost nothing. */
  private readonly events = new WeakMap<Effects, readonly EventKeys[]>();
  private readonly heads = new Map<string, { readonly head: StreamHead; readonly index: number }>();
  private readonly appends = new Map<string, Effects>();
  private readonly cursors = new Map<string, KnownCursor>();
  /** How many waiting look-ups there are for each applied index that they remember. */
  private readonly waiting = new Map<number, number>();
  private appliedIndex = 0;

  head(stream: string): StreamHead | undefined {
    return this.heads.get(stream)?.head;
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

  add(effects: Effects): void {
    this.entries.push(effects);
    this.appends.set(effects.appendKey, effects);
    for (const { stream, revision } of effects.writes) {
      this.heads.set(stream, { head: { state: 'exists', revision, firstVisible: 0 }, index: effects.index });
    }
    if (effects.cursor) {
      const { producer, current, appendId } = effects.cursor;
      this.cursors.set(producer, { current, appendId, logIndex: effects.index });
    }
  }

  /** Whether an event that matches stands behind a position, in an entry that look-ups may not know yet (rule S4). */
  hasMatch(query: Query, after: number): boolean {
    for (let n = this.entries.length - 1; n >= 0; n--) {
      const effects = this.entries[n] as Effects;
      if (effects.firstPosition + effects.count - 1 <= after) return false;
      for (const event of this.eventsOf(effects)) {
        if (event.position > after && matchesQuery(query, event)) return true;
      }
    }
    return false;
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
    this.heads.clear();
    this.appends.clear();
    this.cursors.clear();
  }

  private eventsOf(effects: Effects): readonly EventKeys[] {
    let events = this.events.get(effects);
    if (!events) {
      const payload = new PayloadView(effects.payload, effects.count);
      events = Array.from({ length: effects.count }, (_, n) => readKeys(payload, n));
      this.events.set(effects, events);
    }
    return events;
  }

  private forget(): void {
    let safe = this.appliedIndex;
    for (const index of this.waiting.keys()) safe = Math.min(safe, index);
    let count = 0;
    for (const effects of this.entries) {
      if (effects.index > safe) break;
      this.forgetOne(effects);
      count++;
    }
    if (count > 0) this.entries.splice(0, count);
  }

  private forgetOne(effects: Effects): void {
    this.appends.delete(effects.appendKey);
    for (const { stream } of effects.writes) {
      if (this.heads.get(stream)?.index === effects.index) this.heads.delete(stream);
    }
    const producer = effects.cursor?.producer;
    if (producer !== undefined && this.cursors.get(producer)?.logIndex === effects.index) this.cursors.delete(producer);
  }
}

function readKeys(payload: PayloadView, n: number): EventKeys {
  const keys = scanRecordedEvent(payload.bytes, payload.eventStart(n), payload.eventEnd(n));
  if (!keys) throw new InvariantViolation(`event ${n} of a proposed entry is not a recorded event`);
  return keys;
}
