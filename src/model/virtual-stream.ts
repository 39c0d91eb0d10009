import type { Query } from './query.ts';

const NONE = { types: [], tags: [], categories: [], streams: [], streamPrefixes: [] };

/**
 * Streams that nobody writes: their events are those of other streams, as the index finds them, in the order of the log.
 *
 *     $ce-CATEGORY   the events of all streams of a category
 *     $et-TYPE       the events of a type
 *     $bc-ID         the events with the tag `correlation:ID`
 *
 * Undefined: the name is that of no such stream.
 */
export function virtualStream(name: string): Query | undefined {
  const rest = name.slice(4);
  if (rest === '') return undefined;
  switch (name.slice(0, 4)) {
    case '$ce-':
      return { items: [{ ...NONE, categories: [rest] }] };
    case '$et-':
      return { items: [{ ...NONE, types: [rest] }] };
    case '$bc-':
      return { items: [{ ...NONE, tags: [`correlation:${rest}`] }] };
    default:
      return undefined;
  }
}
