import { describe, expect, it } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import type { SubscribeRequest } from '../../src/database/subscribing.ts';
import type { Delivery } from '../../src/subscription/subscription.ts';
import { anAppend, ELECTION_MS, ReplicaCluster, type ReplicaNode, typeOf } from '../support/replica-cluster.ts';

const everything: SubscribeRequest = { target: { kind: 'all' }, start: undefined, userEvents: false };

/** Follows in the background and keeps what came. */
function follow(node: ReplicaNode, request: SubscribeRequest) {
  const stop = new AbortController();
  const seen = { types: [] as string[], caughtUp: [] as number[], checkpoint: 0, stop: () => stop.abort() };
  const take = ({ events, caughtUp, checkpoint }: Delivery) => {
    for (const event of events) seen.types.push(typeOf(event));
    if (caughtUp !== undefined) seen.caughtUp.push(caughtUp);
    seen.checkpoint = checkpoint;
  };
  const ended = (async () => {
    for await (const delivery of node.database.subscribe(request, stop.signal)) take(delivery);
  })().then(
    () => undefined,
    (error: unknown) => error as FactstoreError,
  );
  return { seen, ended };
}

describe('a subscription', () => {
  it('says that it has caught up only with what was committed when it began, on a node that lags [Q3]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const [lagging] = cluster.followers(leader);
    cluster.cut(lagging!, leader);
    for (const type of ['A', 'B', 'C']) await cluster.settled(leader.append(anAppend('a', [type])));
    const { seen, ended } = follow(lagging!, everything);
    await cluster.time.run(ELECTION_MS / 4);
    expect(seen).toMatchObject({ types: [], caughtUp: [] });
    cluster.heal();
    await cluster.time.until('it has caught up', () => seen.caughtUp.length > 0);
    expect(seen.types).toEqual(['A', 'B', 'C']);
    expect(seen.caughtUp).toEqual([3]);
    seen.stop();
    await cluster.settled(ended);
  });

  it('never delivers what is not committed, also on the leader that judged it [S13]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const { seen, ended } = follow(leader, everything);
    await cluster.settled(leader.append(anAppend('a', ['A'])));
    cluster.isolate(leader);
    const lost = cluster.refused(leader.append(anAppend('a', ['Lost'])));
    await cluster.leader(leader);
    cluster.heal();
    await lost;
    await cluster.time.run(1_000);
    expect(seen.types).toEqual(['A']);
    seen.stop();
    await cluster.settled(ended);
  });

  it('of a stream delivers each event once over the ends of blocks, while the head moves [Q3]', async () => {
    const cluster = await ReplicaCluster.start(1, { blockEvents: 4, cachedStreams: 1, lookupMs: 3 });
    const node = await cluster.leader();
    const streams = ['a', 'b', 'c'];
    const target = (stream: string): SubscribeRequest => ({ ...everything, target: { kind: 'stream', stream } });
    const followers = streams.map((stream) => follow(node, target(stream)));
    const late: ReturnType<typeof follow>[] = [];
    for (let n = 0; n < 60; n++) {
      const types = Array.from({ length: 1 + (n % 7) }, (_, e) => `E${n}.${e}`);
      const append = node.append(anAppend(streams[n % 3]!, types));
      await cluster.time.run(n % 5);
      if (n % 10 === 0) late.push(follow(node, target('a')));
      await cluster.settled(append);
    }
    await cluster.time.run(200);
    for (const [n, stream] of streams.entries()) {
      const all = await cluster.settled(node.types(stream));
      expect(followers[n]!.seen.types).toEqual(all);
      if (stream === 'a') for (const { seen } of late) expect(seen.types).toEqual(all);
    }
    for (const { seen } of [...followers, ...late]) seen.stop();
    await cluster.settled(Promise.all([...followers, ...late].map(({ ended }) => ended)));
    expect(node.replica.head.waiting).toBe(0);
  });

  it('goes on from any checkpoint with what is behind it, and nothing else [Q3]', async () => {
    const cluster = await ReplicaCluster.start(1, { blockEvents: 4 });
    const node = await cluster.leader();
    for (let n = 0; n < 10; n++) await cluster.settled(node.append(anAppend('a', [`E${2 * n}`, `E${2 * n + 1}`])));
    for (let position = 0; position <= 20; position++) {
      const { seen, ended } = follow(node, { ...everything, start: { kind: 'after', position } });
      await cluster.time.run(5);
      expect(seen.types).toEqual(Array.from({ length: 20 - position }, (_, n) => `E${position + n}`));
      expect(seen.caughtUp).toEqual([20]);
      seen.stop();
      await cluster.settled(ended);
    }
    const beyond = follow(node, { ...everything, start: { kind: 'after', position: 21 } });
    expect((await cluster.settled(beyond.ended))?.code).toBe('OUT_OF_RANGE');
  });

  it('ends in what its node says when that stops or must serve nothing any more, whatever it waits for [Q3]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const [follower] = cluster.followers(leader);
    const live = follow(follower!, everything);
    await cluster.time.run(100);
    cluster.isolate(follower!);
    await cluster.time.run(ELECTION_MS * 4);
    const leaderless = follow(follower!, everything);
    const signal = new AbortController().signal;
    const read = cluster.refused(follower!.database.head({ kind: 'linearizable' }, signal));
    await cluster.time.run(100);
    const why = new FactstoreError('NOT_READY', 'this node was removed');
    follower!.calls.endAll(why);
    const before = cluster.time.nowMs;
    for (const { ended } of [live, leaderless]) expect(await cluster.settled(ended)).toBe(why);
    expect(await read).toBe(why);
    expect(cluster.time.nowMs - before).toBeLessThan(10);
    // Nobody comes too late to be told.
    expect(await cluster.settled(follow(follower!, everything).ended)).toBe(why);
  });

  it('leaves nobody waiting behind when its client goes [Q3]', async () => {
    const cluster = await ReplicaCluster.start(1);
    const node = await cluster.leader();
    const warnings: unknown[] = [];
    const warn = (warning: unknown) => void warnings.push(warning);
    process.on('warning', warn);
    const all = Array.from({ length: 50 }, () => follow(node, everything));
    await cluster.time.run(20);
    expect(node.replica.head.waiting).toBe(50);
    for (const { seen } of all) seen.stop();
    await cluster.settled(Promise.all(all.map(({ ended }) => ended)));
    expect(node.replica.head.waiting).toBe(0);
    process.off('warning', warn);
    expect(warnings).toEqual([]);
  });
});

describe('a linearizable read', () => {
  it('waits no longer than its caller, also while no read index can be had [Q2]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const [next, other] = cluster.followers(leader);
    await cluster.crash(leader);
    // Votes are given, but the no-op of the term cannot be committed: the read index is held back.
    await cluster.time.until('one leads', () =>
      [next!, other!].some((node) => node.replica.status().role === 'leader'),
    );
    next!.disk.hold();
    other!.disk.hold();
    const elected = [next!, other!].find((node) => node.replica.status().role === 'leader')!;
    expect(elected.leads).toBe(false);
    const caller = new AbortController();
    const read = cluster.refused(elected.database.head({ kind: 'linearizable' }, caller.signal), 1_000);
    await cluster.time.run(100);
    caller.abort();
    expect((await read).definite).toBe(true);
  });

  it('is not served by a leader that was deposed without knowing it [Q1]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    await cluster.settled(leader.append(anAppend('a', ['Old'])));
    cluster.isolate(leader);
    const read = cluster.refused(leader.types('a', 'linearizable'));
    const successor = await cluster.leader(leader);
    await cluster.settled(successor.append(anAppend('a', ['New'])));
    expect((await read).code).toMatch(/NO_LEADER|BEHIND/);
    cluster.heal();
    await cluster.time.run(1_000);
    expect(await cluster.settled(leader.types('a', 'linearizable'))).toEqual(['Old', 'New']);
  });
});
