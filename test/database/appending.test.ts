import { describe, expect, it } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { ForwardedLanes } from '../../src/node/forwarded-lanes.ts';
import { encodeAppendRequest } from '../../src/proto/append-request.ts';
import { deferred } from '../../src/runtime/deferred.ts';
import type { AppendForwarder } from '../../src/server/append-routing.ts';
import { AppendRoute } from '../../src/server/append-routing.ts';
import { encodeEvent } from '../storage/index/log-fixture.ts';
import { anAppend, ELECTION_MS, ReplicaCluster, type ReplicaNode, watch } from '../support/replica-cluster.ts';

const cursor = (previous: number, current: number) => ({ producer: { producer: 'import:1', previous, current } });

/** A leader whose followers keep nothing, with look-ups of `streams` done already. */
async function undecided(cluster: ReplicaCluster, leader: ReplicaNode, ...streams: string[]): Promise<() => void> {
  for (const stream of streams) await cluster.settled(leader.append(anAppend(stream, ['Before'])));
  await cluster.time.run(100);
  for (const follower of cluster.followers(leader)) follower.disk.hold();
  return () => {
    for (const follower of cluster.followers(leader)) follower.disk.release();
  };
}

describe('an answer', () => {
  it('that is a conflict is given only after everything it was judged on is committed [S5]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const release = await undecided(cluster, leader, 'a');
    const first = leader.append(anAppend('a', ['A'], { expect: { kind: 'revision', revision: 0 } }));
    const second = leader.append(anAppend('a', ['B'], { expect: { kind: 'revision', revision: 0 } }));
    const seen = [watch(first), watch(second)];
    await cluster.time.run(ELECTION_MS * 4);
    expect(seen.map(({ settled }) => settled)).toEqual([false, false]);
    release();
    expect(await cluster.settled(first)).toMatchObject({ kind: 'appended' });
    const conflict = await cluster.settled(second);
    expect(conflict).toMatchObject({ kind: 'conflict', position: 2, checks: [{ actualRevision: 1 }] });
    expect(conflict.kind === 'conflict' && conflict.checks[0]?.events).toHaveLength(1);
  });

  it('that is a conflict turns into NOT_LEADER, definite, when leadership is lost meanwhile [S5]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    await cluster.settled(leader.append(anAppend('a', ['A'])));
    cluster.isolate(leader);
    const none = { expect: { kind: 'none' } } as const;
    const error = await cluster.refused(leader.append(anAppend('a', ['B'], none)));
    expect(error).toMatchObject({ code: 'NOT_LEADER', definite: true });
  });

  it('that the feature level refuses is not given by a leader that was deposed: the level may have been raised since [S5, S16]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    cluster.refusalOfLevel = (kind) => new FactstoreError('FAILED_PRECONDITION', `${kind} needs feature level 9`);
    const fact = () => ({ ...anAppend('a', ['A']), fact: '$A' });
    expect(await cluster.refused(leader.append(fact()))).toMatchObject({ code: 'FAILED_PRECONDITION' });
    cluster.isolate(leader);
    expect(await cluster.refused(leader.append(fact()))).toMatchObject({ code: 'NOT_LEADER', definite: true });
  });

  it('that is a conflict does not wait for ever for what a lost leadership left uncommitted [S5]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    await undecided(cluster, leader, 'a');
    const open = cluster.refused(leader.append(anAppend('a', ['A'])));
    const conflict = leader.append(anAppend('a', ['B'], { expect: { kind: 'none' } }));
    const seen = watch(conflict);
    // Heartbeats confirm the leader, while the entry that it judged on stays in flight.
    await cluster.time.run(ELECTION_MS);
    expect(seen.settled).toBe(false);
    cluster.isolate(leader);
    expect(await cluster.refused(conflict, ELECTION_MS * 4)).toMatchObject({ code: 'NOT_LEADER', definite: true });
    expect((await open).definite).toBe(false);
  });

  it('that is a conflict is not confirmed by a read index that the next leader gave [S5]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    await cluster.settled(leader.append(anAppend('a', ['A'])));
    await cluster.time.run(100);
    cluster.isolate(leader);
    for (const follower of cluster.followers(leader)) follower.replica.connectionLost(leader.id);
    const successor = await cluster.leader(leader);
    expect(leader.leads).toBe(true);
    const conflict = leader.append(anAppend('a', ['B'], { expect: { kind: 'none' } }));
    // It hears of its successor before it has asked its followers: what it then asks goes to the successor.
    cluster.heal();
    const { term } = successor.replica;
    const beat = {
      type: 'heartbeat',
      from: successor.id,
      to: leader.id,
      term,
      commit: 0,
      context: 0,
      acknowledged: [],
    } as const;
    leader.replica.receive(beat, 0);
    expect(await cluster.refused(conflict)).toMatchObject({ code: 'NOT_LEADER', definite: true });
  });

  it('that an append id was used for other content is as strong as a success [S5]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const release = await undecided(cluster, leader, 'a');
    const first = leader.append(anAppend('a', ['A'], { id: 7 }));
    const other = cluster.refused(leader.append(anAppend('a', ['B'], { id: 7 })));
    const seen = watch(other);
    await cluster.time.run(ELECTION_MS * 4);
    expect(seen.settled).toBe(false);
    release();
    await cluster.settled(first);
    expect((await other).code).toBe('APPEND_ID_REUSED');
  });

  it('that a producer has passed a place already is as strong as a success [S5, S7]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    await cluster.settled(leader.append(anAppend('a', ['One'], cursor(0, 1))));
    const release = await undecided(cluster, leader, 'a');
    const jump = leader.append(anAppend('a', ['Ten'], cursor(1, 10)));
    const passed = leader.append(anAppend('a', ['Five'], cursor(1, 5)));
    const seen = watch(passed);
    await cluster.time.run(ELECTION_MS * 4);
    expect(seen.settled).toBe(false);
    release();
    await cluster.settled(jump);
    expect(await cluster.settled(passed)).toMatchObject({ kind: 'appended', repeated: true });
    expect(await cluster.settled(leader.types('a'))).toEqual(['One', 'Before', 'Ten']);
  });

  it('does not come from a producer cursor that was never committed [S5, S7]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    await cluster.settled(leader.append(anAppend('a', ['One'], cursor(0, 1))));
    cluster.isolate(leader);
    const jump = cluster.refused(leader.append(anAppend('a', ['Ten'], cursor(1, 10))));
    await cluster.time.run(0);
    const passed = await cluster.refused(leader.append(anAppend('a', ['Five'], cursor(1, 5))));
    expect(passed).toMatchObject({ code: 'NOT_LEADER', definite: true });
    await cluster.leader(leader);
    cluster.heal();
    expect((await jump).definite).toBe(true);
  });

  it('waits without a warning beside many others [S5]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const warnings: unknown[] = [];
    const warn = (warning: unknown) => void warnings.push(warning);
    process.on('warning', warn);
    const release = await undecided(cluster, leader, 'a');
    const open = leader.append(anAppend('a', ['A']));
    const none = { expect: { kind: 'none' } } as const;
    const conflicts = Array.from({ length: 200 }, () => leader.append(anAppend('a', ['B'], none)));
    await cluster.time.run(ELECTION_MS);
    release();
    await cluster.settled(open);
    for (const { kind } of await cluster.settled(Promise.all(conflicts))) expect(kind).toBe('conflict');
    process.off('warning', warn);
    expect(warnings).toEqual([]);
  });
});

describe('a repeat', () => {
  it('joins the first attempt that is under way [S6]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const release = await undecided(cluster, leader, 'a');
    const attempts = Array.from({ length: 5 }, () => leader.append(anAppend('a', ['A'], { id: 9 })));
    await cluster.time.run(100);
    release();
    const outcomes = await cluster.settled(Promise.all(attempts));
    expect(outcomes.map((outcome) => outcome.kind === 'appended' && outcome.repeated)).toEqual([
      false,
      true,
      true,
      true,
      true,
    ]);
    expect(await cluster.settled(leader.types('a'))).toEqual(['Before', 'A']);
  });

  it('finds the first attempt also where that was applied while it looked something up [S3, S6]', async () => {
    const cluster = await ReplicaCluster.start(1, { lookupMs: 50 });
    const leader = await cluster.leader();
    const first = leader.append(anAppend('cold', ['A'], { id: 9 }));
    await cluster.time.run(30);
    const second = leader.append(anAppend('cold', ['A'], { id: 9 }));
    const third = leader.append(anAppend('cold', ['B'], { expect: { kind: 'none' } }));
    expect(await cluster.settled(first)).toMatchObject({ repeated: false });
    expect(await cluster.settled(second)).toMatchObject({ repeated: true });
    expect(await cluster.settled(third)).toMatchObject({ kind: 'conflict' });
    expect(await cluster.settled(leader.types('cold'))).toEqual(['A']);
    expect(leader.sequencer.overlaySize).toBe(0);
  });

  it('gets the first answer from the next leader, and after a restart of all [S6]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const first = await cluster.settled(leader.append(anAppend('a', ['A', 'B'], { id: 9 })));
    await cluster.crash(leader);
    const successor = await cluster.leader(leader);
    const again = await cluster.settled(successor.append(anAppend('a', ['A', 'B'], { id: 9 })));
    expect(again).toEqual({ ...first, repeated: true });
    for (const node of cluster.nodes) await cluster.crash(node);
    for (const node of cluster.nodes) await cluster.restart(node);
    const last = await cluster.leader();
    const afterRestart = await cluster.settled(last.append(anAppend('a', ['A', 'B'], { id: 9 })));
    expect(afterRestart).toEqual({ ...first, repeated: true });
    expect(await cluster.settled(last.types('a'))).toEqual(['A', 'B']);
  });

  it('is answered while the leader is short of room and of disk [S6]', async () => {
    const cluster = await ReplicaCluster.start(1, { pendingBytesMax: 1 });
    const leader = await cluster.leader();
    const first = await cluster.settled(leader.append(anAppend('a', ['A'], { id: 9 })));
    leader.disk.hasRoom = false;
    expect(await cluster.settled(leader.append(anAppend('a', ['A'], { id: 9 })))).toEqual({ ...first, repeated: true });
  });

  it('is known however the clocks of leaders jump, and over a restart [S6]', async () => {
    const second = 1_000_000;
    const appendIds = { appendIdsMin: 4, appendIdWindowUs: 15 * second, appendIdsAtOnce: 4 };
    const cluster = await ReplicaCluster.start(3, { appendIds, blockEvents: 8 });
    const first = await cluster.leader();
    // Of two clocks nobody can tell which one is wrong, so neither node stands back (rule S15).
    await cluster.crash(cluster.followers(first)[1]!);
    const appended = await cluster.settled(first.append(anAppend('a', ['A'], { id: 9 })));
    const retries: unknown[] = [];
    const retry = async (leader: ReplicaNode) => {
      const attemptAgeMs = cluster.time.nowMs - began;
      retries.push(await cluster.settled(leader.append(anAppend('a', ['A'], { id: 9, attemptAgeMs }))));
    };
    const began = cluster.time.nowMs;
    const busy = async (leader: ReplicaNode) => {
      for (let n = 0; n < 20; n++) await cluster.settled(leader.append(anAppend('b', ['B'])));
    };
    await busy(first);
    cluster.skewUs.set(first.id, 600 * second);
    await busy(first);
    await retry(first);
    const next = cluster.followers(first).find((node) => node.running)!;
    cluster.skewUs.set(next.id, 7_200 * second);
    first.replica.transferLeadership(next.id);
    await cluster.time.until('the other one leads', () => next.leads);
    await busy(next);
    await retry(next);
    for (const node of [first, next]) await cluster.crash(node);
    for (const node of cluster.nodes) await cluster.restart(node);
    const last = await cluster.leader();
    await busy(last);
    await retry(last);
    expect(cluster.time.nowMs - began).toBeLessThan(15_000);
    expect(retries).toEqual(Array(3).fill({ ...appended, repeated: true }));
    expect(await cluster.settled(last.types('a'))).toEqual(['A']);
  });

  it('is known by its whole id, of which the window keeps a part [S6]', async () => {
    const cluster = await ReplicaCluster.start(1);
    const leader = await cluster.leader();
    await cluster.settled(leader.append(anAppend('a', ['A'], { id: 1 })));
    const [logIndex] = leader.index.findAppendId(new Uint8Array(16).fill(1));
    // Another id of which the window cannot tell that it is another one.
    leader.index.findAppendId = () => [logIndex!];
    const other = await cluster.settled(leader.append(anAppend('a', ['B'], { id: 2 })));
    expect(other).toMatchObject({ kind: 'appended', position: 2, repeated: false });
  });

  it('of a producer is compared with the first attempt also where its id is forgotten [S5, S6, S7]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    await cluster.settled(leader.append(anAppend('a', ['A'], { id: 1, ...cursor(0, 1) })));
    await cluster.time.run(100);
    leader.index.findAppendId = () => [];
    const repeat = await cluster.settled(leader.append(anAppend('a', ['A'], { id: 1, ...cursor(0, 1) })));
    expect(repeat).toMatchObject({ kind: 'appended', position: 1, repeated: true });
    const other = anAppend('a', ['B'], { id: 1, ...cursor(0, 1) });
    expect(await cluster.refused(leader.append(other))).toMatchObject({ code: 'APPEND_ID_REUSED', definite: true });
    cluster.isolate(leader);
    expect(await cluster.refused(leader.append(other))).toMatchObject({ code: 'NOT_LEADER', definite: true });
  });

  it('that grows older than the window while it waits for room is refused, for it may be forgotten by then [S6]', async () => {
    const cluster = await ReplicaCluster.start(1, { pendingBytesMax: 500 });
    const leader = await cluster.leader();
    await cluster.settled(leader.append(anAppend('a', ['A'], { id: 9 })));
    leader.index.findAppendId = () => [];
    leader.disk.hold();
    const before = leader.append(anAppend('a', ['B'], { data: new Uint8Array(450) }));
    await cluster.time.run(10);
    const attemptAgeMs = 14.5 * 60_000;
    const refusal = cluster.refused(leader.lane(true).append(anAppend('a', ['A'], { id: 9, attemptAgeMs })), 70_000);
    await cluster.time.run(61_000);
    leader.disk.release();
    await cluster.settled(before);
    expect(await refusal).toMatchObject({ code: 'APPEND_ID_EXPIRED' });
    expect(await cluster.settled(leader.types('a'))).toEqual(['A', 'B']);
  });

  it('is as old as it says, and as long as it has been on its way at nodes [S6, S9]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const old = requestOf('A', 14.5 * 60_000);
    expect(await cluster.refused(routeAt(cluster, leader).append(old, 0, 31_000))).toMatchObject({
      code: 'APPEND_ID_EXPIRED',
      details: { ageMs: 15 * 60_000 + 1_000 },
    });
    const lanes = new ForwardedLanes(() => routeAt(cluster, leader));
    const context = { lane: 'forward-1/7', deadlineMs: 0, from: 'n2' };
    const expired = cluster.refused(lanes.append(old, { ...context, waitedMs: 31_000 }));
    expect(await expired).toMatchObject({ code: 'APPEND_ID_EXPIRED' });

    const forwarded: number[] = [];
    const forward: AppendForwarder['forward'] = async (_, { sinceMs }) => {
      forwarded.push(cluster.time.nowMs - sinceMs);
      return new Uint8Array(0);
    };
    await cluster.settled(routeAt(cluster, cluster.followers(leader)[0]!, { forward }).append(old, 0, 31_000));
    expect(forwarded).toEqual([31_000]);
    expect(await cluster.settled(lanes.append(old, { ...context, lane: 'forward-1/8', waitedMs: 0 }))).toBeDefined();
  });

  it('older than the window is refused, but answered where the first attempt is still known [S6]', async () => {
    const cluster = await ReplicaCluster.start(1);
    const leader = await cluster.leader();
    const old = { attemptAgeMs: 16 * 60_000 };
    const error = await cluster.refused(leader.append(anAppend('a', ['A'], { id: 8, ...old })));
    expect(error.code).toBe('APPEND_ID_EXPIRED');
    await cluster.settled(leader.append(anAppend('a', ['A'], { id: 9 })));
    const known = await cluster.settled(leader.append(anAppend('a', ['A'], { id: 9, ...old })));
    expect(known).toMatchObject({ repeated: true });
    expect(await cluster.settled(leader.types('a'))).toEqual(['A']);
  });
});

describe('a large append', () => {
  it('has its place at once, and those behind it in their order, on every node [C3, S1, S4]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const lane = leader.lane();
    const data = new Uint8Array(3 << 20);
    const appends = ['A', 'Large', 'B', 'Larger', 'C'].map((type) =>
      lane.append(anAppend('a', [type], type.startsWith('L') ? { data } : {})),
    );
    const positions = (await cluster.settled(Promise.all(appends))).map(
      (one) => one.kind === 'appended' && one.position,
    );
    expect(positions).toEqual([1, 2, 3, 4, 5]);
    await cluster.time.run(500);
    for (const node of cluster.nodes) {
      expect(await cluster.settled(node.types('a'))).toEqual(['A', 'Large', 'B', 'Larger', 'C']);
      expect(node.failures).toEqual([]);
    }
  });

  it('that was not sealed when leadership was lost is certainly not written, once another has its place [C3, S8]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    cluster.isolate(leader);
    const refusals = [3 << 20, 10].map((size) =>
      cluster.refused(leader.append(anAppend('a', ['Lost'], { data: new Uint8Array(size) }))),
    );
    const successor = await cluster.leader(leader);
    cluster.heal();
    await cluster.settled(successor.append(anAppend('a', ['A'])));
    for (const refusal of refusals) expect(await refusal).toMatchObject({ code: 'NOT_LEADER', definite: true });
    await cluster.time.run(1_000);
    for (const node of cluster.nodes) expect(await cluster.settled(node.types('a'))).toEqual(['A']);
  });
});

describe('a lane', () => {
  it('judges in the order sent, also where one has to be looked up first [S4]', async () => {
    const cluster = await ReplicaCluster.start(1);
    const leader = await cluster.leader();
    const lane = leader.lane();
    const appends = ['new-1', 'a', 'new-2', 'a', 'new-3'].map((stream, n) => lane.append(anAppend(stream, [`E${n}`])));
    await cluster.settled(Promise.all(appends));
    expect(await cluster.settled(leader.types())).toEqual(['E0', 'E1', 'E2', 'E3', 'E4']);
  });

  it('that was refused for overload takes none of the later ones [S4]', async () => {
    const cluster = await ReplicaCluster.start(1, { pendingBytesMax: 100 });
    const leader = await cluster.leader();
    await cluster.settled(leader.append(anAppend('a', ['A'])));
    const big = { data: new Uint8Array(200) };
    const lane = leader.lane(false);
    const first = lane.append(anAppend('a', ['Big'], big));
    const second = cluster.refused(lane.append(anAppend('a', ['Second'])));
    await cluster.settled(first);
    expect((await second).code).toBe('OVERLOADED');
    const third = await cluster.refused(lane.append(anAppend('a', ['Third'])));
    expect(third.definite).toBe(true);
    expect(await cluster.settled(leader.types('a'))).toEqual(['A', 'Big']);
  });

  it('that is patient gets room for a large append although small ones keep coming [S1, S4]', async () => {
    const cluster = await ReplicaCluster.start(1, { pendingBytesMax: 1_000 });
    const leader = await cluster.leader();
    const small = { data: new Uint8Array(300) };
    let stopped = false;
    const flood = Array.from({ length: 3 }, async (_, n) => {
      const lane = leader.lane();
      while (!stopped) await Promise.all([1, 2, 3].map(() => lane.append(anAppend(`s-${n}`, ['S'], small))));
    });
    await cluster.time.run(50);
    const large = leader.lane().append(anAppend('large', ['L'], { data: new Uint8Array(900) }));
    expect(await cluster.settled(large, 1_000)).toMatchObject({ kind: 'appended' });
    stopped = true;
    await cluster.settled(Promise.all(flood));
    await cluster.time.run(100);
    expect(leader.sequencer.overlaySize).toBe(0);
  });

  it('that is small does not pass a large one that waits for room [S4]', async () => {
    const cluster = await ReplicaCluster.start(3, { pendingBytesMax: 1_000 });
    const leader = await cluster.leader();
    for (const follower of cluster.followers(leader)) follower.disk.hold();
    const open = leader.append(anAppend('a', ['Open'], { data: new Uint8Array(500) }));
    const large = leader.lane().append(anAppend('a', ['Large'], { data: new Uint8Array(900) }));
    await cluster.time.run(20);
    expect(await cluster.refused(leader.append(anAppend('a', ['Refused'])))).toMatchObject({ code: 'OVERLOADED' });
    const patient = leader.lane().append(anAppend('a', ['Small']));
    await cluster.time.run(20);
    for (const follower of cluster.followers(leader)) follower.disk.release();
    await cluster.settled(Promise.all([open, large, patient]));
    expect(await cluster.settled(leader.types('a'))).toEqual(['Open', 'Large', 'Small']);
  });

  it('that had to wait for room keeps no others out while it is looked up again, but from the room that it takes [S1]', async () => {
    const cluster = await ReplicaCluster.start(3, { pendingBytesMax: 1_000 });
    const leader = await cluster.leader();
    const bytes = (size: number) => ({ data: new Uint8Array(size) });
    for (const follower of cluster.followers(leader)) follower.disk.hold();
    const open = leader.append(anAppend('a', ['Open'], bytes(500)));
    const large = leader.lane().append(anAppend('large', ['Large'], bytes(700)));
    await cluster.time.run(20);
    const lookup = leader.index.lookup.bind(leader.index);
    const held = deferred<void>();
    leader.index.lookup = (streams, producers) =>
      streams.includes('large') ? held.promise.then(() => lookup(streams, producers)) : lookup(streams, producers);
    for (const follower of cluster.followers(leader)) follower.disk.release();
    await cluster.settled(open);
    await cluster.time.run(20);
    expect(await cluster.settled(leader.append(anAppend('a', ['Small'])))).toMatchObject({ kind: 'appended' });
    for (const follower of cluster.followers(leader)) follower.disk.hold();
    const empty = anAppend('a', ['Fits'], bytes(200)).eventBytes - 200;
    const kept = anAppend('large', ['Large'], bytes(700)).eventBytes;
    // In the log it takes a little more.
    const fits = leader.append(anAppend('a', ['Fits'], bytes(1_000 - kept - empty)));
    await cluster.time.run(20);
    // The one before is kept for the look-up under way.
    expect(leader.sequencer.overlaySize).toBe(2);
    expect(await cluster.refused(leader.append(anAppend('a', ['Refused'], bytes(500))))).toMatchObject({
      code: 'OVERLOADED',
    });
    held.resolve();
    await cluster.time.run(20);
    expect(leader.sequencer.overlaySize).toBe(2);
    for (const follower of cluster.followers(leader)) follower.disk.release();
    await cluster.settled(Promise.all([fits, large]));
    expect(await cluster.settled(leader.types())).toEqual(['Open', 'Small', 'Fits', 'Large']);
  });

  it('that waits for room does not keep the overlay from forgetting [S3]', async () => {
    const cluster = await ReplicaCluster.start(3, { pendingBytesMax: 1_000 });
    const leader = await cluster.leader();
    await cluster.settled(leader.append(anAppend('a', ['A'], { data: new Uint8Array(500) })));
    for (const follower of cluster.followers(leader)) follower.disk.hold();
    const open = leader.append(anAppend('a', ['B'], { data: new Uint8Array(500) }));
    await cluster.time.run(100);
    const waiting = leader.lane().append(anAppend('a', ['C'], { data: new Uint8Array(900) }));
    await cluster.time.run(100);
    expect(leader.sequencer.overlaySize).toBe(1);
    for (const follower of cluster.followers(leader)) follower.disk.release();
    await cluster.settled(Promise.all([open, waiting]));
    await cluster.time.run(10);
    expect(leader.sequencer.overlaySize).toBe(0);
  });

  it('drops what could not be judged before its deadline [S1, S9]', async () => {
    const cluster = await ReplicaCluster.start(3, { pendingBytesMax: 100 });
    const leader = await cluster.leader();
    const release = await undecided(cluster, leader, 'a');
    const open = leader.append(anAppend('a', ['Open'], { data: new Uint8Array(200) }));
    await cluster.time.run(0);
    const late = cluster.refused(leader.lane().append(anAppend('a', ['Late']), 50));
    await cluster.time.run(200);
    release();
    await cluster.settled(open);
    expect(await late).toMatchObject({ code: 'DEADLINE_EXCEEDED', definite: true });
    await cluster.time.run(100);
    expect(await cluster.settled(leader.types('a'))).toEqual(['Before', 'Open']);
  });

  it('judges nothing that was admitted in another term, also where the same node leads again [S1, S4]', async () => {
    const cluster = await ReplicaCluster.start(3, { lookupMs: 10_000 });
    const leader = await cluster.leader();
    const refusal = cluster.refused(leader.append(anAppend('cold', ['A'])));
    await cluster.time.run(10);
    leader.replica.transferLeadership(undefined);
    const successor = await cluster.leader(leader);
    await cluster.time.run(200);
    successor.replica.transferLeadership(leader.id);
    await cluster.time.until('it leads again', () => leader.leads, 5_000);
    expect(await refusal).toMatchObject({ code: 'NOT_LEADER', definite: true });
    expect(await cluster.settled(leader.types('cold'))).toEqual([]);
  });

  it('ends with the term in which it began, also where the same node leads again [S4]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const { replica } = leader;
    const route = routeAt(cluster, leader);
    await cluster.settled(route.append(requestOf('A'), 0));
    replica.transferLeadership(undefined);
    const successor = await cluster.leader(leader);
    await cluster.time.run(200);
    successor.replica.transferLeadership(leader.id);
    await cluster.time.until('it leads again', () => leader.leads);
    expect(await cluster.refused(route.append(requestOf('B'), 0))).toMatchObject({
      code: 'NOT_LEADER',
      definite: true,
    });
    expect(route.refusal).toBeDefined();
  });
});

const NOTHING_FORWARDED: AppendForwarder = { forward: () => Promise.reject(new Error('nothing is forwarded')) };

/** The appends of one call at a node. */
function routeAt(cluster: ReplicaCluster, { id, replica, database }: ReplicaNode, forwarder = NOTHING_FORWARDED) {
  const leadership = {
    get leads() {
      return replica.leader === id;
    },
    get leader() {
      return replica.leader;
    },
    get term() {
      return replica.term;
    },
    notLeader: () => replica.notLeader(),
    noLeader: () => replica.noLeader(),
  };
  const clock = cluster.clockOf(id);
  return new AppendRoute(database, forwarder, leadership, { patient: true, origin: 'client', clock });
}

function requestOf(type: string, attemptAgeMs = 0): Uint8Array {
  return encodeAppendRequest({
    appendId: Buffer.alloc(16, type),
    writes: [{ stream: 'a', expect: { kind: 'any' }, events: [encodeEvent({ type })] }],
    attemptAgeMs,
  });
}
