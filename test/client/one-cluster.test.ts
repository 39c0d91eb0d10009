import { promises } from 'node:dns';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { FactstoreError } from '../../src/base/errors.ts';
import { connect, type FactstoreClient } from '../../src/client/index.ts';
import { LeaderFinder } from '../../src/client/leader-finder.ts';
import { Attempts, Nodes } from '../../src/client/nodes.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { FakeNode } from './fake-node.ts';
import { Bench, failure } from './helpers.ts';

/** Two clusters, of which the second is not the client's. */
let ours: Bench;
let theirs: Bench;
let opened: FactstoreClient[];

beforeEach(async () => {
  [ours, theirs] = [await Bench.start(1), await Bench.start(1)];
  opened = [];
});

afterEach(async () => {
  for (const db of opened) await db.close();
  await Promise.all([ours.stop(), theirs.stop()]);
});

const own = () => ours.node(0);
const strange = () => theirs.node(0);

async function open(connectTimeoutMs: number, ...nodes: FakeNode[]): Promise<FactstoreClient> {
  const db = await connect(ours.cluster.url(...nodes), { connectTimeoutMs });
  opened.push(db);
  return db;
}

/** A client whose cluster names, as its second member, an address at which the other cluster answers. */
async function openBesideStranger(): Promise<FactstoreClient> {
  const gone = await ours.cluster.join('n2');
  gone.advertised = strange().address;
  gone.kill();
  return open(5_000, own());
}

function expectStranger(error: FactstoreError): void {
  expect(error.message).toContain(
    `${strange().address} (it belongs to cluster ${theirs.cluster.id}, and this client is connected to cluster ${ours.cluster.id}: connect anew if that is meant)`,
  );
}

describe('a URL that names nodes of two clusters', () => {
  test('is refused where both have a leader, with the ids and addresses of both [R3]', async () => {
    for (const nodes of [
      [own(), strange()],
      [strange(), own()],
    ]) {
      const error = await failure(open(5_000, ...nodes));
      expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', definite: true });
      for (const [bench, node] of [[ours, own()] as const, [theirs, strange()] as const])
        expect(error.message).toContain(`${bench.cluster.id} (${node.address})`);
    }
  });

  test('is one of the cluster that has a leader, where the other has none [R3]', async () => {
    theirs.cluster.leader = undefined;
    for (const nodes of [
      [own(), strange()],
      [strange(), own()],
    ]) {
      const db = await open(5_000, ...nodes);
      await db.append('a', [{ type: 'T' }]);
      expect((await db.cluster.status()).clusterId).toBe(ours.cluster.id);
      expect(await db.read('a').toArray()).toHaveLength(ours.cluster.rows.length);
    }
    expect([ours.cluster.rows.length, theirs.cluster.rows.length, strange().reads.length]).toEqual([2, 0, 0]);
  });

  test('is one of the cluster that has a leader, also where that answers last [R3]', async () => {
    theirs.cluster.leader = undefined;
    own().answersAfterMs = 700;
    const db = await open(5_000, own(), strange());
    expect((await db.cluster.status()).clusterId).toBe(ours.cluster.id);
  });

  test('waits for one of them to have a leader, and ends in the ids of both where none comes to have one [R3]', async () => {
    ours.cluster.leader = undefined;
    theirs.cluster.leader = undefined;
    const error = await failure(open(200, own(), strange()));
    expect(error).toMatchObject({ code: 'NO_LEADER', definite: true });
    for (const { cluster } of [ours, theirs]) expect(error.message).toContain(cluster.id);
    const asked = own().statusCalls;
    const connecting = open(5_000, own(), strange());
    await expect.poll(() => own().statusCalls).toBeGreaterThan(asked);
    ours.cluster.leader = own();
    expect((await (await connecting).cluster.status()).clusterId).toBe(ours.cluster.id);
  });
});

describe('a node of another cluster at an address that a member had', () => {
  test('gets no append, also while no node of the own cluster is there [R3]', async () => {
    const db = await openBesideStranger();
    await db.append('a', [{ type: 'T' }]);
    own().kill();
    const error = await failure(db.append('a', [{ type: 'T' }], { timeoutMs: 600 }));
    // The first one may have met a connection that was being lost.
    expect(['UNREACHABLE', 'DEADLINE_EXCEEDED']).toContain(error.code);
    const next = await failure(db.append('a', [{ type: 'T' }], { timeoutMs: 600 }));
    expect(next).toMatchObject({ code: 'UNREACHABLE', definite: true });
    expectStranger(next);
    expect([strange().appendCalls, theirs.cluster.rows.length]).toEqual([0, 0]);
  });

  test('gets none either where a node names it as the leader [R3]', async () => {
    const db = await openBesideStranger();
    // A follower that names the second member sends the client to its address.
    ours.cluster.leader = ours.node(1);
    ours.node(1).address = strange().address;
    const append = db.append('a', [{ type: 'T' }], { timeoutMs: 5_000 });
    await expect.poll(() => strange().statusCalls).toBeGreaterThan(1);
    ours.cluster.leader = own();
    expect(await append).toMatchObject({ position: 1n });
    expect([strange().appendCalls, theirs.cluster.rows.length]).toEqual([0, 0]);
  });

  test('gets no read, look-up or subscription, and is listed with the reason [R3]', async () => {
    const db = await openBesideStranger();
    const { members } = await db.cluster.status();
    expect(members.find(({ nodeId }) => nodeId === 'n2')).toMatchObject({
      reachable: false,
      unreachable: expect.stringContaining(`it belongs to cluster ${theirs.cluster.id}`),
    });
    const projection = await db.projections.status('totals');
    expect(projection).toContainEqual({
      address: strange().address,
      unreachable: expect.stringContaining(`it belongs to cluster ${theirs.cluster.id}`),
    });
    own().kill();
    expectStranger(await failure(db.read('a', { timeoutMs: 400 }).toArray()));
    expectStranger(await failure(db.head({ timeoutMs: 400 })));
    expectStranger(await failure(db.subscribe({ all: true, reconnectTimeoutMs: 400 }).next()));
    expect([strange().reads, strange().subscriptions]).toEqual([[], []]);
  });
});

test('what comes from another cluster after all is not taken, be it read or followed [R3]', async () => {
  const db = await open(5_000, own());
  await db.append('a', [{ type: 'T' }]);
  own().answersAs = theirs.cluster.id;
  const reason = `it belongs to cluster ${theirs.cluster.id}`;
  const outcomes = [
    db.read('a', { timeoutMs: 300 }).toArray(),
    db.readAll({ timeoutMs: 300 }).start(),
    db.subscribe({ all: true, reconnectTimeoutMs: 300 }).next(),
  ];
  for (const error of await Promise.all(outcomes.map(failure))) {
    expect(error.code).toBe('UNREACHABLE');
    expect(error.message).toContain(reason);
  }
});

describe('each connection', () => {
  let nodes: Nodes;
  const limits = { timeoutMs: 1_000 };

  beforeEach(() => {
    nodes = new Nodes([own().address], systemClock);
    nodes.cluster.settle(ours.cluster.id);
  });

  afterEach(() => nodes.close());

  test('is asked for its cluster again, whatever was called first [R3]', async () => {
    const node = nodes.current();
    await node.reach(limits);
    const asked = own().statusCalls;
    await node.reach(limits);
    expect(own().statusCalls).toBe(asked);
    own().kill();
    strange().kill();
    await strange().start(own().port);
    // Connects, as a call would that was begun in the moment in which the connection was lost.
    const connected = () =>
      node.anyStatus(limits).then(
        ({ clusterId }) => clusterId,
        () => '',
      );
    await expect.poll(connected).toBe(theirs.cluster.id);
    expect((await failure(node.reach(limits))).message).toContain(`it belongs to cluster ${theirs.cluster.id}`);
  });

  test('is asked also where it takes the place of one that stands, as the name leads elsewhere by now [R3]', async () => {
    let [host, lookUpMs] = ['127.0.0.1', 0];
    const lookUp = vi.spyOn(promises, 'lookup').mockImplementation((async () => {
      const address = host;
      await systemClock.sleep(lookUpMs);
      return [{ address, family: 4 }];
    }) as unknown as typeof promises.lookup);
    onTestFinished(() => lookUp.mockRestore());
    strange().kill();
    await strange().start(own().port, '127.0.0.2');
    const named = new Nodes([`cluster.test:${own().port}`], systemClock);
    onTestFinished(() => named.close());
    const node = named.current();
    await node.reach(limits);
    // It connects to where it was before, and hears only then that the name leads elsewhere.
    [host, lookUpMs] = ['127.0.0.2', 300];
    await systemClock.sleep(1_100);
    own().kill();
    await own().start();
    await node.reach(limits);
    const leadsTo = () => node.anyStatus(limits).then(({ clusterId }) => clusterId);
    await expect.poll(leadsTo).toBe(theirs.cluster.id);
    expect((await failure(node.reach(limits))).message).toContain(`it belongs to cluster ${theirs.cluster.id}`);
  });

  test('is not used before it has told its cluster, though it stands [R3]', async () => {
    own().mute = true;
    const node = nodes.current();
    for (let i = 0; i < 2; i++)
      expect(await failure(node.reach({ timeoutMs: 100 }))).toMatchObject({ code: 'UNREACHABLE' });
    own().mute = false;
    await node.reach(limits);
  });

  test('to another cluster is still named as such where the last time that is left is too short to ask again [R3]', async () => {
    const strangers = new Nodes([strange().address], systemClock);
    strangers.cluster.settle(ours.cluster.id);
    const node = strangers.current();
    let nowMs = 0;
    const clock = { ...systemClock, monotonicMs: () => nowMs, sleep: async () => {} };
    const attempts = new Attempts('it', strangers, { timeoutMs: 1_000 }, clock);
    await attempts.failed(node, await failure(node.reach(limits)));
    strange().mute = true;
    nowMs = 999;
    expectStranger(await failure(attempts.failed(node, await failure(node.reach({ timeoutMs: 1 })))));
    strangers.close();
  });

  test('to a node that has no cluster yet is used, and asked again [R3]', async () => {
    ours.cluster.id = '';
    const node = nodes.current();
    await node.reach(limits);
    ours.cluster.id = theirs.cluster.id;
    expect(await failure(node.reach(limits))).toMatchObject({ code: 'UNREACHABLE', definite: true });
  });
});

test('a leader of an earlier term is not taken for one, once a later one was seen', async () => {
  const { cluster } = ours;
  await cluster.join('n2');
  cluster.leader = ours.node(1);
  cluster.term = 2;
  const nodes = new Nodes([own().address, ours.node(1).address], systemClock);
  const leaders = new LeaderFinder(nodes, systemClock);
  const { signal } = new AbortController();
  expect(await leaders.search(signal)).toEqual({ node: nodes.add(ours.node(1).address), leads: true });
  ours.node(1).kill();
  own().leadsTerm = 1;
  const none = await failure(leaders.search(signal));
  expect(none).toMatchObject({ code: 'NO_LEADER' });
  expect(none.message).toContain('n1 says: it led in term 1, and another has led since');
  own().leadsTerm = 3;
  expect(await leaders.search(signal)).toEqual({ node: nodes.add(own().address), leads: true });
  nodes.close();
});
