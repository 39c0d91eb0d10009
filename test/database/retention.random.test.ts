import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { Reads, type Target } from '../../src/database/reads.ts';
import { streamDetails } from '../../src/database/stream-details.ts';
import type { Append, Expectation } from '../../src/model/append.ts';
import { scanRecordedEvent } from '../../src/model/event.ts';
import type { Query, QueryItem } from '../../src/model/query.ts';
import type { ChangeKind } from '../../src/model/retention.ts';
import { type StreamHead, systemStreamOf } from '../../src/model/stream.ts';
import { EntryType } from '../../src/raft/types.ts';
import { Sequencer } from '../../src/sequencer/sequencer.ts';
import { EventIndex, type IndexOptions } from '../../src/storage/index/event-index.ts';
import { EventReader, type ReadBatch } from '../../src/storage/index/event-reader.ts';
import type { IndexView } from '../../src/storage/index/index-view.ts';
import { collect, encodeEvent, feed, LogFixture, uuid } from '../storage/index/log-fixture.ts';
import { MemoryStore, turn } from '../storage/index/memory-store.ts';
import { VirtualTime } from '../support/virtual-clock.ts';
import { RetentionModel, type Seen } from './retention-model.ts';

const STREAMS = ['a', 'a-1'];
const NO_NAMES: QueryItem = { types: [], tags: [], categories: [], streams: [], streamPrefixes: [] };
/** All of their events, found by the index. */
const OF_ALL: Query = { items: [{ ...NO_NAMES, streamPrefixes: ['a'] }] };

type Step =
  | { readonly kind: 'append'; readonly stream: string; readonly count: number; readonly expect: Expectation }
  | { readonly kind: 'change'; readonly stream: string; readonly change: ChangeKind }
  | { readonly kind: 'noop' | 'apply' | 'hold' | 'restart' | 'loseLeadership' }
  | { readonly kind: 'crash'; readonly seed: number };

const stream = fc.constantFrom(...STREAMS);
/** Around the edges: none, one, about as many as there are, beyond the head. */
const figure = fc.oneof(fc.nat(8), fc.constantFrom(0, 1, 1_000, Number.MAX_SAFE_INTEGER));
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const change: fc.Arbitrary<ChangeKind> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant('metadata' as const),
      metadata: fc.record({
        maxCount: maybe(figure),
        maxAgeMs: maybe(fc.constantFrom(1, 2, 5, 9_007_199_254_740)),
        truncateBefore: maybe(figure),
        custom: maybe(fc.constant('{"owner":"ü"}')),
      }),
    }),
  },
  { weight: 8, arbitrary: figure.map((before) => ({ kind: 'truncate' as const, before })) },
  {
    weight: 12,
    arbitrary: fc
      .tuple(fc.nat(8), fc.integer({ min: 1, max: 3 }))
      .map(([from, count]) => ({ kind: 'erase' as const, from, to: from + count })),
  },
  { weight: 6, arbitrary: fc.constant({ kind: 'delete' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'tombstone' as const }) },
);
const expectation: fc.Arbitrary<Expectation> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Expectation>({ kind: 'any' }) },
  fc.constantFrom<Expectation>({ kind: 'none' }, { kind: 'exists' }),
  fc.nat(6).map((revision) => ({ kind: 'revision' as const, revision })),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      stream,
      count: fc.integer({ min: 1, max: 4 }),
      expect: expectation,
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('change' as const), stream, change }) },
  { weight: 5, arbitrary: fc.constant({ kind: 'apply' as const }) },
  { weight: 3, arbitrary: fc.constantFrom({ kind: 'noop' as const }, { kind: 'hold' as const }) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: 'restart' as const }, { kind: 'loseLeadership' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const), seed: fc.nat() }) },
);
/** How far the clock goes on before each step: often not at all, so that many events have the same time. */
const timed = fc.tuple(step, fc.constantFrom(0, 0, 0, 1_000, 1_000, 1_001, 4_000));

describe('the visibility rule against flags that stay once they are set', () => {
  it('holds for every read, at every head, through any changes in flight, restarts and rebuilds [R1] [S3] [S10]', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(timed, { minLength: 30, maxLength: 60, size: 'max' }),
        fc.constantFrom(6, 300),
        async (steps, blockEvents) => {
          const run = await Run.begin(blockEvents);
          for (const [next, afterUs] of steps) await run.step(next, afterUs);
          await run.step({ kind: 'apply' }, 0);
          await run.rebuilt();
        },
      ),
      // A failure is made smaller until then.
      { numRuns: 15, interruptAfterTimeLimit: 20_000 },
    );
  });
});

function slow(store: MemoryStore): MemoryStore {
  store.turns = () => 2;
  return store;
}

/** A leader's sequencer and index on one log, beside the model. */
class Run {
  private readonly log = new LogFixture();
  private readonly options: IndexOptions;
  private store: MemoryStore;
  private model = new RetentionModel();
  private sequencer = new Sequencer();
  private index: EventIndex;
  private nextPosition = 1;
  private nowUs = this.log.createdUs;
  private ids = 0;
  /** What can be seen after each entry; the first element is before all. */
  private readonly looks: Map<string, Seen>[] = [new Map()];
  private held: IndexView | undefined;

  private constructor(index: EventIndex, store: MemoryStore, options: IndexOptions) {
    this.index = index;
    this.store = store;
    this.options = options;
  }

  static async begin(blockEvents: number): Promise<Run> {
    const store = slow(new MemoryStore());
    const options = { blockEvents, cachedStreams: 2, chunk: { rows: 3, bytes: 4096 } };
    return new Run(await EventIndex.open(store, async () => undefined, options), store, options);
  }

  async step(next: Step, afterUs: number): Promise<void> {
    this.nowUs += afterUs;
    switch (next.kind) {
      case 'append':
        return this.append(next.stream, next.count, next.expect);
      case 'change':
        return this.change(next.stream, next.change);
      case 'noop':
        this.sealed(EntryType.noop, 0, new Uint8Array(0));
        this.model.passTime(this.log.createdUs);
        this.looks.push(this.model.look());
        return;
      case 'apply':
        return this.apply();
      case 'hold':
        this.held = this.index.view();
        return;
      case 'restart':
        await this.apply();
        this.held = undefined;
        await this.index.close();
        this.index = await EventIndex.open(this.store, this.log.chainAt, this.options);
        return this.apply();
      case 'crash':
        return this.crash(new Prng(next.seed));
      case 'loseLeadership':
        await this.apply();
        this.sequencer.leadershipLost();
        this.sequencer = new Sequencer();
        return;
    }
  }

  /** Loses power while blocks are being written: what was not synced may be gone, and a block lack its seal. */
  private async crash(prng: Prng): Promise<void> {
    await feed(this.index, this.log);
    for (let turns = prng.between(0, 12); turns > 0; turns--) await turn();
    this.sequencer.applied(this.index.appliedIndex);
    this.held = undefined;
    this.store = slow(this.store.crash(prng));
    this.index = await EventIndex.open(this.store, this.log.chainAt, this.options);
    // What the sealed blocks say must hold before anything is applied again.
    const last = this.log.records[this.index.appliedIndex - 1];
    if (last?.createdUs === this.index.lastCreatedUs) await this.compare(this.index.view());
    await this.apply();
  }

  private async append(name: string, count: number, expect: Expectation): Promise<void> {
    const id = uuid(++this.ids);
    const events = Array.from({ length: count }, () => encodeEvent({ type: 'T' }));
    const append: Append = {
      ...{ id, digest: id, attemptAgeMs: 0, conditions: [], eventCount: count, eventBytes: 100 },
      writes: [{ stream: name, expect, events }],
    };
    const good = await this.judge(append, [name], this.model.holds(name, expect), 'conflict');
    if (good) this.model.append(name, count, this.nextPosition - count, this.log.createdUs);
    if (good) this.looks.push(this.model.look());
  }

  private async change(name: string, kind: ChangeKind): Promise<void> {
    const id = uuid(++this.ids);
    const append: Append = {
      ...{ id, digest: id, attemptAgeMs: 0, conditions: [], eventCount: 1, eventBytes: 100 },
      writes: [],
      change: { ...kind, stream: name },
    };
    const wanted = this.model.allows(name, kind);
    if (!(await this.judge(append, [name, systemStreamOf(name)], wanted, 'refused'))) return;
    this.model.change(name, kind, this.log.createdUs);
    this.looks.push(this.model.look());
  }

  private async judge(append: Append, streams: string[], good: boolean, otherwise: string): Promise<boolean> {
    const lookup = await this.index.lookup(streams);
    const end = { nextPosition: this.nextPosition, createdUs: this.log.createdUs };
    const judged = this.sequencer.judge(append, lookup, end, this.nowUs);
    expect(judged.kind).toBe(good ? 'accepted' : otherwise);
    if (judged.kind !== 'accepted') return false;
    const index = this.sealed(EntryType.events, judged.count, judged.payload);
    this.sequencer.proposed(append, judged, index);
    return true;
  }

  private sealed(type: EntryType, count: number, payload: Parameters<LogFixture['seal']>[3]): number {
    this.log.createdUs = Math.max(this.log.createdUs, this.nowUs);
    const record = this.log.seal(type, this.nextPosition, count, payload);
    this.nextPosition += count;
    return record.index;
  }

  private async apply(): Promise<void> {
    await feed(this.index, this.log);
    this.sequencer.applied(this.index.appliedIndex);
    await this.compare(this.index.view());
    await this.compareFollowed();
    if (this.held && this.remembers(this.held)) await this.compare(this.held);
  }

  /** Subscriptions, from the beginning and from within: of a stream, of a query, and of everything. */
  private async compareFollowed(): Promise<void> {
    const look = this.looks.at(-1) as Map<string, Seen>;
    const reader = new EventReader({ log: this.log, yieldTurn: turn });
    const log = { get: (index: number) => this.log.get(index), findByTime: async () => undefined };
    const reads = new Reads(this.index, reader, log, new VirtualTime().clock());
    const { signal } = new AbortController();
    for (const after of [0, Math.floor(this.index.head / 2)]) {
      const followed = async (target: Target) => {
        const batches = await collect(reads.behind({ target, userEvents: true }, after, signal));
        return batches.flatMap(({ events }) => events.map((bytes) => scanRecordedEvent(bytes)?.position));
      };
      const visible = positionsOf(look, STREAMS).filter((position) => position > after);
      expect(await followed({ kind: 'all' })).toEqual(visible);
      expect(await followed({ kind: 'query', query: OF_ALL })).toEqual(visible);
      for (const name of STREAMS) {
        const own = positionsOf(look, [name]).filter((position) => position > after);
        expect(await followed({ kind: 'stream', stream: name })).toEqual(own);
      }
    }
  }

  /** Of a stream that was changed eight times and more behind a view's head, the view shows what held later. */
  private remembers(view: IndexView): boolean {
    const [then, now] = [this.looks[view.appliedIndex], this.looks.at(-1)];
    return STREAMS.every((name) => (now?.get(name)?.facts ?? 0) - (then?.get(name)?.facts ?? 0) < 8);
  }

  /** Another node that builds its index from the log says the same, and writes the same rows. */
  async rebuilt(): Promise<void> {
    await this.index.idle();
    const store = new MemoryStore();
    const other = await EventIndex.open(store, this.log.chainAt, this.options);
    await feed(other, this.log);
    await other.idle();
    expect(store.dump()).toEqual(this.store.dump());
    await this.compare(other.view());
  }

  private async compare(view: IndexView): Promise<void> {
    const look = this.looks[view.appliedIndex] as Map<string, Seen>;
    const reader = new EventReader({ log: this.log, yieldTurn: turn });
    for (const name of STREAMS) {
      const seen = look.get(name) ?? { state: 'none', head: -1, visible: [], facts: 0 };
      const head: StreamHead = await view.streamHead(name);
      expect([name, head.state, head.revision]).toEqual([name, seen.state, seen.head]);
      if (seen.state === 'none' && seen.facts === 0) continue;
      const { firstRevision, count, metadataRevision = -1 } = await streamDetails(view, reader, name);
      const first = seen.visible[0]?.revision ?? seen.head + 1;
      expect([name, firstRevision, count, metadataRevision]).toEqual([
        name,
        first,
        seen.visible.length,
        seen.facts - 1,
      ]);
      for (const backwards of [false, true]) {
        for (const from of [undefined, backwards ? first + 1 : Math.max(0, first - 1)]) {
          const read = await collect(reader.readStream(view, name, { from, backwards }));
          const some = await collect(reader.readStream(view, name, { from, backwards, limit: 3 }));
          const flat = (batches: typeof read) =>
            batches.flatMap(({ events }) => events.map(({ revision }) => revision));
          expect(flat(some)).toEqual(flat(read).slice(0, 3));
          const wanted = seen.visible.filter(
            ({ revision }) => from === undefined || (backwards ? revision <= from : revision >= from),
          );
          expect(read.flatMap(({ events }) => events.map(({ revision }) => revision))).toEqual(
            (backwards ? wanted.reverse() : wanted).map(({ revision }) => revision),
          );
        }
      }
    }
    const positions = positionsOf(look, STREAMS);
    const flat = (batches: readonly ReadBatch[]) =>
      batches.flatMap(({ events }) => events.map(({ position }) => position));
    const all = await collect(reader.readAll(view, { userEvents: true }));
    expect(flat(all)).toEqual(positions);
    expect(flat(await collect(reader.readQuery(view, OF_ALL)))).toEqual(positions);
    const [name] = STREAMS as [string];
    const ofOne = { items: [{ ...NO_NAMES, streams: [name], types: ['T'] }] };
    expect(flat(await collect(reader.readQuery(view, ofOne)))).toEqual(positionsOf(look, [name]));
    positions.reverse();
    const last = { backwards: true, limit: 5 };
    expect(flat(await collect(reader.readAll(view, { ...last, userEvents: true })))).toEqual(positions.slice(0, 5));
    expect(flat(await collect(reader.readQuery(view, OF_ALL, last)))).toEqual(positions.slice(0, 5));
  }
}

/** Where what can be seen of these streams is, in the order of the log. */
function positionsOf(look: Map<string, Seen>, streams: readonly string[]): number[] {
  const visible = streams.flatMap((name) => look.get(name)?.visible ?? []);
  return visible.map(({ position }) => position).sort((a, b) => a - b);
}
