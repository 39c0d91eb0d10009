import { uuidBytes, uuidText } from '../../src/base/bytes.ts';
import { FactstoreError } from '../../src/base/errors.ts';
import type {
  AppendOptions,
  AppendOutcome,
  ClusterStatus,
  ProducerState,
  Query,
  QueryItem,
  ReadOptions,
  ScavengeStatus,
  Store,
  StoredEvent,
  StreamInfo,
  SubscribeOptions,
  SubscriptionMessage,
  Target,
  WriteToAppend,
} from '../../src/cli/store.ts';
import { eventIds } from '../../src/client/identifiers.ts';

/** A store in memory, with the rules for append ids (S6), producer cursors (S7) and expected state (S10). */
export class MemoryStore implements Store {
  /** Lifecycles are the node's; what commands make of them is tested against one. */
  get projections(): never {
    throw new Error('the memory store has no projections: they are tested on real nodes');
  }

  get streams(): never {
    throw new Error('a store in memory has no lifecycles');
  }
  readonly events: StoredEvent[] = [];
  readonly cursors = new Map<string, ProducerState>();
  readonly producersAsked: string[] = [];
  closed = 0;
  /** How many appends were judged, repeats included. */
  judged = 0;
  inFlight = 0;
  inFlightMost = 0;
  /** Called before an append is judged; may throw in its place. */
  beforeAppend: (appendId: string) => void = () => {};
  members: ClusterStatus['members'] = [];
  scavenges: readonly ScavengeStatus[] = [];
  private readonly ids = new Map<string, { content: string; outcome: AppendOutcome }>();
  private queue: Promise<unknown> = Promise.resolve();
  private made = 0;

  append(writes: readonly WriteToAppend[], options: AppendOptions): Promise<AppendOutcome> {
    this.inFlight++;
    this.inFlightMost = Math.max(this.inFlightMost, this.inFlight);
    const outcome = this.queue.then(() => new Promise(setImmediate)).then(() => this.judge(writes, options));
    this.queue = outcome.catch(() => {});
    return outcome.finally(() => this.inFlight--);
  }

  private judge(writes: readonly WriteToAppend[], { appendId, producer }: AppendOptions): AppendOutcome {
    const id = appendId ?? `made-${this.made++}`;
    this.beforeAppend(id);
    this.judged++;
    const content = JSON.stringify([writes, producer], (_key, value) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    const known = this.ids.get(id);
    if (known) {
      if (known.content !== content) throw new FactstoreError('APPEND_ID_REUSED', `append id ${id} has other content`);
      return { ...known.outcome, repeated: true };
    }
    if (producer) {
      const at = this.cursors.get(producer.producer)?.current ?? 0n;
      if (producer.current <= at) return { position: 0n, revision: 0n, repeated: true };
      if (producer.previous !== at) throw new FactstoreError('CURSOR_MISMATCH', `the cursor is at ${at}`);
    }
    for (const write of writes) this.check(write);
    let revision = 0n;
    for (const [w, { stream, events }] of writes.entries()) {
      for (const [e, event] of events.entries()) {
        revision = this.headOf(stream) + 1n;
        this.events.push({
          stream,
          revision,
          position: BigInt(this.events.length + 1),
          id: event.id ?? this.eventId(appendId, w, e),
          type: event.type,
          data: event.data,
          contentType: event.contentType ?? 'application/json',
          metadata: event.metadata ?? new Uint8Array(0),
          tags: event.tags ?? [],
          schemaVersion: event.schemaVersion ?? 1,
          createdUs: 1_771_000_000_000_000n + BigInt(this.events.length),
          appendId: id,
        });
      }
    }
    const outcome = { position: BigInt(this.events.length), revision, repeated: false };
    this.ids.set(id, { content, outcome });
    if (producer) this.cursors.set(producer.producer, { current: producer.current, appendId: id });
    return outcome;
  }

  /** As the SDK makes it. */
  private eventId(appendId: string | undefined, write: number, event: number): string {
    const given = appendId === undefined ? undefined : uuidBytes(appendId);
    if (given) return uuidText(eventIds(given, write)(event));
    return `00000000-0000-4000-8000-${String(this.events.length).padStart(12, '0')}`;
  }

  private check({ stream, expect, events }: WriteToAppend): void {
    if (stream.startsWith('$')) throw new FactstoreError('INVALID_ARGUMENT', `stream: ${stream} is reserved`);
    if (events.some((event) => event.type === '')) throw new FactstoreError('INVALID_ARGUMENT', 'type: is empty');
    const head = this.headOf(stream);
    const holds =
      expect === 'any' || (expect === 'none' ? head < 0n : expect === 'exists' ? head >= 0n : head === expect);
    if (holds) return;
    const text = `append to "${stream}" refused: expected ${expect}, it is at ${head}. Nothing was written.`;
    throw new FactstoreError('CONFLICT', text, { checks: [{ stream, actualRevision: head }], position: 9n });
  }

  private headOf(stream: string): bigint {
    return BigInt(this.events.filter((event) => event.stream === stream).length) - 1n;
  }

  /** As a store whose window of append ids has gone by. */
  forgetAppendIds(): void {
    this.ids.clear();
  }

  private matching(target: Target): StoredEvent[] {
    if ('stream' in target) return this.events.filter((event) => event.stream === target.stream);
    if ('query' in target) return this.events.filter((event) => isMeant(event, target.query));
    return this.events.filter((event) => !target.userEvents || !event.stream.startsWith('$'));
  }

  async head(): Promise<bigint> {
    return this.events.at(-1)?.position ?? 0n;
  }

  async *read(target: Target, options: ReadOptions): AsyncGenerator<StoredEvent> {
    const { fromRevision = 0n, fromPosition = 0n, after = 0n, limit } = options;
    let events = this.matching(target).filter(
      (e) => e.revision >= fromRevision && e.position >= fromPosition && e.position > after,
    );
    if (options.backwards) events = this.matching(target).reverse();
    for (const event of limit === undefined ? events : events.slice(0, Number(limit))) {
      if (options.signal?.aborted) throw new FactstoreError('CANCELLED', 'cancelled', {}, { definite: true });
      yield options.appendIds ? event : { ...event, appendId: undefined };
    }
  }

  async *subscribe(target: Target, options: SubscribeOptions): AsyncGenerator<SubscriptionMessage> {
    const head = BigInt(this.events.length);
    if ((options.after ?? 0n) > head) {
      throw new FactstoreError('OUT_OF_RANGE', `after: position ${options.after} is beyond the head, ${head}`);
    }
    for (const event of this.matching(target)) {
      if (!options.fromNow && event.position > (options.after ?? 0n)) yield { kind: 'event', event };
    }
    yield { kind: 'caughtUp', position: head };
    if (options.signal?.aborted) return;
    await new Promise<void>((resolve) => options.signal?.addEventListener('abort', () => resolve()));
  }

  async producer(name: string): Promise<ProducerState> {
    this.producersAsked.push(name);
    return this.cursors.get(name) ?? { current: 0n, appendId: undefined };
  }

  async stream(name: string): Promise<StreamInfo> {
    const events = this.events.filter((event) => event.stream === name);
    const [first] = events;
    const last = events.at(-1);
    if (!first || !last) throw new FactstoreError('NOT_FOUND', `stream "${name}" has no events`, { stream: name });
    return {
      stream: name,
      state: 'exists',
      headRevision: last.revision,
      firstRevision: first.revision,
      count: BigInt(events.length),
      createdUs: first.createdUs,
      lastAppendedUs: last.createdUs,
      lastPosition: last.position,
      head: BigInt(this.events.length),
      metadata: undefined,
      metadataRevision: undefined,
    };
  }

  async status(): Promise<ClusterStatus> {
    return { clusterId: 'c1c1c1c1-0000-4000-8000-000000000000', leader: 'n1', members: this.members };
  }

  readonly membership = {
    add: async (peerAddress: string) => this.changed(`add ${peerAddress}`),
    promote: async (node: string) => this.changed(`promote ${node}`),
    remove: async (node: string) => this.changed(`remove ${node}`),
    replace: async (node: string, by: string) => this.changed(`replace ${node} ${by}`),
    move: async (node: string, address: string) => this.changed(`move ${node} ${address}`),
  };
  readonly changes: string[] = [];

  private changed(change: string) {
    this.changes.push(change);
    return { voters: ['n1', 'n2'], learners: ['n4'] };
  }

  async transfer(to: string | undefined): Promise<string> {
    return to ?? 'n2';
  }

  async raiseLevel(level: number | undefined): Promise<number> {
    return level ?? 2;
  }

  async startScavenge(): Promise<bigint> {
    return 7n;
  }

  async stopScavenge(): Promise<void> {}

  async scavengeStatus(): Promise<readonly ScavengeStatus[]> {
    return this.scavenges;
  }

  async close(): Promise<void> {
    this.closed++;
  }
}

function isMeant(event: StoredEvent, query: Query): boolean {
  if ('all' in query) return !event.stream.startsWith('$');
  const items = Array.isArray(query) ? query : [query as QueryItem];
  return items.some(
    ({ types = [], tags = [], categories = [], streams = [] }: QueryItem) =>
      (types.length === 0 || types.includes(event.type)) &&
      tags.every((tag) => event.tags.includes(tag)) &&
      (categories.length === 0 || categories.includes(event.stream.split('-')[0] as string)) &&
      (streams.length === 0 ||
        streams.some((name) =>
          name.endsWith('*') ? event.stream.startsWith(name.slice(0, -1)) : name === event.stream,
        )),
  );
}
