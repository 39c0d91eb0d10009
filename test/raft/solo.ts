import { Prng } from '../../src/base/prng.ts';
import { allVoters } from '../../src/raft/configuration.ts';
import type { Entry, MemberId, RaftOptions } from '../../src/raft/types.ts';
import { configurationOf, type Disk, emptyDisk, type Note, type NoteOf, TestNode, testOptions } from './network.ts';

/** One node, `a` unless said otherwise, whose peers are played by the test. */
export function solo(
  voters: readonly MemberId[],
  settings: { id?: MemberId; disk?: Disk; options?: Partial<RaftOptions>; learners?: readonly MemberId[] } = {},
): TestNode {
  const id = settings.id ?? 'a';
  const options = { ...testOptions(id, new Prng(7)), ...settings.options };
  return new TestNode(options, configurationOf(voters, settings.learners), settings.disk ?? emptyDisk());
}

export function entriesOf(first: number, terms: readonly number[], bytes = 10): Entry<string>[] {
  return terms.map((term, i) => ({ index: first + i, term, type: 1, bytes, payload: `${first + i}@${term}` }));
}

/** An append of `from` to `a`. */
export function append(
  term: number,
  index: number,
  logTerm: number,
  terms: readonly number[],
  commit = 0,
  from: MemberId = 'b',
): Note {
  return {
    type: 'append',
    from,
    to: 'a',
    term,
    index,
    logTerm,
    commit,
    entries: entriesOf(index + 1, terms),
    loadMax: 0,
  };
}

export function ack(from: MemberId, term: number, index: number, applied = 0): Note {
  return { type: 'appendResponse', from, to: 'a', term, index, reject: false, rejectHint: 0, logTerm: 0, applied };
}

export function refusal(from: MemberId, term: number, index: number, rejectHint: number, logTerm: number): Note {
  return { type: 'appendResponse', from, to: 'a', term, index, reject: true, rejectHint, logTerm, applied: 0 };
}

export function beat(from: MemberId, term: number, commit = 0, context = 1): Note {
  return { type: 'heartbeat', from, to: 'a', term, commit, context, acknowledged: [] };
}

export function beatAnswer(from: MemberId, term: number, context: number, applied = 0): Note {
  return { type: 'heartbeatResponse', from, to: 'a', term, context, applied };
}

export function voteRequest(
  type: 'vote' | 'preVote',
  from: MemberId,
  term: number,
  index: number,
  logTerm: number,
  transfer = false,
): Note {
  return { type, from, to: 'a', term, index, logTerm, transfer };
}

/** What is sent in answer to a message. */
export function exchange(node: TestNode, note: Note): Note[] {
  node.raft.step(note);
  return node.pump();
}

export function ofType<T extends Note['type']>(notes: readonly Note[], type: T): NoteOf<T>[] {
  return notes.filter((note): note is NoteOf<T> => note.type === type);
}

/** Ticks until the node campaigns; returns what it then sends. */
export function timeOut(node: TestNode): Note[] {
  for (let i = 0; i < 100; i++) {
    node.raft.tick();
    const sent = node.pump();
    if (node.raft.role !== 'follower') return sent;
  }
  throw new Error('the node never campaigned');
}

/** Makes the node leader, by the votes of all others; returns what it first sends as leader. */
export function lead(node: TestNode): Note[] {
  timeOut(node);
  const to = node.options.id;
  const term = node.raft.term + 1;
  const others = [...allVoters(node.configuration)].filter((id) => id !== to);
  for (const from of others) node.raft.step({ type: 'preVoteResponse', from, to, term, reject: false });
  node.pump();
  for (const from of others) node.raft.step({ type: 'voteResponse', from, to, term, reject: false });
  if (node.raft.role !== 'leader') throw new Error('the node was not elected');
  return node.pump();
}
