import { describe, expect, it } from 'vitest';
import { DiskState } from '../../src/raft/disk-state.ts';

const fresh = { term: 1, vote: undefined, commit: 0 };
const voted = { term: 2, vote: 'a', commit: 0 };

describe('what is on disk', () => {
  it('moves with each synced batch and covers exactly what the batch held', () => {
    const disk = new DiskState(3, fresh);
    expect(disk.lacks(3, 1, undefined)).toBe(false);
    expect(disk.lacks(5, 1, undefined)).toBe(true);
    expect(disk.handedIndex).toBe(3);
    const { token, truncateAfter } = disk.handOut(5, 1, fresh);
    expect([disk.handedIndex, truncateAfter, disk.idle, disk.persistedIndex]).toEqual([5, undefined, false, 3]);
    disk.completed(token);
    expect([disk.idle, disk.persistedIndex]).toEqual([true, 5]);
  });

  it('wants a batch for a new term or vote, not for a new commit index', () => {
    const disk = new DiskState(3, fresh);
    expect(disk.lacks(3, 2, undefined)).toBe(true);
    expect(disk.lacks(3, 1, 'b')).toBe(true);
    const { token } = disk.handOut(3, 1, { ...voted, commit: 3 });
    expect([disk.lacks(3, 2, 'a'), disk.holdsVote(2, 'a')]).toEqual([false, false]);
    disk.completed(token);
    expect([disk.holdsVote(2, 'a'), disk.holdsVote(2, 'b'), disk.holdsVote(3, 'a')]).toEqual([true, false, false]);
  });

  it('does not count what was cut off while its batch was under way, even if the same term stands there again (ABA)', () => {
    const disk = new DiskState(3, fresh);
    const old = disk.handOut(5, 2, fresh);
    disk.truncatedAfter(3);
    const other = disk.handOut(5, 3, fresh);
    disk.truncatedAfter(3);
    const again = disk.handOut(5, 2, fresh);
    expect([other.truncateAfter, again.truncateAfter]).toEqual([3, 3]);
    disk.completed(old.token);
    expect(disk.persistedIndex).toBe(3);
    disk.completed(other.token);
    expect(disk.persistedIndex).toBe(3);
    disk.completed(again.token);
    expect(disk.persistedIndex).toBe(5);
  });

  it('counts batches in the order in which they were handed out, whatever the order of their completions', () => {
    const disk = new DiskState(0, fresh);
    const first = disk.handOut(2, 1, fresh);
    const second = disk.handOut(4, 2, voted);
    disk.completed(second.token);
    expect([disk.persistedIndex, disk.holdsVote(2, 'a')]).toEqual([0, false]);
    disk.completed(first.token);
    expect([disk.persistedIndex, disk.holdsVote(2, 'a'), disk.idle]).toEqual([4, true, true]);
  });

  it('passes over a completion that comes twice or belongs to no batch', () => {
    const disk = new DiskState(0, fresh);
    const { token } = disk.handOut(2, 1, fresh);
    disk.completed(token);
    disk.truncatedAfter(1);
    disk.completed(token);
    disk.completed({ sequence: 99, lastIndex: 9, lastTerm: 9 });
    expect(disk.persistedIndex).toBe(1);
  });

  it('falls at once when a suffix that was synced is cut off', () => {
    const disk = new DiskState(5, fresh);
    disk.truncatedAfter(2);
    expect(disk.persistedIndex).toBe(2);
    disk.truncatedAfter(3);
    expect(disk.handOut(6, 2, fresh)).toMatchObject({ truncateAfter: 2 });
  });
});
