import { describe, expect, it } from 'vitest';
import { EntryType } from '../../src/raft/types.ts';
import { sealEntry } from '../../src/storage/record.ts';
import { anAppend, ELECTION_MS, ReplicaCluster, type ReplicaNode, TICK_MS, watch } from '../support/replica-cluster.ts';

const SECOND = 1_000_000;

describe('a leader', () => {
  it('takes no append before the no-op of its term is applied [S1]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const [next, other] = cluster.followers(leader);
    next!.disk.hold();
    other!.disk.hold();
    await cluster.crash(leader);
    await cluster.time.run(ELECTION_MS * 6);
    for (const node of [next!, other!]) {
      expect(await cluster.refused(node.append(anAppend('a', ['X'])))).toMatchObject({ definite: true });
    }
    next!.disk.release();
    other!.disk.release();
    const successor = await cluster.leader(leader);
    const outcome = await cluster.settled(successor.append(anAppend('a', ['A'])));
    expect(outcome).toMatchObject({ kind: 'appended', firstPosition: 1 });
  });

  it('shows no entry that is not committed, also where it has it in memory [S13]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    for (const follower of cluster.followers(leader)) follower.disk.hold();
    const answer = leader.append(anAppend('a', ['A']));
    await cluster.time.run(TICK_MS);
    const { index } = leader.replica.logEnd();
    expect(leader.replica.inMemory(index - 1)).toMatchObject({ index: index - 1 });
    expect(leader.replica.inMemory(index)).toBeUndefined();
    for (const follower of cluster.followers(leader)) follower.disk.release();
    await cluster.settled(answer);
    expect(leader.replica.inMemory(index)).toMatchObject({ index });
  });

  it('answers an append only once a majority of disks has it [S1]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    for (const follower of cluster.followers(leader)) follower.disk.hold();
    const answer = leader.append(anAppend('a', ['A']));
    const seen = watch(answer);
    await cluster.time.run(ELECTION_MS * 10);
    expect(seen.settled).toBe(false);
    expect(await cluster.settled(leader.types('a'))).toEqual([]);
    cluster.followers(leader)[0]!.disk.release();
    expect(await cluster.settled(answer)).toMatchObject({ kind: 'appended' });
  });

  it('does not answer before its own disk has what it applies [D8]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    leader.disk.hold();
    const answer = leader.append(anAppend('a', ['A']));
    const seen = watch(answer);
    await cluster.time.run(ELECTION_MS * 4);
    expect(seen.settled).toBe(false);
    leader.disk.release();
    expect(await cluster.settled(answer)).toMatchObject({ kind: 'appended' });
  });

  it('that was deposed learns from its successor that an open append is in the log [S8]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const answer = leader.append(anAppend('a', ['A']));
    await cluster.time.run(4);
    cluster.isolate(leader);
    const successor = await cluster.leader(leader);
    cluster.heal();
    expect(await cluster.settled(answer)).toMatchObject({ kind: 'appended', position: 1 });
    expect(await cluster.settled(successor.types('a'))).toEqual(['A']);
  });

  it('that was deposed says definitely that an append was replaced [S8]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    cluster.isolate(leader);
    const refusal = cluster.refused(leader.append(anAppend('a', ['Lost'])));
    await cluster.leader(leader);
    cluster.heal();
    expect(await refusal).toMatchObject({ code: 'NOT_LEADER', definite: true });
    await cluster.time.run(1_000);
    for (const node of cluster.nodes) expect(await cluster.settled(node.types('a'))).toEqual([]);
  });

  it('that was deposed knows what it proposed from what another leader has put in its place [C7]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    cluster.isolate(leader);
    const refusal = cluster.refused(leader.append(anAppend('a', ['Lost'])));
    await cluster.time.run(1);
    const lost = leader.replica.logEnd();
    expect(leader.replica.hasCommitted(lost)).toBe(false);
    const successor = await cluster.leader(leader);
    cluster.heal();
    await refusal;
    await cluster.time.until('the place is taken', () => leader.replica.status().commit >= lost.index);
    expect(leader.replica.hasCommitted(lost)).toBe(false);
    await cluster.settled(successor.append(anAppend('b', ['Kept'])));
    expect(successor.replica.hasCommitted(successor.replica.logEnd())).toBe(true);
  });

  it('that was deposed and hears nothing says within seconds that the fate is open [S8]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    cluster.isolate(leader);
    const error = await cluster.refused(leader.append(anAppend('a', ['Open'])), 10_000);
    expect(error).toMatchObject({ code: 'LEADERSHIP_LOST', definite: false });
  });

  it('that leads again with a shorter log does not keep lost appends waiting [S8]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    cluster.isolate(leader);
    // Appended alone, far beyond what its successor's log will hold.
    const lost = Array.from({ length: 20 }, (_, n) => cluster.refused(leader.append(anAppend(`a-${n}`, ['Lost']))));
    const successor = await cluster.leader(leader);
    cluster.heal();
    await cluster.time.until('it follows', () => leader.replica.leader === successor.id);
    const third = cluster.nodes.find((node) => node !== leader && node !== successor)!;
    await cluster.time.run(300);
    expect(successor.replica.transferLeadership(leader.id)).toBe(true);
    await cluster.time.until('it leads again', () => leader.leads);
    expect(third.leads).toBe(false);
    for (const error of await cluster.settled(Promise.all(lost), 10_000)) {
      expect(error).toMatchObject({ code: 'NOT_LEADER', definite: true });
    }
  });

  it('tells its followers within milliseconds what is committed, and in the same message where another append follows', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    await cluster.time.run(TICK_MS * 4);
    let messages = 0;
    cluster.loses = ({ type, from }) => {
      if (type === 'append' && from === leader.id) messages++;
      return false;
    };
    for (let n = 0; n < 10; n++) await cluster.settled(leader.append(anAppend('a', ['A'])));
    await cluster.time.run(TICK_MS / 10);
    const { appliedIndex } = leader.replica;
    for (const { replica } of cluster.followers(leader)) expect(replica.appliedIndex).toBe(appliedIndex);
    // One for each append and follower, and the last news.
    expect(messages).toBe(22);
  });

  it('hands leadership over and loses no open append by it [S8]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const answers = Array.from({ length: 50 }, (_, n) => leader.append(anAppend('a', [`E${n}`])));
    await cluster.time.run(0);
    expect(leader.replica.transferLeadership(undefined)).toBe(true);
    const successor = await cluster.leader(leader);
    await cluster.settled(Promise.all(answers));
    expect(await cluster.settled(successor.types('a'))).toHaveLength(50);
  });

  it('passes a transfer also while appends are refused for overload [C6]', async () => {
    const cluster = await ReplicaCluster.start(3, { pendingBytesMax: 100 });
    const leader = await cluster.leader();
    const first = leader.append(anAppend('a', ['A'], { data: new Uint8Array(200) }));
    expect(await cluster.refused(leader.append(anAppend('b', ['B'])))).toMatchObject({ code: 'OVERLOADED' });
    expect(leader.replica.transferLeadership(undefined)).toBe(true);
    await cluster.leader(leader);
    expect(await cluster.settled(first)).toMatchObject({ kind: 'appended' });
  });

  it('passes small facts and changes of streams while appends are refused for overload, up to a bound [C6]', async () => {
    const cluster = await ReplicaCluster.start(3, { pendingBytesMax: 2_000 });
    const leader = await cluster.leader();
    await cluster.settled(leader.append(anAppend('c', ['C'])));
    const first = leader.append(anAppend('a', ['A'], { data: new Uint8Array(4_000) }));
    expect(await cluster.refused(leader.append(anAppend('b', ['B'])))).toMatchObject({ code: 'OVERLOADED' });
    const remove = { kind: 'delete', stream: 'c' } as const;
    const change = { ...anAppend('any', ['T']), writes: [], change: remove };
    const changed = leader.append({ ...change, eventBytes: 600 });
    const large = { ...anAppend('any', ['T']), writes: [], change: { ...remove, stream: 'd' } };
    expect(await cluster.refused(leader.append({ ...large, eventBytes: 17 << 20 }))).toMatchObject({
      code: 'OVERLOADED',
    });
    expect(await cluster.settled(first)).toMatchObject({ kind: 'appended' });
    expect(await cluster.settled(changed)).toMatchObject({ kind: 'appended' });
  });

  it('below the reserve answers nothing, and goes on by itself when there is space [D1]', async () => {
    const cluster = await ReplicaCluster.start(1);
    const leader = await cluster.leader();
    const underway = leader.append(anAppend('a', ['Underway']));
    await cluster.time.run(0);
    const before = leader.append(anAppend('a', ['A']));
    const seen = watch(before);
    await cluster.time.run(0);
    leader.disk.hasRoom = false;
    expect(await cluster.refused(leader.append(anAppend('b', ['B'])))).toMatchObject({ code: 'DISK_RESERVE' });
    await cluster.time.run(5_000);
    expect(seen.settled).toBe(false);
    expect(await cluster.settled(underway)).toMatchObject({ kind: 'appended' });
    leader.disk.hasRoom = true;
    expect(await cluster.settled(before)).toMatchObject({ kind: 'appended' });
    expect(await cluster.settled(leader.append(anAppend('c', ['C'])))).toMatchObject({ kind: 'appended' });
  });

  it('is not deposed by handing over to a node whose disk is full [D1]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const [full] = cluster.followers(leader);
    full!.disk.hasRoom = false;
    const { term } = leader.replica;
    expect(leader.replica.transferLeadership(full!.id)).toBe(true);
    await cluster.time.run(ELECTION_MS * 6);
    expect(leader.leads).toBe(true);
    expect(leader.replica.term).toBe(term);
    expect(await cluster.settled(leader.append(anAppend('a', ['A'])))).toMatchObject({ kind: 'appended' });
  });

  it('below the reserve hands over to the one that may lead, where another one is asked first [D1, S15]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const [wrong, other] = cluster.followers(leader);
    cluster.skewUs.set(wrong!.id, 2 * 86_400_000_000);
    await cluster.time.run(3_000);
    leader.disk.hasRoom = false;
    leader.replica.stepAside();
    expect(leader.replica.status().transferee).toBe(wrong!.id);
    // Every node does so once a second as long as its disk is short.
    for (let second = 0; second < 15; second++) {
      await cluster.time.run(1_000);
      leader.replica.stepAside();
    }
    const successor = await cluster.leader(leader);
    expect(successor.id).toBe(other!.id);
    expect(await cluster.settled(successor.append(anAppend('b', ['B'])))).toMatchObject({ kind: 'appended' });
  });

  it('hands over although its disk was full before it could write its first entry [D1]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const [full] = cluster.followers(leader);
    cluster.loses = (message) => {
      if (message.type === 'voteResponse' && message.to === full!.id) full!.disk.hasRoom = false;
      return false;
    };
    leader.replica.transferLeadership(full!.id);
    await cluster.time.until('it is elected', () => full!.replica.role === 'leader', 10_000);
    await cluster.time.run(ELECTION_MS);
    expect(full!.leads).toBe(false);
    full!.replica.stepAside();
    const successor = await cluster.leader(full);
    expect(await cluster.settled(successor.append(anAppend('a', ['A'])))).toMatchObject({ kind: 'appended' });
  });

  it('that gets nothing committed, though enough answer its heartbeats, hands over to one who can', async () => {
    const cluster = await ReplicaCluster.start(5);
    const leader = await cluster.leader();
    const [able, hanging, ...unreached] = cluster.followers(leader);
    for (const node of unreached) cluster.cut(leader, node);
    hanging!.disk.hold();
    const open = leader.append(anAppend('a', ['A']));
    await cluster.time.run(4_000);
    expect(leader.leads).toBe(true);
    await cluster.time.until('another one leads', () => able!.leads, 10_000);
    expect(await cluster.settled(able!.append(anAppend('b', ['B'])))).toMatchObject({ kind: 'appended' });
    expect(await cluster.settled(open)).toMatchObject({ kind: 'appended' });
  });
});

describe('a leader whose disk is slow', () => {
  /** Appends one after another for so long; gives the nodes that led meanwhile. */
  async function appendFor(cluster: ReplicaCluster, ms: number): Promise<string[]> {
    const leaders: string[] = [];
    const end = cluster.time.nowMs + ms;
    while (cluster.time.nowMs < end) {
      const leader = cluster.nodes.find((node) => node.leads);
      if (leader && leaders.at(-1) !== leader.id) leaders.push(leader.id);
      leader?.append(anAppend('a', ['A'])).catch(() => undefined);
      await cluster.time.run(20);
    }
    return leaders;
  }

  it('sends its heartbeats all the same, and is not deposed', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const { term } = leader.replica;
    await cluster.settled(leader.append(anAppend('a', ['A'])));
    leader.disk.hold();
    const open = leader.append(anAppend('a', ['B']));
    await cluster.time.run(8 * ELECTION_MS);
    expect([leader.replica.term, leader.replica.role]).toEqual([term, 'leader']);
    leader.disk.release();
    expect(await cluster.settled(open)).toMatchObject({ kind: 'appended' });
  });

  it('hands over where those of the others are far quicker, and leadership does not come back to it', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    leader.disk.writeMs = 150;
    const leaders = await appendFor(cluster, 120_000);
    expect(leaders).toHaveLength(2);
    expect(leaders[0]).toBe(leader.id);
  });

  it('leads on where those of the others are as slow, or one of the quick ones is missing', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    for (const node of cluster.nodes) node.disk.writeMs = 150;
    expect(await appendFor(cluster, 60_000)).toEqual([leader.id]);
    const [quick, cutOff] = cluster.followers(leader);
    quick!.disk.writeMs = 1;
    cluster.cut(leader, cutOff!);
    cluster.cut(quick!, cutOff!);
    expect(await appendFor(cluster, 60_000)).toEqual([leader.id]);
  });
});

describe('a cluster whose disks are all full', () => {
  it('goes on reading while its leader looks for somebody to take over [D1]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    await cluster.settled(leader.append(anAppend('a', ['A'])));
    for (const node of cluster.nodes) node.disk.hasRoom = false;
    let served = 0;
    const began = cluster.time.nowMs;
    for (let n = 0; n < 40; n++) {
      if (n % 4 === 0) leader.replica.stepAside();
      const read = leader.types('a', 'linearizable').then(() => served++);
      await cluster.time.run(250);
      await cluster.settled(read, 2_000);
    }
    expect(served).toBe(40);
    expect(leader.leads).toBe(true);
    // Ten seconds, and the wait for two hand-overs that nobody took.
    expect(cluster.time.nowMs - began).toBeLessThan(10_000 + 3 * ELECTION_MS);
  });
});

describe('a node', () => {
  it('that cannot write its disk ends, and acknowledges nothing afterwards [D1]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const [broken, good] = cluster.followers(leader);
    broken!.disk.failure = new Error('ENOSPC');
    await cluster.settled(leader.append(anAppend('a', ['A'])));
    await cluster.time.run(50);
    expect(broken!.failures).toEqual([broken!.disk.failure]);
    broken!.disk.failure = undefined;
    good!.disk.hold();
    const seen = watch(leader.append(anAppend('a', ['B'])));
    await cluster.time.run(ELECTION_MS * 3);
    expect(seen.settled).toBe(false);
    expect(broken!.failures).toHaveLength(1);
    good!.disk.release();
    await cluster.time.run(100);
    expect(seen.settled).toBe(true);
  });

  it('writes nothing after its stop, and reports no failure of it [D1]', async () => {
    const cluster = await ReplicaCluster.start(1);
    const leader = await cluster.leader();
    const open = leader.append(anAppend('a', ['A']));
    await cluster.time.run(0);
    leader.disk.failure = new Error('EIO');
    const [refusal] = await Promise.all([cluster.refused(open), leader.stop()]);
    expect(refusal.definite).toBe(false);
    expect(leader.failures).toEqual([]);
  });

  it('that stops while it waits for space writes nothing any more [D1]', async () => {
    const cluster = await ReplicaCluster.start(1);
    const leader = await cluster.leader();
    await cluster.settled(leader.append(anAppend('a', ['A'])));
    const { lastIndex } = leader.log;
    const open = cluster.refused(leader.append(anAppend('a', ['B'])));
    leader.disk.hasRoom = false;
    await cluster.time.run(1_000);
    await cluster.settled(leader.replica.stop());
    expect((await open).definite).toBe(false);
    expect(leader.log.lastIndex).toBe(lastIndex);
  });
});

describe('the clock of a node', () => {
  it('is warned of beyond half a second from the median, and once it is right again [S15]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    cluster.skewUs.set(leader.id, 0.7 * SECOND);
    await cluster.time.run(3_000);
    expect(leader.warnings.filter((text) => text.includes('0.7 s'))).toHaveLength(1);
    expect(leader.leads).toBe(true);
    cluster.skewUs.set(leader.id, 0);
    await cluster.time.run(3_000);
    expect(leader.warnings.filter((text) => text.includes('agrees'))).toHaveLength(1);
  });

  for (const skewUs of [11 * SECOND, -11 * SECOND]) {
    it(`${skewUs / SECOND} s from the median has a leader hand over, and not campaign [S15]`, async () => {
      const cluster = await ReplicaCluster.start(3);
      const leader = await cluster.leader();
      await cluster.time.run(1_000);
      cluster.skewUs.set(leader.id, skewUs);
      const successor = await cluster.leader(leader);
      const asked: string[] = [];
      cluster.loses = (message) => {
        const asks = message.type === 'preVote' || message.type === 'vote';
        if (asks && message.from === leader.id) asked.push(message.type);
        return false;
      };
      await cluster.time.run(2_000);
      const third = cluster.nodes.find((node) => node !== leader && node !== successor)!;
      await cluster.crash(successor);
      await cluster.time.until('the third one leads', () => third.leads, 30_000);
      // The others' votes are needed as ever: a wrong clock does not keep a node from giving its own.
      await cluster.crash(third);
      await cluster.time.run(ELECTION_MS * 10);
      expect(asked).toEqual([]);
      const back = await cluster.restart(third);
      await cluster.time.until('the restarted one leads', () => back.leads, 30_000);
    });
  }

  for (const skewUs of [11 * SECOND, -11 * SECOND]) {
    it(`${skewUs / SECOND} s from the median is known to a node that has never led, and it does not campaign [S15]`, async () => {
      const cluster = await ReplicaCluster.start(3);
      const leader = await cluster.leader();
      const [skewed, third] = cluster.followers(leader);
      cluster.skewUs.set(skewed!.id, skewUs);
      await cluster.time.run(3_000);
      expect(skewed!.warnings).toHaveLength(1);
      await cluster.crash(leader);
      const led = new Set<ReplicaNode>();
      const leads = () => {
        for (const node of cluster.nodes) if (node.leads) led.add(node);
        return third!.leads;
      };
      await cluster.time.until('the third one leads', leads, 30_000);
      expect([...led]).toEqual([third]);
    });
  }

  it('that jumps by more than a day has a leader hand over, even to the only other one [S15]', async () => {
    const cluster = await ReplicaCluster.start(2);
    const leader = await cluster.leader();
    const [other] = cluster.followers(leader);
    // Of two clocks nobody can tell which one is wrong; but one that jumped says so itself.
    cluster.skewUs.set(leader.id, -2 * 86_400 * SECOND);
    expect(await cluster.refused(leader.append(anAppend('a', ['A'])))).toMatchObject({ code: 'NOT_READY' });
    await cluster.time.until('the other one leads', () => other!.leads, 10_000);
    expect(leader.warnings.filter((text) => text.includes('more than a day'))).toHaveLength(1);
    await cluster.time.run(ELECTION_MS * 10);
    expect(await cluster.settled(other!.append(anAppend('a', ['A'])))).toMatchObject({ kind: 'appended' });
  });

  it('corrected by more than a day agrees with the others, and yet its node neither takes over nor campaigns [S15]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const [corrected, third] = cluster.followers(leader);
    await cluster.crash(corrected!);
    cluster.skewUs.set(corrected!.id, 2 * 86_400 * SECOND);
    const back = await cluster.restart(corrected!);
    cluster.skewUs.set(back.id, 0);
    await cluster.time.run(2_000);
    leader.replica.transferLeadership(back.id);
    await cluster.time.run(ELECTION_MS * 6);
    expect(leader.leads).toBe(true);
    await cluster.crash(leader);
    await cluster.time.until('the third one leads', () => third!.leads, 30_000);
    expect(await cluster.settled(third!.append(anAppend('a', ['A'])))).toMatchObject({ kind: 'appended' });
  });

  it('never makes `created` fall along the log [S15]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    cluster.skewUs.set(leader.id, 5 * SECOND);
    const first = await cluster.settled(leader.append(anAppend('a', ['A'])));
    leader.replica.transferLeadership(undefined);
    const successor = await cluster.leader(leader);
    const second = await cluster.settled(successor.append(anAppend('a', ['B'])));
    expect(first.kind === 'appended' && second.kind === 'appended' && second.createdUs).toBe(
      first.kind === 'appended' && first.createdUs,
    );
  });
});

describe('a follower', () => {
  it('acknowledges no entry that does not follow from its log, and ends [S2, D4]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const [follower] = cluster.followers(leader);
    await cluster.settled(leader.append(anAppend('a', ['A'])));
    await cluster.time.run(TICK_MS);
    const end = follower!.replica.logEnd();
    const { term } = leader.replica;
    const draft = { index: end.index + 1, term, type: EntryType.events, firstPosition: end.nextPosition, count: 0 };
    // All that a header tells is right, but it was sealed behind another history.
    const foreign = sealEntry({ ...draft, createdUs: end.createdUs, payload: Buffer.from('x') }, Buffer.alloc(32));
    const entry = { index: foreign.index, term, type: foreign.type, bytes: foreign.bytes.length, payload: foreign };
    const acknowledged: number[] = [];
    cluster.loses = (message) => {
      if (message.from === follower!.id && message.type === 'appendResponse') acknowledged.push(message.index);
      return false;
    };
    const append = {
      type: 'append',
      from: leader.id,
      to: follower!.id,
      term,
      index: end.index,
      logTerm: end.term,
    } as const;
    follower!.replica.receive({ ...append, commit: 0, entries: [entry], loadMax: 0 }, 0);
    await cluster.time.run(TICK_MS);
    expect(follower!.failures).toMatchObject([{ message: expect.stringContaining('its chain hash is wrong') }]);
    expect(acknowledged).not.toContain(foreign.index);
    expect(follower!.log.lastIndex).toBe(end.index);
  });

  it('confirms nothing after its stop, although its last batch is written [D1]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const [follower] = cluster.followers(leader);
    follower!.disk.hold();
    const answer = leader.append(anAppend('a', ['A']));
    await cluster.time.run(5);
    const { lastIndex } = follower!.log;
    const stopping = follower!.replica.stop();
    const sent: string[] = [];
    cluster.loses = ({ from, type }) => {
      if (from === follower!.id) sent.push(type);
      return false;
    };
    follower!.disk.release();
    await cluster.settled(stopping);
    await cluster.settled(answer);
    await cluster.time.run(TICK_MS);
    expect(follower!.log.lastIndex).toBe(lastIndex + 1);
    expect(sent).toEqual([]);
  });

  it('that was paused sees the heartbeats that waited before its election timer goes on [C3]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const [follower] = cluster.followers(leader);
    await cluster.crash(follower!);
    const waiting: (() => void)[] = [];
    const clock = { ...cluster.clockOf(follower!.id), soon: (run: () => void) => void waiting.push(run) };
    cluster.clockOf = () => clock;
    const paused = await cluster.restart(follower!);
    let asked = false;
    cluster.loses = ({ type, from, to }) => {
      asked ||= type === 'preVote' && from === paused.id;
      return to === paused.id;
    };
    const { term } = leader.replica;
    const { id } = paused;
    const beat = { type: 'heartbeat', from: leader.id, to: id, term, commit: 0, context: 0, acknowledged: [] } as const;
    const work = () => {
      for (let run = waiting.shift(); run; run = waiting.shift()) run();
    };
    // One tick more without a word each time, until it is one too many.
    let silent = 0;
    for (; paused.replica.role === 'follower'; silent++) {
      for (let n = 0; n < silent; n++) {
        await cluster.time.run(TICK_MS);
        work();
      }
      if (paused.replica.role !== 'follower') break;
      await cluster.time.run(TICK_MS);
      asked = false;
      paused.replica.receive(beat, 0);
      work();
      await cluster.time.run(1);
      expect(asked).toBe(false);
    }
    expect(silent).toBeGreaterThanOrEqual(ELECTION_MS / TICK_MS);
  });
});
