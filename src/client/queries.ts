import { invalid } from '../base/errors.ts';
import type { AppendCondition as WireCondition, QueryItem as WireItem, Query as WireQuery } from '../model/query.ts';
import { virtualStream } from '../model/virtual-stream.ts';
import type { Target } from '../proto/read.ts';
import { describe, placeArgument, textArgument } from './arguments.ts';

/** What an event must be like: each list that is given must hold, and at least one is given. */
export interface QueryItem {
  /** Any of these types. At most 64, as of all these lists. */
  readonly types?: readonly string[] | undefined;
  /** All of these tags. */
  readonly tags?: readonly string[] | undefined;
  /** Any of these categories: names of streams up to their first `-`. */
  readonly categories?: readonly string[] | undefined;
  /** Any of these streams; a final `*` stands for every stream whose name begins so. */
  readonly streams?: readonly string[] | undefined;
}

/**
 * Which events are meant: those that match an item, or at least one of at most 128 items, or all. Events of system
 * streams (whose names begin with `$`) are meant only where an item names them.
 */
export type Query = QueryItem | readonly QueryItem[] | { readonly all: true };

/** A dynamic consistency boundary: the append is refused where a matching event stands behind `after`. */
export interface AppendCondition {
  readonly failIfEventsMatch: Query;
  /** Events up to this position are known and do not count: the `head` of the read. 0 unless given: every match counts. */
  readonly after?: bigint | undefined;
}

export function queryArgument(field: string, query: Query): WireQuery {
  if (query === null || typeof query !== 'object') throw invalid(field, `a query is expected, not ${describe(query)}`);
  if ('all' in query) {
    if (query.all !== true) throw invalid(`${field}.all`, `true is expected, not ${describe(query.all)}`);
    if (Object.keys(query).length > 1) throw invalid(field, 'asks for all, and for something else too');
    return { items: [] };
  }
  if (!Array.isArray(query)) return { items: [itemArgument(field, query as QueryItem)] };
  if (query.length === 0) throw invalid(field, 'is empty: give items, or { all: true }');
  return { items: query.map((item, n) => itemArgument(`${field}[${n}]`, item)) };
}

const LISTS = ['types', 'tags', 'categories', 'streams'];

function itemArgument(field: string, item: QueryItem): WireItem {
  if (item === null || typeof item !== 'object') throw invalid(field, `an item is expected, not ${describe(item)}`);
  // A list that is misspelled would make the query mean more than it should.
  const unknown = Object.keys(item).find((key) => !LISTS.includes(key));
  if (unknown !== undefined) throw invalid(`${field}.${unknown}`, `is none of ${LISTS.join(', ')}`);
  const streams = namesArgument(`${field}.streams`, item.streams);
  const wire = {
    types: namesArgument(`${field}.types`, item.types),
    tags: namesArgument(`${field}.tags`, item.tags),
    categories: namesArgument(`${field}.categories`, item.categories),
    streams: streams.filter((name) => !name.endsWith('*')),
    streamPrefixes: streams.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1)),
  };
  if (Object.values(wire).every((names) => names.length === 0)) {
    throw invalid(field, 'is empty: name a type, a tag, a category or a stream, or ask for { all: true }');
  }
  return wire;
}

function namesArgument(field: string, names: readonly string[] | undefined): readonly string[] {
  if (names === undefined) return [];
  if (!Array.isArray(names)) throw invalid(field, `an array of strings is expected, not ${describe(names)}`);
  return names.map((name, n) => textArgument(`${field}[${n}]`, name));
}

export function conditionsArgument(conditions: readonly AppendCondition[] | undefined): readonly WireCondition[] {
  if (conditions === undefined) return [];
  if (!Array.isArray(conditions)) throw invalid('conditions', `an array is expected, not ${describe(conditions)}`);
  return conditions.map((condition: AppendCondition, n) => {
    const field = `conditions[${n}]`;
    if (condition === null || typeof condition !== 'object') throw invalid(field, `is ${describe(condition)}`);
    return {
      query: queryArgument(`${field}.failIfEventsMatch`, condition.failIfEventsMatch),
      after: placeArgument(`${field}.after`, condition.after ?? 0n),
    };
  });
}

/** What is read or followed under a stream's name: of a virtual stream, the query that it stands for. */
export function streamTarget(stream: string): Target {
  const name = textArgument('stream', stream);
  const query = virtualStream(name);
  return query ? { kind: 'query', query } : { kind: 'stream', stream: name };
}
