import { invalid, overLimit } from '../base/errors.ts';
import { LIMITS } from './limits.ts';
import { categoryOf, checkName, isSystemName } from './stream.ts';

/** What an event must be like: each list that is not empty must hold. */
export interface QueryItem {
  /** Any of these. */
  readonly types: readonly string[];
  /** All of these. */
  readonly tags: readonly string[];
  /** Any of these. */
  readonly categories: readonly string[];
  /** Any of these, or one that a prefix names. */
  readonly streams: readonly string[];
  readonly streamPrefixes: readonly string[];
}

/** Which events are meant: those that match one of the items; without items, all events of user streams. */
export interface Query {
  readonly items: readonly QueryItem[];
}

/** A dynamic consistency boundary: no event that matches may stand behind `after`; 0: none at all. */
export interface AppendCondition {
  readonly query: Query;
  readonly after: number;
}

/** What a query looks at in an event. */
export interface QueryableEvent {
  readonly stream: string;
  readonly type: string;
  readonly tags: readonly string[];
}

export function matchesQuery(query: Query, event: QueryableEvent): boolean {
  if (query.items.length === 0) return !isSystemName(event.stream);
  for (const item of query.items) if (matchesItem(item, event)) return true;
  return false;
}

/** About how many comparisons of names it takes at most to find that an event does not match an item. */
export function breadthOf({ types, tags, categories, streams, streamPrefixes }: QueryItem): number {
  return 1 + types.length + tags.length + categories.length + streams.length + streamPrefixes.length;
}

/** The one stream that every item of a query names; undefined where there is none. */
export function onlyStream({ items }: Query): string | undefined {
  const [stream] = items[0]?.streams ?? [];
  const alone = items.every(({ streams, streamPrefixes }) => {
    return streamPrefixes.length === 0 && streams.length > 0 && streams.every((name) => name === stream);
  });
  return alone ? stream : undefined;
}

/** The events of system streams match only an item that names them (rule S11). */
export function matchesItem(item: QueryItem, event: QueryableEvent): boolean {
  const { types, tags, categories, streams, streamPrefixes } = item;
  if (types.length > 0 && !types.includes(event.type)) return false;
  for (const tag of tags) if (!event.tags.includes(tag)) return false;
  if (categories.length > 0 && !categories.includes(categoryOf(event.stream))) return false;
  const namesStreams = streams.length + streamPrefixes.length > 0;
  if (namesStreams && !streams.includes(event.stream)) {
    if (!streamPrefixes.some((prefix) => event.stream.startsWith(prefix))) return false;
  }
  if (!isSystemName(event.stream)) return true;
  // What was compared with the name of the stream and held begins with "$", too.
  return namesStreams || categories.length > 0 || (types.length > 0 && isSystemName(event.type));
}

/** Ends in INVALID_ARGUMENT or LIMIT_EXCEEDED, with the field, where a query makes no sense or is too large. */
export function checkQuery(field: string, query: Query): void {
  atMost(`${field}.items`, LIMITS.queryItemsMax, query.items.length, 'items');
  query.items.forEach((item, n) => {
    checkItem(`${field}.items[${n}]`, item);
  });
}

function checkItem(field: string, item: QueryItem): void {
  const lists = [
    ['types', item.types, LIMITS.typeBytesMax],
    ['tags', item.tags, LIMITS.tagBytesMax],
    ['categories', item.categories, LIMITS.streamNameBytesMax],
    ['streams', item.streams, LIMITS.streamNameBytesMax],
    ['stream_prefixes', item.streamPrefixes, LIMITS.streamNameBytesMax],
  ] as const;
  if (lists.every(([, names]) => names.length === 0)) {
    throw invalid(field, 'is empty: name a type, a tag, a category or a stream, or ask for all');
  }
  for (const [list, names, bytesMax] of lists) {
    atMost(`${field}.${list}`, LIMITS.namesPerQueryListMax, names.length, 'names');
    names.forEach((name, n) => {
      // The category of a stream whose name begins with "-" is empty.
      if (list !== 'categories' || name !== '') checkName(`${field}.${list}[${n}]`, name, bytesMax);
    });
  }
}

/** Ends in INVALID_ARGUMENT or LIMIT_EXCEEDED where a condition makes no sense, whatever the state. */
export function checkConditions(conditions: readonly AppendCondition[]): void {
  atMost('conditions', LIMITS.conditionsPerAppendMax, conditions.length, 'conditions');
  conditions.forEach(({ query }, n) => {
    checkQuery(`conditions[${n}].fail_if_events_match`, query);
  });
}

function atMost(field: string, limit: number, actual: number, unit: string): void {
  if (actual > limit) throw overLimit(field, limit, actual, unit);
}
