import { describe, expect, it } from 'vitest';
import { Referrals } from '../../src/replica/referrals.ts';

/** Which of the ranges behind 0, 1, 2, … are named to a follower that gets no range but those that `finds` tells. */
function namedOf(count: number, finds: (index: number) => boolean): number[] {
  const referrals = new Referrals();
  const named: number[] = [];
  for (let index = 0; index < count; index++) {
    if (!referrals.name('b', index)) continue;
    named.push(index);
    if (!finds(index)) expect(referrals.name('b', index)).toBe(false);
  }
  return named;
}

describe('ranges that are named to a follower', () => {
  it('are all of them as long as it finds them, and those behind one that it missed [C5]', () => {
    expect(namedOf(5, () => true)).toEqual([0, 1, 2, 3, 4]);
    expect(namedOf(5, (index) => index !== 2)).toEqual([0, 1, 2, 3, 4]);
  });

  it('become ever fewer where it finds none, as each costs an election timeout [C5]', () => {
    expect(namedOf(40, () => false)).toEqual([0, 1, 3, 7, 15, 31]);
    expect(namedOf(20, (index) => index === 7)).toEqual([0, 1, 3, 7, 8, 9, 11, 15]);
  });

  it('are told apart by follower: one does not pay for another [C5]', () => {
    const referrals = new Referrals();
    expect(['b', 'b', 'c'].map((member) => referrals.name(member, 7))).toEqual([true, false, true]);
  });
});
