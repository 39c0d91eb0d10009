import type { Leadership } from './leadership.ts';
import type { RaftState } from './state.ts';
import type { Acknowledged, MemberId } from './types.ts';

/**
 * What the members have acknowledged, as far as it is committed (rule D9). Beyond the commit index a member may rightly
 * hold less than it once acknowledged, because another leader had it cut off; below, only a lost or an old disk does.
 * The leader sees it in the answers and tells the others in its heartbeats, so that it outlives the leader.
 */

/** Leader: takes down what the followers have answered so far. */
export function rememberAcknowledged<P>(s: RaftState<P>, l: Leadership): void {
  for (const { id, match } of l.progress.values()) raise(s, id, Math.min(match, s.log.commit));
}

/** Leader: what to tell a follower. */
export function acknowledgedByAll<P>(s: RaftState<P>, l: Leadership): readonly Acknowledged[] {
  rememberAcknowledged(s, l);
  return Array.from(s.acknowledged, ([member, index]) => ({ member, index }));
}

/** Follower: what its leader told. */
export function learnAcknowledged<P>(s: RaftState<P>, told: readonly Acknowledged[]): void {
  for (const { member, index } of told) if (member !== s.id) raise(s, member, index);
}

function raise<P>(s: RaftState<P>, member: MemberId, index: number): void {
  if (index > (s.acknowledged.get(member) ?? 0)) s.acknowledged.set(member, index);
}
