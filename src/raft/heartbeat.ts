import { assert } from '../base/assert.ts';
import { acknowledgedByAll, learnAcknowledged } from './acknowledged.ts';
import type { Leadership } from './leadership.ts';
import { learnCommit, toldCommit } from './membership.ts';
import type { MessageOf } from './outbox.ts';
import type { RaftState } from './state.ts';

/**
 * Heartbeats hold the leader's lease, carry the commit index to idle followers and confirm reads. They promise nothing
 * about the log, so they wait neither for the disk nor behind large appends.
 */

/** Leader: begins a round, which takes along all reads that wait for one. */
export function startRound<P>(s: RaftState<P>, l: Leadership): void {
  l.round += 1;
  l.heartbeatElapsed = 0;
  if (l.waiting.length > 0) {
    l.unconfirmed.push({ round: l.round, reads: l.waiting });
    l.waiting = [];
  }
  const acknowledged = acknowledgedByAll(s, l);
  for (const progress of l.progress.values()) {
    s.outbox.send({
      type: 'heartbeat',
      from: s.id,
      to: progress.id,
      term: s.term,
      // No further than the follower is known to agree: what it has beyond may conflict and must not be committed.
      commit: Math.min(progress.match, toldCommit(s, l, progress.id)),
      context: l.round,
      acknowledged,
    });
  }
}

/**
 * Follower. The answer goes out at once, also while the term is not on disk yet: it confirms reads, and a node that
 * forgot a term in which it only answered heartbeats has promised nobody anything.
 */
export function handleHeartbeat<P>(s: RaftState<P>, m: MessageOf<P, 'heartbeat'>): void {
  learnCommit(s, Math.min(m.commit, s.log.lastIndex));
  learnAcknowledged(s, m.acknowledged);
  s.outbox.send({
    type: 'heartbeatResponse',
    from: s.id,
    to: m.from,
    term: s.term,
    context: m.context,
    applied: s.log.applied,
  });
}

/** Leader: what an answer says about the follower; resending and reads are dealt with by the caller. */
export function noteHeartbeatResponse<P>(l: Leadership, m: MessageOf<P, 'heartbeatResponse'>): void {
  assert(m.context <= l.round, () => `${m.from} answers heartbeat round ${m.context}, the newest is ${l.round}`);
  const progress = l.progress.get(m.from);
  if (progress === undefined) return;
  progress.recentlyActive = true;
  progress.applied = m.applied;
  progress.roundAnswered = Math.max(progress.roundAnswered, m.context);
}
