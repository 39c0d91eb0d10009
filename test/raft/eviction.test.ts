import { describe, expect, it } from 'vitest';
import { ack, append, exchange, lead, solo } from './solo.ts';

const three = ['a', 'b', 'c'];
/** Ten entries of ten bytes. */
const options = { tailBytesMax: 100 };

describe('entries leave memory', () => {
  it('of a follower once they are on disk, although nothing is applied, and are applied from there [C3]', () => {
    const node = solo(three, { options });
    node.applyMax = 0;
    for (let index = 0; index < 40; index++) exchange(node, append(1, index, index > 0 ? 1 : 0, [1], index));
    expect(node.raft.status()).toMatchObject({ applied: 0, persisted: 40 });
    expect([node.raft.entryInMemory(30), node.raft.entryInMemory(31)?.index]).toEqual([undefined, 31]);
    node.applyMax = 40;
    exchange(node, append(1, 40, 1, [1], 40));
    expect(node.raft.status().applied).toBe(40);
    expect(node.payloads).toHaveLength(40);
  });

  it('not before they are on disk, whatever the limit [D8]', () => {
    const node = solo(three, { options });
    node.applyMax = 0;
    exchange(node, append(1, 0, 0, Array(20).fill(1), 20));
    node.holdDisk = true;
    exchange(node, append(1, 20, 1, Array(40).fill(1), 60));
    node.applyMax = 5;
    node.apply();
    expect(node.raft.status()).toMatchObject({ applied: 5, persisted: 20, commit: 60 });
    expect([node.raft.entryInMemory(20), node.raft.entryInMemory(21)?.index]).toEqual([undefined, 21]);
    expect(node.inFlight?.entries).toHaveLength(40);
  });

  it('of a leader once they are applied, if it has proposed them: their bytes are counted until then [S1]', () => {
    const node = solo(three, { options });
    exchange(node, append(1, 0, 0, Array(20).fill(1)));
    lead(node);
    const { begunAt = 0 } = node.raft.status();
    node.applyMax = begunAt;
    for (let n = 0; n < 40; n++) node.raft.propose(1, 10, `${n}`);
    node.pump();
    exchange(node, ack('b', 2, begunAt + 40));
    expect(node.raft.status()).toMatchObject({ applied: begunAt, commit: begunAt + 40 });
    expect(node.raft.entryInMemory(20)).toBeUndefined();
    expect([node.raft.entryInMemory(begunAt + 1)?.payload, node.raft.unappliedBytes]).toEqual(['0', 400]);
    node.applyMax = begunAt + 40;
    node.apply();
    expect([node.raft.entryInMemory(begunAt + 1), node.raft.unappliedBytes]).toEqual([undefined, 0]);
  });
});
