import type { Query } from '../model/query.ts';
import { ABOUT, categoryOf, isSystemName } from '../model/stream.ts';
import { virtualStream } from '../model/virtual-stream.ts';
import type { ProgramDescription, ProgramEvent, ProgramSource } from './program.ts';

/** The types of facts that hide all events of a stream. */
const DELETIONS = ['$streamDeleted', '$streamTombstoned'];

/**
 * Which events are a program's: those that its query finds and that it takes for something. One rule for nodes, which
 * have the index look for the query, and for tests without a node.
 */
export class Selection {
  /** Undefined: everything. */
  readonly query: Query | undefined;
  private readonly description: ProgramDescription;
  private readonly types: ReadonlySet<string> | undefined;
  private readonly includes: (stream: string) => boolean;

  constructor(description: ProgramDescription) {
    this.description = description;
    this.query = queryOf(description);
    const { handledTypes, source } = description;
    this.types = handledTypes === 'any' ? undefined : new Set(handledTypes);
    this.includes = includesStream(source);
  }

  /** What the program takes an event for that its query has found; undefined: it is none of its own. */
  kindOf(stream: string, type: string): ProgramEvent['kind'] {
    if (isDeletion(stream, type)) {
      return this.description.handlesDeleted && this.includes(deletedBy(stream)) ? 'deleted' : undefined;
    }
    if (isSystemName(stream) && !this.namesSystem(stream)) return undefined;
    return this.includes(stream) && (this.types?.has(type) ?? true) ? 'event' : undefined;
  }

  /** Events of a system stream are for those that name the stream (rule S11). */
  private namesSystem(stream: string): boolean {
    const { source } = this.description;
    return source.kind === 'streams' && source.streams.includes(stream);
  }
}

/** The stream that a deletion in this one is about. */
export function deletedBy(stream: string): string {
  return stream.slice(ABOUT.length);
}

function isDeletion(stream: string, type: string): boolean {
  return stream.startsWith(ABOUT) && DELETIONS.includes(type);
}

function queryOf({ source, handlesDeleted }: ProgramDescription): Query | undefined {
  const none = { types: [], tags: [], categories: [], streams: [], streamPrefixes: [] };
  const items = [];
  switch (source.kind) {
    case 'all':
      return undefined;
    case 'streams':
      for (const stream of source.streams) {
        items.push(...(virtualStream(stream)?.items ?? [{ ...none, streams: [stream] }]));
      }
      if (handlesDeleted) items.push({ ...none, streams: source.streams.map((name) => ABOUT + name) });
      return { items };
    case 'categories':
      items.push({ ...none, categories: source.categories });
      break;
    case 'query':
      items.push({ ...none, types: source.types, tags: source.tags });
  }
  if (handlesDeleted) items.push({ ...none, types: DELETIONS, streamPrefixes: [ABOUT] });
  return { items };
}

function includesStream(source: ProgramSource): (stream: string) => boolean {
  if (source.kind !== 'categories') return () => true;
  const categories = new Set(source.categories);
  return (stream) => categories.has(categoryOf(stream));
}
