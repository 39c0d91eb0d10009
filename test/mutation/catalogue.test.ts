import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { MUTANTS } from './catalogue.ts';
import { staleness } from './mutant.ts';

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
});
