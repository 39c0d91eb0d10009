import { describe, expect, it } from 'vitest';
import { diskWithTerms, Network } from './network.ts';
import { ack, exchange, lead, solo } from './solo.ts';

describe('entries of earlier terms', () => {
  it('a leader begins its term with an entry of its own, which carries nothing (§5.4.2, §8)', () => {
    const node = solo(['a', 'b', 'c'], { disk: diskWithTerms([1, 1]) });
    lead(node);
    expect(node.raft.entryInMemory(3)).toEqual({ index: 3, term: 2, type: 3, bytes: 0, payload: undefined });
  });

  it('the driver may give that entry a payload (§8)', () => {
    const node = solo(['a', 'b'], { options: { noop: (index, term) => `no-op ${index} of ${term}` } });
    lead(node);
    expect(node.raft.entryInMemory(1)).toMatchObject({ type: 3, bytes: 0, payload: 'no-op 1 of 1' });
  });

  it('an entry of an earlier term is not committed by counting, but with the first of the current one (§5.4.2)', () => {
    const node = solo(['a', 'b', 'c'], { disk: diskWithTerms([1, 1]) });
    lead(node);
    exchange(node, ack('b', 2, 2));
    exchange(node, ack('c', 2, 2));
    expect(node.raft.commit).toBe(0);
    exchange(node, ack('b', 2, 3));
    expect(node.raft.commit).toBe(3);
  });

  /** Figure 8 up to (c): S1 has put its entry of term 2 on a majority, but nothing of its new term. */
  function figure8(): Network {
    const votedForS5 = () => ({ ...diskWithTerms([1]), hardState: { term: 3, vote: 's5', commit: 0 } });
    const net = new Network(['s1', 's2', 's3', 's4', 's5'], {
      disks: {
        s1: diskWithTerms([1, 2], 2),
        s2: diskWithTerms([1, 2], 2),
        s3: votedForS5(),
        s4: votedForS5(),
        s5: diskWithTerms([1, 3], 3),
      },
    });
    for (const id of ['s4', 's5']) net.node(id).crash();
    // S1's entry of term 4 reaches nobody, but what comes before it does.
    net.drop = (note) => {
      if (note.type !== 'append' || net.raft(note.to).lastIndex > 2) return false;
      if (!note.entries?.some((entry) => entry.term > 3)) return false;
      net.raft(note.to).step({ ...note, entries: note.entries.filter((entry) => entry.term <= 3) });
      return true;
    };
    // S1 comes back with term 2; S3, which voted in term 3, makes it stand for term 4.
    net.elect('s1');
    net.settle();
    expect(net.raft('s1').term).toBe(4);
    return net;
  }

  it('an entry of an earlier term on a majority can still be replaced, so it was not committed (§5.4.2, figure 8 d)', () => {
    const net = figure8();
    for (const id of ['s1', 's2', 's3']) expect(net.terms(id).slice(0, 2)).toEqual([1, 2]);
    for (const id of ['s2', 's3']) {
      expect(
        net
          .raft('s1')
          .status()
          .progress.find((progress) => progress.id === id)?.match,
      ).toBe(2);
    }
    for (const id of ['s1', 's2', 's3']) expect(net.raft(id).commit).toBe(0);
    net.node('s1').crash();
    net.heal();
    for (const id of ['s4', 's5']) net.node(id).restart();
    net.elect('s5');
    net.settle();
    for (const id of ['s2', 's3', 's4', 's5']) {
      expect(net.terms(id)).toEqual([1, 3, net.raft('s5').term]);
      expect(net.raft(id).commit).toBe(3);
    }
  });

  it('once an entry of the current term is on a majority, no one without it can win (§5.4.2, figure 8 e)', () => {
    const net = figure8();
    net.heal();
    net.tick(3, ['s1', 's2', 's3']);
    for (const id of ['s1', 's2', 's3']) expect(net.raft(id).commit).toBe(3);
    net.node('s1').crash();
    for (const id of ['s4', 's5']) net.node(id).restart();
    expect(() => net.elect('s5')).toThrow();
    net.tick(60);
    expect(['s2', 's3']).toContain(net.leaders()[0]);
    for (const id of ['s2', 's3', 's4', 's5']) expect(net.terms(id).slice(0, 3)).toEqual([1, 2, 4]);
  });

  it('a commit needs a majority of both halves of a joint configuration (§6)', () => {
    const net = new Network(['a', 'b', 'c'], { outgoing: ['c', 'd', 'e'] });
    net.elect('a');
    net.partition(['a', 'b', 'c'], ['d', 'e']);
    const { index } = net.write('a', 'x');
    expect(net.raft('a').commit).toBe(index - 1);
    net.heal();
    net.tick(3);
    expect(net.raft('a').commit).toBe(index);
  });
});

describe('proposals', () => {
  it('are never refused by a leader, whatever is pending (S1)', () => {
    const node = solo(['a', 'b', 'c'], { options: { inflightMessagesMax: 1, inflightBytesMax: 1, tailBytesMax: 1 } });
    lead(node);
    node.holdDisk = true;
    for (let i = 0; i < 1000; i++) expect(node.raft.propose(1, 1_000_000, `${i}`).index).toBe(i + 2);
    expect(node.raft.unappliedBytes).toBe(1_000_000_000);
  });

  it('get their index and term in the same step, without a hole (S1)', () => {
    const node = solo(['a']);
    for (let i = 0; i < 30; i++) node.raft.tick();
    node.pump();
    const entries = ['x', 'y'].map((payload) => node.raft.propose(1, 10, payload));
    expect(entries).toMatchObject([
      { index: 2, term: 1, payload: 'x' },
      { index: 3, term: 1, payload: 'y' },
    ]);
  });

  it('to anybody but the leader are a bug of the caller (S1)', () => {
    expect(() => solo(['a', 'b']).raft.propose(1, 1, 'x')).toThrow(/only a leader/);
  });

  it('are welcome once the no-op of the term is applied, not before (S1)', () => {
    const node = solo(['a', 'b', 'c']);
    node.applyMax = 0;
    lead(node);
    exchange(node, ack('b', 1, 1));
    expect([node.raft.commit, node.raft.acceptsProposals]).toEqual([1, false]);
    node.applyMax = 1;
    node.apply();
    expect(node.raft.acceptsProposals).toBe(true);
  });
});
