import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import type { Append } from '../../src/model/append.ts';
import { scanRecordedEvent } from '../../src/model/event.ts';
import { encodeFact } from '../../src/model/fact.ts';
import { PayloadView } from '../../src/model/payload.ts';
import type { ChangeKind } from '../../src/model/retention.ts';
import { SCAVENGE_STARTED, SCAVENGES_STREAM } from '../../src/model/scavenge-fact.ts';
import { isSystemName, systemStreamOf } from '../../src/model/stream.ts';
import { EntryType } from '../../src/raft/types.ts';
import { Scavenger } from '../../src/scavenge/scavenger.ts';
import { Sequencer } from '../../src/sequencer/sequencer.ts';
import { EventIndex } from '../../src/storage/index/event-index.ts';
import { EventReader } from '../../src/storage/index/event-reader.ts';
import { verifyIndex } from '../../src/storage/index/verify-index.ts';
import { RaftLog } from '../../src/storage/raft-log.ts';
import { type EntryRecord, genesisChain } from '../../src/storage/record.ts';
import { RetentionModel } from '../database/retention-model.ts';
import { collect, encodeEvent, feed, LogFixture, uuid } from '../storage/index/log-fixture.ts';
import { MemoryStore, turn } from '../storage/index/memory-store.ts';
import { MemoryPromises } from '../storage/support.ts';

const STREAMS = ['a', 'b', 'a-1'];
const INDEX = { blockEvents: 8, cachedStreams: 2, chunk: { rows: 3, bytes: 4096 } };
const LOGGER = { info() {}, warn() {}, error() {} } as never;

type Step =
  | { readonly kind: 'append'; readonly streams: readonly string[]; readonly count: number }
  | { readonly kind: 'change'; readonly stream: string; readonly change: ChangeKind }
  | { readonly kind: 'scavenge'; readonly turns: number }
  | { readonly kind: 'crash'; readonly seed: number };

const change: fc.Arbitrary<ChangeKind> = fc.oneof(
  fc.record({
    kind: fc.constant('metadata' as const),
    metadata: fc.record({
      maxCount: fc.option(fc.nat(6), { nil: undefined }),
      maxAgeMs: fc.option(fc.constantFrom(1, 5, 20), { nil: undefined }),
    }),
  }),
  fc.nat(8).map((before) => ({ kind: 'truncate' as const, before })),
  fc
    .tuple(fc.nat(12), fc.integer({ min: 1, max: 3 }))
    .map(([from, count]) => ({ kind: 'erase' as const, from, to: from + count })),
  fc.constant({ kind: 'delete' as const }),
);
const write: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      streams: fc.uniqueArray(fc.constantFrom(...STREAMS), { minLength: 1, maxLength: 3 }),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('change' as const), stream: fc.constantFrom(...STREAMS), change }),
  },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: write },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('scavenge' as const), turns: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), seed: fc.nat() }) },
);

function steps(minLength: number, maxLength: number, of: fc.Arbitrary<Step>): fc.Arbitrary<Step[]> {
  return fc.array(of, { minLength, maxLength, size: 'max' });
}

describe('scavenges among random operations, killed at any moment', () => {
  it('erase exactly what is hidden at their points, the same on a node that comes to it late [R2] [D4] [R1]', async () => {
    await fc.assert(
      fc.asyncProperty(steps(30, 60, step), steps(5, 15, write), async (before, after) => {
        const run = new Run();
        await run.leader.open();
        for (const next of before) await run.step(next);
        await run.finish(after);
      }),
      // A failure is made smaller until then.
      { numRuns: 15, interruptAfterTimeLimit: 20_000 },
    );
  });
});

/** A node's disk, and what stands on it while it runs. */
class TestNode {
  logStore = new MemoryStore();
  indexStore = new MemoryStore();
  index!: EventIndex;
  log!: RaftLog;
  scavenger!: Scavenger;
  private readonly promises = new MemoryPromises();
  private readonly fixture: LogFixture;
  private failure: unknown;

  constructor(fixture: LogFixture) {
    this.fixture = fixture;
    this.logStore.turns = () => 2;
    this.indexStore.turns = () => 2;
  }

  /** `late`: the scavenger is started by the caller. */
  async open(late = false): Promise<void> {
    this.log = await RaftLog.open(this.logStore, {
      path: 'memory',
      promises: this.promises,
      genesis: genesisChain(new Uint8Array(16)),
      incarnation: 1,
    });
    const told: { scavenger?: Scavenger } = {};
    const chainAt = async (index: number) => (await this.log.get(index))?.chain;
    const onSystemEvent = (event: Uint8Array) => told.scavenger?.hear(event);
    this.index = await EventIndex.open(this.indexStore, chainAt, { ...INDEX, onSystemEvent });
    this.scavenger = new Scavenger({
      log: this.log,
      index: this.index,
      reader: this.reader(),
      clock: { ...QUICK },
      logger: LOGGER,
      bytesPerSecond: 1e12,
      turnEntries: 4,
      fatal: (error) => {
        this.failure = error;
      },
    });
    told.scavenger = this.scavenger;
    if (!late) await this.scavenger.start();
    await this.apply();
  }

  reader(): EventReader {
    return new EventReader({ log: this.log, yieldTurn: turn });
  }

  /** Replicates what the leader has and this node has not, as the leader's disk has it, and applies it. */
  async replicate(records: readonly EntryRecord[]): Promise<void> {
    const after = records.slice(this.log.lastIndex);
    const last = records.at(-1);
    if (after.length > 0 && last) {
      const hardState = { term: 1, vote: undefined, commit: last.index };
      await this.log.write({ truncateAfter: undefined, records: after, hardState });
    }
    await this.apply();
  }

  private async apply(): Promise<void> {
    for (let next = this.index.replayFrom; next <= this.log.lastIndex; next++) {
      const record = (await this.log.get(next)) as EntryRecord;
      await this.index.prepare([record]);
      await this.index.ready();
      this.index.apply(record);
    }
  }

  async crash(seed: number): Promise<void> {
    const prng = new Prng(seed);
    this.logStore = this.logStore.crash(prng);
    this.indexStore = this.indexStore.crash(prng);
    this.logStore.turns = this.indexStore.turns = () => 2;
    await this.open();
  }

  async through(): Promise<void> {
    for (let turns = 0; this.scavenger.status.state === 'running'; turns++) {
      expect(turns).toBeLessThan(100_000);
      expect(this.failure).toBeUndefined();
      await turn();
    }
    await this.scavenger.stop();
    expect(this.failure).toBeUndefined();
  }

  async records(): Promise<EntryRecord[]> {
    const all: EntryRecord[] = [];
    for await (const records of this.log.scan(1)) all.push(...records);
    return all;
  }

  stillWorks(): void {
    expect(this.failure).toBeUndefined();
    expect(this.fixture.records.length).toBe(this.log.lastIndex);
  }
}

const QUICK = {
  nowUs: () => 0,
  monotonicMs: () => 0,
  setTimer: () => ({ cancel() {} }),
  sleep: turn,
  soon: (run: () => void) => void setImmediate(run),
  yieldTurn: turn,
};

class Run {
  readonly fixture = new LogFixture();
  readonly leader = new TestNode(this.fixture);
  private readonly model = new RetentionModel();
  private readonly sequencer = new Sequencer();
  private nextPosition = 1;
  private ids = 0;
  /** What was hidden at the last point, by stream. */
  private hiddenAtPoint = new Map<string, Set<number>>();

  async step(next: Step): Promise<void> {
    this.fixture.createdUs += 1_000;
    if (next.kind === 'append') {
      const writes = next.streams.map((stream) => ({
        stream,
        expect: { kind: 'any' as const },
        events: Array.from({ length: next.count }, (_, n) =>
          encodeEvent({
            type: `T${n % 2}`,
            tags: [`tag-${this.ids}-${stream}-${n}`],
            data: Buffer.from(`${this.ids}/${n}`),
          }),
        ),
      }));
      const first = this.nextPosition;
      await this.judged({ writes, eventCount: next.count * next.streams.length });
      next.streams.forEach((stream, w) => {
        this.model.append(stream, next.count, first + w * next.count, this.fixture.createdUs);
      });
    } else if (next.kind === 'change') {
      if (!this.model.allows(next.stream, next.change)) return;
      await this.judged({ writes: [], eventCount: 1, change: { ...next.change, stream: next.stream } });
      this.model.change(next.stream, next.change, this.fixture.createdUs);
    } else if (next.kind === 'scavenge') await this.scavenge(next.turns);
    else await this.leader.crash(next.seed);
    this.leader.stillWorks();
    if (next.kind === 'scavenge' || next.kind === 'crash') await this.compare(this.leader);
  }

  private async scavenge(turns: number): Promise<void> {
    const fact = encodeFact(uuid(++this.ids), { kind: SCAVENGE_STARTED, data: {} });
    const writes = [{ stream: SCAVENGES_STREAM, expect: { kind: 'any' as const }, events: [fact] }];
    await this.judged({ writes, eventCount: 1 });
    this.model.passTime(this.fixture.createdUs);
    this.hiddenAtPoint = new Map(
      [...this.model.streams].map(([stream, { events }]) => [
        stream,
        new Set(events.filter(({ hidden }) => hidden).map(({ revision }) => revision)),
      ]),
    );
    for (let n = 0; n < turns; n++) await turn();
  }

  private async judged(parts: Pick<Append, 'writes' | 'eventCount' | 'change'>): Promise<void> {
    const id = uuid(++this.ids);
    const append: Append = { id, digest: id, attemptAgeMs: 0, conditions: [], eventBytes: 100, ...parts };
    const streams = [...STREAMS, ...STREAMS.map(systemStreamOf), SCAVENGES_STREAM];
    const { index } = this.leader;
    const end = { nextPosition: this.nextPosition, createdUs: this.fixture.createdUs };
    const judged = this.sequencer.judge(append, await index.lookup(streams), end, this.fixture.createdUs);
    if (judged.kind !== 'accepted') throw new Error(`it was ${judged.kind}`);
    this.fixture.seal(EntryType.events, this.nextPosition, judged.count, judged.payload);
    this.nextPosition += judged.count;
    await this.leader.replicate(this.fixture.records);
  }

  /** `after` comes behind the last scavenge point. */
  async finish(after: readonly Step[]): Promise<void> {
    await this.scavenge(8);
    for (const seed of [1, 2, 3]) {
      await this.leader.crash(seed);
      for (let turns = 0; turns < 12; turns++) await turn();
    }
    await this.leader.through();
    await this.compare(this.leader);
    const records = await this.leader.records();
    this.compareErased(records);
    await this.intact(this.leader);
    await this.rebuilt(records);
    for (const next of after) await this.step(next);
    const follower = new TestNode(this.fixture);
    await follower.open(true);
    // One half of the log comes with stubs, as from a leader that is through; the other as it was written.
    const half = Math.floor(records.length / 2);
    await follower.replicate([...records.slice(0, half), ...this.fixture.records.slice(half)]);
    await follower.scavenger.start();
    await follower.through();
    const all = await this.leader.records();
    expect((await follower.records()).map(({ bytes }) => bytes)).toEqual(all.map(({ bytes }) => bytes));
    await this.compare(follower);
    await this.intact(follower);
  }

  /** What can be seen: all of it, as it was written, and nothing else. */
  private async compare({ index, ...node }: TestNode & { reader?: unknown }): Promise<void> {
    const view = index.view();
    const reader = new EventReader({ log: node.log, yieldTurn: turn });
    const read = await collect(reader.readAll(view, { userEvents: true }));
    const events = read.flatMap((batch) => batch.events);
    const wanted = [...this.model.streams.values()].flatMap((stream) => stream.events.filter(({ hidden }) => !hidden));
    wanted.sort((a, b) => a.position - b.position);
    expect(events.map(({ position }) => position)).toEqual(wanted.map(({ position }) => position));
    expect(events.map(({ bytes }) => Buffer.from(bytes))).toEqual(events.map(({ position }) => this.written(position)));
    for (const { position, bytes } of events) {
      const { tags = [] } = scanRecordedEvent(bytes) ?? {};
      const query = { items: [{ types: [], tags, categories: [], streams: [], streamPrefixes: [] }] };
      const found = await collect(reader.readQuery(view, query));
      expect(found.flatMap((batch) => batch.events).map((event) => event.position)).toEqual([position]);
    }
  }

  private written(position: number): Buffer {
    const record = this.fixture.records.find((r) => position >= r.firstPosition && position < r.nextPosition);
    if (!record) throw new Error(`nothing was written at ${position}`);
    return Buffer.from(new PayloadView(record.payload, record.count).event(position - record.firstPosition));
  }

  private compareErased(records: readonly EntryRecord[]): void {
    for (const record of records) {
      if (record.type !== EntryType.events) continue;
      const left = new PayloadView(record.payload, record.count);
      for (let n = 0; n < record.count; n++) {
        const { stream = '', revision = 0, type } = scanRecordedEvent(left.event(n)) ?? {};
        const hidden = !isSystemName(stream) && this.hiddenAtPoint.get(stream)?.has(revision) === true;
        expect([stream, revision, type === '']).toEqual([stream, revision, hidden]);
        expect(record.erased || !hidden).toBe(true);
      }
    }
  }

  /** Chain, digests and rows are right, and no tag of what was erased stands in the index. */
  private async intact(node: TestNode): Promise<void> {
    for await (const { damages } of node.log.verify()) expect(damages).toEqual([]);
    await node.index.idle();
    expect((await verifyIndex(node.indexStore)).damages).toEqual([]);
    const rows = node.indexStore.dump().join('\n');
    for (const record of await node.records()) {
      const was = this.fixture.records[record.index - 1] as EntryRecord;
      if (!record.erased) continue;
      const [left, all] = [new PayloadView(record.payload, record.count), new PayloadView(was.payload, was.count)];
      for (let n = 0; n < record.count; n++) {
        if (left.event(n).length === all.event(n).length) continue;
        for (const tag of scanRecordedEvent(all.event(n))?.tags ?? []) {
          expect(rows.includes(`33${Buffer.from(tag).toString('hex')}00`)).toBe(false);
        }
      }
    }
  }

  /** An index that is built from the scavenged log knows the same heads and append ids, and shows the same. */
  private async rebuilt(records: readonly EntryRecord[]): Promise<void> {
    const log = new LogFixture();
    log.records.push(...records);
    const index = await EventIndex.open(new MemoryStore(), log.chainAt, INDEX);
    await feed(index, log);
    const [ours, theirs] = await Promise.all([this.leader.index.lookup(STREAMS), index.lookup(STREAMS)]);
    for (const stream of STREAMS) expect(theirs.head(stream)).toEqual(ours.head(stream));
    for (const { payload, count, type, index: at } of records) {
      if (type !== EntryType.events) continue;
      expect(index.findAppendId(new PayloadView(payload, count).appendId)).toContain(at);
    }
    const reader = new EventReader({ log, yieldTurn: turn });
    const read = (await collect(reader.readAll(index.view(), { userEvents: true }))).flatMap((batch) => batch.events);
    const ownReader = this.leader.reader();
    const own = await collect(ownReader.readAll(this.leader.index.view(), { userEvents: true }));
    expect(read.map(({ position }) => position)).toEqual(own.flatMap((b) => b.events.map(({ position }) => position)));
  }
}
