import { assert } from '../base/assert.ts';
import { rememberAcknowledged } from './acknowledged.ts';
import { allMembers } from './configuration.ts';
import { Leadership } from './leadership.ts';
import { forgetChanges } from './membership.ts';
import { Progress } from './progress.ts';
import { refuseAllReads } from './read-index.ts';
import type { RaftState } from './state.ts';
import { EntryType, type MemberId } from './types.ts';

/** Changes of role. Who may change, and when, is decided in election.ts and step.ts. */

export function becomeFollower<P>(s: RaftState<P>, term: number, leader: MemberId | undefined): void {
  assert(term >= s.term, () => `the term cannot fall from ${s.term} to ${term}`);
  if (term > s.term) enterTerm(s, term, undefined);
  if (s.leadership !== undefined) {
    refuseAllReads(s, s.leadership);
    rememberAcknowledged(s, s.leadership);
    s.leadership = undefined;
    dropHeld(s);
  }
  // A follower's clock runs on when only the term moves: a candidate that cannot win must not keep others from trying.
  if (s.role !== 'follower' || s.leader !== undefined || leader !== undefined) s.restartElectionTimer();
  s.role = 'follower';
  setLeader(s, leader);
}

/** Nobody else has ever seen what was held, nor has the disk: it is as if it had not been proposed. */
function dropHeld<P>(s: RaftState<P>): void {
  if (s.heldFrom === undefined) return;
  s.log.truncateAfter(s.heldFrom - 1);
  forgetChanges(s, s.heldFrom - 1);
  s.heldFrom = undefined;
}

/** Asks first whether it could win; changes neither term nor vote (thesis §9.6). */
export function becomePreCandidate<P>(s: RaftState<P>): void {
  assert(s.role !== 'leader', 'a leader does not campaign');
  s.role = 'preCandidate';
  setLeader(s, undefined);
  s.restartElectionTimer();
  s.votes.clear();
}

export function becomeCandidate<P>(s: RaftState<P>): void {
  assert(s.role !== 'leader', 'a leader does not campaign');
  enterTerm(s, s.term + 1, s.id);
  s.role = 'candidate';
  setLeader(s, undefined);
  s.restartElectionTimer();
  s.votes.clear();
}

export function becomeLeader<P>(s: RaftState<P>): void {
  assert(s.role === 'candidate', 'only a candidate becomes leader');
  // Else it could lead the same term twice, with different entries at the same index.
  assert(s.disk.holdsVote(s.term, s.id), 'a leader must have its own vote on disk');
  const index = s.log.lastIndex + 1;
  const progress = new Map<MemberId, Progress>();
  for (const id of allMembers(s.configuration)) {
    // Optimistic: the follower's log is taken to agree with all of this one, and probed for it (Raft §5.3).
    if (id !== s.id) progress.set(id, new Progress(id, index));
  }
  s.role = 'leader';
  setLeader(s, s.id);
  s.restartElectionTimer();
  s.leadership = new Leadership(progress, index);
  s.log.append({
    index,
    term: s.term,
    type: EntryType.noop,
    bytes: 0,
    payload: s.options.noop?.(index, s.term) as P | undefined,
  });
}

/** Reads that were sent to a leader have no answer to wait for once it is another one, or none. */
export function setLeader<P>(s: RaftState<P>, leader: MemberId | undefined): void {
  if (s.leader === leader) return;
  s.leader = leader;
  s.outbox.refuse(s.forwarded.takeAll());
}

function enterTerm<P>(s: RaftState<P>, term: number, vote: MemberId | undefined): void {
  s.term = term;
  s.vote = vote;
  s.outbox.dropWaiting();
}
