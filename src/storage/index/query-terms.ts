import type { Query, QueryItem } from '../../model/query.ts';
import { type BlockNameKind, Kind } from './keys.ts';

/** A name that has lists of places. */
export interface Term {
  readonly kind: BlockNameKind | typeof Kind.stream;
  readonly name: string;
}

/** What an event must have one of. */
export interface AnyOf {
  readonly terms: readonly Term[];
  /** Streams whose names begin so. */
  readonly prefixes: readonly string[];
}

/** The items of a query; one that stands there twice is looked for once. */
export function termsOf({ items }: Query): (readonly AnyOf[])[] {
  const all = items.map(termsOfItem);
  if (all.length < 2) return all;
  return [...new Map(all.map((terms) => [JSON.stringify(terms), terms])).values()];
}

/** An item as what an event must have of each; at least one, for an item that is empty is refused. */
function termsOfItem(item: QueryItem): AnyOf[] {
  const anyOf = (kind: Term['kind'], names: readonly string[], prefixes: readonly string[] = []): AnyOf[] => {
    if (names.length + prefixes.length === 0) return [];
    return [{ terms: [...new Set(names)].map((name) => ({ kind, name })), prefixes: [...new Set(prefixes)] }];
  };
  return [
    ...[...new Set(item.tags)].flatMap((tag) => anyOf(Kind.tag, [tag])),
    ...anyOf(Kind.type, item.types),
    ...anyOf(Kind.category, item.categories),
    ...anyOf(Kind.stream, item.streams, item.streamPrefixes),
  ];
}
