import { assert } from '../base/assert.ts';
import { forgetChanges, learnCommit, noteChange } from './membership.ts';
import type { MessageOf } from './outbox.ts';
import type { RaftState } from './state.ts';
import type { Entry } from './types.ts';

/** The follower's half of replication (Raft §5.3). */
export function handleAppend<P>(s: RaftState<P>, m: MessageOf<P, 'append'>): void {
  assert(m.entries !== undefined, 'an append without entries must be filled by its sender');
  if (!s.log.matches(m.index, m.logTerm)) {
    // Whatever is committed here, every later leader has too (Raft §5.4): a difference there is beyond repair.
    assert(m.index > s.log.commit, `the leader ${m.from} differs at ${m.index}, but ${s.log.commit} is committed`);
    reject(s, m);
    return;
  }
  appendMissing(s, m.index, m.entries);
  const last = m.index + m.entries.length;
  // Only up to what this message vouched for: entries beyond may conflict with the leader's (Raft, figure 2).
  learnCommit(s, Math.min(m.commit, last));
  s.outbox.sendAfterSync({
    type: 'appendResponse',
    from: s.id,
    to: m.from,
    term: s.term,
    index: last,
    reject: false,
    rejectHint: 0,
    logTerm: 0,
    applied: s.log.applied,
  });
}

/**
 * Entries that are there already stay, so that an old message that comes late cannot cut the log short; only a conflict
 * cuts it (Raft §5.3).
 */
function appendMissing<P>(s: RaftState<P>, index: number, entries: readonly Entry<P>[]): void {
  let expected = index + 1;
  let missing = false;
  for (const entry of entries) {
    assert(entry.index === expected, () => `entry ${entry.index} stands in the place of ${expected}`);
    expected += 1;
    if (!missing && s.log.matches(entry.index, entry.term)) continue;
    if (!missing && entry.index <= s.log.lastIndex) {
      s.log.truncateAfter(entry.index - 1);
      s.disk.truncatedAfter(entry.index - 1);
      forgetChanges(s, entry.index - 1);
    }
    missing = true;
    s.log.append(entry);
    noteChange(s, entry);
  }
}

/**
 * Refuses and tells from where the logs may agree: the highest index here whose term is not above the leader's. So each
 * round trip skips a whole term, not one entry. A refusal promises nothing and goes at once.
 */
function reject<P>(s: RaftState<P>, m: MessageOf<P, 'append'>): void {
  const rejectHint = s.log.lastIndexNotAbove(m.index, m.logTerm);
  s.outbox.send({
    type: 'appendResponse',
    from: s.id,
    to: m.from,
    term: s.term,
    index: m.index,
    reject: true,
    rejectHint,
    logTerm: s.log.termAt(rejectHint) ?? 0,
    applied: s.log.applied,
  });
}
