import { describe, expect, it } from 'vitest';
import { enterJoint, simpleChange } from '../../src/raft/changer.ts';
import { EntryType } from '../../src/raft/types.ts';
import { configurationFrom, configurationText, diskWithTerms, Network } from './network.ts';
import { ack, append, beat, exchange, lead, ofType, solo, timeOut, voteRequest } from './solo.ts';

const three = ['a', 'b', 'c'];
const inForce = (net: Network, id: string) => configurationText(net.raft(id).configuration);

/** An append whose one entry changes the members. */
function changeFrom(term: number, index: number, logTerm: number, text: string, commit = 0) {
  const note = append(term, index, logTerm, [term], commit);
  if (note.type !== 'append') throw new Error('not an append');
  const entries = [{ index: index + 1, term, type: EntryType.membership, bytes: 10, payload: text }];
  return { ...note, entries };
}

describe('changing the members', () => {
  it('a single node grows to three, one member at a time, and goes on being written to (thesis §4.1)', () => {
    const net = new Network(['a']);
    net.elect('a');
    net.write('a', 'one');
    for (const member of ['b', 'c']) {
      net.add(member);
      net.change('a', simpleChange(net.raft('a').configuration, [{ kind: 'learner', member }]));
      net.write('a', `${member} learns`);
      net.change('a', simpleChange(net.raft('a').configuration, [{ kind: 'voter', member }]));
    }
    net.write('a', 'two');
    net.tick(2);
    expect(three.map((id) => inForce(net, id))).toEqual(['a b c|||', 'a b c|||', 'a b c|||']);
    expect(net.node('c').payloads.filter((one) => !one.includes('|'))).toEqual(['one', 'b learns', 'c learns', 'two']);
    net.node('a').crash();
    expect(net.elect('c').role).toBe('leader');
  });

  it('a change comes into force where it is known to be committed, and not before (thesis §4.1, D6)', () => {
    const net = new Network(three);
    net.elect('a');
    net.add('d');
    net.isolate('a');
    net.change('a', simpleChange(net.raft('a').configuration, [{ kind: 'voter', member: 'd' }]));
    expect(inForce(net, 'a')).toBe('a b c|||');
    net.heal();
    net.tick(2);
    expect([...three, 'd'].map((id) => inForce(net, id))).toEqual(Array(4).fill('a b c d|||'));
  });

  it('a follower campaigns with a change that it knows to be committed, also while it has applied nothing of it', () => {
    const node = solo(three);
    node.applyMax = 0;
    exchange(node, changeFrom(1, 0, 0, 'a b c d|||'));
    exchange(node, beat('b', 1, 1));
    expect(node.applied).toEqual([]);
    const asked = ofType(timeOut(node), 'preVote').map((note) => note.to);
    expect(asked.sort()).toEqual(['b', 'c', 'd']);
  });

  it('a change that another leader replaces is forgotten (thesis §4.1)', () => {
    const node = solo(three);
    exchange(node, changeFrom(1, 0, 0, 'a b c d|||'));
    expect(node.raft.status().pendingChange).toBe(1);
    exchange(node, append(2, 0, 0, [2], 1, 'c'));
    expect([node.raft.status().pendingChange, configurationText(node.raft.configuration)]).toEqual([
      undefined,
      'a b c|||',
    ]);
  });

  it('there is one change at a time (thesis §4.1)', () => {
    const node = solo(three);
    lead(node);
    exchange(node, ack('b', node.raft.term, 1));
    const { configuration } = node.raft;
    const first = node.change(simpleChange(configuration, [{ kind: 'learner', member: 'd' }]));
    const second = simpleChange(configuration, [{ kind: 'learner', member: 'e' }]);
    expect(node.raft.changeRefusal(second)).toContain(`entry ${first.index}`);
    expect(() => node.change(second)).toThrow('under way');
    node.pump();
    exchange(node, ack('b', node.raft.term, first.index));
    // Nor before a quorum knows that the first one is committed.
    expect(node.raft.changeRefusal(second)).toContain('not settled');
    exchange(node, ack('b', node.raft.term, first.index + 1));
    expect(node.raft.changeRefusal(second)).toBeUndefined();
  });

  it('a new leader takes up the change that it finds, and no other before that one is committed (thesis §4.1)', () => {
    const disk = diskWithTerms([1]);
    disk.entries.push({ index: 2, term: 1, type: EntryType.membership, bytes: 10, payload: 'a b c||d|' });
    const node = solo(three, { disk });
    lead(node);
    expect(node.raft.changeRefusal(configurationFrom('a b c||e|'))).toContain('entry 2');
    exchange(node, ack('b', node.raft.term, 3));
    expect(configurationText(node.raft.configuration)).toBe('a b c||d|');
    exchange(node, ack('b', node.raft.term, 4));
    expect(node.raft.changeRefusal(configurationFrom('a b c||d e|'))).toBeUndefined();
  });

  it('a leader changes nothing before an entry of its term is committed (thesis §4.1)', () => {
    const node = solo(three);
    lead(node);
    const to = configurationFrom('a b|||');
    expect(node.raft.changeRefusal(to)).toContain('nothing of the term');
    exchange(node, ack('b', node.raft.term, 1));
    expect(node.raft.changeRefusal(to)).toBeUndefined();
  });

  it('nobody but a leader that keeps its leadership changes anything, and only by a step that is one', () => {
    const node = solo(three);
    expect(node.raft.changeRefusal(configurationFrom('a b|||'))).toContain('does not lead');
    lead(node);
    exchange(node, ack('b', node.raft.term, 1));
    expect(node.raft.changeRefusal(configurationFrom('d e|||'))).toContain('more than one voter');
    expect(() => node.change(configurationFrom('d e|||'))).toThrow('more than one voter');
    node.raft.transferLeadership('b');
    expect(node.raft.changeRefusal(configurationFrom('a b|||'))).toContain('handed over');
  });

  it('a committed change that no step allows stops the node (S2)', () => {
    const node = solo(three);
    exchange(node, changeFrom(1, 0, 0, 'd e f|||'));
    expect(() => node.raft.step(beat('b', 1, 1))).toThrow('in a way that is none');
  });

  it('the beginning of a new cluster is no step, is taken from the log alone, and nobody can propose it (R3)', () => {
    const begins = (from: ReturnType<typeof configurationFrom>) => ({ ...from, begins: true });
    const node = solo(three, { options: { configurationIn: (text) => begins(configurationFrom(String(text))) } });
    exchange(node, changeFrom(1, 0, 0, 'd|||'));
    exchange(node, beat('b', 1, 1));
    expect(configurationText(node.raft.configuration)).toBe('d|||');
    const leader = solo(three);
    lead(leader);
    exchange(leader, ack('b', leader.raft.term, 1));
    expect(leader.raft.changeRefusal(begins(configurationFrom('d|||')))).toContain('nobody can propose');
  });

  it('a restart finds the configuration in force, and what is not known to be committed yet (D6)', () => {
    const net = new Network(three);
    net.elect('a');
    net.add('d');
    net.change('a', simpleChange(net.raft('a').configuration, [{ kind: 'learner', member: 'd' }]));
    net.write('a', 'x');
    net.write('a', 'y');
    net.isolate('a');
    net.change('a', simpleChange(net.raft('a').configuration, [{ kind: 'voter', member: 'd' }]));
    const pending = net.raft('a').status().pendingChange;
    net.node('a').restart();
    expect([inForce(net, 'a'), net.raft('a').status().pendingChange]).toEqual(['a b c||d|', pending]);
  });

  it('what was applied is in force after a restart, also where the saved commit index is older (D6)', () => {
    const net = new Network(['a']);
    net.elect('a');
    net.change('a', simpleChange(net.raft('a').configuration, [{ kind: 'learner', member: 'b' }]));
    const { disk } = net.node('a');
    disk.hardState = { ...disk.hardState, commit: 1 };
    net.node('a').restart();
    expect(inForce(net, 'a')).toBe('a||b|');
  });
});

describe('what a change leaves behind', () => {
  it('who votes no more learns of it once a quorum knows it for good: else nobody could be elected after a crash', () => {
    const node = solo(three);
    lead(node);
    const { term } = node.raft;
    for (const id of ['b', 'c']) exchange(node, ack(id, term, 1));
    node.change(configurationFrom('a b||c|'));
    node.pump();
    let sent = exchange(node, ack('c', term, 2));
    const told = (to: string) => Math.max(...ofType(sent, 'append').map((note) => (note.to === to ? note.commit : 0)));
    // It is committed, and in force: an entry follows it, with the news of it for b alone.
    expect(configurationText(node.raft.configuration)).toBe('a b||c|');
    expect([told('b'), told('c'), node.raft.status().changeSettled]).toEqual([2, 1, false]);
    node.raft.announce(3);
    sent = exchange(node, ack('b', term, 3));
    expect([told('c'), node.raft.status().changeSettled]).toEqual([3, true]);
  });
});

describe('learners', () => {
  it('a learner receives the log, and neither counts nor campaigns (thesis §4.2.1)', () => {
    const net = new Network(three, { learners: ['l'] });
    net.elect('a');
    net.write('a', 'x');
    expect(net.node('l').payloads).toEqual(['x']);
    net.partition(['a', 'l'], ['b', 'c']);
    net.propose('a', 'y');
    net.tick(1);
    expect(net.node('l').raft.lastIndex).toBe(net.raft('a').lastIndex);
    expect(net.node('a').payloads).toEqual(['x']);
    net.tick(40);
    expect([net.raft('a').role, net.raft('l').role, net.raft('l').term]).not.toContain('leader');
    expect(net.takeLog('preVote').filter((note) => note.from === 'l')).toEqual([]);
  });

  it('the answer of a learner confirms no read and no leadership (thesis §6.2, §6.4)', () => {
    const net = new Network(three, { learners: ['l'] });
    net.elect('a');
    net.partition(['a', 'l'], ['b', 'c']);
    net.raft('a').requestRead(1);
    net.tick(3);
    expect(net.node('a').answers).toEqual([]);
    net.tick(20);
    expect(net.raft('a').role).toBe('follower');
  });

  it('a learner that was told of it does not stand when the leader is gone, however long that is (thesis §4.2.1)', () => {
    const net = new Network(three);
    net.elect('a');
    net.add('l');
    net.change('a', simpleChange(net.raft('a').configuration, [{ kind: 'learner', member: 'l' }]));
    net.write('a', 'x');
    net.tick(2);
    net.node('a').crash();
    net.isolate('l');
    net.takeLog('preVote');
    net.tick(100);
    expect(net.takeLog('preVote').filter((note) => note.from === 'l')).toEqual([]);
  });

  it('leadership is not handed to a learner (thesis §3.10)', () => {
    const net = new Network(['a'], { learners: ['l'] });
    net.elect('a');
    net.write('a', 'x');
    expect([net.raft('a').transferLeadership('l'), net.raft('a').transferLeadership(undefined)]).toEqual([
      false,
      false,
    ]);
  });

  it('a learner still gives its vote, because what it knows may be old (C1)', () => {
    const node = solo(['b', 'c'], { learners: ['a'] });
    expect(ofType(exchange(node, voteRequest('vote', 'b', 1, 0, 0)), 'voteResponse')).toMatchObject([
      { reject: false },
    ]);
  });
});

describe('joint configurations', () => {
  it('are entered and left by themselves, and replace two of three members at once (Raft §6)', () => {
    const net = new Network(three);
    net.elect('a');
    net.add('d');
    net.add('e');
    net.write('a', 'x');
    net.change(
      'a',
      enterJoint(net.raft('a').configuration, [
        { kind: 'removed', member: 'b' },
        { kind: 'removed', member: 'c' },
        { kind: 'voter', member: 'd' },
        { kind: 'voter', member: 'e' },
      ]),
    );
    net.tick(2);
    expect(['a', 'd', 'e'].map((id) => inForce(net, id))).toEqual(Array(3).fill('a d e|||'));
    net.node('a').crash();
    expect(net.elect('d').role).toBe('leader');
    expect(net.node('e').payloads[0]).toBe('x');
  });

  it('nothing is committed, and no read confirmed, by one half alone (Raft §6)', () => {
    const net = new Network(three);
    net.elect('a');
    net.add('d');
    net.add('e');
    net.node('a').leavesJoint = false;
    const both = enterJoint(net.raft('a').configuration, [
      { kind: 'removed', member: 'b' },
      { kind: 'removed', member: 'c' },
      { kind: 'voter', member: 'd' },
      { kind: 'voter', member: 'e' },
    ]);
    net.change('a', both);
    expect(net.raft('a').mayLeaveJoint).toBe(true);
    for (const group of [
      ['a', 'b', 'c'],
      ['a', 'd', 'e'],
    ]) {
      net.partition(
        group,
        ['b', 'c', 'd', 'e'].filter((id) => !group.includes(id)),
      );
      const { index } = net.propose('a', group.join(''));
      net.raft('a').requestRead(index);
      net.tick(3);
      expect(net.raft('a').commit).toBeLessThan(index);
      expect(net.node('a').answers).toEqual([]);
      net.heal();
      net.tick(3);
      expect(net.raft('a').commit).toBe(index);
      net.node('a').answers = [];
    }
  });

  it('a leader whom one half does not answer steps down (thesis §6.2)', () => {
    const net = new Network(['a', 'd', 'e'], { outgoing: three });
    net.elect('a');
    net.partition(['a', 'd', 'e'], ['b', 'c']);
    net.tick(25);
    expect(net.leaders()).toEqual([]);
  });

  it('a new leader leaves the joint configuration that it finds (Raft §6)', () => {
    const net = new Network(['a', 'b', 'd'], { outgoing: three });
    net.node('b').leavesJoint = true;
    net.elect('b');
    net.tick(2);
    expect(inForce(net, 'b')).toBe('a b d|||');
  });
});

describe('removing members', () => {
  it('a removed follower is sent nothing more, and the others need it no longer', () => {
    const net = new Network(three);
    net.elect('a');
    net.node('c').crash();
    net.change('a', simpleChange(net.raft('a').configuration, [{ kind: 'removed', member: 'c' }]));
    net.takeLog('append');
    net.write('a', 'x');
    expect(net.takeLog('append').map((note) => note.to)).not.toContain('c');
    expect(net.node('b').payloads.at(-1)).toBe('x');
  });

  it('a removed member that does not know of it disturbs nobody (thesis §4.2.3)', () => {
    const net = new Network(three);
    net.elect('a');
    net.isolate('c');
    net.change('a', simpleChange(net.raft('a').configuration, [{ kind: 'removed', member: 'c' }]));
    const { term } = net.raft('a');
    net.heal();
    net.tick(60);
    expect([net.leaders(), net.raft('a').term, net.raft('b').term]).toEqual([['a'], term, term]);
  });

  it('a removed leader goes on until that is committed, then hands over and steps down (thesis §4.2.2)', () => {
    const net = new Network(three);
    net.elect('a');
    net.change('a', simpleChange(net.raft('a').configuration, [{ kind: 'removed', member: 'a' }]));
    net.tick(2);
    expect(net.raft('a').role).toBe('follower');
    expect(net.leaders()).toHaveLength(1);
    net.tick(60);
    expect([net.raft('a').role, inForce(net, net.leaders()[0] ?? '')]).toEqual(['follower', 'b c|||']);
  });

  it('a removed leader does not count itself (thesis §4.2.2)', () => {
    const node = solo(three);
    lead(node);
    exchange(node, ack('b', node.raft.term, 1));
    node.change(configurationFrom('b c|||'));
    node.pump();
    exchange(node, ack('b', node.raft.term, 2));
    expect(node.raft.status()).toMatchObject({ commit: 2, transferee: 'b' });
    expect(node.raft.acceptsProposals).toBe(false);
  });

  it.each([
    ['removed', 'is started anew'],
    ['removed', 'was cut off until it stepped down'],
    ['learner', 'is started anew'],
    ['learner', 'was cut off until it stepped down'],
  ] as const)(
    'a leader (now: %s) that %s, and alone has the end of the log and the news, passes both on (thesis §4.2.2)',
    (kind, what) => {
      const net = new Network(['a', 'b', 'c', 'd']);
      net.elect('a');
      net.node('d').crash();
      const a = net.node('a');
      a.holdDisk = true;
      net.change('a', simpleChange(a.raft.configuration, [{ kind, member: 'a' }]));
      // It is written while the change is on its way, as under load; then nobody hears of a any more.
      net.propose('a', 'x');
      net.isolate('a');
      a.holdDisk = false;
      net.send(a, a.syncDisk());
      net.settle();
      const after = kind === 'learner' ? 'b c d||a|' : 'b c d|||';
      expect([inForce(net, 'a'), inForce(net, 'b'), a.disk.hardState.commit]).toEqual([after, 'a b c d|||', 2]);
      if (what === 'is started anew') a.restart();
      else net.tick(25);
      net.heal();
      net.tick(100);
      // Of the former four, three are needed and there; of the new three, two.
      expect(net.leaders()).toHaveLength(1);
      expect([inForce(net, 'b'), inForce(net, 'c'), net.leaders()]).toEqual([
        after,
        after,
        [expect.stringMatching(/[bc]/)],
      ]);
      expect(net.node('b').payloads).toContain('x');
    },
  );

  it('a removed leader from whom nobody takes over steps down after an election timeout (thesis §4.2.2)', () => {
    const net = new Network(three);
    net.elect('a');
    net.drop = (note) => note.type === 'timeoutNow';
    net.change('a', simpleChange(net.raft('a').configuration, [{ kind: 'removed', member: 'a' }]));
    expect(net.raft('a').role).toBe('leader');
    net.tick(10);
    expect(net.raft('a').role).toBe('follower');
  });

  it('three go down to one, which needs nobody any more, also for the reads that waited', () => {
    const net = new Network(three);
    net.elect('a');
    net.change('a', simpleChange(net.raft('a').configuration, [{ kind: 'removed', member: 'c' }]));
    net.raft('a').requestRead(7);
    net.drop = (note) => note.type === 'heartbeatResponse';
    net.change('a', simpleChange(net.raft('a').configuration, [{ kind: 'removed', member: 'b' }]));
    expect(inForce(net, 'a')).toBe('a|||');
    expect(net.node('a').answers).toMatchObject([{ id: 7 }]);
    net.isolate('a');
    net.write('a', 'alone');
    expect(net.node('a').payloads.at(-1)).toBe('alone');
  });

  it('what was waiting for a removed member is committed without it', () => {
    const net = new Network(['a', 'b']);
    net.elect('a');
    net.change('a', simpleChange(net.raft('a').configuration, [{ kind: 'removed', member: 'b' }]));
    expect(net.raft('a').commit).toBe(net.raft('a').lastIndex);
    net.node('b').crash();
    net.write('a', 'x');
    expect(net.node('a').payloads.at(-1)).toBe('x');
  });

  it('a hand-over to a member that is removed meanwhile is given up', () => {
    const node = solo(three);
    lead(node);
    exchange(node, ack('b', node.raft.term, 1));
    node.change(configurationFrom('a b|||'));
    node.raft.transferLeadership('c');
    node.pump();
    exchange(node, ack('b', node.raft.term, 2));
    expect(node.raft.status().transferee).toBeUndefined();
  });
});
