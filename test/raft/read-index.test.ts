import { describe, expect, it } from 'vitest';
import { diskWithTerms, Network, type TestNode } from './network.ts';
import { ack, beat, beatAnswer, exchange, lead, ofType, solo } from './solo.ts';

const three = ['a', 'b', 'c'];

/** A leader whose no-op, entry 1, is committed. */
function leading(): TestNode {
  const node = solo(three);
  lead(node);
  exchange(node, ack('b', 1, 1));
  exchange(node, ack('c', 1, 1));
  return node;
}

/** Asks, and returns the round of the heartbeats that this starts. */
function ask(node: TestNode, ...ids: number[]): number | undefined {
  for (const id of ids) node.raft.requestRead(id);
  return ofType(node.pump(), 'heartbeat')[0]?.context;
}

describe('reads at the leader', () => {
  it('a read gets the commit index once a quorum has answered a heartbeat sent after it (thesis §6.4)', () => {
    const node = leading();
    const round = ask(node, 7) ?? 0;
    expect(node.answers).toEqual([]);
    exchange(node, beatAnswer('b', 1, round));
    expect(node.answers).toEqual([{ id: 7, index: 1 }]);
  });

  it('an answer to a heartbeat from before the read confirms nothing (thesis §6.4)', () => {
    const node = leading();
    const round = ask(node, 7) ?? 0;
    exchange(node, beatAnswer('b', 1, round - 1));
    exchange(node, beatAnswer('c', 1, round - 1));
    expect(node.answers).toEqual([]);
  });

  it('one round serves all reads that came before it; those that come while it is out share the next (thesis §6.4)', () => {
    const node = leading();
    const first = ask(node, 1, 2, 3) ?? 0;
    expect(ask(node, 4, 5)).toBeUndefined();
    const sent = exchange(node, beatAnswer('b', 1, first));
    expect(node.answers.map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(ofType(sent, 'heartbeat').map(({ context }) => context)).toEqual([first + 1, first + 1]);
    exchange(node, beatAnswer('c', 1, first));
    expect(node.answers).toHaveLength(3);
    exchange(node, beatAnswer('c', 1, first + 1));
    expect(node.answers.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5]);
  });

  it('a round whose heartbeats are lost is made good by the next tick (thesis §6.4)', () => {
    const net = new Network(three);
    net.elect('a');
    net.drop = (note) => note.type === 'heartbeat';
    net.raft('a').requestRead(1);
    net.settle();
    net.raft('a').requestRead(2);
    net.settle();
    net.drop = () => false;
    net.tick(1);
    expect(net.node('a').answers).toEqual([
      { id: 1, index: 1 },
      { id: 2, index: 1 },
    ]);
  });

  it('a new leader holds reads back until an entry of its term is committed (thesis §6.4)', () => {
    const node = solo(three, { disk: diskWithTerms([1, 1], 1, 1) });
    lead(node);
    expect(ask(node, 7)).toBeUndefined();
    exchange(node, ack('b', 2, 2));
    const sent = exchange(node, ack('b', 2, 3));
    const round = ofType(sent, 'heartbeat')[0]?.context ?? 0;
    expect(round).toBeGreaterThan(0);
    exchange(node, beatAnswer('c', 2, round));
    expect(node.answers).toEqual([{ id: 7, index: 3 }]);
  });

  it('a single voter answers at once, but also only after a commit in its term (thesis §6.4)', () => {
    const node = solo(['a'], { disk: diskWithTerms([1, 1], 1, 1) });
    for (let i = 0; i < 20; i++) node.raft.tick();
    node.pump();
    node.raft.requestRead(1);
    node.pump();
    expect(node.answers).toEqual([{ id: 1, index: 3 }]);
    node.holdDisk = true;
    const again = solo(['a'], { disk: node.disk });
    again.holdDisk = true;
    for (let i = 0; i < 20; i++) again.raft.tick();
    again.pump();
    again.syncDisk();
    again.raft.requestRead(2);
    again.pump();
    expect([again.raft.role, again.answers]).toEqual(['leader', []]);
    again.syncDisk();
    again.pump();
    expect(again.answers).toEqual([{ id: 2, index: 4 }]);
  });

  it('a leader that was replaced without knowing it confirms no read (thesis §6.4)', () => {
    const net = new Network(three);
    net.elect('a');
    net.isolate('a');
    net.elect('b');
    net.write('b', 'new');
    net.raft('a').requestRead(1);
    net.settle();
    net.tick(30);
    expect(net.node('a').answers).toEqual([{ id: 1, index: undefined }]);
  });

  it('all reads are refused when leadership is lost (thesis §6.4)', () => {
    const node = leading();
    ask(node, 1);
    ask(node, 2);
    exchange(node, beat('c', 5));
    expect(node.answers).toEqual([
      { id: 1, index: undefined },
      { id: 2, index: undefined },
    ]);
  });

  it('a joint configuration confirms by a majority of both halves (§6)', () => {
    const net = new Network(['a', 'b', 'c'], { outgoing: ['c', 'd', 'e'] });
    net.elect('a');
    net.partition(['a', 'b', 'c'], ['d', 'e']);
    net.raft('a').requestRead(1);
    net.settle();
    expect(net.node('a').answers).toEqual([]);
    net.heal();
    net.tick(1);
    expect(net.node('a').answers).toMatchObject([{ id: 1 }]);
  });

  it('the only voter of one half of a joint configuration asks the other half, too (§6)', () => {
    const net = new Network(['a'], { outgoing: ['b'] });
    net.elect('a');
    net.isolate('b');
    net.raft('a').requestRead(1);
    net.settle();
    expect(net.node('a').answers).toEqual([]);
    net.heal();
    net.tick(1);
    expect(net.node('a').answers).toMatchObject([{ id: 1 }]);
  });
});

describe('reads at a follower', () => {
  it('travel to the leader and come back with its commit index (thesis §6.4)', () => {
    const net = new Network(three);
    net.elect('a');
    net.write('a', 'x');
    net.raft('b').requestRead(5);
    net.settle();
    expect(net.node('b').answers).toEqual([{ id: 5, index: 2 }]);
  });

  it('share one message, and those that come while it is under way share the next', () => {
    const node = solo(three);
    exchange(node, beat('b', 1));
    for (const id of [1, 2]) node.raft.requestRead(id);
    const [first] = ofType(node.pump(), 'readIndex');
    for (const id of [3, 4]) node.raft.requestRead(id);
    expect(node.pump()).toEqual([]);
    const reply = { type: 'readIndexResponse', from: 'b', to: 'a', term: 1, index: 9, reject: false } as const;
    const [second] = ofType(exchange(node, { ...reply, context: first!.context }), 'readIndex');
    expect(node.answers).toEqual([
      { id: 1, index: 9 },
      { id: 2, index: 9 },
    ]);
    exchange(node, { ...reply, context: first!.context });
    expect(node.answers).toHaveLength(2);
    exchange(node, { ...reply, context: second!.context });
    expect(node.answers.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
  });

  it('an answer to a batch from before a restart is not taken for that of a new one', () => {
    const contexts = [1, 2].map((seed) => {
      const node = solo(three, { options: { random: (from) => from + seed } });
      exchange(node, beat('b', 1));
      node.raft.requestRead(1);
      return ofType(node.pump(), 'readIndex')[0]?.context;
    });
    expect(contexts[0]).not.toBe(contexts[1]);
  });

  it('are refused at once when no leader is known, and when the leader changes', () => {
    const node = solo(three);
    node.raft.requestRead(1);
    node.pump();
    expect(node.answers).toEqual([{ id: 1, index: undefined }]);
    exchange(node, beat('b', 1));
    node.raft.requestRead(2);
    node.pump();
    node.raft.requestRead(3);
    exchange(node, beat('c', 2));
    expect(node.answers.slice(1)).toEqual([
      { id: 2, index: undefined },
      { id: 3, index: undefined },
    ]);
  });

  it('are refused after an election timeout without an answer', () => {
    const node = solo(three);
    exchange(node, beat('b', 1));
    node.raft.requestRead(1);
    node.pump();
    for (let i = 0; i < 9; i++) {
      node.raft.tick();
      exchange(node, beat('b', 1));
    }
    expect(node.answers).toEqual([]);
    node.raft.tick();
    node.pump();
    expect(node.answers).toEqual([{ id: 1, index: undefined }]);
  });

  it('are refused by one that no longer leads, which is quicker than silence', () => {
    const node = solo(three);
    exchange(node, beat('b', 3));
    expect(exchange(node, { type: 'readIndex', from: 'c', to: 'a', term: 3, context: 8 })).toMatchObject([
      { type: 'readIndexResponse', to: 'c', context: 8, reject: true },
    ]);
    expect(exchange(node, { type: 'readIndex', from: 'c', to: 'a', term: 2, context: 9 })).toMatchObject([
      { type: 'readIndexResponse', term: 3, context: 9, reject: true },
    ]);
  });
});
