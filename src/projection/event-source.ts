import { isProjectionProducer } from '../model/projection.ts';
import type { Query } from '../model/query.ts';
import { categoryOf, isSystemName } from '../model/stream.ts';
import { virtualStream } from '../model/virtual-stream.ts';
import { decodeRecordedEvent } from '../proto/event.ts';
import type { EventReader, ReadBatch, ReadEvent } from '../storage/index/event-reader.ts';
import type { IndexView } from '../storage/index/index-view.ts';
import { hopsIn } from './emission.ts';
import type { ProgramDescription, ProgramEvent, ProgramSource } from './program.ts';

/** Events for a program: all of its source in (after, lookedTo], but those that say nothing to it. */
export interface SourceBatch {
  readonly events: readonly ProgramEvent[];
  readonly lookedTo: number;
  /** How many projections an event has come through, by position; those that came through none are left out. */
  readonly hops: ReadonlyMap<number, number>;
}

/** The types of facts that hide all events of a stream. */
const DELETIONS = ['$streamDeleted', '$streamTombstoned'];
const ABOUT_STREAMS = '$$';
const BATCH_EVENTS = 2_000;
const BATCH_BYTES = 1 << 20;
/** Events that are passed over cost turns too: a batch looks at no more. */
const LOOKED_MAX = 16_384;

/**
 * Reads a program's source from the log: each event at its own place, as it was when it was appended (rule P1). What is
 * hidden by now is read like the rest, or a node that builds the state later would come to another one; a deletion is an
 * event of its own, at the place of its fact.
 */
export class EventSource {
  private readonly reader: EventReader;
  private readonly description: ProgramDescription;
  private readonly producer: string;
  private readonly query: Query | undefined;
  private readonly types: ReadonlySet<string> | undefined;
  private readonly includes: (stream: string) => boolean;

  constructor(reader: EventReader, description: ProgramDescription, producer: string) {
    this.reader = reader;
    this.description = description;
    this.producer = producer;
    this.query = queryOf(description);
    const { handledTypes } = description;
    this.types = handledTypes === 'any' ? undefined : new Set(handledTypes);
    this.includes = includesStream(description.source);
  }

  /** The next events behind a position and up to another, as many as a batch may hold. */
  async read(view: IndexView, after: number, upTo: number): Promise<SourceBatch> {
    const events: ProgramEvent[] = [];
    const hops = new Map<number, number>();
    let bytes = 0;
    for await (const { events: turn, next } of this.turns(view, after + 1)) {
      for (const read of turn) {
        if (read.position > upTo) return { events, lookedTo: upTo, hops };
        const event = this.eventOf(read);
        if (!event) continue;
        events.push(event);
        bytes += event.data.length + event.metadata.length + 200;
        const { producer } = read.append;
        if (producer !== undefined && isProjectionProducer(producer)) hops.set(read.position, hopsIn(event.metadata));
      }
      const lookedTo = Math.min(next - 1, upTo);
      if (events.length >= BATCH_EVENTS || bytes >= BATCH_BYTES || lookedTo - after >= LOOKED_MAX) {
        return { events, lookedTo, hops };
      }
    }
    return { events, lookedTo: Math.max(after, Math.min(view.head, upTo)), hops };
  }

  private turns(view: IndexView, from: number): AsyncIterable<ReadBatch> {
    if (from > view.head) return nothing();
    if (this.query) return this.reader.readQuery(view, this.query, { from, hidden: true });
    return this.reader.readAll(view, { from, hidden: true, userEvents: !this.description.handlesDeleted });
  }

  /** Undefined: it is none of the program's. */
  private eventOf({ bytes, position, append }: ReadEvent): ProgramEvent | undefined {
    if (append.producer === this.producer && !this.description.options.includeOwnEmissions) return undefined;
    const fields = decodeRecordedEvent(bytes);
    const { type, data, metadata, tags, createdUs } = fields;
    const system = isSystemName(fields.stream);
    const deleted = system && DELETIONS.includes(type) && fields.stream.startsWith(ABOUT_STREAMS);
    const stream = deleted ? fields.stream.slice(ABOUT_STREAMS.length) : fields.stream;
    if (deleted ? !this.description.handlesDeleted : system && !this.namesSystem(fields.stream)) return undefined;
    if (!this.includes(stream)) return undefined;
    if (!deleted && this.types && !this.types.has(type)) return undefined;
    return {
      stream,
      revision: BigInt(fields.revision),
      position: BigInt(position),
      id: fields.id,
      type,
      data,
      contentType: fields.contentType,
      metadata,
      tags,
      created: BigInt(createdUs),
      kind: deleted ? 'deleted' : 'event',
    };
  }

  /** Events of a system stream are for those that name the stream (rule S11). */
  private namesSystem(stream: string): boolean {
    const { source } = this.description;
    return source.kind === 'streams' && source.streams.includes(stream);
  }
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
      if (handlesDeleted) items.push({ ...none, streams: source.streams.map((name) => ABOUT_STREAMS + name) });
      return { items };
    case 'categories':
      items.push({ ...none, categories: source.categories });
      break;
    case 'query':
      items.push({ ...none, types: source.types, tags: source.tags });
  }
  if (handlesDeleted) items.push({ ...none, types: DELETIONS, streamPrefixes: [ABOUT_STREAMS] });
  return { items };
}

function includesStream(source: ProgramSource): (stream: string) => boolean {
  if (source.kind !== 'categories') return () => true;
  const categories = new Set(source.categories);
  return (stream) => categories.has(categoryOf(stream));
}

async function* nothing(): AsyncGenerator<ReadBatch> {}
