import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ChangeRefused,
  enterJoint,
  isJoint,
  leaveJoint,
  type MemberChange,
  sameConfiguration,
  simpleChange,
  stepRefusal,
} from '../../src/raft/changer.ts';
import { isQuorum } from '../../src/raft/configuration.ts';
import type { Configuration, MemberId } from '../../src/raft/types.ts';
import { configurationFrom, configurationText } from './network.ts';

const ids = ['a', 'b', 'c', 'd', 'e'];
const change = fc.record({
  kind: fc.constantFrom<MemberChange['kind']>('voter', 'learner', 'removed'),
  member: fc.constantFrom(...ids),
});
const changes = fc.array(change, { maxLength: 8 });
const start = configurationFrom('a b c||d|');

function reached(from: Configuration, steps: readonly MemberChange[]): Configuration | undefined {
  return attempt(() => leaveJoint(enterJoint(from, steps)));
}

function attempt(make: () => Configuration): Configuration | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof ChangeRefused) return undefined;
    throw error;
  }
}

function quorums(configuration: Configuration): MemberId[][] {
  const all: MemberId[][] = [[]];
  for (const id of ids) all.push(...all.map((group) => [...group, id]));
  return all.filter((group) => isQuorum(configuration, (id) => group.includes(id)));
}

describe('the steps between configurations', () => {
  it('a chain of simple changes leads to the configuration that entering and leaving a joint one leads to (Raft §6)', () => {
    let compared = 0;
    fc.assert(
      fc.property(changes, changes, (before, steps) => {
        const from = reached(start, before) ?? start;
        let chained: Configuration | undefined = from;
        for (const step of steps) {
          const now: Configuration | undefined = chained;
          chained = now && attempt(() => simpleChange(now, [step]));
        }
        if (chained === undefined) return;
        compared += 1;
        const joint = reached(from, steps);
        // Joint or not, both make of each member what the last change to it says.
        expect(configurationText(sorted(joint as Configuration))).toBe(configurationText(sorted(chained)));
      }),
    );
    expect(compared).toBeGreaterThan(20);
  });

  it('each quorum before a step shares a member with each quorum after it (thesis §4.1, §4.3)', () => {
    fc.assert(
      fc.property(changes, changes, (before, steps) => {
        const from = reached(start, before) ?? start;
        const joint = attempt(() => enterJoint(from, steps));
        const simple = attempt(() => simpleChange(from, steps));
        const pairs = joint
          ? [
              [from, joint],
              [joint, leaveJoint(joint)],
            ]
          : [];
        if (simple) pairs.push([from, simple]);
        for (const [one, next] of pairs as [Configuration, Configuration][]) {
          expect(stepRefusal(one, next)).toBeUndefined();
          for (const group of quorums(one)) {
            expect(quorums(next).every((other) => other.some((id) => group.includes(id)))).toBe(true);
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it('in every configuration a member has one role, and outside of a joint one nobody waits for another', () => {
    fc.assert(
      fc.property(changes, changes, (before, steps) => {
        const from = reached(start, before) ?? start;
        const joint = attempt(() => enterJoint(from, steps));
        for (const one of joint ? [from, joint, leaveJoint(joint)] : [from]) {
          const [incoming, outgoing] = one.voters;
          expect(incoming.size).toBeGreaterThan(0);
          for (const id of one.learners) expect([incoming.has(id), outgoing.has(id)]).toEqual([false, false]);
          for (const id of one.learnersNext) expect([incoming.has(id), outgoing.has(id)]).toEqual([false, true]);
          if (!isJoint(one)) expect(one.learnersNext.size).toBe(0);
        }
      }),
    );
  });

  it('a voter that becomes a learner goes on voting in the outgoing half until the joint configuration is left', () => {
    const joint = enterJoint(configurationFrom('a b c|||'), [
      { kind: 'learner', member: 'c' },
      { kind: 'voter', member: 'd' },
    ]);
    expect(configurationText(joint)).toBe('a b d|a b c||c');
    expect(configurationText(leaveJoint(joint))).toBe('a b d||c|');
  });

  it('refuses what no step allows, and says why', () => {
    const three = configurationFrom('a b c|||');
    const two: MemberChange[] = [
      { kind: 'voter', member: 'd' },
      { kind: 'voter', member: 'e' },
    ];
    expect(() => simpleChange(three, two)).toThrow('more than one voter');
    expect(() => simpleChange(configurationFrom('a|||'), [{ kind: 'removed', member: 'a' }])).toThrow('no voter');
    expect(() => leaveJoint(three)).toThrow('no joint configuration');
    const joint = enterJoint(three, two);
    expect(() => enterJoint(joint, two)).toThrow('being changed already');
    expect(() => simpleChange(joint, [])).toThrow('can only be left');
    // Nor left for anything but what it has agreed on: neither other voters nor other learners.
    for (const other of ['a b c|||', 'd e f|||', 'a d|||', 'a d e||b|']) {
      expect(stepRefusal(configurationFrom('a d e|a b c||'), configurationFrom(other))).toContain('can only be left');
    }
    expect(stepRefusal(three, configurationFrom('d|a b|| '))).toContain('outgoing half');
    expect(stepRefusal(three, configurationFrom('a b c||a|'))).toContain('both a learner and a voter');
    expect(stepRefusal(three, configurationFrom('a b d|a b c||b'))).toContain('remain a voter');
    expect(stepRefusal(three, configurationFrom('a b|a b c||e'))).toContain('without being a voter');
  });

  it('knows a configuration by its members, in whatever order', () => {
    expect(sameConfiguration(configurationFrom('a b||c|'), configurationFrom('b a||c|'))).toBe(true);
    expect(sameConfiguration(configurationFrom('a b||c|'), configurationFrom('a b|||'))).toBe(false);
    expect(sameConfiguration(configurationFrom('a b|a||'), configurationFrom('a b|b||'))).toBe(false);
    expect(sameConfiguration(configurationFrom('a|b||b'), configurationFrom('a|b||'))).toBe(false);
  });
});

function sorted({ voters, learners, learnersNext }: Configuration): Configuration {
  const inOrder = (some: ReadonlySet<MemberId>) => new Set([...some].sort());
  return {
    voters: [inOrder(voters[0]), inOrder(voters[1])],
    learners: inOrder(learners),
    learnersNext: inOrder(learnersNext),
  };
}
