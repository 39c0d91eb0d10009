import { InvariantViolation } from '../base/assert.ts';
import { type EventKeys, scanRecordedEvent } from '../model/event.ts';
import { PayloadView } from '../model/payload.ts';
import { matchesItem, type Query, type QueryItem } from '../model/query.ts';
import { categoryOf } from '../model/stream.ts';

/** The events of one proposed entry, as bytes. */
export interface ProposedEvents {
  /** The entry's place in the log. */
  readonly index: number;
  readonly payload: Uint8Array;
  readonly firstPosition: number;
  /** How many. */
  readonly count: number;
}

/**
 * The events in flight, by what queries name. They are read when a condition asks, not when they are proposed: appends
 * cost nothing for it as long as nobody appends under a condition.
 */
export class PendingEvents {
  /** The entries up to here have been read. */
  private readIndex = 0;
  private readonly events = new Map<number, EventKeys>();
  /** Ascending positions of each type, tag, stream and category. */
  private readonly places = new Map<string, number[]>();

  /** Reads what is new in the entries in flight, about `count` events; false while there are more (rule C3). */
  read(entries: readonly ProposedEvents[], count: number): boolean {
    let next = entries.length;
    while (next > 0 && (entries[next - 1] as ProposedEvents).index > this.readIndex) next--;
    for (let left = count; left > 0 && next < entries.length; next++) {
      const entry = entries[next] as ProposedEvents;
      const payload = new PayloadView(entry.payload, entry.count);
      for (let n = 0; n < entry.count; n++) this.insert(readKeys(payload, n));
      this.readIndex = entry.index;
      left -= entry.count;
    }
    return next === entries.length;
  }

  /** Drops the oldest entry. */
  forget({ index, firstPosition, count }: ProposedEvents): void {
    if (index > this.readIndex) return;
    for (let n = 0; n < count; n++) this.remove(firstPosition + n);
  }

  clear(): void {
    this.readIndex = 0;
    this.events.clear();
    this.places.clear();
  }

  /** Whether an event that matches stands behind a position; of those that have been read. */
  hasMatch(query: Query, after: number): boolean {
    if (query.items.length === 0) return this.hasUserEvent(after);
    return query.items.some((item) => this.hasMatchOf(item, after));
  }

  private hasUserEvent(after: number): boolean {
    for (const [position, { stream }] of this.events) if (position > after && !stream.startsWith('$')) return true;
    return false;
  }

  /** Looks at the events of the part of the item that the fewest have. */
  private hasMatchOf(item: QueryItem, after: number): boolean {
    const parts = item.tags.map((tag) => this.positionsOf('tag', [tag]));
    if (item.types.length > 0) parts.push(this.positionsOf('type', item.types));
    if (item.categories.length > 0) parts.push(this.positionsOf('category', item.categories));
    if (item.streams.length > 0 && item.streamPrefixes.length === 0) {
      parts.push(this.positionsOf('stream', item.streams));
    }
    const fewest = parts.reduce<Part | undefined>((a, b) => (a && a.count <= b.count ? a : b), undefined);
    const candidates = fewest ? fewest.lists : [[...this.events.keys()]];
    return candidates.some((positions) => {
      for (let i = positions.length - 1; i >= 0 && (positions[i] as number) > after; i--) {
        if (matchesItem(item, this.events.get(positions[i] as number) as EventKeys)) return true;
      }
      return false;
    });
  }

  private positionsOf(kind: string, names: readonly string[]): Part {
    const lists = names.map((name) => this.places.get(`${kind} ${name}`) ?? NONE);
    return { lists, count: lists.reduce((sum, list) => sum + list.length, 0) };
  }

  private insert(event: EventKeys): void {
    this.events.set(event.position, event);
    for (const key of keysOf(event)) {
      const positions = this.places.get(key);
      if (positions) positions.push(event.position);
      else this.places.set(key, [event.position]);
    }
  }

  private remove(position: number): void {
    const event = this.events.get(position);
    if (!event) return;
    this.events.delete(position);
    for (const key of keysOf(event)) {
      const positions = this.places.get(key) as number[];
      // What goes first is the oldest, and so it is the first of each of its lists.
      positions.shift();
      if (positions.length === 0) this.places.delete(key);
    }
  }
}

/** What has one of some names. */
interface Part {
  readonly lists: readonly (readonly number[])[];
  readonly count: number;
}

const NONE: readonly number[] = [];

function keysOf({ type, stream, tags }: EventKeys): Set<string> {
  const keys = new Set([`type ${type}`, `stream ${stream}`, `category ${categoryOf(stream)}`]);
  for (const tag of tags) keys.add(`tag ${tag}`);
  return keys;
}

function readKeys(payload: PayloadView, n: number): EventKeys {
  const keys = scanRecordedEvent(payload.bytes, payload.eventStart(n), payload.eventEnd(n));
  if (!keys) throw new InvariantViolation(`event ${n} of a proposed entry is not a recorded event`);
  return keys;
}
