import { allMembers, allVoters, isVoter, type VoteResult, voteResult } from './configuration.ts';
import type { MessageOf } from './outbox.ts';
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from './roles.ts';
import type { RaftState } from './state.ts';

/** Elections (Raft §5.2, §5.4.1) with pre-vote and leases (thesis §9.6, §4.2.3). */

/** Asks first whether the others would vote for it, without disturbing them. */
export function campaign<P>(s: RaftState<P>): void {
  if (!mayCampaign(s)) return;
  becomePreCandidate(s);
  s.votes.set(s.id, true);
  requestVotes(s, 'preVote', s.term + 1, false);
  countPreVotes(s);
}

/**
 * A voter, and a leader of before that lost its vote (thesis §4.2.2). That one may be alone with the end of the log and with
 * the news that it votes no more: to whoever still needs its vote it cannot give it, so it must pass on what it has. It does
 * not count itself, and hands over once it has won. A learner that a leader has told of its being one stays quiet: others
 * know it for good. A new node that has yet to read of its being added may stand, and its log is too short to win.
 */
function mayCampaign<P>({ configuration, configurationIndex, id, log, toldOfConfiguration }: RaftState<P>): boolean {
  if (isVoter(configuration, id)) return true;
  if (allMembers(configuration).has(id) && toldOfConfiguration) return false;
  return log.lastIndex > configurationIndex;
}

/** Campaigns in earnest, in a new term. `transfer`: because the leader asked for it. */
export function startElection<P>(s: RaftState<P>, transfer: boolean): void {
  if (!mayCampaign(s)) return;
  becomeCandidate(s);
  requestVotes(s, 'vote', s.term, transfer);
}

/**
 * A request for votes goes out only after its term, its own vote and the log that it advertises are on disk. Else a
 * candidate could crash, lose the end of its log, campaign in the same term again, and win with votes that were given
 * to the longer log. A pre-vote request binds nobody.
 */
function requestVotes<P>(s: RaftState<P>, type: 'preVote' | 'vote', term: number, transfer: boolean): void {
  const { lastIndex: index, lastTerm: logTerm } = s.log;
  for (const to of allVoters(s.configuration)) {
    if (to === s.id) continue;
    const message = { type, from: s.id, to, term, index, logTerm, transfer };
    if (type === 'vote') s.outbox.sendAfterSync(message);
    else s.outbox.send(message);
  }
}

/**
 * Whether a request of a higher term is to be passed over, because a leader was heard from within an election timeout:
 * so a node that cannot hear the leader does not depose it (thesis §4.2.3).
 */
export function holdsLease<P>(s: RaftState<P>): boolean {
  return s.leader !== undefined && s.electionElapsed < s.options.electionTimeoutTicks;
}

/**
 * Grants on term and log alone (rule C1): whether the asker, or this node, is a voter in the configuration known here
 * does not matter, because that configuration may be an old one.
 */
export function handleVoteRequest<P>(s: RaftState<P>, m: MessageOf<P, 'preVote' | 'vote'>): void {
  // One vote a term (Raft §5.2). A pre-vote for a coming term is not bound by the vote of this one.
  const free = s.vote === m.from || (s.vote === undefined && s.leader === undefined);
  const mayGrant = free || (m.type === 'preVote' && m.term > s.term);
  const reject = !mayGrant || !s.log.isCoveredBy(m.index, m.logTerm);
  const envelope = { from: s.id, to: m.from } as const;
  if (m.type === 'preVote') {
    // A granted one names the term that it is for; a refusal the term here, so that an old candidate catches up.
    s.outbox.send({ ...envelope, type: 'preVoteResponse', term: reject ? s.term : m.term, reject });
    return;
  }
  if (reject) {
    s.outbox.send({ ...envelope, type: 'voteResponse', term: s.term, reject });
    return;
  }
  if (s.role !== 'follower') becomeFollower(s, s.term, undefined);
  s.vote = m.from;
  s.electionElapsed = 0;
  // A vote must survive a crash before anybody may count it (Raft, figure 2).
  s.outbox.sendAfterSync({ ...envelope, type: 'voteResponse', term: s.term, reject });
}

export function handleVoteResponse<P>(s: RaftState<P>, m: MessageOf<P, 'preVoteResponse' | 'voteResponse'>): void {
  if (m.type === 'voteResponse') {
    if (s.role !== 'candidate') return;
    s.votes.set(m.from, !m.reject);
    countVotes(s);
    return;
  }
  if (s.role !== 'preCandidate' || (!m.reject && m.term !== s.term + 1)) return;
  s.votes.set(m.from, !m.reject);
  countPreVotes(s);
}

/** Something reached the disk: a candidate's vote for itself may count now. */
export function countOwnVote<P>(s: RaftState<P>): void {
  if (s.role !== 'candidate' || s.votes.has(s.id) || !s.disk.holdsVote(s.term, s.id)) return;
  s.votes.set(s.id, true);
  countVotes(s);
}

function countPreVotes<P>(s: RaftState<P>): void {
  const result = ballot(s);
  if (result === 'won') startElection(s, false);
  else if (result === 'lost') becomeFollower(s, s.term, undefined);
}

function countVotes<P>(s: RaftState<P>): void {
  const result = ballot(s);
  // Even a majority of others is not enough as long as this node could still forget that it stood.
  if (result === 'won' && s.votes.has(s.id)) becomeLeader(s);
  else if (result === 'lost') becomeFollower(s, s.term, undefined);
}

function ballot<P>(s: RaftState<P>): VoteResult {
  return voteResult(s.configuration, (id) => s.votes.get(id));
}
