import { invalid } from '../base/errors.ts';
import { LIMITS } from '../model/limits.ts';
import type { AppendCondition, Query, QueryItem } from '../model/query.ts';
import type { MessageReader } from './message-reader.ts';
import type { MessageWriter } from './message-writer.ts';

const LISTS = ['types', 'tags', 'categories', 'streams', 'streamPrefixes'] as const;
const LIST_NAMES = ['types', 'tags', 'categories', 'streams', 'stream_prefixes'] as const;

export function writeQuery(writer: MessageWriter, query: Query): void {
  for (const item of query.items) writer.nested(1, (nested) => writeItem(nested, item));
  writer.bool(2, query.items.length === 0);
}

function writeItem(writer: MessageWriter, item: QueryItem): void {
  LISTS.forEach((list, n) => {
    for (const name of item[list]) writer.textAlways(n + 1, name);
  });
}

/** A query that says neither `all` nor any item is refused: what was forgotten must not mean everything. */
export function decodeQuery(reader: MessageReader): Query {
  const items: QueryItem[] = [];
  let all = false;
  while (reader.next()) {
    if (reader.field === 1) {
      reader.roomFor('items', items.length, LIMITS.queryItemsMax, 'items');
      items.push(decodeItem(reader.nested(`items[${items.length}]`, 'QueryItem')));
    } else if (reader.field === 2) all = reader.bool('all');
    else throw reader.foreign();
  }
  const field = reader.path.slice(0, -1);
  if (all && items.length > 0) throw invalid(field, 'asks for all and has items; give one of them');
  if (!all && items.length === 0) throw invalid(field, 'is empty: give items, or ask for all');
  return { items };
}

function decodeItem(reader: MessageReader): QueryItem {
  const item = {
    types: [] as string[],
    tags: [] as string[],
    categories: [] as string[],
    streams: [] as string[],
    streamPrefixes: [] as string[],
  };
  while (reader.next()) {
    const list = LISTS[reader.field - 1];
    if (!list) throw reader.foreign();
    const name = LIST_NAMES[reader.field - 1] as string;
    reader.roomFor(name, item[list].length, LIMITS.namesPerQueryListMax, 'names');
    item[list].push(reader.text(name));
  }
  return item;
}

export function writeCondition(writer: MessageWriter, { query, after }: AppendCondition): void {
  writer.nested(1, (nested) => writeQuery(nested, query)).uint(2, after);
}

export function decodeCondition(reader: MessageReader): AppendCondition {
  let query: Query | undefined;
  let after = 0;
  while (reader.next()) {
    if (reader.field === 1) {
      if (query) throw invalid(`${reader.path}fail_if_events_match`, 'stands there twice');
      query = decodeQuery(reader.nested('fail_if_events_match', 'Query'));
    } else if (reader.field === 2) after = reader.uint('after');
    else throw reader.foreign();
  }
  if (!query) throw invalid(`${reader.path}fail_if_events_match`, 'is missing');
  return { query, after };
}
