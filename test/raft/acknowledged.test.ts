import { describe, expect, it } from 'vitest';
import type { Acknowledged, MemberId } from '../../src/raft/types.ts';
import type { Note } from './network.ts';
import { ack, exchange, lead, ofType, solo } from './solo.ts';

function beat(from: MemberId, term: number, acknowledged: readonly Acknowledged[]): Note {
  return { type: 'heartbeat', from, to: 'a', term, commit: 0, context: 1, acknowledged };
}

describe('what members acknowledged', () => {
  it('counts as far as it is committed: beyond, a later leader may cut it off [D9]', () => {
    const node = solo(['a', 'b', 'c', 'd', 'e']);
    lead(node);
    node.raft.propose(1, 1, 'x');
    node.raft.propose(1, 1, 'y');
    node.pump();
    exchange(node, ack('b', 1, 3));
    expect([...node.raft.acknowledged]).toEqual([]);
    exchange(node, ack('c', 1, 2));
    expect(node.raft.commit).toBe(2);
    expect(Object.fromEntries(node.raft.acknowledged)).toEqual({ b: 2, c: 2 });
  });

  it('outlives the leadership in which it was seen, and never falls [D9]', () => {
    const node = solo(['a', 'b', 'c']);
    lead(node);
    node.raft.propose(1, 1, 'x');
    node.pump();
    exchange(node, ack('b', 1, 2));
    exchange(node, beat('c', 5, [{ member: 'b', index: 1 }]));
    expect(node.raft.role).toBe('follower');
    expect(Object.fromEntries(node.raft.acknowledged)).toEqual({ b: 2 });
  });

  it('is told to all in heartbeats, so that they know when the leader is gone [D9]', () => {
    const node = solo(['a', 'b', 'c']);
    lead(node);
    exchange(node, ack('b', 1, 1));
    node.raft.tick();
    const told = ofType(node.pump(), 'heartbeat').map(({ to, acknowledged }) => ({ to, acknowledged }));
    expect(told).toEqual(['b', 'c'].map((to) => ({ to, acknowledged: [{ member: 'b', index: 1 }] })));

    const other = solo(['a', 'b', 'c']);
    const knows = [
      { member: 'a', index: 7 },
      { member: 'c', index: 9 },
    ];
    exchange(other, beat('b', 1, knows));
    expect(Object.fromEntries(other.raft.acknowledged)).toEqual({ c: 9 });
  });
});
