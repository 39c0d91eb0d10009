import { assert } from '../base/assert.ts';
import { isJoint, stepRefusal } from './changer.ts';
import { isVoter } from './configuration.ts';
import type { Leadership } from './leadership.ts';
import type { RaftState } from './state.ts';
import { type Configuration, type Entry, EntryType, type MemberId } from './types.ts';

/**
 * Changes of membership in the log (thesis §4). An entry carries the configuration that comes into force with it, on
 * each node as soon as that node knows the entry to be committed, before and independent of its being applied (rule
 * D6). So nobody ever campaigns or counts with a change that it knows and has not carried out.
 *
 * It is safe although nodes learn of a commit at different times. A leader proposes a change only once the one before is
 * committed, so whoever holds an entry of this kind knows (in memory, and in the same batch on disk) that all earlier
 * ones are committed. Whoever lacks it cannot be elected past it, since every quorum of its own configuration shares a
 * voter with the quorum that committed it: configurations that follow each other always do (changer.ts).
 */

/** Why this node may not propose that configuration now; undefined: it may. */
export function changeRefusal<P>(s: RaftState<P>, to: Configuration): string | undefined {
  if (s.leadership === undefined) return 'this node does not lead';
  if (s.leadership.transfer !== undefined) return 'leadership is being handed over';
  const [pending] = s.changes;
  if (pending !== undefined) return `another change of the members is under way (entry ${pending.index})`;
  // Else two leaders in turn, each with a change that the other does not know of, may both have quorums (thesis §4.1).
  if (s.log.commit < s.leadership.noopIndex) return 'nothing of the term of this leader is committed yet';
  if (!isSettled(s, s.leadership)) return 'the last change of the members is not settled yet';
  if (to.begins) return 'nobody can propose to begin a new cluster';
  return stepRefusal(s.configuration, to);
}

/** Whether this node leads a joint configuration that is to be left now. */
export function mayLeaveJoint<P>(s: RaftState<P>): boolean {
  const { leadership } = s;
  if (leadership === undefined || leadership.transfer !== undefined || s.changes.length > 0) return false;
  return isJoint(s.configuration) && isSettled(s, leadership);
}

/**
 * Whether a quorum has it on disk that the last change is committed: an entry is committed that was proposed once the
 * change was in force (or, by a later leader, that began its term). It went out together with that news, and whoever
 * holds it has kept both.
 */
export function isSettled<P>(s: RaftState<P>, l: Leadership): boolean {
  return s.log.commit >= l.fenceIndex;
}

/** Whether a leader still has to propose the entry that settles the last change. */
export function lacksFence<P>({ leadership, log }: RaftState<P>): boolean {
  return leadership !== undefined && leadership.transfer === undefined && log.lastIndex < leadership.fenceIndex;
}

/**
 * How far a leader tells a member that the log is committed. Who votes no more is not told of it before that is settled.
 * Else it could know that it must not campaign, with the longest log and a vote that is needed, while the voters that are
 * left have lost the news in a crash: nobody could ever be elected. Until then it counts itself among the voters.
 */
export function toldCommit<P>(s: RaftState<P>, l: Leadership, to: MemberId): number {
  // What follows a change in the log was proposed after that one was settled, and goes out with the news of it.
  const hold = !isVoter(s.configuration, to) && s.changes.length === 0 && !isSettled(s, l);
  return hold ? Math.min(s.log.commit, s.configurationIndex - 1) : s.log.commit;
}

/** A leader tells how far the log is committed. */
export function learnCommit<P>(s: RaftState<P>, index: number): void {
  commitTo(s, index);
  if (index >= s.configurationIndex) s.toldOfConfiguration = true;
}

/** An entry has come into the log. */
export function noteChange<P>(s: RaftState<P>, entry: Entry<P>): void {
  if (entry.type !== EntryType.membership) return;
  const { configurationIn } = s.options;
  assert(configurationIn !== undefined, 'a membership entry, but nothing to read it with');
  s.changes.push({ index: entry.index, configuration: configurationIn(entry.payload) });
}

/** The log was cut off after an index. */
export function forgetChanges<P>(s: RaftState<P>, index: number): void {
  while ((s.changes.at(-1)?.index ?? 0) > index) s.changes.pop();
}

/** Raises the commit index, and puts the changes in force that are committed with it. True: there was one. */
export function commitTo<P>(s: RaftState<P>, index: number): boolean {
  s.log.commitTo(index);
  let changed = false;
  for (let next = s.changes[0]; next !== undefined && next.index <= s.log.commit; next = s.changes[0]) {
    s.changes.shift();
    const { configuration } = next;
    const refusal = configuration.begins ? undefined : stepRefusal(s.configuration, configuration);
    assert(refusal === undefined, () => `entry ${next.index} changes the members in a way that is none: ${refusal}`);
    s.configuration = configuration;
    s.configurationIndex = next.index;
    changed = true;
  }
  return changed;
}
