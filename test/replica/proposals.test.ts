import { describe, expect, it } from 'vitest';
import { Proposals } from '../../src/replica/proposals.ts';
import { EMPTY_LOG, entriesAfter, entryAfter } from '../storage/support.ts';

const REPLACED = { code: 'NOT_LEADER', definite: true };

describe('the fate of a proposal', () => {
  it('is decided by what is applied at its index, with its term or another one [S8]', async () => {
    const proposals = new Proposals();
    const [first, second] = entriesAfter(EMPTY_LOG, 2, { term: 2 });
    const own = proposals.wait(1, 2);
    const later = proposals.wait(2, 3);
    proposals.applied(first!);
    proposals.applied(second!);
    expect(await own).toBe(first);
    await expect(later).rejects.toMatchObject(REPLACED);
    expect(proposals.size).toBe(0);
  });

  it('stays open while entries of its own term are applied before it [S8]', async () => {
    const proposals = new Proposals();
    const [first, second] = entriesAfter(EMPTY_LOG, 2, { term: 2 });
    const outcome = proposals.wait(2, 2);
    proposals.applied(first!);
    expect(proposals.size).toBe(1);
    proposals.applied(second!);
    expect(await outcome).toBe(second);
  });

  it('is decided by any entry of a later term, wherever that stands [S8]', async () => {
    const proposals = new Proposals();
    const outcome = proposals.wait(9, 2);
    proposals.applied(entryAfter(EMPTY_LOG, { term: 3 }));
    await expect(outcome).rejects.toMatchObject(REPLACED);
  });

  it('is open for good once it is given up, and only up to the term for which it is [S8]', async () => {
    const proposals = new Proposals();
    const old = proposals.wait(5, 2);
    const young = proposals.wait(6, 3);
    proposals.abandon('a test gave up', 2);
    await expect(old).rejects.toMatchObject({ code: 'LEADERSHIP_LOST', definite: false });
    expect(proposals.size).toBe(1);
    proposals.abandon('a test gave up');
    await expect(young).rejects.toMatchObject({ code: 'LEADERSHIP_LOST', definite: false });
  });
});
