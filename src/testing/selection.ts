import { matchesQuery, type Query, type QueryItem } from '../model/query.ts';
import { ABOUT, categoryOf, isSystemName } from '../model/stream.ts';
import { virtualStream } from '../model/virtual-stream.ts';
import type { ProgramDescription, ProgramEvent, ProgramSource } from '../projection/program.ts';

/** The facts that hide all events of a stream. */
const DELETIONS = ['$streamDeleted', '$streamTombstoned'];

/** Chooses, out of all events of a store, those that a node would give the projection; undefined: not this one. */
export function selectionOf(description: ProgramDescription): (event: ProgramEvent) => ProgramEvent | undefined {
  const { source, handledTypes, handlesDeleted } = description;
  const query = queryOf(source);
  const types = handledTypes === 'any' ? undefined : new Set(handledTypes);
  return (event) => {
    if (handlesDeleted && event.stream.startsWith(ABOUT) && DELETIONS.includes(event.type)) {
      const stream = event.stream.slice(ABOUT.length);
      return hearsOfDeletion(source, stream) ? { ...event, stream, kind: 'deleted' } : undefined;
    }
    if (types && !types.has(event.type)) return undefined;
    const system = isSystemName(event.stream);
    return (system ? namesStream(source, event.stream) : matchesQuery(query, event)) ? event : undefined;
  };
}

function hearsOfDeletion(source: ProgramSource, stream: string): boolean {
  if (source.kind === 'categories') return source.categories.includes(categoryOf(stream));
  return source.kind !== 'streams' || namesStream(source, stream);
}

function namesStream(source: ProgramSource, stream: string): boolean {
  return source.kind === 'streams' && source.streams.includes(stream);
}

function queryOf(source: ProgramSource): Query {
  const none: QueryItem = { types: [], tags: [], categories: [], streams: [], streamPrefixes: [] };
  switch (source.kind) {
    case 'all':
      return { items: [] };
    case 'streams':
      return { items: source.streams.flatMap((name) => virtualStream(name)?.items ?? [{ ...none, streams: [name] }]) };
    case 'categories':
      return { items: [{ ...none, categories: source.categories }] };
    case 'query':
      return { items: [{ ...none, types: source.types, tags: source.tags }] };
  }
}
