import { describe, expect, it } from 'vitest';
import { diskWithTerms, Network } from './network.ts';
import { ack, append, beat, exchange, lead, ofType, solo, timeOut, voteRequest } from './solo.ts';

const three = ['a', 'b', 'c'];

describe('what must be synced first', () => {
  it('a vote goes out only after it is synced (figure 2)', () => {
    const node = solo(three);
    node.holdDisk = true;
    expect(exchange(node, voteRequest('vote', 'b', 3, 0, 0))).toEqual([]);
    expect(node.inFlight).toMatchObject({ hardState: { term: 3, vote: 'b' }, entries: [] });
    expect(node.syncDisk()).toMatchObject([{ type: 'voteResponse', reject: false }]);
  });

  it('an append is confirmed only after its entries are synced, a refusal goes at once (figure 2)', () => {
    const node = solo(three);
    node.holdDisk = true;
    expect(exchange(node, append(1, 0, 0, [1, 1]))).toEqual([]);
    expect(exchange(node, append(1, 9, 1, []))).toMatchObject([{ reject: true }]);
    expect(node.syncDisk()).toMatchObject([{ type: 'appendResponse', index: 2 }]);
  });

  it('heartbeats and pre-votes are answered while the disk is busy (figure 2)', () => {
    const node = solo(three);
    node.holdDisk = true;
    exchange(node, append(1, 0, 0, [1]));
    expect(exchange(node, beat('b', 1))).toMatchObject([{ type: 'heartbeatResponse' }]);
    node.raft.connectionLost('b');
    expect(exchange(node, voteRequest('preVote', 'c', 2, 9, 1))).toMatchObject([
      { type: 'preVoteResponse', reject: false },
    ]);
  });

  it('a candidate asks for votes, and counts its own, only after its term, vote and log are synced (figure 2)', () => {
    const node = solo(three);
    exchange(node, append(1, 0, 0, [1], 0, 'c'));
    node.holdDisk = true;
    exchange(node, append(1, 1, 1, [1], 0, 'c'));
    timeOut(node);
    expect(exchange(node, { type: 'preVoteResponse', from: 'b', to: 'a', term: 2, reject: false })).toEqual([]);
    node.syncDisk();
    // The batch that was under way knew nothing of the vote.
    expect(node.pump()).toEqual([]);
    expect(node.inFlight).toMatchObject({ hardState: { term: 2, vote: 'a' } });
    const requests = ofType(node.syncDisk(), 'vote');
    expect(requests).toMatchObject([
      { index: 2, logTerm: 1, term: 2 },
      { index: 2, logTerm: 1, term: 2 },
    ]);
  });

  it('a candidate does not lead before its own vote is synced, even with the votes of all others (§5.2)', () => {
    const node = solo(three);
    node.holdDisk = true;
    timeOut(node);
    exchange(node, { type: 'preVoteResponse', from: 'b', to: 'a', term: 1, reject: false });
    for (const from of ['b', 'c']) exchange(node, { type: 'voteResponse', from, to: 'a', term: 1, reject: false });
    expect(node.raft.role).toBe('candidate');
    node.syncDisk();
    expect(node.raft.role).toBe('leader');
  });

  it('a candidate waits for a slow disk, instead of standing for term after term (§5.2)', () => {
    const node = solo(['a']);
    node.holdDisk = true;
    for (let i = 0; i < 100; i++) {
      node.raft.tick();
      node.pump();
    }
    expect([node.raft.role, node.raft.term]).toEqual(['candidate', 1]);
    node.syncDisk();
    expect(node.raft.role).toBe('leader');
  });

  it('the completion of an older batch does not count as the vote of a candidate for itself (figure 2)', () => {
    const node = solo(three);
    node.holdDisk = true;
    exchange(node, append(1, 0, 0, [1], 0, 'c'));
    timeOut(node);
    exchange(node, { type: 'preVoteResponse', from: 'b', to: 'a', term: 2, reject: false });
    node.syncDisk();
    node.pump();
    // With its own vote counted it would stand anew, for term after term, although it has not asked anybody yet.
    for (let i = 0; i < 100; i++) {
      node.raft.tick();
      node.pump();
    }
    expect([node.raft.role, node.raft.term]).toEqual(['candidate', 2]);
  });

  it('a single voter leads after its vote is synced, and commits what is synced (§5.2, §5.3)', () => {
    const node = solo(['a']);
    node.holdDisk = true;
    for (let i = 0; i < 20; i++) node.raft.tick();
    node.pump();
    expect(node.raft.role).toBe('candidate');
    node.syncDisk();
    expect([node.raft.role, node.raft.commit]).toEqual(['leader', 0]);
    node.pump();
    node.raft.propose(1, 1, 'x');
    node.syncDisk();
    expect(node.raft.commit).toBe(1);
    node.pump();
    node.syncDisk();
    expect(node.raft.commit).toBe(2);
  });

  it('a leader writes and sends in parallel, and counts itself only after its own sync (thesis §10.2.1)', () => {
    const node = solo(three);
    lead(node);
    node.holdDisk = true;
    exchange(node, ack('b', 1, 1));
    node.raft.propose(1, 10, 'x');
    expect(ofType(node.pump(), 'append')[0]?.entries).toHaveLength(1);
    exchange(node, ack('b', 1, 2));
    expect(node.raft.commit).toBe(1);
    node.syncDisk();
    expect(node.raft.commit).toBe(2);
  });

  it('two followers are a majority of three without the disk of the leader, which applies after its own sync (D8)', () => {
    const node = solo(three);
    lead(node);
    node.holdDisk = true;
    node.raft.propose(1, 10, 'x');
    node.pump();
    for (const from of ['b', 'c']) exchange(node, ack(from, 1, 2));
    expect([node.raft.commit, node.committedTo, node.raft.persistedIndex]).toEqual([2, 1, 1]);
    node.syncDisk();
    node.pump();
    expect(node.committedTo).toBe(2);
  });

  it('a follower applies only what its own disk has synced (D8)', () => {
    const node = solo(three);
    node.holdDisk = true;
    exchange(node, append(1, 0, 0, [1, 1, 1], 3));
    expect([node.raft.commit, node.committedTo]).toEqual([3, 0]);
    expect(() => node.raft.applied(1)).toThrow(/applied/);
    node.syncDisk();
    node.pump();
    expect([node.committedTo, node.applied.length]).toEqual([3, 3]);
  });

  it('entries that replace synced ones are not applied before they are synced themselves (D8)', () => {
    const node = solo(three, { disk: diskWithTerms([1, 1, 1]) });
    node.holdDisk = true;
    exchange(node, append(2, 1, 1, [2, 2], 3));
    expect([node.raft.commit, node.committedTo]).toEqual([3, 1]);
    node.syncDisk();
    node.pump();
    expect(node.committedTo).toBe(3);
  });
});

describe('batches', () => {
  it('there is none while the disk is busy, and then one with all that gathered meanwhile', () => {
    const node = solo(three);
    node.holdDisk = true;
    exchange(node, append(1, 0, 0, [1]));
    exchange(node, append(1, 1, 1, [1]));
    exchange(node, append(1, 2, 1, [1], 2));
    expect(node.inFlight?.entries).toHaveLength(1);
    node.syncDisk();
    node.pump();
    expect(node.inFlight?.entries.map((entry) => entry.index)).toEqual([2, 3]);
    expect(node.inFlight?.messagesAfter).toHaveLength(2);
    expect(node.inFlight?.hardState).toEqual({ term: 1, vote: undefined, commit: 2 });
  });

  it('there is none for a commit index alone; the next one carries it (D3)', () => {
    const node = solo(three);
    exchange(node, append(1, 0, 0, [1]));
    node.holdDisk = true;
    exchange(node, beat('b', 1, 1));
    expect([node.committedTo, node.inFlight]).toEqual([1, undefined]);
    exchange(node, append(1, 1, 1, [1], 1));
    expect(node.inFlight?.hardState.commit).toBe(1);
  });

  it('a confirmation of what is synced already needs no batch', () => {
    const node = solo(three);
    exchange(node, append(1, 0, 0, [1]));
    node.holdDisk = true;
    expect(exchange(node, append(1, 0, 0, [1]))).toMatchObject([{ type: 'appendResponse', index: 1 }]);
    expect(node.inFlight).toBeUndefined();
  });

  it('hasReady tells whether ready would return anything', () => {
    const node = solo(three);
    expect(node.raft.hasReady(true)).toBe(false);
    node.raft.step(append(1, 0, 0, [1], 1));
    expect([node.raft.hasReady(false), node.raft.hasReady(true)]).toEqual([false, true]);
    const { persist, messages } = node.raft.ready(true);
    expect([persist?.entries.length, messages.length, node.raft.hasReady(false)]).toEqual([1, 0, false]);
    node.raft.persisted(persist!.token);
    expect(node.raft.hasReady(false)).toBe(true);
    expect(node.raft.ready(false).committedTo).toBe(1);
    expect(node.raft.hasReady(true)).toBe(false);
  });
});

describe('completions that come late', () => {
  it('a completion for a suffix that was replaced meanwhile does not count for the new one', () => {
    const node = solo(three);
    node.holdDisk = true;
    exchange(node, append(1, 0, 0, [1, 1, 1]));
    exchange(node, append(2, 1, 1, [2, 2], 3, 'c'));
    expect(node.syncDisk()).toMatchObject([{ type: 'appendResponse', to: 'b', term: 1, index: 3 }]);
    expect(node.raft.persistedIndex).toBe(1);
    expect(ofType(node.pump(), 'appendResponse')).toEqual([]);
    expect(node.inFlight).toMatchObject({ truncateAfter: 1, hardState: { term: 2 } });
    expect(node.syncDisk()).toMatchObject([{ type: 'appendResponse', to: 'c', term: 2, index: 3 }]);
    expect([node.raft.persistedIndex, node.disk.entries.map((entry) => entry.term)]).toEqual([3, [1, 2, 2]]);
  });

  it('nor when entries of the same term stand there again (ABA)', () => {
    const node = solo(three);
    node.holdDisk = true;
    exchange(node, append(1, 0, 0, [1, 1, 1]));
    exchange(node, append(2, 1, 1, [2, 2], 0, 'c'));
    exchange(node, append(3, 1, 1, [1, 1, 3], 4, 'b'));
    node.syncDisk();
    expect(node.raft.persistedIndex).toBe(1);
    node.pump();
    expect([node.committedTo, node.inFlight?.truncateAfter]).toEqual([1, 1]);
    node.syncDisk();
    expect(node.disk.entries.map((entry) => entry.term)).toEqual([1, 1, 1, 3]);
  });

  it('a promise made in an older term is dropped if it was not on its way to the disk', () => {
    const node = solo(three);
    node.holdDisk = true;
    exchange(node, append(1, 0, 0, [1]));
    exchange(node, append(1, 1, 1, [1, 1]));
    exchange(node, append(2, 1, 1, [2], 0, 'c'));
    node.syncDisk();
    node.pump();
    expect(node.syncDisk()).toMatchObject([{ type: 'appendResponse', to: 'c', term: 2, index: 2 }]);
  });

  it('a confirmation from an older term, sent after all, does not count for a leader of a newer one', () => {
    const node = solo(three, { disk: diskWithTerms([1, 1]) });
    lead(node);
    for (const from of ['b', 'c']) exchange(node, ack(from, 1, 3));
    expect([node.raft.term, node.raft.commit]).toEqual([2, 0]);
  });

  it('a vote that is synced after the term moved on makes nobody leader', () => {
    const node = solo(['a']);
    node.holdDisk = true;
    for (let i = 0; i < 20; i++) node.raft.tick();
    node.pump();
    exchange(node, beat('x', 5));
    node.syncDisk();
    expect([node.raft.role, node.raft.term]).toEqual(['follower', 5]);
  });
});

describe('crashes', () => {
  it('a node that lost what it had not synced gets it again (§5.5)', () => {
    const net = new Network(three);
    net.elect('a');
    net.node('c').holdDisk = true;
    net.write('a', 'x');
    expect(net.raft('c').lastIndex).toBe(2);
    net.node('c').crash();
    net.node('c').restart();
    expect(net.raft('c').lastIndex).toBe(1);
    net.node('c').holdDisk = false;
    net.tick(5);
    expect(net.node('c').payloads).toEqual(['x']);
  });

  it('a leader that crashed before its own sync loses nothing that was committed (thesis §10.2.1)', () => {
    const net = new Network(three);
    net.elect('a');
    net.node('a').holdDisk = true;
    net.write('a', 'x');
    expect(net.raft('a').commit).toBe(2);
    net.node('a').crash();
    net.node('a').holdDisk = false;
    net.tick(60, ['b', 'c']);
    net.node('a').restart();
    net.tick(10);
    for (const node of net.nodes.values()) expect(node.payloads).toEqual(['x']);
  });

  it('a restarted node knows its term, vote and commit index, and applies again from where its index stands', () => {
    const net = new Network(three);
    net.elect('a');
    for (const payload of ['x', 'y', 'z']) net.write('a', payload);
    const before = net.raft('b').status();
    net.node('b').crash();
    net.node('b').restart(2);
    const after = net.raft('b').status();
    expect([after.term, after.vote, after.lastIndex]).toEqual([before.term, before.vote, before.lastIndex]);
    expect(after.commit).toBeGreaterThanOrEqual(before.commit - 1);
    net.tick(2);
    expect(net.node('b').payloads).toEqual(['x', 'y', 'z']);
  });

  it('a batch holds no more than so many bytes, and what vouches for the whole log waits for the last one [C3]', () => {
    const node = solo(['a', 'b', 'c'], { options: { batchBytesMax: 25 } });
    node.holdDisk = true;
    node.raft.step(append(1, 0, 0, [1, 1, 1, 1, 1], 5));
    const sizes: number[] = [];
    const commits: number[] = [];
    const sent: string[][] = [];
    for (let n = 0; n < 3; n++) {
      node.pump();
      sizes.push(node.inFlight?.entries.length ?? 0);
      commits.push(node.inFlight?.hardState.commit ?? 0);
      sent.push(node.syncDisk().map(({ type }) => type));
    }
    expect(sizes).toEqual([2, 2, 1]);
    // A hard state names no commit index beyond the log that it stands behind (rule D3).
    expect(commits).toEqual([2, 4, 5]);
    expect(sent).toEqual([[], [], ['appendResponse']]);
    node.raft.step(append(1, 5, 1, [1]));
    const big = { index: 7, term: 1, type: 1, bytes: 900, payload: 'big' } as const;
    node.raft.step({
      ...append(1, 6, 1, []),
      type: 'append',
      commit: 5,
      logTerm: 1,
      index: 6,
      entries: [big],
      loadMax: 0,
    });
    node.pump();
    expect(node.inFlight?.entries.map(({ index }) => index)).toEqual([6]);
    node.syncDisk();
    node.pump();
    expect(node.inFlight?.entries.map(({ index }) => index)).toEqual([7]);
  });
});
