import { assert } from '../base/assert.ts';
import { Tail } from './tail.ts';
import { TermRuns } from './term-runs.ts';
import type { Entry, InitialState } from './types.ts';

/**
 * The log as the core knows it: the term of every index, the newest entries in memory, and how far it is committed and
 * applied. What of it is on disk is DiskState's concern.
 */
export class RaftLog<P> {
  private readonly runs: TermRuns;
  private readonly tail: Tail<P>;
  private committed: number;
  private appliedIndex: number;

  constructor(initial: InitialState) {
    const { lastIndex, applied, hardState } = initial;
    assert(hardState.commit <= lastIndex, 'the log is shorter than the commit index that it was saved with');
    assert(applied <= lastIndex, 'more is applied than the log holds');
    this.runs = new TermRuns(initial.termRuns, lastIndex);
    this.tail = new Tail(lastIndex + 1);
    this.appliedIndex = applied;
    // The saved commit index may be older than what was applied: it is written with the next batch only (rule D3).
    this.committed = Math.max(hardState.commit, applied);
  }

  get lastIndex(): number {
    return this.runs.lastIndex;
  }

  get lastTerm(): number {
    return this.runs.lastTerm;
  }

  get commit(): number {
    return this.committed;
  }

  get applied(): number {
    return this.appliedIndex;
  }

  get firstInMemory(): number {
    return this.tail.firstIndex;
  }

  termAt(index: number): number | undefined {
    return this.runs.termAt(index);
  }

  entry(index: number): Entry<P> | undefined {
    return this.tail.at(index);
  }

  slice(from: number, bytesMax: number, entriesMax: number): Entry<P>[] {
    return this.tail.slice(from, bytesMax, entriesMax);
  }

  matches(index: number, term: number): boolean {
    return this.runs.termAt(index) === term;
  }

  lastIndexNotAbove(index: number, term: number): number {
    return this.runs.lastIndexNotAbove(index, term);
  }

  /** Whether another log, told by its last entry, is at least as up to date as this one (Raft §5.4.1). */
  isCoveredBy(index: number, term: number): boolean {
    return term > this.lastTerm || (term === this.lastTerm && index >= this.lastIndex);
  }

  append(entry: Entry<P>): void {
    this.runs.append(entry.index, entry.term);
    this.tail.push(entry);
  }

  /** Cuts off a suffix that conflicts with the leader's log. A committed entry is never among it (Raft §5.4). */
  truncateAfter(index: number): void {
    assert(index >= this.committed, `a leader wants entry ${index + 1} replaced, but ${this.committed} is committed`);
    this.runs.truncateAfter(index);
    this.tail.truncateAfter(index);
  }

  /** Raises the commit index; true if it moved. A lower one is old news. */
  commitTo(index: number): boolean {
    if (index <= this.committed) return false;
    assert(index <= this.lastIndex, () => `entry ${index} cannot be committed: the log ends at ${this.lastIndex}`);
    this.committed = index;
    return true;
  }

  appliedTo(index: number): void {
    assert(index >= this.appliedIndex && index <= this.committed, () => `${index} was applied but is not committed`);
    this.appliedIndex = index;
  }

  /** Forgets the oldest entries up to `index`, as far as those in memory are beyond the limit. */
  evict(index: number, bytesMax: number): void {
    this.tail.evict(index, bytesMax);
  }
}
