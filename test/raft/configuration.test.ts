import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allMembers, isQuorum, isVoter, quorumReached, voteResult } from '../../src/raft/configuration.ts';
import type { Configuration, MemberId } from '../../src/raft/types.ts';
import { configurationOf } from './network.ts';

const ids = ['a', 'b', 'c', 'd', 'e', 'f'];

function subsets(of: readonly MemberId[]): MemberId[][] {
  const all: MemberId[][] = [[]];
  for (const id of of) all.push(...all.map((some) => [...some, id]));
  return all;
}

/** By the definition: more than half of each half that has anybody in it. */
function hasMajorities(configuration: Configuration, group: readonly MemberId[]): boolean {
  return configuration.voters.every((half) => {
    const inside = group.filter((id) => half.has(id)).length;
    return half.size === 0 || inside * 2 > half.size;
  });
}

const halves = fc.record({ incoming: fc.subarray(ids), outgoing: fc.subarray(ids) });

describe('quorum arithmetic', () => {
  it('calls a group a quorum if and only if it holds a majority of each half (Raft §6)', () => {
    fc.assert(
      fc.property(halves, ({ incoming, outgoing }) => {
        const configuration = configurationOf(incoming, [], outgoing);
        for (const group of subsets(ids)) {
          const expected = hasMajorities(configuration, group);
          expect(isQuorum(configuration, (id) => group.includes(id))).toBe(expected);
        }
      }),
    );
  });

  it('finds the highest number that some quorum has reached, by trying every subset', () => {
    fc.assert(
      fc.property(halves, fc.array(fc.nat(9), { minLength: 6, maxLength: 6 }), ({ incoming, outgoing }, numbers) => {
        const configuration = configurationOf(incoming, [], outgoing);
        const reached = (id: MemberId) => numbers[ids.indexOf(id)] ?? 0;
        const quorums = subsets(ids).filter((group) => hasMajorities(configuration, group));
        const expected = Math.max(...quorums.map((group) => Math.min(...group.map(reached))));
        expect(quorumReached(configuration, reached)).toBe(expected);
      }),
    );
  });

  it('calls a ballot won or lost exactly when no further answer can change it, by trying every way to go on', () => {
    const votes = fc.array(fc.constantFrom(true, false, undefined), { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(halves, votes, ({ incoming, outgoing }, given) => {
        const configuration = configurationOf(incoming, [], outgoing);
        const open = ids.filter((_, i) => given[i] === undefined);
        const yes = ids.filter((_, i) => given[i] === true);
        const outcomes = subsets(open).map((more) => hasMajorities(configuration, [...yes, ...more]));
        const expected = outcomes.every((won) => won) ? 'won' : outcomes.some((won) => won) ? 'pending' : 'lost';
        expect(voteResult(configuration, (id) => given[ids.indexOf(id)])).toBe(expected);
      }),
    );
  });

  it('lets any two quorums of one configuration share a voter', () => {
    fc.assert(
      fc.property(halves, ({ incoming, outgoing }) => {
        fc.pre(incoming.length > 0);
        const configuration = configurationOf(incoming, [], outgoing);
        const quorums = subsets(ids).filter((group) => isQuorum(configuration, (id) => group.includes(id)));
        for (const one of quorums) {
          for (const other of quorums)
            expect(one.some((id) => other.includes(id) && isVoter(configuration, id))).toBe(true);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('counts learners as members, not as voters', () => {
    const configuration = configurationOf(['a'], ['l'], ['b']);
    expect([...allMembers(configuration)]).toEqual(['a', 'b', 'l']);
    expect(['a', 'b', 'l'].map((id) => isVoter(configuration, id))).toEqual([true, true, false]);
  });
});
