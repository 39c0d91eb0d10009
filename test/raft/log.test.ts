import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RaftLog } from '../../src/raft/raft-log.ts';
import { Tail } from '../../src/raft/tail.ts';
import { TermRuns } from '../../src/raft/term-runs.ts';
import { configurationOf, diskWithTerms, termRuns } from './network.ts';
import { entriesOf } from './solo.ts';

const ascending = fc.array(fc.nat(3), { maxLength: 30 }).map((steps) => {
  let term = 1;
  return steps.map((step) => {
    term += step === 3 ? 2 : step === 2 ? 1 : 0;
    return term;
  });
});

function runsOf(terms: readonly number[]): TermRuns {
  return new TermRuns(termRuns(entriesOf(1, terms)), terms.length);
}

function termsOf(runs: TermRuns): (number | undefined)[] {
  return Array.from({ length: runs.lastIndex }, (_, i) => runs.termAt(i + 1));
}

describe('term runs', () => {
  it('tell the term of every index as a list of terms does, after any truncation and extension', () => {
    fc.assert(
      fc.property(ascending, fc.nat(30), fc.nat(5), (terms, cut, more) => {
        const runs = runsOf(terms);
        expect(termsOf(runs)).toEqual(terms);
        const kept = terms.slice(0, cut);
        runs.truncateAfter(kept.length);
        for (let i = 0; i < more; i++) {
          const term = (kept.at(-1) ?? 1) + (i % 2);
          runs.append(kept.length + 1, term);
          kept.push(term);
        }
        expect(termsOf(runs)).toEqual(kept);
        expect([runs.termAt(0), runs.termAt(-1), runs.termAt(kept.length + 1)]).toEqual([0, undefined, undefined]);
      }),
    );
  });

  it('find the highest index whose term is not above a given one, as a search by hand does', () => {
    fc.assert(
      fc.property(ascending, fc.nat(35), fc.nat(40), (terms, index, term) => {
        let expected = Math.min(index, terms.length);
        while (expected > 0 && (terms[expected - 1] ?? 0) > term) expected -= 1;
        expect(runsOf(terms).lastIndexNotAbove(index, term)).toBe(expected);
      }),
    );
  });

  it('refuse runs that do not ascend or do not cover the log', () => {
    expect(() => new TermRuns([[2, 1]], 3)).toThrow();
    expect(() => new TermRuns([], 3)).toThrow();
    expect(
      () =>
        new TermRuns(
          [
            [1, 2],
            [2, 1],
          ],
          3,
        ),
    ).toThrow();
    expect(
      () =>
        new TermRuns(
          [
            [1, 1],
            [5, 2],
          ],
          3,
        ),
    ).toThrow();
  });
});

describe('the tail in memory', () => {
  it('behaves as a plain list under pushing, truncating and evicting', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('push' as const), n: fc.integer({ min: 1, max: 900 }) }),
      fc.record({ do: fc.constant('cut' as const), n: fc.nat(20) }),
      fc.record({ do: fc.constant('evict' as const), n: fc.nat(2000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 15 }), (steps) => {
        const tail = new Tail<string>(1);
        let model: number[] = [];
        let next = 1;
        for (const { do: action, n } of steps) {
          if (action === 'push') {
            for (const entry of entriesOf(next, Array(n).fill(1), 1)) tail.push(entry);
            for (let i = 0; i < n; i++) model.push(next++);
          } else if (action === 'cut') {
            next = Math.max(1, next - n);
            tail.truncateAfter(next - 1);
            model = model.filter((index) => index < next);
          } else {
            tail.evict(n, 50);
            while (model.length > 50 && (model[0] ?? 0) <= n) model.shift();
          }
          expect(tail.nextIndex).toBe(next);
          expect(tail.bytes).toBe(model.length);
          expect(tail.firstIndex).toBe(model[0] ?? next);
          expect(tail.slice(tail.firstIndex, 1e9, 1e9).map((entry) => entry.index)).toEqual(model);
          expect(tail.at(tail.firstIndex - 1)).toBeUndefined();
        }
      }),
      { numRuns: 50 },
    );
  });

  it('gives slices within the limits, and one entry always passes', () => {
    const tail = new Tail<string>(1);
    for (const entry of entriesOf(1, [1, 1, 1, 1], 10)) tail.push(entry);
    expect(tail.slice(1, 25, 100)).toHaveLength(2);
    expect(tail.slice(1, 5, 100)).toHaveLength(1);
    expect(tail.slice(2, 1000, 2).map((entry) => entry.index)).toEqual([2, 3]);
    expect(tail.slice(5, 1000, 2)).toEqual([]);
  });
});

describe('the log', () => {
  function logOf(terms: readonly number[], commit: number, applied: number): RaftLog<string> {
    const { entries, hardState } = diskWithTerms(terms, 9, commit);
    return new RaftLog({
      hardState,
      lastIndex: entries.length,
      termRuns: termRuns(entries),
      applied,
      configuration: configurationOf(['a']),
    });
  }

  it('takes what was applied as committed, because the saved commit index may be older', () => {
    expect(logOf([1, 1, 1], 1, 2).commit).toBe(2);
  });

  it('does not start from a log that is shorter than its commit index, or than what was applied', () => {
    expect(() => logOf([1, 1], 3, 0)).toThrow(/shorter/);
    expect(() => logOf([1, 1], 1, 3)).toThrow(/applied/);
  });

  it('never gives up a committed entry', () => {
    const log = logOf([1, 1, 2], 2, 0);
    expect(() => log.truncateAfter(1)).toThrow(/committed/);
    log.truncateAfter(2);
    expect(log.lastIndex).toBe(2);
  });

  it('takes a suffix back that has left memory already, and goes on behind it', () => {
    const log = logOf([], 0, 0);
    for (const entry of entriesOf(1, [1, 1, 1, 1])) log.append(entry);
    log.evict(3, 0);
    expect(log.firstInMemory).toBe(4);
    log.truncateAfter(1);
    expect([log.lastIndex, log.firstInMemory]).toEqual([1, 2]);
    for (const entry of entriesOf(2, [2, 2])) log.append(entry);
    expect(log.slice(2, 1000, 10).map(({ term }) => term)).toEqual([2, 2]);
  });
});
