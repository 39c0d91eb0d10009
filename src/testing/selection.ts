import { matchesItem, type QueryItem } from '../model/query.ts';
import { ABOUT, isSystemName } from '../model/stream.ts';
import type { ProgramDescription, ProgramEvent, ProgramSource } from '../projection/program.ts';

const ANY: QueryItem = { types: [], tags: [], categories: [], streams: [], streamPrefixes: [] };

/** The facts that hide all events of a stream. */
const DELETIONS = ['$streamDeleted', '$streamTombstoned'];

/** Chooses, out of all events of a store, those that a node would give the projection; undefined: not this one. */
export function selectionOf(description: ProgramDescription): (event: ProgramEvent) => ProgramEvent | undefined {
  const { source, handledTypes, handlesDeleted } = description;
  const item = itemOf(source);
  const types = handledTypes === 'any' ? undefined : new Set(handledTypes);
  return (event) => {
    const deletes = event.stream.startsWith(ABOUT) && DELETIONS.includes(event.type);
    if (deletes && handlesDeleted) {
      const deleted: ProgramEvent = { ...event, stream: event.stream.slice(ABOUT.length), kind: 'deleted' };
      return source.kind === 'query' || matchesItem(item, deleted) ? deleted : undefined;
    }
    if (isSystemName(event.stream) && source.kind !== 'streams') return undefined;
    return (!types || types.has(event.type)) && matchesItem(item, event) ? event : undefined;
  };
}

function itemOf(source: ProgramSource): QueryItem {
  switch (source.kind) {
    case 'all':
      return ANY;
    case 'streams':
      return { ...ANY, streams: source.streams };
    case 'categories':
      return { ...ANY, categories: source.categories };
    case 'query':
      return { ...ANY, types: source.types, tags: source.tags };
  }
}
