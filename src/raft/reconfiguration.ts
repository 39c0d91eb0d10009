import { allMembers, isVoter } from './configuration.ts';
import type { Leadership } from './leadership.ts';
import { Progress } from './progress.ts';
import { confirmReads } from './read-index.ts';
import { becomeFollower } from './roles.ts';
import type { RaftState } from './state.ts';
import { startTransfer } from './transfer.ts';

/** A leader's part in a change of members that has come into force. */
export function reconfigure<P>(s: RaftState<P>, l: Leadership): void {
  l.fenceIndex = s.log.lastIndex + 1;
  s.toldOfConfiguration = false;
  const members = allMembers(s.configuration);
  for (const id of l.progress.keys()) if (!members.has(id)) l.progress.delete(id);
  for (const id of members) {
    if (id === s.id || l.progress.has(id)) continue;
    const progress = new Progress(id, s.log.lastIndex + 1);
    // It could not have been heard from yet: the next check of the quorum must not hold that against it.
    progress.recentlyActive = true;
    l.progress.set(id, progress);
  }
  if (l.transfer !== undefined && !isVoter(s.configuration, l.transfer.to)) l.transfer = undefined;
  // Fewer answers may be enough now.
  confirmReads(s, l);
  if (!isVoter(s.configuration, s.id)) leave(s, l);
}

/**
 * This leader is no voter any more (thesis §4.2.2). It counts itself no longer, hands over to the best of the voters that
 * are left, and steps down, at the latest when nobody takes over in time.
 */
function leave<P>(s: RaftState<P>, l: Leadership): void {
  if (!startTransfer(s, l, undefined)) becomeFollower(s, s.term, undefined);
}
