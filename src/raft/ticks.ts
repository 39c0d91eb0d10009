import { isQuorum } from './configuration.ts';
import { campaign } from './election.ts';
import { startRound } from './heartbeat.ts';
import type { Leadership } from './leadership.ts';
import { becomeFollower, setLeader } from './roles.ts';
import type { RaftState } from './state.ts';
import { expireTransfer, handOverIfLagging, handOverIfRemoved } from './transfer.ts';
import type { MemberId } from './types.ts';

/**
 * A node whose applying lags waits this many times longer before it campaigns (rule C2). Others time out after at most
 * twice the base, so with four times (from four to eight times the base) they have had two tries before it stands, yet
 * it does stand when it is the only one left with the log that is needed.
 */
const LAGGING_STRETCH = 4;

/** After the leader's connection closed: 1 to 3 ticks, about 50 to 150 ms (rule C4). */
const QUICK_CAMPAIGN_TICKS = { from: 1, to: 4 } as const;

export function tick<P>(s: RaftState<P>): void {
  s.outbox.refuse(s.forwarded.tick(s.options.electionTimeoutTicks));
  if (s.leadership !== undefined) tickLeader(s, s.leadership);
  else tickFollower(s);
}

function tickFollower<P>(s: RaftState<P>): void {
  // A candidate whose own vote is not on disk yet has not even asked: another term would only wait for the disk anew.
  if (s.role === 'candidate' && !s.votes.has(s.id)) return;
  s.electionElapsed += 1;
  const timeout = s.lagging ? s.electionTimeout * LAGGING_STRETCH : s.electionTimeout;
  if (s.electionElapsed >= timeout) campaign(s);
}

function tickLeader<P>(s: RaftState<P>, l: Leadership): void {
  l.ticks += 1;
  l.quorumElapsed += 1;
  l.heartbeatElapsed += 1;
  expireTransfer(s, l);
  if (s.leadership !== l) return;
  if (l.quorumElapsed >= s.options.electionTimeoutTicks) {
    l.quorumElapsed = 0;
    if (!checkQuorum(s, l)) return;
  }
  if (l.heartbeatElapsed < s.options.heartbeatTicks) return;
  handOverIfRemoved(s, l);
  handOverIfLagging(s, l);
  startRound(s, l);
}

/**
 * A leader that a quorum has not answered for an election timeout steps down, so that its clients do not wait for it
 * while others may long have a new one (thesis §6.2).
 */
function checkQuorum<P>(s: RaftState<P>, l: Leadership): boolean {
  const active = isQuorum(s.configuration, (id) => id === s.id || l.progress.get(id)?.recentlyActive === true);
  for (const progress of l.progress.values()) progress.checked();
  if (!active) becomeFollower(s, s.term, undefined);
  return active;
}

/** Rule C4, and for a leader: what was in flight to the peer is presumably lost, so probe it. */
export function connectionLost<P>(s: RaftState<P>, peer: MemberId): void {
  s.leadership?.progress.get(peer)?.becomeProbe();
  if (s.leader !== peer) return;
  setLeader(s, undefined);
  s.electionElapsed = 0;
  s.electionTimeout = s.options.random(QUICK_CAMPAIGN_TICKS.from, QUICK_CAMPAIGN_TICKS.to);
}
