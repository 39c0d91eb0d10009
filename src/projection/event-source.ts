import { isProjectionProducer } from '../model/projection.ts';
import { decodeRecordedEvent } from '../proto/event.ts';
import type { EventReader, ReadBatch, ReadEvent } from '../storage/index/event-reader.ts';
import type { IndexView } from '../storage/index/index-view.ts';
import { hopsIn } from './emission.ts';
import type { ProgramDescription, ProgramEvent } from './program.ts';
import { deletedBy, Selection } from './selection.ts';

/** Events for a program: all of its source in (after, lookedTo], but those that say nothing to it. */
export interface SourceBatch {
  readonly events: readonly ProgramEvent[];
  readonly lookedTo: number;
  /** How many projections an event has come through, by position; those that came through none are left out. */
  readonly hops: ReadonlyMap<number, number>;
}

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
  private readonly selection: Selection;

  constructor(reader: EventReader, description: ProgramDescription, producer: string) {
    this.reader = reader;
    this.description = description;
    this.producer = producer;
    this.selection = new Selection(description);
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
    const { query } = this.selection;
    if (query) return this.reader.readQuery(view, query, { from, hidden: true });
    return this.reader.readAll(view, { from, hidden: true, userEvents: !this.description.handlesDeleted });
  }

  /** Undefined: it is none of the program's. */
  private eventOf({ bytes, position, append }: ReadEvent): ProgramEvent | undefined {
    if (append.producer === this.producer && !this.description.options.includeOwnEmissions) return undefined;
    const fields = decodeRecordedEvent(bytes);
    const { type, data, metadata, tags, createdUs } = fields;
    const kind = this.selection.kindOf(fields.stream, type);
    if (!kind) return undefined;
    return {
      stream: kind === 'deleted' ? deletedBy(fields.stream) : fields.stream,
      revision: BigInt(fields.revision),
      position: BigInt(position),
      id: fields.id,
      type,
      data,
      contentType: fields.contentType,
      metadata,
      tags,
      created: BigInt(createdUs),
      kind,
    };
  }
}

async function* nothing(): AsyncGenerator<ReadBatch> {}
