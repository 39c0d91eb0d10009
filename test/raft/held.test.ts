import { describe, expect, it } from 'vitest';
import { ack, append, beat, exchange, lead, ofType, refusal, solo } from './solo.ts';

describe('entries that are not ready yet', () => {
  it('have their place in the log at once, and are neither written nor sent before they are released [S1, C3]', () => {
    const node = solo(['a', 'b', 'c']);
    lead(node);
    exchange(node, ack('b', 1, 1));
    node.raft.propose(1, 10, 'x');
    expect(node.raft.propose(1, 10, 'big', false).index).toBe(3);
    node.raft.propose(1, 10, 'behind', false);
    const sent = ofType(node.pump(), 'append').flatMap(({ entries }) => entries?.map(({ payload }) => payload) ?? []);
    expect(sent).toEqual(['x']);
    expect(node.disk.entries.map(({ payload }) => payload)).toEqual([undefined, 'x']);
    expect(node.raft.lastIndex).toBe(4);

    node.raft.release(3);
    expect(node.pump().length).toBeGreaterThan(0);
    expect(node.disk.entries.at(-1)?.payload).toBe('big');
    node.raft.release(4);
    node.raft.propose(1, 10, 'y');
    node.pump();
    expect(node.disk.entries.slice(2).map(({ payload }) => payload)).toEqual(['big', 'behind', 'y']);
    exchange(node, ack('b', 1, 5));
    expect(node.raft.commit).toBe(5);
  });

  it('hold up what is proposed behind them: it cannot be ready before they are [C3]', () => {
    const node = solo(['a', 'b', 'c']);
    lead(node);
    node.raft.propose(1, 10, 'big', false);
    expect(() => node.raft.propose(1, 10, 'small')).toThrow(/is held/);
  });

  it('are gone with the leadership, and whoever leads next fills their place [C3]', () => {
    const node = solo(['a', 'b', 'c']);
    lead(node);
    node.raft.propose(1, 10, 'x');
    node.raft.propose(1, 10, 'big', false);
    node.pump();
    exchange(node, beat('b', 2));
    expect(node.raft.lastIndex).toBe(2);
    node.raft.release(3);
    exchange(node, append(2, 2, 1, [2]));
    expect(node.disk.entries.map(({ term }) => term)).toEqual([1, 1, 2]);
    lead(node);
    node.raft.propose(1, 10, 'z');
    node.pump();
    expect(node.disk.entries).toHaveLength(5);
  });

  it('leave the entry before them in memory, however large they are: once they are dropped, the next one continues it [C3, S2]', () => {
    const node = solo(['a', 'b', 'c'], { options: { tailBytesMax: 100 } });
    lead(node);
    exchange(node, ack('b', 1, 1));
    node.raft.propose(1, 10, 'x');
    node.pump();
    node.raft.propose(1, 1_000, 'big', false);
    exchange(node, ack('b', 1, 2));
    expect(node.raft.status().applied).toBe(2);
    exchange(node, refusal('c', 3, 0, 0, 0));
    expect([node.raft.role, node.raft.lastIndex]).toEqual(['follower', 2]);
    expect(node.raft.entryInMemory(2)?.payload).toBe('x');
  });

  it('leave the log of a lone voter where it was when it is written [C3]', () => {
    const node = solo(['a']);
    node.raft.tick();
    node.pump();
    node.raft.propose(1, 10, 'big', false);
    node.pump();
    expect(node.raft.commit).toBe(1);
    node.raft.release(2);
    node.pump();
    expect(node.raft.commit).toBe(2);
  });
});
