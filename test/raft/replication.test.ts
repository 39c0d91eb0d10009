import { describe, expect, it } from 'vitest';
import { diskWithTerms, Network, type NoteOf } from './network.ts';
import {
  ack,
  append,
  beat,
  beatAnswer,
  entriesOf,
  exchange,
  lead,
  ofType,
  refusal,
  solo,
  voteRequest,
} from './solo.ts';

const three = ['a', 'b', 'c'];

/** The entries of each append to `b`. */
function sentToB(notes: Parameters<typeof ofType>[0]): (number[] | undefined)[] {
  return appendsToB(notes).map((note) => note.entries?.map((entry) => entry.index));
}

function appendsToB(notes: Parameters<typeof ofType>[0]): NoteOf<'append'>[] {
  return ofType(notes, 'append').filter((note) => note.to === 'b');
}

describe('log replication', () => {
  it('a leader commits an entry of its own term once a majority has it (§5.3)', () => {
    const node = solo(['a', 'b', 'c', 'd', 'e']);
    lead(node);
    node.raft.propose(1, 10, 'x');
    node.pump();
    exchange(node, ack('b', 1, 2));
    expect(node.raft.commit).toBe(0);
    exchange(node, ack('c', 1, 2));
    expect(node.raft.commit).toBe(2);
  });

  it('followers learn what is committed and apply the same entries in the same order (§5.3)', () => {
    const net = new Network(three);
    net.elect('a');
    for (const payload of ['x', 'y', 'z']) net.write('a', payload);
    for (const node of net.nodes.values()) expect(node.payloads).toEqual(['x', 'y', 'z']);
  });

  it('a follower refuses an append after an entry that it does not have, and keeps its log (§5.3)', () => {
    const node = solo(three, { disk: diskWithTerms([1, 1]) });
    expect(exchange(node, append(2, 3, 1, [2]))).toMatchObject([
      { type: 'appendResponse', reject: true, index: 3, rejectHint: 2, logTerm: 1 },
    ]);
    expect(exchange(node, append(2, 2, 2, [2]))).toMatchObject([{ reject: true, index: 2 }]);
    expect(node.terms).toEqual([1, 1]);
  });

  it('a follower replaces entries that conflict with those of the leader, on disk in one batch (§5.3)', () => {
    const node = solo(three, { disk: diskWithTerms([1, 2, 2, 2]) });
    node.holdDisk = true;
    exchange(node, append(3, 1, 1, [3, 3]));
    expect(node.terms).toEqual([1, 3, 3]);
    expect(node.inFlight).toMatchObject({ truncateAfter: 1, entries: entriesOf(2, [3, 3]), hardState: { term: 3 } });
    node.syncDisk();
    expect(node.disk.entries.map((entry) => entry.term)).toEqual([1, 3, 3]);
  });

  it('an old append that comes late does not cut the log short (§5.3)', () => {
    const node = solo(three);
    exchange(node, append(1, 0, 0, [1, 1, 1]));
    expect(exchange(node, append(1, 0, 0, [1]))).toMatchObject([{ type: 'appendResponse', reject: false, index: 1 }]);
    expect(node.raft.lastIndex).toBe(3);
  });

  it('an append that comes twice is confirmed twice and stored once (§5.5)', () => {
    const node = solo(three);
    const first = exchange(node, append(1, 0, 0, [1, 1]));
    expect(exchange(node, append(1, 0, 0, [1, 1]))).toEqual(first);
    expect(node.disk.entries).toHaveLength(2);
  });

  it('a confirmation that comes late takes no newer one back (§5.5)', () => {
    const node = solo(three);
    lead(node);
    exchange(node, ack('b', node.raft.term, 1));
    node.raft.propose(1, 10, 'x');
    node.pump();
    exchange(node, ack('b', node.raft.term, 2));
    exchange(node, ack('b', node.raft.term, 1));
    expect(node.raft.status().progress.find(({ id }) => id === 'b')).toMatchObject({ match: 2 });
  });

  it('a follower commits no further than the leader vouched for (figure 2)', () => {
    const node = solo(three, { disk: diskWithTerms([1, 1, 1]) });
    exchange(node, append(2, 1, 1, [], 3));
    expect(node.raft.commit).toBe(1);
    exchange(node, beat('b', 2, 2));
    expect(node.raft.commit).toBe(2);
    exchange(node, beat('b', 2, 99));
    expect(node.raft.commit).toBe(3);
  });

  it('a heartbeat carries no commit index beyond what the follower is known to have (figure 2)', () => {
    const node = solo(three);
    lead(node);
    for (const index of [1, 2]) {
      if (index === 2) node.raft.propose(1, 10, 'x');
      node.pump();
      exchange(node, ack('c', 1, index));
    }
    expect(node.raft.commit).toBe(2);
    exchange(node, ack('b', 1, 1));
    node.raft.tick();
    const commits = ofType(node.pump(), 'heartbeat').map(({ to, commit }) => [to, commit]);
    expect(commits).toEqual([
      ['b', 1],
      ['c', 2],
    ]);
  });

  it('each of the logs of figure 7 comes to agree with that of the leader (§5.3, figure 7)', () => {
    const leader = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    const followers: Record<string, number[]> = {
      b: [1, 1, 1, 4, 4, 5, 5, 6, 6],
      c: [1, 1, 1, 4],
      d: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
      e: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
      f: [1, 1, 1, 4, 4, 4, 4],
      g: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    };
    const disks = {
      a: diskWithTerms(leader, 7),
      ...Object.fromEntries(Object.entries(followers).map(([id, terms]) => [id, diskWithTerms(terms, 7)])),
    };
    const net = new Network(['a', ...Object.keys(followers)], { disks });
    net.elect('a');
    net.tick(2);
    for (const node of net.nodes.values()) {
      expect(node.disk.entries.map((entry) => entry.term)).toEqual([...leader, net.raft('a').term]);
      expect(node.committedTo).toBe(11);
    }
  });
});

describe('finding where two logs part', () => {
  it('skips whole terms on both sides, so that few round trips are needed (§5.3)', () => {
    const common = Array<number>(20).fill(1);
    const mine = [
      ...common,
      ...Array<number>(300).fill(2),
      ...Array<number>(300).fill(5),
      ...Array<number>(300).fill(8),
    ];
    const theirs = [
      ...common,
      ...Array<number>(400).fill(3),
      ...Array<number>(400).fill(4),
      ...Array<number>(400).fill(7),
    ];
    const net = new Network(['a', 'b'], { disks: { a: diskWithTerms(mine, 9), b: diskWithTerms(theirs, 9) } });
    net.log = [];
    net.elect('a');
    const refusals = net.takeLog('appendResponse').filter((note) => note.reject);
    expect(refusals.length).toBeLessThanOrEqual(5);
    expect(net.terms('b')).toEqual(net.terms('a'));
  });

  it('jumps over all that a follower lacks in one round trip (§5.3)', () => {
    const mine = Array<number>(1000).fill(1);
    const net = new Network(['a', 'b'], { disks: { a: diskWithTerms(mine), b: diskWithTerms(mine.slice(0, 10)) } });
    net.log = [];
    net.elect('a');
    expect(net.takeLog('appendResponse').filter((note) => note.reject)).toHaveLength(1);
    expect(net.raft('b').lastIndex).toBe(1001);
  });

  it('passes over a refusal that is out of date', () => {
    const node = solo(['a', 'b'], { disk: diskWithTerms([1, 1, 1, 1]) });
    lead(node);
    expect(exchange(node, refusal('b', 2, 2, 1, 1))).toEqual([]);
    exchange(node, ack('b', 2, 5));
    expect(exchange(node, refusal('b', 2, 4, 3, 1))).toEqual([]);
    expect(node.raft.status().progress).toMatchObject([{ state: 'replicate', match: 5 }]);
  });
});

describe('pipelining', () => {
  const small = { inflightMessagesMax: 3, inflightBytesMax: 1000, messageBytesMax: 20, messageEntriesMax: 10 };

  it('sends nothing more to a follower that is being probed until it answers', () => {
    const node = solo(['a', 'b']);
    expect(sentToB(lead(node))).toEqual([[1]]);
    node.raft.propose(1, 10, 'x');
    expect(sentToB(node.pump())).toEqual([]);
    expect(sentToB(exchange(node, ack('b', 1, 1)))).toEqual([[2]]);
  });

  it('sends on without waiting for answers once the logs are known to agree, up to the limit of messages in flight', () => {
    const node = solo(['a', 'b'], { options: small });
    lead(node);
    exchange(node, ack('b', 1, 1));
    for (let i = 0; i < 10; i++) node.raft.propose(1, 10, `${i}`);
    expect(sentToB(node.pump())).toEqual([
      [2, 3],
      [4, 5],
      [6, 7],
    ]);
    expect(sentToB(exchange(node, ack('b', 1, 5)))).toEqual([
      [8, 9],
      [10, 11],
    ]);
  });

  it('stops at the limit of bytes in flight, which one message may pass', () => {
    const node = solo(['a', 'b'], { options: { ...small, inflightMessagesMax: 100, inflightBytesMax: 30 } });
    lead(node);
    exchange(node, ack('b', 1, 1));
    for (let i = 0; i < 10; i++) node.raft.propose(1, 10, `${i}`);
    expect(sentToB(node.pump())).toEqual([
      [2, 3],
      [4, 5],
    ]);
    exchange(node, ack('b', 1, 11));
    node.raft.propose(1, 500, 'big');
    node.raft.propose(1, 10, 'next');
    expect(sentToB(node.pump())).toEqual([[12]]);
  });

  it('puts all that was proposed since the last time into one message', () => {
    const node = solo(['a', 'b']);
    lead(node);
    exchange(node, ack('b', 1, 1));
    for (let i = 0; i < 50; i++) node.raft.propose(1, 10, `${i}`);
    expect(appendsToB(node.pump()).map((note) => note.entries?.length)).toEqual([50]);
  });

  it('bounds a message in bytes and in entries, and lets one entry of any size pass', () => {
    const node = solo(['a', 'b'], { options: { messageBytesMax: 25, messageEntriesMax: 3 } });
    lead(node);
    exchange(node, ack('b', 1, 1));
    for (const bytes of [1, 1, 1, 1, 10, 10, 10, 900]) node.raft.propose(1, bytes, 'x');
    expect(sentToB(node.pump())).toEqual([[2, 3, 4], [5, 6, 7], [8], [9]]);
  });

  it('tells what was committed with the next append, and owes nothing then', () => {
    const node = solo(['a', 'b', 'c']);
    lead(node);
    expect(appendsToB(exchange(node, ack('b', 1, 1)))).toEqual([]);
    expect(node.raft.owesCommit).toBe(true);
    node.raft.propose(1, 10, 'x');
    expect(appendsToB(node.pump())).toMatchObject([{ index: 1, entries: [{ index: 2 }], commit: 1 }]);
    exchange(node, ack('c', 1, 1));
    expect(node.raft.owesCommit).toBe(false);
  });

  it('tells idle followers by itself what was committed, once that is announced', () => {
    const node = solo(['a', 'b', 'c']);
    lead(node);
    exchange(node, ack('b', 1, 1));
    node.raft.announce(1);
    expect(appendsToB(node.pump())).toMatchObject([{ index: 1, entries: [], commit: 1 }]);
    expect(node.raft.owesCommit).toBe(false);
    expect(node.pump()).toEqual([]);
  });

  it('announces what was committed by the time of the announcement, and no more', () => {
    const node = solo(['a', 'b', 'c']);
    lead(node);
    exchange(node, ack('b', 1, 1));
    node.raft.announce(1);
    node.raft.propose(1, 10, 'x');
    node.pump();
    expect(appendsToB(exchange(node, ack('b', 1, 2)))).toEqual([]);
    expect(node.raft.owesCommit).toBe(true);
  });

  it('owes nothing to a follower of which it does not know where the logs part, and nothing where it does not lead', () => {
    const node = solo(['a', 'b', 'c']);
    expect(node.raft.owesCommit).toBe(false);
    lead(node);
    exchange(node, ack('b', 1, 1));
    node.raft.connectionLost('b');
    expect(node.raft.owesCommit).toBe(false);
    node.raft.step(voteRequest('vote', 'c', 9, 9, 1));
    node.raft.announce(1);
    expect(node.raft.owesCommit).toBe(false);
  });
});

describe('lost messages', () => {
  function replicating(): ReturnType<typeof solo> {
    const node = solo(['a', 'b'], { options: { heartbeatTicks: 2 } });
    lead(node);
    exchange(node, ack('b', 1, 1));
    return node;
  }

  it('an append that is lost in the middle is found by the gap and sent again', () => {
    const net = new Network(['a', 'b']);
    net.elect('a');
    net.drop = (note) => note.type === 'append' && note.entries?.[0]?.index === 2;
    net.write('a', 'x');
    net.drop = () => false;
    net.write('a', 'y');
    net.write('a', 'z');
    expect(net.node('b').payloads).toEqual(['x', 'y', 'z']);
  });

  it('the last append, if it is lost, is found by a heartbeat and sent again', () => {
    const net = new Network(['a', 'b']);
    net.elect('a');
    net.drop = (note) => note.type === 'append';
    net.write('a', 'x');
    net.drop = () => false;
    net.tick(3);
    expect(net.node('b').payloads).toEqual(['x']);
  });

  it('a whole window that is lost is found by a heartbeat and sent again', () => {
    const net = new Network(['a', 'b'], { options: { inflightMessagesMax: 2, messageEntriesMax: 1 } });
    net.elect('a');
    net.drop = (note) => note.type === 'append';
    for (let i = 0; i < 10; i++) net.propose('a', `${i}`);
    net.settle();
    net.drop = () => false;
    net.tick(3);
    expect(net.node('b').payloads).toHaveLength(10);
  });

  it('an answer that is lost is asked for again, without sending the entries again', () => {
    const net = new Network(['a', 'b']);
    net.elect('a');
    net.drop = (note) => note.type === 'appendResponse';
    net.write('a', 'x');
    net.drop = () => false;
    net.log = [];
    net.tick(3);
    expect(net.raft('a').commit).toBe(2);
    expect(net.takeLog('append').flatMap((note) => note.entries)).toEqual([]);
  });

  it('a slow disk of a follower is not taken for a loss', () => {
    const node = replicating();
    node.raft.propose(1, 10, 'x');
    node.pump();
    const appends: unknown[] = [];
    for (let i = 1; i <= 20; i++) {
      node.raft.tick();
      node.pump();
      appends.push(...appendsToB(exchange(node, beatAnswer('b', 1, 0))));
    }
    // One question, without entries, each heartbeat interval at most.
    expect(appends.length).toBeLessThanOrEqual(10);
    for (const sent of appends) expect(sent).toMatchObject({ entries: [], index: 2 });
    expect(node.raft.status().progress).toMatchObject([{ state: 'replicate' }]);
  });

  it('heartbeat answers within one interval, as reads cause them, send nothing again', () => {
    const node = replicating();
    node.raft.propose(1, 10, 'x');
    node.pump();
    node.raft.tick();
    node.pump();
    expect(appendsToB(exchange(node, beatAnswer('b', 1, 0)))).toEqual([]);
    node.raft.tick();
    node.pump();
    expect(appendsToB(exchange(node, beatAnswer('b', 1, 0)))).toHaveLength(1);
  });

  it('a follower that comes back is probed anew by the next heartbeat', () => {
    const net = new Network(['a', 'b', 'c']);
    net.elect('a');
    net.node('c').crash();
    net.raft('a').connectionLost('c');
    for (let i = 0; i < 5; i++) net.write('a', `${i}`);
    net.tick(30, ['a', 'b']);
    net.node('c').restart();
    net.tick(2);
    expect(net.node('c').payloads).toHaveLength(5);
  });

  it('when the connection to a follower closes, pipelining to it stops', () => {
    const node = replicating();
    node.raft.propose(1, 10, 'x');
    node.pump();
    node.raft.connectionLost('b');
    expect(sentToB(node.pump())).toEqual([[2]]);
    node.raft.propose(1, 10, 'y');
    expect(sentToB(node.pump())).toEqual([]);
  });
});

describe('ranges from disk', () => {
  function loading(): ReturnType<typeof solo> {
    const disk = diskWithTerms(Array<number>(50).fill(1));
    const node = solo(['a', 'b'], { disk, options: { messageEntriesMax: 20 } });
    lead(node);
    return node;
  }

  it('a follower is probed without loading anything, and only then sent ranges, one at a time', () => {
    const node = loading();
    const [probe] = appendsToB(exchange(node, refusal('b', 2, 50, 5, 1)));
    expect(probe).toMatchObject({ index: 5, logTerm: 1, entries: [] });
    const sent = appendsToB(exchange(node, ack('b', 2, 5)));
    expect(sent).toMatchObject([{ index: 5, entries: undefined, loadMax: 20 }]);
    node.raft.propose(1, 10, 'x');
    expect(appendsToB(node.pump())).toEqual([]);
  });

  it('goes on from wherever the driver stopped, and changes to pipelining where memory begins', () => {
    const node = loading();
    exchange(node, refusal('b', 2, 50, 5, 1));
    exchange(node, ack('b', 2, 5));
    expect(appendsToB(exchange(node, ack('b', 2, 8)))).toMatchObject([{ index: 8, entries: undefined, loadMax: 20 }]);
    expect(appendsToB(exchange(node, ack('b', 2, 40)))).toMatchObject([{ index: 40, entries: undefined, loadMax: 10 }]);
    expect(sentToB(exchange(node, ack('b', 2, 50)))).toEqual([[51]]);
  });

  it('waits for what is in flight before it asks for a range', () => {
    const node = solo(['a', 'b', 'c'], { options: { inflightMessagesMax: 2, messageEntriesMax: 1, tailBytesMax: 0 } });
    lead(node);
    exchange(node, ack('b', 1, 1));
    exchange(node, ack('c', 1, 1));
    for (let i = 0; i < 4; i++) node.raft.propose(1, 10, `${i}`);
    expect(sentToB(node.pump())).toEqual([[2], [3]]);
    for (const index of [2, 3, 4, 5]) exchange(node, ack('c', 1, index));
    expect(node.raft.entryInMemory(4)).toBeUndefined();
    expect(appendsToB(exchange(node, ack('b', 1, 2)))).toEqual([]);
    expect(appendsToB(exchange(node, ack('b', 1, 3)))).toMatchObject([{ index: 3, entries: undefined, loadMax: 1 }]);
  });

  it('a range that got lost is asked for again after an election timeout', () => {
    const node = loading();
    exchange(node, refusal('b', 2, 50, 5, 1));
    exchange(node, ack('b', 2, 5));
    const again: number[] = [];
    for (let i = 1; i <= 12; i++) {
      node.raft.tick();
      node.pump();
      if (appendsToB(exchange(node, beatAnswer('b', 2, i))).length > 0) again.push(i);
    }
    expect(again).toEqual([10]);
  });

  it('a node that starts with an empty log gets all of a long one', () => {
    const disk = diskWithTerms(Array<number>(500).fill(1));
    const net = new Network(['a', 'b'], { learners: ['l'], disks: { a: disk, b: structuredClone(disk) } });
    net.elect('a');
    expect(net.node('l').committedTo).toBe(501);
    expect(net.node('l').disk.entries).toHaveLength(501);
  });
});

describe('memory', () => {
  it('holds no more than its limit once entries are applied and synced', () => {
    const net = new Network(['a', 'b'], { options: { tailBytesMax: 100 } });
    net.elect('a');
    for (let i = 0; i < 100; i++) net.write('a', `${i}`);
    for (const { raft } of net.nodes.values()) {
      expect(raft.entryInMemory(91)).toBeUndefined();
      expect(raft.entryInMemory(92)).toBeDefined();
    }
  });

  it('counts the bytes that this leader proposed and that are not applied yet', () => {
    const node = solo(['a']);
    node.raft.tick();
    for (let i = 0; i < 30; i++) node.raft.tick();
    node.pump();
    node.applyMax = 1;
    node.raft.propose(1, 30, 'x');
    node.raft.propose(1, 12, 'y');
    node.pump();
    expect(node.raft.unappliedBytes).toBe(42);
    node.applyMax = 2;
    node.apply();
    expect(node.raft.unappliedBytes).toBe(12);
    node.applyMax = 3;
    node.apply();
    expect(node.raft.unappliedBytes).toBe(0);
  });
});
