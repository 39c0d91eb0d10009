import { assert, InvariantViolation } from '../base/assert.ts';
import { scanNewEvent } from '../model/event.ts';
import type { PlacedWrite } from '../model/payload.ts';
import {
  breadthOf,
  matchesItem,
  matchesQuery,
  type Query,
  type QueryableEvent,
  type QueryItem,
} from '../model/query.ts';
import { categoryOf, isSystemName } from '../model/stream.ts';
import { Positions } from './positions.ts';

/** The events of one proposed entry, as their authors wrote them: the entry itself may not be written yet. */
export interface ProposedEvents {
  /** The entry's place in the log. */
  readonly index: number;
  readonly placed: readonly PlacedWrite[];
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
  /** The events up to here are forgotten, and are dropped a few at a time. */
  private forgottenTo = 0;
  private readonly events = new Map<number, QueryableEvent>();
  private readonly all = new Positions();
  /** Those of user streams. */
  private readonly ofUsers = new Positions();
  private readonly byType = new Names();
  private readonly byTag = new Names();
  private readonly byStream = new Names();
  private readonly byCategory = new Names();

  /** Reads what is new in the entries in flight, about `count` events; false while there are more (rule C3). */
  read(entries: readonly ProposedEvents[], count: number): boolean {
    let next = entries.length;
    while (next > 0 && (entries[next - 1] as ProposedEvents).index > this.readIndex) next--;
    let done = 0;
    for (; done < count && next < entries.length; next++) {
      const entry = entries[next] as ProposedEvents;
      let position = entry.firstPosition;
      for (const { stream, events } of entry.placed) for (const event of events) this.insert(position++, stream, event);
      this.readIndex = entry.index;
      done += entry.count;
    }
    // Else they could come faster than they are dropped.
    this.drop(done);
    return next === entries.length;
  }

  /** Forgets the oldest entry: from now on nobody asks for its events, which are left to `drop`. */
  forget({ index, firstPosition, count }: ProposedEvents): void {
    if (index <= this.readIndex) this.forgottenTo = firstPosition + count - 1;
  }

  /** Drops so many of the events that are forgotten, the oldest first (rule C3). */
  drop(count: number): void {
    for (let n = 0; n < count; n++) {
      const { first } = this.all;
      if (first === undefined || first > this.forgottenTo) return;
      this.remove(first);
    }
  }

  /** How many are in memory. */
  get size(): number {
    return this.all.length;
  }

  clear(): void {
    this.readIndex = 0;
    this.forgottenTo = 0;
    this.events.clear();
    for (const positions of [this.all, this.ofUsers]) positions.clear();
    for (const names of [this.byType, this.byTag, this.byStream, this.byCategory]) names.clear();
  }

  /** The position of the last event that has been read; undefined: there is none in flight. */
  get last(): number | undefined {
    return this.all.last;
  }

  /** Whether an event that matches stands behind `after` and not behind `upTo`; all there have been read. */
  hasMatchUpTo(query: Query, after: number, upTo: number): boolean {
    for (let position = after + 1; position <= upTo; position++) {
      const event = this.events.get(position);
      assert(event !== undefined, () => `the event in flight at position ${position} is known`);
      if (matchesQuery(query, event)) return true;
    }
    return false;
  }

  /** Whether an event that matches stands behind a position; of those that have been read. */
  hasMatch(query: Query, after: number): boolean {
    if (query.items.length === 0) return (this.ofUsers.last ?? after) > after;
    return query.items.some((item) => this.hasMatchOf(item, after));
  }

  /** About how many comparisons of names `hasMatch` takes at most. */
  comparisons({ items }: Query, after: number): number {
    return items.reduce((sum, item) => sum + this.fewestOf(item, after).count * breadthOf(item), 0);
  }

  private hasMatchOf(item: QueryItem, after: number): boolean {
    const matches = (position: number) => matchesItem(item, this.events.get(position) as QueryableEvent);
    return this.fewestOf(item, after).lists.some((positions) => positions.anyBehind(after, matches));
  }

  /** The events behind a position of that part of the item which the fewest have. */
  private fewestOf({ types, tags, categories, streams, streamPrefixes }: QueryItem, after: number): Part {
    const parts = tags.map((tag) => this.byTag.any([tag], after));
    if (types.length > 0) parts.push(this.byType.any(types, after));
    if (categories.length > 0) parts.push(this.byCategory.any(categories, after));
    if (streams.length > 0 && streamPrefixes.length === 0) parts.push(this.byStream.any(streams, after));
    const [first = { lists: [this.all], count: this.all.countBehind(after) }, ...others] = parts;
    return others.reduce((fewest, part) => (part.count < fewest.count ? part : fewest), first);
  }

  private insert(position: number, stream: string, bytes: Uint8Array): void {
    const names = scanNewEvent(bytes);
    if (!names) throw new InvariantViolation(`the event proposed at position ${position} is not a NewEvent`);
    const { type, tags } = names;
    this.events.set(position, { stream, type, tags });
    this.all.push(position);
    if (!isSystemName(stream)) this.ofUsers.push(position);
    this.byType.add(type, position);
    this.byStream.add(stream, position);
    this.byCategory.add(categoryOf(stream), position);
    for (const tag of tags) this.byTag.add(tag, position);
  }

  private remove(position: number): void {
    const event = this.events.get(position) as QueryableEvent;
    this.events.delete(position);
    for (const positions of [this.all, this.ofUsers]) if (positions.first === position) positions.dropFirst();
    const { type, stream, tags } = event;
    this.byType.dropFirst(type, position);
    this.byStream.dropFirst(stream, position);
    this.byCategory.dropFirst(categoryOf(stream), position);
    for (const tag of tags) this.byTag.dropFirst(tag, position);
  }
}

/** The ascending positions of each name of one kind. */
class Names {
  private readonly positions = new Map<string, Positions>();

  /** Adds a position that is not smaller than the others. */
  add(name: string, position: number): void {
    let positions = this.positions.get(name);
    if (!positions) {
      positions = new Positions();
      this.positions.set(name, positions);
    }
    if (positions.last !== position) positions.push(position);
  }

  /** Drops a position: the oldest event goes first, and so it is the first of each of its lists. */
  dropFirst(name: string, position: number): void {
    const positions = this.positions.get(name);
    if (positions?.first !== position) return;
    positions.dropFirst();
    if (positions.length === 0) this.positions.delete(name);
  }

  any(names: readonly string[], after: number): Part {
    const lists = names.map((name) => this.positions.get(name) ?? NONE);
    return { lists, count: lists.reduce((sum, list) => sum + list.countBehind(after), 0) };
  }

  clear(): void {
    this.positions.clear();
  }
}

/** What has one of some names. */
interface Part {
  readonly lists: readonly Positions[];
  /** Those behind the position that was asked for. */
  readonly count: number;
}

const NONE = new Positions();
