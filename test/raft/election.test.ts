import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { diskWithTerms, Network } from './network.ts';
import { append, beat, exchange, lead, ofType, solo, timeOut, voteRequest } from './solo.ts';

const three = ['a', 'b', 'c'];

describe('terms', () => {
  it('a node that sees a higher term enters it as a follower (§5.1)', () => {
    const node = solo(three);
    lead(node);
    exchange(node, append(7, 0, 0, [7], 0, 'c'));
    expect([node.raft.role, node.raft.term, node.raft.leader]).toEqual(['follower', 7, 'c']);
  });

  it('a message of an older term changes nothing, and its sender learns of the newer term (§5.1)', () => {
    const node = solo(three, { disk: diskWithTerms([1, 4]) });
    const sent = exchange(node, append(3, 1, 1, [3]));
    expect(node.terms).toEqual([1, 4]);
    expect(sent).toMatchObject([{ type: 'appendResponse', to: 'b', term: 4, reject: true }]);
    expect(exchange(node, beat('b', 3))).toMatchObject([{ type: 'appendResponse', term: 4 }]);
    expect(exchange(node, voteRequest('vote', 'b', 3, 9, 3))).toMatchObject([
      { type: 'voteResponse', term: 4, reject: true },
    ]);
  });

  it('a leader sends heartbeats once an interval, and no more often (§5.2)', () => {
    const node = solo(three, { options: { heartbeatTicks: 3 } });
    lead(node);
    const rounds: number[] = [];
    for (let tick = 1; tick <= 9; tick++) {
      node.raft.tick();
      if (ofType(node.pump(), 'heartbeat').length > 0) rounds.push(tick);
    }
    expect(rounds).toEqual([3, 6, 9]);
  });

  it('a deposed leader steps down as soon as it hears of the newer term (§5.1)', () => {
    const net = new Network(three);
    net.elect('a');
    net.isolate('a');
    net.elect('b');
    expect(net.leaders()).toEqual(['a', 'b']);
    net.heal();
    net.tick();
    expect(net.leaders()).toEqual(['b']);
    expect(net.raft('a').leader).toBe('b');
  });
});

describe('elections', () => {
  it('a cluster without a leader elects one, and only one (§5.2)', () => {
    const net = new Network(['a', 'b', 'c', 'd', 'e']);
    net.tick(40);
    expect(net.leaders()).toHaveLength(1);
    const [leader] = net.leaders();
    for (const { raft } of net.nodes.values()) expect(raft.leader).toBe(leader);
  });

  it('a node gives one vote a term, to whoever asks first, and again to the same (§5.2)', () => {
    const node = solo(three);
    const results = ['b', 'c', 'b'].map((from) => exchange(node, voteRequest('vote', from, 2, 0, 0)));
    expect(results.map(([answer]) => ofType([answer!], 'voteResponse')[0]?.reject)).toEqual([false, true, false]);
  });

  it('a vote outlives a crash (§5.2)', () => {
    const node = solo(three);
    exchange(node, voteRequest('vote', 'b', 2, 0, 0));
    node.crash();
    node.restart();
    expect(exchange(node, voteRequest('vote', 'c', 2, 0, 0))).toMatchObject([{ reject: true }]);
    expect(exchange(node, voteRequest('vote', 'b', 2, 0, 0))).toMatchObject([{ reject: false }]);
  });

  it('a candidate that hears from the leader of its term follows it (§5.2)', () => {
    const node = solo(three);
    timeOut(node);
    exchange(node, { type: 'preVoteResponse', from: 'b', to: 'a', term: 1, reject: false });
    expect([node.raft.role, node.raft.term]).toEqual(['candidate', 1]);
    exchange(node, beat('c', 1));
    expect([node.raft.role, node.raft.leader]).toEqual(['follower', 'c']);
  });

  it('a candidate that follows the leader of its term does not forget that it voted for itself (§5.2)', () => {
    const node = solo(three);
    timeOut(node);
    exchange(node, { type: 'preVoteResponse', from: 'b', to: 'a', term: 1, reject: false });
    exchange(node, beat('c', 1));
    expect(node.raft.status().vote).toBe('a');
    node.raft.connectionLost('c');
    expect(exchange(node, voteRequest('vote', 'b', 1, 9, 1))).toMatchObject([{ type: 'voteResponse', reject: true }]);
  });

  it('a candidate that a majority refuses becomes a follower and tries again later (§5.2)', () => {
    const node = solo(three);
    timeOut(node);
    exchange(node, { type: 'preVoteResponse', from: 'b', to: 'a', term: 1, reject: false });
    for (const from of ['b', 'c']) exchange(node, { type: 'voteResponse', from, to: 'a', term: 1, reject: true });
    expect([node.raft.role, node.raft.term]).toEqual(['follower', 1]);
    timeOut(node);
    expect([node.raft.role, node.raft.term]).toEqual(['preCandidate', 1]);
  });

  it('a split vote is followed by another election, which the random timeouts decide (§5.2)', () => {
    const net = new Network(['a', 'b', 'c', 'd']);
    const votes = (id: string) => net.raft(id).status().vote;
    // Both pairs only hear each other at first, and each has its own candidate.
    for (const id of ['a', 'c']) for (let i = 0; i < 20; i++) net.raft(id).tick();
    net.drop = (note) =>
      (note.type === 'vote' && (note.from === 'a') === ['c', 'd'].includes(note.to)) || note.type === 'voteResponse';
    net.settle();
    expect([votes('a'), votes('b'), votes('c'), votes('d')]).toEqual(['a', 'a', 'c', 'c']);
    net.heal();
    net.tick(60);
    expect(net.leaders()).toHaveLength(1);
  });

  it('election timeouts are drawn from the whole of T to 2T (§5.2)', () => {
    const seen = new Set<number>();
    const prng = new Prng(3);
    for (let i = 0; i < 300; i++) {
      const node = solo(three, { options: { random: (from, to) => prng.between(from, to) } });
      let ticks = 0;
      while (node.raft.role === 'follower') {
        node.raft.tick();
        ticks += 1;
      }
      seen.add(ticks);
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });

  it('the only voter has nobody to wait for, and leads with its first tick (§5.2)', () => {
    const net = new Network(['a'], { learners: ['l'] });
    net.tick(1);
    expect(net.leaders()).toEqual(['a']);
  });

  it('a minority elects nobody (§5.2)', () => {
    const net = new Network(['a', 'b', 'c', 'd', 'e']);
    net.partition(['a', 'b'], ['c', 'd', 'e']);
    net.tick(100);
    expect(net.leaders()).toHaveLength(1);
    expect(['c', 'd', 'e']).toContain(net.leaders()[0]);
  });

  it('a joint configuration elects nobody without a majority of both halves (§6)', () => {
    const net = new Network(['a', 'b', 'c'], { outgoing: ['c', 'd', 'e'] });
    net.partition(['a', 'b', 'c'], ['d', 'e']);
    net.tick(60);
    expect(net.leaders()).toEqual([]);
    net.heal();
    net.tick(60);
    expect(net.leaders()).toHaveLength(1);
  });

  it('a learner receives the log but neither campaigns nor counts (§6)', () => {
    const net = new Network(['a', 'b'], { learners: ['l'] });
    net.tick(100, ['l']);
    expect(net.raft('l').term).toBe(0);
    net.elect('a');
    net.node('b').up = false;
    net.propose('a', 'x');
    net.settle();
    expect(net.raft('l').lastIndex).toBe(2);
    expect(net.raft('a').commit).toBe(1);
  });
});

describe('who may be elected', () => {
  it('logs are compared by their last term first and by their length second (§5.4.1)', () => {
    const grants = (index: number, logTerm: number): boolean => {
      const node = solo(three, { disk: diskWithTerms([1, 2, 2]) });
      const [answer] = ofType(exchange(node, voteRequest('vote', 'b', 9, index, logTerm)), 'voteResponse');
      return answer?.reject === false;
    };
    expect(grants(1, 3)).toBe(true);
    expect(grants(3, 2)).toBe(true);
    expect(grants(4, 2)).toBe(true);
    expect(grants(2, 2)).toBe(false);
    expect(grants(9, 1)).toBe(false);
  });

  it('a node that lacks a committed entry is not elected (§5.4.1)', () => {
    const net = new Network(three);
    net.elect('a');
    net.isolate('c');
    net.write('a', 'x');
    net.node('a').crash();
    net.heal();
    net.tick(30, ['c']);
    expect(net.leaders()).toEqual([]);
    net.tick(60);
    expect(net.leaders()).toEqual(['b']);
  });

  it('a vote is granted on term and log alone, also to and by one that is no voter in the configuration known here (C1)', () => {
    const outsider = solo(['x', 'y', 'z']);
    expect(exchange(outsider, voteRequest('vote', 'q', 2, 0, 0))).toMatchObject([{ to: 'q', reject: false }]);
    const learner = solo(['x', 'y', 'z'], { learners: ['a'] });
    expect(exchange(learner, voteRequest('preVote', 'x', 2, 0, 0))).toMatchObject([{ to: 'x', reject: false }]);
  });

  it('an answer from somebody who is no voter decides nothing (C1)', () => {
    const node = solo(three);
    timeOut(node);
    for (const from of ['x', 'y']) exchange(node, { type: 'preVoteResponse', from, to: 'a', term: 1, reject: false });
    expect(node.raft.role).toBe('preCandidate');
  });
});

describe('pre-vote and leases', () => {
  it('a node that is cut off does not raise its term, and disturbs nobody when it returns (§9.6)', () => {
    const net = new Network(three);
    net.elect('a');
    const term = net.raft('a').term;
    net.isolate('c');
    net.tick(100);
    expect([net.raft('c').role, net.raft('c').term]).toEqual(['preCandidate', term]);
    net.heal();
    net.tick(30);
    expect([net.leaders(), net.raft('c').term, net.raft('c').leader]).toEqual([['a'], term, 'a']);
  });

  it('a pre-vote changes neither the term nor the vote of either side (§9.6)', () => {
    const node = solo(three);
    const sent = timeOut(node);
    expect(sent).toMatchObject([
      { type: 'preVote', term: 1 },
      { type: 'preVote', term: 1 },
    ]);
    exchange(node, voteRequest('preVote', 'b', 5, 0, 0));
    expect([node.raft.term, node.raft.status().vote]).toEqual([0, undefined]);
  });

  it('a pre-vote that was granted for an earlier term does not count (§9.6)', () => {
    const node = solo(three);
    timeOut(node);
    exchange(node, voteRequest('vote', 'c', 1, 0, 0));
    timeOut(node);
    exchange(node, { type: 'preVoteResponse', from: 'b', to: 'a', term: 1, reject: false });
    expect([node.raft.role, node.raft.term]).toEqual(['preCandidate', 1]);
    exchange(node, { type: 'preVoteResponse', from: 'b', to: 'a', term: 2, reject: false });
    expect([node.raft.role, node.raft.term]).toEqual(['candidate', 2]);
  });

  it('a pre-vote is refused for a log that is behind, and by one who leads (§9.6)', () => {
    const node = solo(three, { disk: diskWithTerms([1, 1]) });
    expect(exchange(node, voteRequest('preVote', 'b', 2, 1, 1))).toMatchObject([
      { type: 'preVoteResponse', term: 1, reject: true },
    ]);
    lead(node);
    expect(exchange(node, voteRequest('preVote', 'b', 9, 9, 9))).toEqual([]);
  });

  it('whoever heard from a leader within an election timeout passes over requests for votes (thesis §4.2.3)', () => {
    const node = solo(three);
    exchange(node, beat('b', 1));
    expect(exchange(node, voteRequest('vote', 'c', 5, 9, 4))).toEqual([]);
    expect(exchange(node, voteRequest('preVote', 'c', 5, 9, 4))).toEqual([]);
    expect(node.raft.term).toBe(1);
    for (let i = 0; i < 10; i++) node.raft.tick();
    expect(exchange(node, voteRequest('vote', 'c', 5, 9, 4))).toMatchObject([
      { type: 'voteResponse', term: 5, reject: false },
    ]);
  });

  it('a leader of an older term is told of the newer one, so that a node whose term rose alone gets unstuck (§9.6)', () => {
    const net = new Network(three, { disks: { c: diskWithTerms([], 9) } });
    net.isolate('c');
    net.elect('a');
    expect(net.raft('a').term).toBe(1);
    net.heal();
    net.tick(100);
    expect(net.leaders()).toHaveLength(1);
    expect(net.raft('c').leader).toBe(net.leaders()[0]);
    expect(net.raft('c').term).toBeGreaterThan(8);
  });

  it('a leader that no quorum answers for an election timeout steps down (thesis §6.2)', () => {
    const net = new Network(three);
    net.elect('a');
    net.isolate('a');
    net.tick(20, ['a']);
    expect([net.raft('a').role, net.raft('a').leader]).toEqual(['follower', undefined]);
  });

  it('a leader that a quorum answers stays, though the rest is silent (thesis §6.2)', () => {
    const net = new Network(three);
    net.elect('a');
    net.isolate('c');
    net.tick(100, ['a', 'b']);
    expect(net.leaders()).toEqual(['a']);
  });

  it('when the connection to the leader closes, its followers elect another within a few ticks (C4)', () => {
    const net = new Network(three);
    net.elect('a');
    net.node('a').crash();
    for (const id of ['b', 'c']) net.raft(id).connectionLost('a');
    net.tick(4);
    expect(net.leaders()).toHaveLength(1);
  });

  it('a follower that only lost its connection for a moment goes on following (C4)', () => {
    const net = new Network(three);
    net.elect('a');
    const term = net.raft('a').term;
    net.raft('b').connectionLost('a');
    net.raft('b').connectionLost('c');
    net.tick(100);
    expect([net.leaders(), net.raft('a').term, net.raft('b').leader]).toEqual([['a'], term, 'a']);
  });

  it('a voter whose applying lags far waits longer before it campaigns (C2)', () => {
    const disk = diskWithTerms([1, 1, 1, 1, 1], 1, 5);
    const ticksUntilCampaign = (appliedLagMax: number): number => {
      const node = solo(three, { disk, options: { appliedLagMax } });
      let ticks = 0;
      for (; node.raft.role === 'follower'; ticks++) node.raft.tick();
      return ticks;
    };
    expect(ticksUntilCampaign(5)).toBeLessThan(20);
    expect(ticksUntilCampaign(4)).toBeGreaterThanOrEqual(40);
  });
});
