import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { MUTANTS } from './catalogue.ts';
import { type Mutant, staleness } from './mutant.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('the list of mutants', () => {
  it('fits the code: each search text stands exactly once, and each likeliest test file is there', () => {
    const stale = MUTANTS.map((mutant) => ({ id: mutant.id, reason: staleness(mutant, ROOT) }));
    expect(stale.filter(({ reason }) => reason !== undefined)).toEqual([]);
  });

  it('has at least forty, each with an id of its own', () => {
    const ids = MUTANTS.map((mutant) => mutant.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThanOrEqual(40);
  });

  it('is told what is wrong with a mutant that does not fit the code', () => {
    const [mutant] = MUTANTS as [Mutant];
    const changed: [Partial<Mutant>, RegExp][] = [
      [{ search: 'nobody wrote this' }, /stands 0 times in src/],
      [{ search: 'import' }, /stands \d+ times in src.*, not once/],
      [{ file: 'src/nowhere.ts' }, /^src\/nowhere.ts is not there/],
      [{ test: 'nowhere.test.ts' }, /^test\/nowhere.test.ts is not there/],
      [{ replacement: mutant.search }, /changes nothing/],
    ];
    for (const [change, reason] of changed) expect(staleness({ ...mutant, ...change }, ROOT)).toMatch(reason);
  });
});
