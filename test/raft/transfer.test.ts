import { describe, expect, it } from 'vitest';
import { diskWithTerms, Network } from './network.ts';
import { ack, beatAnswer, exchange, lead, ofType, solo } from './solo.ts';

const three = ['a', 'b', 'c'];

describe('handing leadership over', () => {
  it('finds those who answer also right after the leader has checked its quorum [C2]', () => {
    const node = solo(three);
    lead(node);
    const { term } = node.raft;
    const toNextCheck = () => {
      for (let n = 0; n < node.options.electionTimeoutTicks; n++) node.raft.tick();
      node.pump();
    };
    exchange(node, ack('b', term, 1));
    toNextCheck();
    expect(node.raft.status().progress.map(({ id, recentlyActive }) => [id, recentlyActive])).toEqual([
      ['b', true],
      ['c', false],
    ]);
    expect(node.raft.transferLeadership(undefined)).toBe(true);
    expect(node.raft.status().transferee).toBe('b');
  });

  it('the target campaigns at once, in spite of leases, and wins (thesis §3.10)', () => {
    const net = new Network(three);
    net.elect('a');
    net.tick(2);
    const term = net.raft('a').term;
    expect(net.raft('a').transferLeadership('b')).toBe(true);
    net.settle();
    expect([net.leaders(), net.raft('b').term]).toEqual([['b'], term + 1]);
    expect(net.raft('a').leader).toBe('b');
    expect(net.takeLog('preVote').filter((note) => note.term > term)).toEqual([]);
  });

  it('the target first gets the rest of the log (thesis §3.10)', () => {
    const net = new Network(three);
    net.elect('a');
    net.isolate('b');
    for (let i = 0; i < 5; i++) net.write('a', `${i}`);
    expect(net.raft('a').transferLeadership('b')).toBe(true);
    net.settle();
    expect(net.leaders()).toEqual(['a']);
    net.heal();
    net.tick(3);
    expect(net.leaders()).toEqual(['b']);
    expect(net.node('b').payloads).toHaveLength(5);
  });

  it('the target is not told to campaign before it has confirmed all of the log (thesis §3.10)', () => {
    const node = solo(three);
    lead(node);
    const { term } = node.raft;
    exchange(node, ack('b', term, 1));
    exchange(node, ack('c', term, 1));
    node.raft.propose(1, 10, 'x');
    node.pump();
    node.raft.transferLeadership('b');
    node.pump();
    // It has applied all that was committed at the call; the entry may still be on its way.
    expect(ofType(exchange(node, beatAnswer('b', term, 1, 1)), 'timeoutNow')).toEqual([]);
    expect(ofType(exchange(node, ack('b', term, 2, 1)), 'timeoutNow')).toMatchObject([{ to: 'b' }]);
  });

  it('the target gets what the own disk has not even begun to write, and may never take (rule D1)', () => {
    const node = solo(three);
    lead(node);
    const { term } = node.raft;
    exchange(node, ack('b', term, 1));
    exchange(node, ack('c', term, 1));
    node.holdDisk = true;
    for (const payload of ['being written', 'waiting']) {
      node.raft.propose(1, 10, payload);
      node.pump();
    }
    node.raft.transferLeadership('b');
    const sent = ofType(node.pump(), 'append').flatMap(({ to, entries }) => (to === 'b' ? (entries ?? []) : []));
    expect(sent.map(({ payload }) => payload)).toEqual(['waiting']);
    expect(ofType(exchange(node, ack('b', term, 3, 1)), 'timeoutNow')).toMatchObject([{ to: 'b' }]);
  });

  it('proposals are gated meanwhile, and reads are held (thesis §3.10)', () => {
    const net = new Network(three);
    net.elect('a');
    net.isolate('b');
    net.raft('a').transferLeadership('b');
    net.settle();
    expect([net.raft('a').acceptsProposals, net.raft('a').status().transferee]).toEqual([false, 'b']);
    expect(() => net.propose('a', 'x')).toThrow(/handed over/);
    net.raft('a').requestRead(1);
    net.tick(5);
    expect(net.node('a').answers).toEqual([]);
  });

  it('it is given up after an election timeout, and the leader carries on, with the reads that it held (thesis §3.10)', () => {
    const net = new Network(three);
    net.elect('a');
    net.isolate('b');
    net.raft('a').transferLeadership('b');
    net.raft('a').requestRead(1);
    net.tick(10, ['a', 'c']);
    expect([net.leaders(), net.raft('a').acceptsProposals]).toEqual([['a'], true]);
    expect(net.node('a').answers).toMatchObject([{ id: 1, index: 1 }]);
    net.write('a', 'x');
    expect(net.node('c').payloads).toEqual(['x']);
  });

  it('it is given up as early where it is asked for again and again (thesis §3.10)', () => {
    const net = new Network(three);
    net.elect('a');
    net.isolate('b');
    for (let n = 0; n < 10; n++) {
      net.raft('a').transferLeadership('b');
      net.tick(1, ['a', 'c']);
    }
    expect([net.leaders(), net.raft('a').acceptsProposals]).toEqual([['a'], true]);
  });

  it('reads that were held are refused when leadership moves (thesis §3.10)', () => {
    const net = new Network(three);
    net.elect('a');
    net.raft('a').transferLeadership('b');
    net.raft('a').requestRead(1);
    net.settle();
    expect(net.leaders()).toEqual(['b']);
    expect(net.node('a').answers).toEqual([{ id: 1, index: undefined }]);
  });

  it('a request to campaign that is lost is made again (thesis §3.10)', () => {
    const net = new Network(three);
    net.elect('a');
    net.drop = (note) => note.type === 'timeoutNow';
    net.raft('a').transferLeadership('b');
    net.settle();
    net.drop = () => false;
    net.tick(2);
    expect(net.leaders()).toEqual(['b']);
  });

  it('without a target it goes to the most advanced voter that is there', () => {
    const net = new Network(three);
    net.elect('a');
    net.isolate('b');
    net.write('a', 'x');
    net.heal();
    net.drop = (note) => note.to === 'b' && note.type === 'append';
    net.tick();
    expect(net.raft('a').transferLeadership(undefined)).toBe(true);
    expect(net.raft('a').status().transferee).toBe('c');
  });

  it('without a target it does not go to one that has not been heard of since the quorum was last checked', () => {
    const net = new Network(three);
    net.elect('a');
    net.tick(2);
    net.isolate('b');
    net.tick(20, ['a', 'c']);
    expect(net.raft('a').transferLeadership(undefined)).toBe(true);
    expect(net.raft('a').status().transferee).toBe('c');
  });

  it('without a target it goes to those that were not yet asked in vain, and round again once all were [D1]', () => {
    const net = new Network(['a', 'b', 'c', 'd']);
    net.elect('a');
    net.tick(2);
    // As one that may not lead, or has no room on its disk, keeps quiet.
    net.drop = (note) => note.type === 'timeoutNow';
    const asked = Array.from({ length: 7 }, () => {
      net.raft('a').transferLeadership(undefined);
      const to = net.raft('a').status().transferee;
      net.tick(12);
      return to;
    });
    expect(asked).toEqual(['b', 'c', 'd', 'b', 'c', 'd', 'b']);
    expect(net.leaders()).toEqual(['a']);
  });

  it('there must be somebody to take it', () => {
    const alone = solo(['a'], { learners: ['l'] });
    for (let i = 0; i < 20; i++) alone.raft.tick();
    alone.pump();
    for (const to of [undefined, 'a', 'l', 'x']) expect(alone.raft.transferLeadership(to)).toBe(false);
    expect(solo(three).raft.transferLeadership('b')).toBe(false);
    expect(alone.raft.acceptsProposals).toBe(true);
  });

  it('only the leader that is followed can make a node campaign', () => {
    const node = solo(three);
    exchange(node, { type: 'heartbeat', from: 'b', to: 'a', term: 1, commit: 0, context: 1, acknowledged: [] });
    exchange(node, { type: 'timeoutNow', from: 'c', to: 'a', term: 1 });
    expect(node.raft.role).toBe('follower');
    exchange(node, { type: 'timeoutNow', from: 'b', to: 'a', term: 1 });
    expect(node.raft.role).toBe('candidate');
    expect(node.raft.term).toBe(2);
  });
});

describe('applying and leading', () => {
  it('a transfer waits until the target has applied what was committed (C2)', () => {
    const node = solo(three);
    lead(node);
    exchange(node, ack('b', 1, 1));
    exchange(node, ack('c', 1, 1));
    node.raft.transferLeadership('b');
    const sent = exchange(node, beatAnswer('b', 1, 1, 0));
    expect(ofType(sent, 'timeoutNow')).toEqual([]);
    expect(ofType(exchange(node, beatAnswer('b', 1, 1, 1)), 'timeoutNow')).toHaveLength(1);
  });

  it('a voter that is elected while its applying lags hands over to the one that has applied most (C2)', () => {
    const disk = () => diskWithTerms(Array<number>(50).fill(1), 1, 50);
    const net = new Network(three, { disks: { a: disk(), b: disk(), c: disk() }, options: { appliedLagMax: 10 } });
    net.node('a').applyMax = 0;
    net.node('b').applyMax = 45;
    net.elect('a');
    expect(net.leaders()).toEqual(['a']);
    net.tick(5);
    expect(net.leaders()).toEqual(['c']);
    net.tick(50);
    expect(net.leaders()).toEqual(['c']);
  });

  it('a voter that lags and asks one in vain hands over to another that does not lag (C2)', () => {
    const disk = () => diskWithTerms(Array<number>(50).fill(1), 1, 50);
    const net = new Network(three, { disks: { a: disk(), b: disk(), c: disk() }, options: { appliedLagMax: 10 } });
    net.node('a').applyMax = 0;
    net.drop = (note) => note.type === 'timeoutNow' && note.to === 'b';
    net.elect('a');
    net.tick(30);
    expect(net.leaders()).toEqual(['c']);
  });

  it('a voter that is elected while all lag stays leader and catches up (C2)', () => {
    const disk = () => diskWithTerms(Array<number>(50).fill(1), 1, 50);
    const net = new Network(three, { disks: { a: disk(), b: disk(), c: disk() }, options: { appliedLagMax: 10 } });
    for (const node of net.nodes.values()) node.applyMax = 5;
    net.elect('a');
    net.tick(50);
    expect([net.leaders(), net.raft('a').acceptsProposals]).toEqual([['a'], false]);
    net.node('a').applyMax = 100;
    net.node('a').apply();
    expect(net.raft('a').acceptsProposals).toBe(true);
  });
});
