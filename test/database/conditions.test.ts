import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import type { AppendOutcome } from '../../src/database/appender.ts';
import { checkAppend, type RawAppend } from '../../src/database/check-append.ts';
import { Conditions } from '../../src/database/conditions.ts';
import { scanRecordedEvent } from '../../src/model/event.ts';
import type { AppendCondition, QueryItem } from '../../src/model/query.ts';
import { encodeAppendResponse } from '../../src/proto/append-response.ts';
import { deferred } from '../../src/runtime/deferred.ts';
import { EventIndex } from '../../src/storage/index/event-index.ts';
import { EventReader } from '../../src/storage/index/event-reader.ts';
import { encodeEvent, feed, LogFixture } from '../storage/index/log-fixture.ts';
import { MemoryStore, turn } from '../storage/index/memory-store.ts';
import {
  type AppendOptions,
  anAppend,
  ELECTION_MS,
  ReplicaCluster,
  type ReplicaNode,
  typeOf,
  watch,
} from '../support/replica-cluster.ts';
import { VirtualTime } from '../support/virtual-clock.ts';

const EMPTY: QueryItem = { types: [], tags: [], categories: [], streams: [], streamPrefixes: [] };

/** No event of one of these items may stand behind `after`. */
function unless(after: number, ...items: Partial<QueryItem>[]): AppendCondition {
  return { query: { items: items.map((item) => ({ ...EMPTY, ...item })) }, after };
}

const tagged = (tag: string, ...conditions: AppendCondition[]): AppendOptions => ({ tags: [tag], conditions });

/** What the answer says: `appended`, or which conditions failed. */
function verdict(outcome: AppendOutcome): 'appended' | number[] {
  return outcome.kind === 'appended' ? 'appended' : outcome.conditions.map(({ index }) => index);
}

const append = (cluster: ReplicaCluster, node: ReplicaNode, stream: string, type: string, options?: AppendOptions) =>
  cluster.settled(node.append(anAppend(stream, [type], options)));

describe('a condition', () => {
  it('fails on a match behind its position, and on no other event [S4]', async () => {
    const cluster = await ReplicaCluster.start(1);
    const leader = await cluster.leader();
    await append(cluster, leader, 'a', 'A', { tags: ['x'] });
    await append(cluster, leader, 'b', 'B', { tags: ['y'] });
    await append(cluster, leader, 'a', 'A', { tags: ['x', 'y'] });
    const cases: [AppendCondition, 'appended' | number[]][] = [
      [unless(0, { tags: ['x'] }), [0]],
      [unless(2, { tags: ['x'] }), [0]],
      [unless(3, { tags: ['x'] }), 'appended'],
      [unless(0, { tags: ['x'], types: ['B'] }), 'appended'],
      [unless(0, { tags: ['x', 'y'] }), [0]],
      [unless(0, { tags: ['z'] }, { types: ['B'] }), [0]],
      [unless(2, { tags: ['z'] }, { types: ['B'] }), 'appended'],
      [unless(0, { streams: ['b'] }), [0]],
      [unless(0, { streamPrefixes: ['z'] }), 'appended'],
    ];
    for (const [condition, expected] of cases) {
      const outcome = await append(cluster, leader, 'c', 'C', { conditions: [condition] });
      expect(verdict(outcome), JSON.stringify(condition)).toEqual(expected);
    }
  });

  it('of all events fails on any of a user stream behind its position [S11]', async () => {
    const cluster = await ReplicaCluster.start(1);
    const leader = await cluster.leader();
    const first = await append(cluster, leader, 'a', 'A', { conditions: [unless(0)] });
    expect(verdict(first)).toBe('appended');
    expect(verdict(await append(cluster, leader, 'b', 'B', { conditions: [unless(0)] }))).toEqual([0]);
    expect(verdict(await append(cluster, leader, 'b', 'B', { conditions: [unless(1)] }))).toBe('appended');
  });

  it('is judged against appends that are in flight as against those that are committed [S4]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    await append(cluster, leader, 'a', 'Before');
    for (const follower of cluster.followers(leader)) follower.disk.hold();
    const condition = unless(1, { tags: ['name:ada'] });
    const rivals = Array.from({ length: 10 }, (_, n) =>
      leader.append(anAppend(`u-${n}`, ['Named'], tagged('name:ada', condition))),
    );
    const other = leader.append(anAppend('u-x', ['Named'], tagged('name:bob', unless(1, { tags: ['name:bob'] }))));
    const seen = rivals.map(watch);
    await cluster.time.run(ELECTION_MS * 2);
    expect(seen.some(({ settled }) => settled)).toBe(false);
    for (const follower of cluster.followers(leader)) follower.disk.release();
    const outcomes = await cluster.settled(Promise.all(rivals));
    expect(outcomes.map(verdict)).toEqual(['appended', ...Array(9).fill([0])]);
    expect(verdict(await cluster.settled(other))).toBe('appended');
    const conflict = outcomes[1] as Extract<AppendOutcome, { kind: 'conflict' }>;
    expect(conflict.conditions[0]?.events.map(typeOf)).toEqual(['Named']);
    expect(conflict).toMatchObject({ position: 2, checks: [] });
  });

  it('is judged against a large append that is in the log and not written yet [C3, S4]', async () => {
    const cluster = await ReplicaCluster.start(1);
    const leader = await cluster.leader();
    const large = leader.append(anAppend('a', ['A'], { data: new Uint8Array(4 << 20), tags: ['x'] }));
    const behind = leader.append(anAppend('a', ['B'], { tags: ['y'] }));
    const both = [unless(0, { tags: ['x'] }), unless(0, { tags: ['y'] }), unless(0, { tags: ['z'] })];
    const conditional = leader.append(anAppend('b', ['C'], { conditions: both }));
    expect(verdict(await cluster.settled(conditional))).toEqual([0, 1]);
    expect([verdict(await cluster.settled(large)), verdict(await cluster.settled(behind))]).toEqual([
      'appended',
      'appended',
    ]);
  });

  it('is given up in time also where a read of the index does not end, and keeps nothing in memory then [S3, S4]', async () => {
    const cluster = await ReplicaCluster.start(1, { blockEvents: 4 });
    const leader = await cluster.leader();
    for (let n = 0; n < 20; n++) await append(cluster, leader, 'a', 'A');
    await cluster.settled(leader.index.idle());
    const store = leader.disk.indexStore;
    const scan = store.scan.bind(store);
    const check = deferred<void>();
    store.scan = (range) => {
      const rows = scan(range);
      return { next: (count) => check.promise.then(() => rows.next(count)), close: () => rows.close() };
    };
    const conditional = () => leader.append(anAppend('b', ['B'], tagged('x', unless(0, { tags: ['x'] }))));
    const waiting = cluster.refused(conditional());
    await append(cluster, leader, 'a', 'A');
    expect(leader.sequencer.overlaySize).toBe(1);
    await cluster.time.run(2_010);
    expect(leader.sequencer.overlaySize).toBe(0);
    expect(await waiting).toMatchObject({ code: 'NOT_READY', definite: true });
    // Those that are given up are bounded, until the read ends.
    for (let n = 0; n < 8; n++) {
      const refused = Array.from({ length: 32 }, () => cluster.refused(conditional()));
      await cluster.time.run(2_010);
      await Promise.all(refused);
    }
    const late = watch(cluster.refused(conditional(), 10));
    await cluster.time.run(10);
    expect(late.settled).toBe(true);
    check.resolve();
    await cluster.time.run(10);
    expect(verdict(await cluster.settled(conditional()))).toBe('appended');
  });

  it('is judged against what was appended while it was being looked up [S3, S4]', async () => {
    const cluster = await ReplicaCluster.start(1, { blockEvents: 4, lookupMs: 50 });
    const leader = await cluster.leader();
    for (let n = 0; n < 20; n++) await append(cluster, leader, 'a', 'A');
    await cluster.settled(leader.index.idle());
    const slow = leader.append(anAppend('b', ['Slow'], tagged('x', unless(0, { tags: ['x'] }))));
    await cluster.time.run(10);
    // Applied long before the look-up ends, and far enough to be sealed.
    const fast = await append(cluster, leader, 'a', 'Fast', { tags: ['x'] });
    for (let n = 0; n < 8; n++) await append(cluster, leader, 'a', 'A');
    expect(verdict(fast)).toBe('appended');
    expect(verdict(await cluster.settled(slow))).toEqual([0]);
  });

  it('finds a match in blocks that were sealed long ago [D5]', async () => {
    const cluster = await ReplicaCluster.start(1, { blockEvents: 4 });
    const leader = await cluster.leader();
    await append(cluster, leader, 'a', 'A', { tags: ['x'] });
    for (let n = 0; n < 30; n++) await append(cluster, leader, 'a', 'B');
    await cluster.settled(leader.index.idle());
    expect(verdict(await append(cluster, leader, 'b', 'C', tagged('x', unless(0, { tags: ['x'] }))))).toEqual([0]);
    expect(verdict(await append(cluster, leader, 'b', 'C', tagged('x', unless(1, { tags: ['x'] }))))).toBe('appended');
  });

  it('beyond the last position is refused, once that is certain [Q2, S5]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    await append(cluster, leader, 'a', 'A');
    const error = await cluster.refused(
      leader.append(anAppend('a', ['B'], { conditions: [unless(2, { types: ['A'] })] })),
    );
    expect(error).toMatchObject({
      code: 'OUT_OF_RANGE',
      definite: true,
      details: { field: 'conditions[0].after', position: 2, head: 1 },
    });
    cluster.isolate(leader);
    const lost = await cluster.refused(
      leader.append(anAppend('a', ['B'], { conditions: [unless(2, { types: ['A'] })] })),
    );
    expect(lost).toMatchObject({ code: 'NOT_LEADER', definite: true });
  });

  it('that failed on what was never committed is no conflict [S5]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    await append(cluster, leader, 'a', 'A');
    cluster.isolate(leader);
    const lost = cluster.refused(leader.append(anAppend('a', ['B'], { tags: ['x'] })));
    await cluster.time.run(0);
    const judged = cluster.refused(leader.append(anAppend('b', ['C'], tagged('x', unless(0, { tags: ['x'] })))));
    expect(await judged).toMatchObject({ code: 'NOT_LEADER', definite: true });
    const next = await cluster.leader(leader);
    expect(verdict(await append(cluster, next, 'b', 'C', tagged('x', unless(0, { tags: ['x'] }))))).toBe('appended');
    cluster.heal();
    expect((await lost).code).toBe('NOT_LEADER');
  });

  it('holds with all others and with every expected state, or nothing is written; each failure is told [S12]', async () => {
    const cluster = await ReplicaCluster.start(1);
    const leader = await cluster.leader();
    await append(cluster, leader, 'a', 'A', { tags: ['x'] });
    await append(cluster, leader, 'a', 'B', { tags: ['y'] });
    const conditions = [unless(0, { tags: ['x'] }), unless(2, { tags: ['x'] }), unless(1, { types: ['B'] })];
    const none = { kind: 'none' } as const;
    const outcome = await append(cluster, leader, 'a', 'C', { conditions, expect: none });
    expect(outcome).toMatchObject({ kind: 'conflict', checks: [{ stream: 'a', actualRevision: 1 }], position: 2 });
    expect(verdict(outcome)).toEqual([0, 2]);
    const shown = (outcome as Extract<AppendOutcome, { kind: 'conflict' }>).conditions;
    expect(shown.map(({ events }) => events.map(typeOf))).toEqual([['A'], ['B']]);
    expect(await leader.types()).toEqual(['A', 'B']);
    const holds = [unless(1, { tags: ['x'] }), unless(2, { types: ['B'] })];
    expect(verdict(await append(cluster, leader, 'b', 'C', { conditions: holds, expect: none }))).toBe('appended');
  });

  it('that failed shows a bounded number of events, and says that there are more [S12]', async () => {
    const cluster = await ReplicaCluster.start(1);
    const leader = await cluster.leader();
    for (let n = 0; n < 40; n++) await append(cluster, leader, 'a', `E${n}`, { tags: ['x'] });
    const conflicts = [unless(0, { tags: ['x'] }), unless(24, { tags: ['x'] }), unless(23, { tags: ['x'] })];
    const outcome = await append(cluster, leader, 'b', 'C', { conditions: conflicts });
    const shown = (outcome as Extract<AppendOutcome, { kind: 'conflict' }>).conditions;
    expect(shown.map(({ events, cut }) => [events.length, cut])).toEqual([
      [16, true],
      [16, false],
      [16, true],
    ]);
    expect(shown[0]?.events.map(typeOf).slice(0, 2)).toEqual(['E0', 'E1']);
  });

  it('that failed with very many others leaves an answer that every client takes [S12]', async () => {
    const cluster = await ReplicaCluster.start(1);
    const leader = await cluster.leader();
    const data = new Uint8Array(30_000);
    const streams = Array.from({ length: 100 }, (_, n) => `s-${n}`);
    for (const stream of streams) await append(cluster, leader, stream, 'A', { data, tags: ['x'] });
    const none = { kind: 'none' } as const;
    const event = encodeEvent({ type: 'B' });
    const writes = streams.map((stream) => ({ stream, expect: none, events: [event] }));
    const conditions = [unless(0, { tags: ['x'] })];
    const raw = { appendId: new Uint8Array(16).fill(3), writes, conditions, attemptAgeMs: 0, content: [event] };
    const outcome = await cluster.settled(leader.append(checkAppend(raw)));
    const conflict = outcome as Extract<AppendOutcome, { kind: 'conflict' }>;
    expect(conflict.checks).toHaveLength(100);
    expect(conflict.checks.filter(({ events, cut }) => events.length === 1 && !cut).length).toBeGreaterThan(10);
    expect(conflict.checks.at(-1)).toMatchObject({ events: [], cut: true });
    expect(conflict.conditions).toEqual([{ index: 0, events: [], cut: true }]);
    expect(encodeAppendResponse(conflict).length).toBeLessThan(1 << 20);
  });

  it('that would cost too much is refused, definitely, and the appends behind it are not [S4]', async () => {
    const cluster = await ReplicaCluster.start(1, { blockEvents: 4, conditionRows: 40 });
    const leader = await cluster.leader();
    for (let n = 0; n < 200; n++) await append(cluster, leader, 'a', 'A', { tags: [n % 2 === 0 ? 'even' : 'odd'] });
    await cluster.settled(leader.index.idle());
    const lane = leader.lane();
    const costly = unless(0, { tags: ['even', 'odd'] });
    const error = cluster.refused(
      lane.append(anAppend('b', ['B'], { conditions: [unless(0, { tags: ['x'] }), costly] })),
    );
    const next = lane.append(anAppend('b', ['C'], { conditions: [unless(190, { tags: ['even', 'odd'] })] }));
    expect(await error).toMatchObject({ code: 'LIMIT_EXCEEDED', definite: true, details: { field: 'conditions[1]' } });
    expect(verdict(await cluster.settled(next))).toBe('appended');
    expect(await cluster.settled(leader.types('b'))).toEqual(['C']);
  });

  it('of all events that would pass over too many hidden ones is refused likewise [S4]', async () => {
    const cluster = await ReplicaCluster.start(1, { conditionRows: 40 });
    const leader = await cluster.leader();
    for (let n = 0; n < 50; n++) await append(cluster, leader, 'a', 'A');
    const appendId = new Uint8Array(16).fill(9);
    const raw = { appendId, writes: [], change: { kind: 'delete', stream: 'a' }, attemptAgeMs: 0, content: [appendId] };
    expect(verdict(await cluster.settled(leader.append(checkAppend(raw as RawAppend))))).toBe('appended');
    const costly = anAppend('b', ['B'], { conditions: [unless(0)] });
    expect(await cluster.refused(leader.append(costly))).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      definite: true,
      details: { field: 'conditions[0]' },
    });
    expect(verdict(await append(cluster, leader, 'b', 'B', { conditions: [unless(20)] }))).toBe('appended');
  });

  it('does not let a later append of the same call pass, whatever its look-up costs [S4]', async () => {
    const cluster = await ReplicaCluster.start(1, { blockEvents: 4, lookupMs: 30 });
    const leader = await cluster.leader();
    for (let n = 0; n < 12; n++) await append(cluster, leader, 'a', 'A');
    await cluster.settled(leader.index.idle());
    const lane = leader.lane();
    const sent = [
      lane.append(anAppend('o', ['One'], { conditions: [unless(0, { tags: ['none'] })] })),
      lane.append(anAppend('o', ['Two'])),
      lane.append(anAppend('o', ['Three'], { conditions: [unless(0, { types: ['Three'] })] })),
      lane.append(anAppend('o', ['Four'])),
    ];
    for (const outcome of await cluster.settled(Promise.all(sent))) expect(outcome.kind).toBe('appended');
    expect(await cluster.settled(leader.types('o'))).toEqual(['One', 'Two', 'Three', 'Four']);
  });

  it('waits for its look-up with a bounded number of others; one more is refused, definitely, and plain appends go on [S4]', async () => {
    const cluster = await ReplicaCluster.start(1, { blockEvents: 4, lookupMs: 50 });
    const leader = await cluster.leader();
    for (let n = 0; n < 12; n++) await append(cluster, leader, 'a', 'A');
    await cluster.settled(leader.index.idle());
    const slow = (n: number) => anAppend(`s-${n}`, ['S'], { conditions: [unless(0, { tags: [`t:${n}`] })] });
    const sent = Array.from({ length: 32 + 256 }, (_, n) => leader.append(slow(n)));
    const refused = cluster.refused(leader.append(slow(-1)));
    const patient = leader.lane().append(slow(-2));
    const plain = leader.append(anAppend('plain', ['P']));
    expect(await refused).toMatchObject({ code: 'OVERLOADED', definite: true, details: { waitingLookups: 256 } });
    const waiting = watch(Promise.all(sent));
    expect(verdict(await cluster.settled(plain))).toBe('appended');
    expect(waiting.settled).toBe(false);
    for (const outcome of await cluster.settled(Promise.all([...sent, patient]))) expect(outcome.kind).toBe('appended');
    expect(verdict(await append(cluster, leader, 'b', 'B', { conditions: [unless(0, { types: ['B'] })] }))).toBe(
      'appended',
    );
  });

  it('sees the matches of the append before it on the same call, pipelined [S4]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const lane = leader.lane();
    const sent = Array.from({ length: 20 }, (_, n) =>
      lane.append(anAppend('o', [`N${n}`], tagged('x', unless(n < 10 ? n : 9, { tags: ['x'] })))),
    );
    const outcomes = await cluster.settled(Promise.all(sent));
    expect(outcomes.map(verdict)).toEqual([...Array(10).fill('appended'), ...Array(10).fill([0])]);
  });

  it('is answered to a repeat as it was the first time, though by now it would fail [S6]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const attempt = () =>
      leader.append(anAppend('u', ['Named'], { id: 9, ...tagged('x', unless(0, { tags: ['x'] })) }));
    const outcomes = await cluster.settled(Promise.all([attempt(), attempt()]));
    expect(outcomes.map(verdict)).toEqual(['appended', 'appended']);
    expect(await cluster.settled(attempt())).toMatchObject({ kind: 'appended', repeated: true, position: 1 });
  });
});

/** Every acknowledged append held when it was made: no match stands between its condition's position and its own. */
describe('conditions of many writers', () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it(`let no conflicting append through, over lost leaders, seed ${seed} [S3, S4]`, async () => {
      await contend(seed);
    });
  }
});

async function contend(seed: number): Promise<void> {
  const prng = new Prng(seed);
  const cluster = await ReplicaCluster.start(3, {
    seed,
    blockEvents: 8,
    lookupMs: prng.between(0, 20),
    cachedStreams: 2,
  });
  const accepted: { tag: string; after: number; position: number }[] = [];
  const known = new Map<string, number>();
  const writer = async (n: number) => {
    for (let turn = 0; turn < 12; turn++) {
      const tag = `t:${prng.between(0, 4)}`;
      const after = known.get(tag) ?? 0;
      const leader = cluster.nodes.find((node) => node.leads) ?? cluster.nodes.find(({ running }) => running);
      const condition = unless(after, { tags: [tag] });
      try {
        const outcome = await (leader as ReplicaNode).append(anAppend(`w-${n}`, ['W'], tagged(tag, condition)));
        if (outcome.kind === 'appended') accepted.push({ tag, after, position: outcome.position });
        known.set(tag, Math.max(known.get(tag) ?? 0, outcome.position));
      } catch {
        await cluster.clockOf('n1').sleep(ELECTION_MS);
      }
      await cluster.clockOf('n1').sleep(prng.between(0, 30));
    }
  };
  const writers = Promise.all(Array.from({ length: 20 }, (_, n) => writer(n)));
  const over = watch(writers);
  while (!over.settled) {
    await cluster.time.run(prng.between(100, 800));
    const leader = cluster.nodes.find((node) => node.leads);
    if (!leader || over.settled) continue;
    if (prng.between(0, 2) === 0) {
      cluster.isolate(leader);
      await cluster.time.run(ELECTION_MS * 3);
      cluster.heal();
    } else {
      await cluster.crash(leader);
      await cluster.restart(leader);
    }
  }
  const leader = await cluster.leader();
  const log = await cluster.settled(everything(leader));
  expect(accepted.length).toBeGreaterThan(20);
  for (const { tag, after, position } of accepted) {
    expect(log.get(position)).toBe(tag);
    for (let at = after + 1; at < position; at++) expect(log.get(at), `${tag} at ${at}, after ${after}`).not.toBe(tag);
  }
  expect(cluster.nodes.flatMap((node) => node.failures)).toEqual([]);
}

/** The tag of each position. */
async function everything(node: ReplicaNode): Promise<Map<number, string>> {
  const tags = new Map<number, string>();
  const request = { target: { kind: 'all' }, backwards: false, start: undefined, limit: 0, userEvents: true } as const;
  const read = node.database.read({ ...request, consistency: { kind: 'linearizable' } }, new AbortController().signal);
  for await (const { events } of read) {
    for (const event of events) {
      const keys = scanRecordedEvent(event);
      tags.set(keys?.position ?? 0, keys?.tags[0] ?? '');
    }
  }
  return tags;
}

describe('conditions are looked up without waiting', () => {
  it.each<[string, readonly Partial<QueryItem>[], boolean]>([
    [
      'of a few names',
      [
        { types: ['A', 'B'], tags: ['x'] },
        { streams: ['a'], streamPrefixes: ['b-'] },
      ],
      true,
    ],
    ['of one item of many prefixes', [{ streamPrefixes: Array.from({ length: 9 }, (_, n) => `p${n}`) }], false],
    ['of one item of many types', [{ types: Array.from({ length: 64 }, (_, n) => `T${n}`) }], false],
  ])('only where they name little: %s [C3]', async (_, items, atOnce) => {
    const log = new LogFixture();
    log.append({ writes: [{ stream: 'c', events: [{ type: 'C' }] }] });
    const index = await EventIndex.open(new MemoryStore(), log.chainAt, { blockEvents: 64 });
    await feed(index, log);
    const recent = (at: number) => log.records[at - 1];
    const reader = new EventReader({ log, recent, yieldTurn: turn });
    const conditions = new Conditions(index, reader, new VirtualTime().clock());
    const seen = conditions.seeAtOnce([unless(0, ...items)]);
    expect(seen).toEqual(atOnce ? { position: 1, matched: [false] } : undefined);
    expect(await conditions.see([unless(0, ...items)])).toEqual({ position: 1, matched: [false] });
  });
});
