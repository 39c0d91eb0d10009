import { PayloadDraft, PayloadView, type PlacedWrite } from '../../../src/model/payload.ts';
import { categoryOf } from '../../../src/model/stream.ts';
import { writeVarint } from '../../../src/model/wire.ts';
import { EntryType } from '../../../src/raft/types.ts';
import type { EventIndex } from '../../../src/storage/index/event-index.ts';
import { type EntryDraft, type EntryRecord, genesisChain, sealEntry, stubOf } from '../../../src/storage/record.ts';

export interface NewEvent {
  readonly type: string;
  readonly tags?: readonly string[];
  readonly data?: Uint8Array;
  readonly contentType?: string;
}

export interface ModelEvent {
  readonly stream: string;
  readonly revision: number;
  readonly position: number;
  readonly type: string;
  readonly category: string;
  readonly tags: readonly string[];
  readonly logIndex: number;
  readonly createdUs: number;
}

export interface AppendSpec {
  readonly writes: readonly { readonly stream: string; readonly events: readonly NewEvent[] }[];
  readonly producer?: { readonly producer: string; readonly previous: number; readonly current: number };
  readonly id?: Uint8Array;
  readonly afterUs?: number;
}

/** A raft log in memory and, beside it, everything that an index of it must say, in plain arrays and maps. */
export class LogFixture {
  readonly records: EntryRecord[] = [];
  readonly events: ModelEvent[] = [];
  readonly heads = new Map<string, number>();
  readonly cursors = new Map<string, { current: number; logIndex: number }>();
  readonly ids: { id: Uint8Array; logIndex: number }[] = [];
  createdUs = 1_700_000_000_000_000;
  reads = 0;

  append(spec: AppendSpec): EntryRecord {
    this.createdUs += spec.afterUs ?? 1_000;
    const index = this.records.length + 1;
    const firstPosition = this.events.length + 1;
    const placed: PlacedWrite[] = spec.writes.map(({ stream, events }) => {
      const firstRevision = (this.heads.get(stream) ?? -1) + 1;
      events.forEach(({ type, tags = [] }, e) => {
        this.events.push({
          stream,
          revision: firstRevision + e,
          position: this.events.length + 1,
          type,
          category: categoryOf(stream),
          tags,
          logIndex: index,
          createdUs: this.createdUs,
        });
      });
      this.heads.set(stream, firstRevision + events.length - 1);
      return { stream, firstRevision, events: events.map(encodeEvent) };
    });
    const id = spec.id ?? uuid(index);
    this.ids.push({ id, logIndex: index });
    if (spec.producer) this.cursors.set(spec.producer.producer, { current: spec.producer.current, logIndex: index });
    const count = this.events.length + 1 - firstPosition;
    const draft = {
      id,
      digest: new Uint8Array(16),
      eventCount: count,
      ...(spec.producer && { producer: spec.producer }),
    };
    const payload = new PayloadDraft(draft, placed, firstPosition, this.createdUs);
    return this.seal(EntryType.events, firstPosition, count, payload);
  }

  noop(): EntryRecord {
    return this.seal(EntryType.noop, this.events.length + 1, 0, new Uint8Array(0));
  }

  seal(type: EntryType, firstPosition: number, count: number, payload: EntryDraft['payload']): EntryRecord {
    const index = this.records.length + 1;
    const draft = { index, term: 1, type, firstPosition, count, createdUs: this.createdUs, payload };
    const record = sealEntry(draft, this.records.at(-1)?.chain ?? genesisChain(new Uint8Array(16)));
    this.records.push(record);
    return record;
  }

  readonly chainAt = async (index: number): Promise<Uint8Array | undefined> => this.records[index - 1]?.chain;

  async get(index: number): Promise<EntryRecord | undefined> {
    this.reads++;
    return this.records[index - 1];
  }

  async read(from: number, to: number, maxBytes: number): Promise<EntryRecord[]> {
    this.reads++;
    const found: EntryRecord[] = [];
    let bytes = 0;
    for (const record of this.records.slice(from - 1, to)) {
      bytes += record.bytes.length;
      if (found.length > 0 && bytes > maxBytes) break;
      found.push(record);
    }
    return found;
  }
}

/** Feeds an index what it has not applied, up to an entry. */
export async function feed(index: EventIndex, log: LogFixture, to = log.records.length): Promise<void> {
  for (const record of log.records.slice(index.replayFrom - 1, to)) {
    await index.prepare([record]);
    await index.ready();
    index.apply(record);
  }
}

/** What a scavenge leaves of an entry: of all its events, or of those that are named by their places in it. */
export function erased(record: EntryRecord, events?: readonly number[]): EntryRecord {
  const payload = new PayloadView(record.payload, record.count);
  return stubOf(
    record,
    payload.without((event) => events?.includes(event) ?? true),
  );
}

export function encodeEvent({ type, tags = [], data = new Uint8Array(0), contentType }: NewEvent): Uint8Array {
  const fields: [number, Uint8Array][] = [
    [1, uuid(7)],
    [2, Buffer.from(type)],
    [3, data],
    ...(contentType === undefined ? [] : [[4, Buffer.from(contentType)] as [number, Uint8Array]]),
    ...tags.map((tag): [number, Uint8Array] => [6, Buffer.from(tag)]),
  ];
  const bytes = new Uint8Array(fields.reduce((sum, [, value]) => sum + value.length + 6, 0));
  let at = 0;
  for (const [number, value] of fields) {
    bytes[at++] = (number << 3) | 2;
    at = writeVarint(bytes, at, value.length);
    bytes.set(value, at);
    at += value.length;
  }
  return bytes.slice(0, at);
}

export function uuid(number: number): Uint8Array {
  const bytes = Buffer.alloc(16, 0xa5);
  bytes.writeUInt32BE(number, 6);
  return bytes;
}

export async function collect<T>(batches: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}
