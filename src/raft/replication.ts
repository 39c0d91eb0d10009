import { assert } from '../base/assert.ts';
import { quorumReached } from './configuration.ts';
import type { Leadership } from './leadership.ts';
import { commitTo, toldCommit } from './membership.ts';
import type { MessageOf } from './outbox.ts';
import type { Progress } from './progress.ts';
import { reconfigure } from './reconfiguration.ts';
import type { RaftState } from './state.ts';
import type { Entry } from './types.ts';

/**
 * The leader's half of replication (Raft §5.3). Nothing is sent when an entry is proposed: an entry goes to the followers
 * when it goes to this node's own disk, in a batch with all that was proposed while the batch before was written. So all
 * disks write the same batches at the same time, and messages are as few as batches. It costs no latency: a leader
 * answers nothing that its own disk does not hold (rule D8). Only one that hands over does not wait for its disk, which
 * may be the very reason (rule D1): its target needs everything, or the transfer never comes to an end.
 *
 * How a lost append comes to light, while replicating:
 * - Later appends follow it: the follower sees a gap and refuses, and the leader probes again from `match`.
 * - Nothing follows it: the follower still answers heartbeats. If appends are out and none went out or was answered for
 *   a heartbeat interval, the answer makes the leader send an empty append after the last entry sent. A follower that
 *   has everything (and may just be slow to sync) confirms it, which costs nothing; one with a gap refuses. So a slow
 *   disk is never mistaken for a loss, and nothing is sent twice without need.
 * - It was a range loaded from disk: repeated after an election timeout, because loading and sending it may take long.
 * - The commit index it carried: heartbeats carry it again.
 */

/** Sends to every follower what it may be sent now. */
export function replicate<P>(s: RaftState<P>, l: Leadership): void {
  for (const progress of l.progress.values()) {
    if (progress.state === 'replicate') pipeline(s, l, progress);
    else if (!progress.probeSent) probe(s, l, progress);
  }
}

/**
 * Asks whether the logs agree before `next`. Entries go along if they are in memory; otherwise the question goes alone,
 * so that no range is loaded from disk for a follower that may not even be there.
 */
function probe<P>(s: RaftState<P>, l: Leadership, progress: Progress): void {
  sendAppend(s, l, progress, entriesFor(s, l, progress));
  progress.probeSent = true;
}

function pipeline<P>(s: RaftState<P>, l: Leadership, progress: Progress): void {
  const { inflightMessagesMax, inflightBytesMax } = s.options;
  let sent = false;
  while (progress.next <= sendableIndex(s, l) && !progress.loading) {
    if (progress.windowFull(inflightMessagesMax, inflightBytesMax)) break;
    if (progress.next < s.log.firstInMemory) {
      // `next` stays until the range is answered, so what was pipelined must have been answered before.
      if (!progress.hasInflight) sendLoad(s, l, progress);
      return;
    }
    const entries = entriesFor(s, l, progress);
    sendAppend(s, l, progress, entries);
    progress.pipelined(progress.next + entries.length - 1, bytesOf(entries));
    sent = true;
  }
  // What is committed comes with the next append; alone it is a message of its own, and is sent once it is announced.
  if (!sent && lacksCommit(s, l, progress, l.announced)) sendAppend(s, l, progress, []);
}

/** Whether a follower lacks the news that something up to `index` is committed. One that loads a range is told afterwards. */
function lacksCommit<P>(s: RaftState<P>, l: Leadership, progress: Progress, index: number): boolean {
  const told = Math.min(index, toldCommit(s, l, progress.id), progress.next - 1);
  return progress.state === 'replicate' && !progress.loading && progress.commitSent < told;
}

/** Whether anyone would be sent something if all that is committed were announced. */
export function owesCommit<P>(s: RaftState<P>, l: Leadership): boolean {
  for (const progress of l.progress.values()) if (lacksCommit(s, l, progress, s.log.commit)) return true;
  return false;
}

/** The log up to here may be sent. */
function sendableIndex<P>(s: RaftState<P>, l: Leadership): number {
  return l.transfer === undefined ? s.disk.handedIndex : s.readyIndex;
}

function entriesFor<P>(s: RaftState<P>, l: Leadership, progress: Progress): Entry<P>[] {
  const entriesMax = Math.min(s.options.messageEntriesMax, sendableIndex(s, l) - progress.next + 1);
  return entriesMax <= 0 ? [] : s.log.slice(progress.next, s.options.messageBytesMax, entriesMax);
}

function bytesOf<P>(entries: readonly Entry<P>[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.bytes;
  return bytes;
}

function sendAppend<P>(s: RaftState<P>, l: Leadership, progress: Progress, entries: readonly Entry<P>[]): void {
  send(s, l, progress, entries, 0);
  progress.commitSent = Math.min(toldCommit(s, l, progress.id), progress.next - 1 + entries.length);
}

function sendLoad<P>(s: RaftState<P>, l: Leadership, progress: Progress): void {
  send(s, l, progress, undefined, Math.min(s.options.messageEntriesMax, s.log.firstInMemory - progress.next));
  progress.loading = true;
}

function send<P>(
  s: RaftState<P>,
  l: Leadership,
  progress: Progress,
  entries: readonly Entry<P>[] | undefined,
  loadMax: number,
): void {
  const index = progress.next - 1;
  const logTerm = s.log.termAt(index);
  assert(logTerm !== undefined, () => `the log has no entry ${index} to append after`);
  const [from, to, commit] = [s.id, progress.id, toldCommit(s, l, progress.id)];
  s.outbox.send({ type: 'append', from, to, term: s.term, index, logTerm, commit, entries, loadMax });
  progress.lastExchange = l.ticks;
}

export function handleAppendResponse<P>(s: RaftState<P>, l: Leadership, m: MessageOf<P, 'appendResponse'>): void {
  const progress = l.progress.get(m.from);
  if (progress === undefined) return;
  progress.recentlyActive = true;
  progress.applied = m.applied;
  if (m.reject) {
    // The follower skipped what cannot agree on its side; skip what cannot agree on this one.
    progress.rejected(m.index, s.log.lastIndexNotAbove(m.rejectHint, m.logTerm));
    return;
  }
  assert(m.index <= s.log.lastIndex, () => `${m.from} confirms entry ${m.index}, the last one is ${s.log.lastIndex}`);
  progress.lastExchange = l.ticks;
  if (progress.acknowledged(m.index)) advanceCommit(s, l);
}

/**
 * Commits what a quorum has synced. This node counts with what its own disk has synced, as any other (its write runs in
 * parallel with replication, thesis §10.2.1). Only an entry of the current term is committed by counting; older ones
 * are committed with it (Raft §5.4.2).
 */
export function advanceCommit<P>(s: RaftState<P>, l: Leadership): void {
  while (s.leadership === l) {
    const index = quorumReached(s.configuration, (id) =>
      id === s.id ? s.disk.persistedIndex : (l.progress.get(id)?.match ?? 0),
    );
    // With other voters, more may have been reached.
    if (!s.log.matches(index, s.term) || !commitTo(s, index)) return;
    reconfigure(s, l);
  }
}

/** A follower is there but may have missed something: see the top of this file. */
export function recover<P>(s: RaftState<P>, l: Leadership, progress: Progress): void {
  const idle = l.ticks - progress.lastExchange;
  if (idle < s.options.heartbeatTicks) return;
  if (progress.state === 'probe') progress.probeSent = false;
  else if (progress.loading) progress.loading = idle < s.options.electionTimeoutTicks;
  else if (progress.hasInflight) sendAppend(s, l, progress, []);
}
