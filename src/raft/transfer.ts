import { allVoters, isVoter } from './configuration.ts';
import { startRound } from './heartbeat.ts';
import type { Leadership } from './leadership.ts';
import type { Progress } from './progress.ts';
import { becomeFollower } from './roles.ts';
import type { RaftState } from './state.ts';
import type { MemberId } from './types.ts';

/**
 * Leadership transfer (thesis §3.10). Proposals and reads are gated from the call on; the target gets the rest of the
 * log, applies what was committed at the call (rule C2), is told to campaign at once, and wins with the longest log. If
 * this leader still leads after an election timeout, the transfer is given up and it carries on.
 */
export function startTransfer<P>(s: RaftState<P>, l: Leadership, to: MemberId | undefined): boolean {
  const target = to ?? mostAdvanced(s, l);
  if (target === undefined || target === s.id || !isVoter(s.configuration, target)) return false;
  if (l.transfer?.to === target) return true;
  l.transfer = { to: target, appliedMin: s.log.commit, since: l.ticks, askedAt: undefined };
  // What is known of the target's applied index may be old; a round brings it up to date.
  startRound(s, l);
  continueTransfer(s, l);
  return true;
}

function mostAdvanced<P>(s: RaftState<P>, l: Leadership): MemberId | undefined {
  let best: Progress | undefined;
  for (const progress of notAskedInVain(l, activeVoters(s, l))) {
    const ahead = best === undefined || progress.match > best.match;
    if (ahead || (progress.match === best?.match && progress.applied > best.applied)) best = progress;
  }
  return best?.id;
}

function activeVoters<P>(s: RaftState<P>, l: Leadership): Progress[] {
  const found: Progress[] = [];
  for (const id of allVoters(s.configuration)) {
    const progress = l.progress.get(id);
    if (progress?.answers) found.push(progress);
  }
  return found;
}

/**
 * Who did not take over will hardly do so at the next try: its clock may be wrong, or its disk full, which nobody else knows.
 * So the others are asked first, and all of them anew once each was.
 */
function notAskedInVain(l: Leadership, voters: readonly Progress[]): readonly Progress[] {
  const others = voters.filter(({ id }) => !l.askedInVain.has(id));
  if (others.length > 0) return others;
  l.askedInVain.clear();
  return voters;
}

/** Tells the target to campaign once it is ready; again after each heartbeat interval, in case that was lost. */
export function continueTransfer<P>(s: RaftState<P>, l: Leadership): void {
  const { transfer } = l;
  if (transfer === undefined) return;
  const target = l.progress.get(transfer.to);
  if (target === undefined || target.match < s.log.lastIndex || target.applied < transfer.appliedMin) return;
  if (transfer.askedAt !== undefined && l.ticks - transfer.askedAt < s.options.heartbeatTicks) return;
  transfer.askedAt = l.ticks;
  s.outbox.send({ type: 'timeoutNow', from: s.id, to: transfer.to, term: s.term });
}

export function expireTransfer<P>(s: RaftState<P>, l: Leadership): void {
  if (l.transfer === undefined || l.ticks - l.transfer.since < s.options.electionTimeoutTicks) return;
  l.askedInVain.add(l.transfer.to);
  l.transfer = undefined;
  // Nobody took over from a leader that is no voter any more.
  if (!isVoter(s.configuration, s.id)) becomeFollower(s, s.term, undefined);
}

/** One that is no voter was elected only to pass on what it alone had: whoever answers first takes over. */
export function handOverIfRemoved<P>(s: RaftState<P>, l: Leadership): void {
  if (l.transfer === undefined && !isVoter(s.configuration, s.id)) startTransfer(s, l, undefined);
}

/**
 * Rule C2: one that was elected while far behind in applying would keep everybody waiting until it has caught up. It
 * hands over to the voter that has applied most, provided that one is not far behind itself; where all are, nothing is
 * gained by moving. Once the no-op of its term is applied it serves, and stays.
 */
export function handOverIfLagging<P>(s: RaftState<P>, l: Leadership): void {
  if (l.transfer !== undefined || !s.lagging || s.log.applied >= l.noopIndex) return;
  const near = activeVoters(s, l).filter(({ applied }) => s.log.commit - applied <= s.options.appliedLagMax);
  let best: Progress | undefined;
  for (const progress of notAskedInVain(l, near)) {
    if (best === undefined || progress.applied > best.applied) best = progress;
  }
  if (best !== undefined) startTransfer(s, l, best.id);
}
