import { assert } from '../base/assert.ts';
import type { TermRun } from './types.ts';

/**
 * The term of every index, from runs of equal terms. The log is never compacted, so this covers it from index 1 on; it
 * costs memory per change of leader, not per entry.
 */
export class TermRuns {
  /** First index of each run, ascending. */
  private readonly firsts: number[] = [];
  /** Its term, ascending too: terms never fall along a log (Raft §5.3, log matching). */
  private readonly terms: number[] = [];
  private last: number;

  constructor(runs: readonly TermRun[], lastIndex: number) {
    for (const [first, term] of runs) {
      const before = this.firsts.at(-1);
      assert(before === undefined ? first === 1 : first > before, 'term runs must ascend from index 1');
      assert(first <= lastIndex, 'a term run begins beyond the last index');
      assert(term >= (this.terms.at(-1) ?? 0), 'terms must not fall along the log');
      this.firsts.push(first);
      this.terms.push(term);
    }
    assert(lastIndex === 0 || this.firsts.length > 0, 'a log with entries must come with its term runs');
    this.last = lastIndex;
  }

  get lastIndex(): number {
    return this.last;
  }

  get lastTerm(): number {
    return this.terms.at(-1) ?? 0;
  }

  /** 0 for index 0, undefined beyond the last one. */
  termAt(index: number): number | undefined {
    if (index === 0) return 0;
    if (index < 0 || index > this.last) return undefined;
    return this.terms[this.runOf(index)];
  }

  append(index: number, term: number): void {
    assert(index === this.last + 1, () => `entry ${index} does not follow ${this.last}`);
    assert(term >= this.lastTerm, () => `entry ${index} has term ${term}, below ${this.lastTerm} of the one before`);
    if (this.terms.length === 0 || term > this.lastTerm) {
      this.firsts.push(index);
      this.terms.push(term);
    }
    this.last = index;
  }

  truncateAfter(index: number): void {
    assert(index >= 0 && index <= this.last, () => `cannot truncate after ${index}: the last index is ${this.last}`);
    while ((this.firsts.at(-1) ?? 0) > index) {
      this.firsts.pop();
      this.terms.pop();
    }
    this.last = index;
  }

  /**
   * The highest index at or below `index` whose term is at most `term`. Beyond it this log cannot agree with one that
   * has `term` at `index`, so a leader may skip whole terms when it looks for where a follower parts from it (the
   * optimisation at the end of Raft §5.3).
   */
  lastIndexNotAbove(index: number, term: number): number {
    const from = Math.min(index, this.last);
    if (from <= 0) return 0;
    let run = this.runOf(from);
    let candidate = from;
    while (run >= 0 && (this.terms[run] ?? 0) > term) {
      candidate = (this.firsts[run] ?? 1) - 1;
      run -= 1;
    }
    return candidate;
  }

  /** The run that holds an index of the log: a binary search for the last one that begins at or before it. */
  private runOf(index: number): number {
    let low = 0;
    let high = this.firsts.length - 1;
    // Most questions are about the newest term.
    if ((this.firsts[high] ?? 0) <= index) return high;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.firsts[middle] ?? 0) <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
