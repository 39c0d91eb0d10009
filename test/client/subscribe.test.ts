import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FactstoreClient, Subscription } from '../../src/client/index.ts';
import { Bench, failure, numbered, stillness } from './helpers.ts';

let bench: Bench;
let db: FactstoreClient;

beforeEach(async () => {
  bench = await Bench.start();
  db = await bench.open();
});

afterEach(() => bench.stop());

/** The next messages: the data of events, and `^n` for "caught up". */
async function take(subscription: Subscription<{ type: string; data: unknown }>, count: number): Promise<unknown[]> {
  const got: unknown[] = [];
  while (got.length < count) {
    const { done, value } = await subscription.next();
    if (done) return [...got, 'end'];
    got.push(value.kind === 'event' ? value.event.data : `^${value.position}`);
  }
  return got;
}

describe('subscribing', () => {
  test('history, then what is appended, in order, with "caught up" between', async () => {
    await db.append('a', numbered(0, 5));
    const all = db.subscribe({ all: true });
    expect(await take(all, 6)).toEqual([0, 1, 2, 3, 4, '^5']);
    await db.append('a', numbered(5, 7));
    expect(await take(all, 3)).toEqual([5, 6, '^7']);
    expect(all.checkpoint).toBe(7n);
    await all.return();
  });

  test('one stream, from a checkpoint or from now on', async () => {
    await db.append('a', numbered(0, 3));
    await db.append('b', numbered(3, 5));
    const behind = db.subscribe({ stream: 'a', after: 1n });
    expect(await take(behind, 3)).toEqual([1, 2, '^5']);
    expect(behind.checkpoint).toBe(5n);
    const now = db.subscribe({ all: true, fromNow: true });
    const first = now.next();
    await expect.poll(() => bench.node(0).subscriptions.length).toBe(2);
    await db.append('a', numbered(5, 6));
    expect(await first).toMatchObject({ value: { kind: 'caughtUp', position: 5n } });
    expect(await take(now, 1)).toEqual([5]);
  });

  test('goes on at another node behind the last event that was given, each event once', async () => {
    await db.append('a', numbered(0, 20));
    const subscription = db.subscribe({ all: true });
    expect(await take(subscription, 5)).toEqual([0, 1, 2, 3, 4]);
    bench.node(0).kill();
    bench.cluster.leader = bench.node(1);
    expect(await take(subscription, 16)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, '^20']);
    await db.append('a', numbered(20, 21));
    expect(await take(subscription, 1)).toEqual([20]);
  });

  test('goes on when every node had been away', async () => {
    await db.append('a', numbered(0, 2));
    const subscription = db.subscribe({ all: true });
    await take(subscription, 3);
    const next = subscription.next();
    for (const node of bench.cluster.nodes) node.kill();
    for (const node of bench.cluster.nodes) await node.start();
    bench.cluster.leader = bench.node(1);
    await db.append('a', numbered(2, 3));
    const first = (await next).value;
    const rest = first?.kind === 'event' ? [first.event.data] : await take(subscription, 1);
    expect(rest).toEqual([2]);
  });

  test('a slow consumer holds the node back', async () => {
    const node = bench.node(0);
    node.readBatch = 10;
    await db.append(
      'a',
      Array.from({ length: 1_000 }, () => ({ type: 'T', data: Buffer.alloc(12_000) })),
    );
    const subscription = db.subscribe({ all: true });
    await subscription.next();
    await stillness(() => node.written);
    expect(node.written).toBeLessThan(90);
    let events = 1;
    for await (const message of subscription) {
      if (message.kind === 'caughtUp') break;
      events++;
    }
    expect(events).toBe(1_000);
  });

  test('the signal, return and close end it quietly, also while it waits', async () => {
    const stop = new AbortController();
    const [bySignal, byReturn, byClose] = [
      db.subscribe({ all: true, signal: stop.signal }),
      db.subscribe({ all: true }),
      db.subscribe({ all: true }),
    ];
    for (const each of [bySignal, byReturn, byClose]) expect(await take(each, 1)).toEqual(['^0']);
    const waiting = [bySignal, byReturn, byClose].map((each) => each.next());
    stop.abort();
    expect(await waiting[0]).toEqual({ done: true, value: undefined });
    await byReturn.return();
    expect(await waiting[1]).toEqual({ done: true, value: undefined });
    await db.close();
    expect(await waiting[2]).toEqual({ done: true, value: undefined });
  });

  test('a checkpoint beyond the head is refused', async () => {
    const error = await failure(db.subscribe({ all: true, after: 9n }).next());
    expect(error).toMatchObject({ code: 'OUT_OF_RANGE', details: { field: 'after' } });
    expect(() => db.subscribe({})).toThrow(/name a stream, ask for all, or give a query/);
    expect(() => db.subscribe({ stream: 'a', userEvents: true })).toThrow(/userEvents/);
    expect(() => db.subscribe({ all: true, after: 1n, fromNow: true })).toThrow(/not both/);
  });
});

describe('a checkpoint', () => {
  test('is of the cluster that has told it, which is named only to another one [R3]', async () => {
    await db.append('a', numbered(0, 3));
    const subscription = db.subscribe({ all: true, after: 2n, lineage: bench.cluster.id });
    expect(await take(subscription, 2)).toEqual([2, '^3']);
    expect(subscription.lineage).toBe(bench.cluster.id);
    // A node of an earlier version would refuse the field.
    expect(bench.node(0).subscriptions.map(({ afterClusterId }) => afterClusterId)).toEqual([undefined]);
  });

  test('of another cluster is taken up to where this one goes on, and is its own from then on [R3]', async () => {
    await db.append('a', numbered(0, 3));
    bench.cluster.takenOver = 2;
    const before = '00000001-0000-4000-8000-000000000000';
    const subscription = db.subscribe({ all: true, after: 2n, lineage: before.toUpperCase() });
    expect(subscription.lineage).toBe(before);
    expect(await take(subscription, 2)).toEqual([2, '^3']);
    expect(subscription.lineage).toBe(bench.cluster.id);
    bench.node(0).kill();
    bench.cluster.leader = bench.node(1);
    expect(await take(subscription, 1)).toEqual(['^3']);
    const asked = bench.cluster.nodes.flatMap((node) => node.subscriptions.map((one) => one.afterClusterId));
    expect(asked).toEqual([before, undefined]);
    const beyond = db.subscribe({ all: true, after: 3n, lineage: before });
    expect(await failure(beyond.next())).toMatchObject({ code: 'OUT_OF_RANGE', definite: true });
    expect(beyond.lineage).toBe(before);
  });

  test('has its cluster only with a position, by its UUID', () => {
    expect(() => db.subscribe({ all: true, lineage: bench.cluster.id })).toThrow(/lineage.*after/);
    expect(() => db.subscribe({ all: true, after: 1n, lineage: 'n1' })).toThrow(/lineage.*UUID/);
  });
});
