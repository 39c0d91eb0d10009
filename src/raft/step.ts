import { assert, unreachable } from '../base/assert.ts';
import { handleVoteRequest, handleVoteResponse, holdsLease, startElection } from './election.ts';
import { handleAppend } from './follower.ts';
import { handleHeartbeat, noteHeartbeatResponse } from './heartbeat.ts';
import type { Leadership } from './leadership.ts';
import type { MessageOf } from './outbox.ts';
import { confirmReads, handleReadIndex, handleReadIndexResponse } from './read-index.ts';
import { handleAppendResponse, recover } from './replication.ts';
import { becomeFollower, setLeader } from './roles.ts';
import type { RaftState } from './state.ts';
import { continueTransfer } from './transfer.ts';
import type { MemberId, Message } from './types.ts';

/** One message: first its term, which decides whether it counts at all (Raft §5.1), then what it says. */
export function step<P>(s: RaftState<P>, m: Message<P>): void {
  assert(m.to === s.id, () => `a message to ${m.to} came to ${s.id}`);
  if (m.term < s.term) {
    answerOldTerm(s, m);
    return;
  }
  if (m.term > s.term && !enterHigherTerm(s, m)) return;
  dispatch(s, m);
}

/** False: the message is to be passed over. */
function enterHigherTerm<P>(s: RaftState<P>, m: Message<P>): boolean {
  const asksForVote = m.type === 'preVote' || m.type === 'vote';
  if (asksForVote && !m.transfer && holdsLease(s)) return false;
  // A pre-vote speaks of a term that nobody has entered yet (thesis §9.6).
  if (m.type === 'preVote') return true;
  if (m.type === 'preVoteResponse' && !m.reject) return true;
  const fromLeader = m.type === 'append' || m.type === 'heartbeat';
  becomeFollower(s, m.term, fromLeader ? m.from : undefined);
  return true;
}

/**
 * Old news, save for some senders that must learn of this term. A leader of an older term may be unable to make this
 * node, whose term rose while it was cut off, follow it: with leases nobody else's election would get it unstuck. And
 * candidates with a longer log but an older term must catch up before they can win.
 */
function answerOldTerm<P>(s: RaftState<P>, m: Message<P>): void {
  const envelope = { from: s.id, to: m.from, term: s.term, reject: true } as const;
  if (m.type === 'append' || m.type === 'heartbeat') {
    const { applied } = s.log;
    s.outbox.send({ ...envelope, type: 'appendResponse', index: 0, rejectHint: 0, logTerm: 0, applied });
  } else if (m.type === 'preVote') {
    s.outbox.send({ ...envelope, type: 'preVoteResponse' });
  } else if (m.type === 'vote') {
    s.outbox.send({ ...envelope, type: 'voteResponse' });
  } else if (m.type === 'readIndex') {
    s.outbox.send({ ...envelope, type: 'readIndexResponse', context: m.context, index: 0 });
  }
}

function dispatch<P>(s: RaftState<P>, m: Message<P>): void {
  switch (m.type) {
    case 'append':
      follow(s, m.from);
      handleAppend(s, m);
      break;
    case 'heartbeat':
      follow(s, m.from);
      handleHeartbeat(s, m);
      break;
    case 'appendResponse':
    case 'heartbeatResponse':
      if (s.leadership !== undefined) hearFromFollower(s, s.leadership, m);
      break;
    case 'preVote':
    case 'vote':
      handleVoteRequest(s, m);
      break;
    case 'preVoteResponse':
    case 'voteResponse':
      handleVoteResponse(s, m);
      break;
    case 'readIndex':
      handleReadIndex(s, m);
      break;
    case 'readIndexResponse':
      handleReadIndexResponse(s, m);
      break;
    case 'timeoutNow':
      // The leader asked for it, so there is no pre-vote: its lease is what it gives up (thesis §3.10).
      if (s.role === 'follower' && s.leader === m.from) startElection(s, true);
      break;
    default:
      unreachable(m);
  }
}

/** The sender leads this term: whoever campaigned in it has lost (Raft §5.2). */
function follow<P>(s: RaftState<P>, leader: MemberId): void {
  assert(s.role !== 'leader', () => `${leader} leads term ${s.term} as well`);
  if (s.role !== 'follower') {
    becomeFollower(s, s.term, leader);
  } else if (s.leader === undefined) {
    setLeader(s, leader);
    s.restartElectionTimer();
  }
  assert(s.leader === leader, () => `both ${s.leader} and ${leader} lead term ${s.term}`);
  s.electionElapsed = 0;
}

function hearFromFollower<P>(
  s: RaftState<P>,
  l: Leadership,
  m: MessageOf<P, 'appendResponse' | 'heartbeatResponse'>,
): void {
  if (m.type === 'appendResponse') {
    handleAppendResponse(s, l, m);
  } else {
    noteHeartbeatResponse<P>(l, m);
    confirmReads(s, l);
    const progress = l.progress.get(m.from);
    if (progress !== undefined) recover(s, l, progress);
  }
  continueTransfer(s, l);
}
