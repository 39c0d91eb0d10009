import { scanNewEvent, scanRecordedEvent } from '../../../src/model/event.ts';
import { PayloadView } from '../../../src/model/payload.ts';
import { type AppendCondition, matchesQuery } from '../../../src/model/query.ts';
import { EntryType } from '../../../src/raft/types.ts';
import type { EntryRecord } from '../../../src/storage/record.ts';
import { demand } from './violation.ts';

export interface KnownEvent {
  readonly stream: string;
  readonly revision: number;
  readonly position: number;
  readonly createdUs: number;
  readonly type: string;
  readonly tags: readonly string[];
  readonly bytes: Uint8Array;
}

export interface KnownAppend {
  readonly record: EntryRecord;
  readonly payload: PayloadView;
}

/**
 * What the cluster has committed: the first node that applies an entry says what stands there, and every other node, and
 * every answer, has to agree. Everything in it follows from the log alone, so it is also the model that reads are
 * compared with.
 */
export class Committed {
  readonly records: EntryRecord[] = [];
  readonly events: KnownEvent[] = [];
  readonly streams = new Map<string, KnownEvent[]>();
  readonly appends = new Map<string, KnownAppend>();
  readonly cursors = new Map<string, number>();
  lastAppend: KnownAppend | undefined;

  /** The last committed position. */
  get head(): number {
    return this.events.length;
  }

  /** An entry that some node applies; true where it is the first to do so. */
  applied(who: string, record: EntryRecord): boolean {
    const known = this.records[record.index - 1];
    if (known) {
      demand(
        known.chain.equals(record.chain),
        () =>
          `${who} applied another entry ${record.index} (term ${record.term}) than was committed (term ${known.term})`,
      );
      return false;
    }
    demand(record.index === this.records.length + 1, () => `${who} applied ${record.index}, which skips entries`);
    this.checkContinues(record);
    this.records.push(record);
    if (record.type === EntryType.events) this.addEvents(record);
    return true;
  }

  /** The revision of a stream's last event at or before a position; -1: none. */
  revisionAt(stream: string, position: number): number {
    return countUpTo(this.streams.get(stream) ?? [], position) - 1;
  }

  eventsUpTo(stream: string, position: number): readonly KnownEvent[] {
    return this.eventsBetween(stream, 0, position);
  }

  /** The events of a stream behind a position, up to another one. */
  eventsBetween(stream: string, after: number, to: number): readonly KnownEvent[] {
    const events = this.streams.get(stream) ?? [];
    return events.slice(countUpTo(events, after), countUpTo(events, to));
  }

  /** The events up to a position that make a condition fail. */
  against({ query, after }: AppendCondition, to: number): readonly KnownEvent[] {
    return this.events.slice(after, to).filter((event) => matchesQuery(query, event));
  }

  private checkContinues(record: EntryRecord): void {
    const last = this.records.at(-1);
    if (!last) return;
    demand(record.term >= last.term, () => `entry ${record.index}: term ${record.term} behind term ${last.term}`);
    demand(
      record.createdUs >= last.createdUs,
      () => `entry ${record.index}: created ${record.createdUs} behind ${last.createdUs} (S2)`,
    );
    demand(
      record.firstPosition === this.head + 1,
      () => `entry ${record.index}: first position ${record.firstPosition} behind position ${this.head} (S2)`,
    );
  }

  private addEvents(record: EntryRecord): void {
    const payload = new PayloadView(record.payload, record.count);
    const id = Buffer.from(payload.appendId).toString('hex');
    demand(
      !this.appends.has(id),
      () => `append ${id} is in the log twice, the second time as entry ${record.index} (S6)`,
    );
    this.lastAppend = { record, payload };
    this.appends.set(id, this.lastAppend);
    const { producer } = payload;
    if (producer) {
      const at = this.cursors.get(producer.producer) ?? 0;
      demand(
        producer.previous === at,
        () =>
          `entry ${record.index}: the cursor of ${producer.producer} goes on from ${producer.previous}, not from ${at} (S7)`,
      );
      this.cursors.set(producer.producer, producer.current);
    }
    for (let n = 0; n < record.count; n++) this.addEvent(record, payload, n);
  }

  private addEvent(record: EntryRecord, payload: PayloadView, n: number): void {
    const bytes = payload.event(n);
    const keys = scanRecordedEvent(bytes);
    demand(keys !== undefined, () => `entry ${record.index}: its event ${n} is not a recorded event`);
    const { stream, revision, position } = keys;
    const events = this.streams.get(stream) ?? [];
    this.streams.set(stream, events);
    demand(
      revision === events.length && position === this.head + 1,
      () =>
        `entry ${record.index}: ${stream} has revision ${revision} behind ${events.length - 1}, position ${position} behind ${this.head} (S2)`,
    );
    const { type, tags } = scanNewEvent(bytes) ?? { type: '', tags: [] };
    const event = { stream, revision, position, createdUs: record.createdUs, type, tags, bytes };
    events.push(event);
    this.events.push(event);
  }
}

/** How many of the events stand at or before a position. */
function countUpTo(events: readonly KnownEvent[], position: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((events[middle] as KnownEvent).position <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}
