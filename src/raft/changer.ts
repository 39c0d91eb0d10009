import { sameMembers } from './configuration.ts';
import type { Configuration, MemberId } from './types.ts';

/**
 * From one configuration to the next (Raft §6; thesis §4.1, §4.3). There are three kinds of step, and of any two
 * configurations that a step joins, each quorum of one shares a voter with each quorum of the other:
 *
 * - simple: at most one voter comes or goes;
 * - into a joint configuration: any number does, and until it is left both the old and the new voters decide;
 * - out of it: the new voters alone remain.
 */

/** What is to become of one member. Removing one that is not there, and adding one that is, changes nothing. */
export interface MemberChange {
  readonly kind: 'voter' | 'learner' | 'removed';
  readonly member: MemberId;
}

/** A change that cannot be made, said in words. */
export class ChangeRefused extends Error {}

interface Draft {
  readonly incoming: Set<MemberId>;
  readonly outgoing: Set<MemberId>;
  readonly learners: Set<MemberId>;
  readonly learnersNext: Set<MemberId>;
}

/** One voter more or less, and any number of learners. Throws ChangeRefused. */
export function simpleChange(from: Configuration, changes: readonly MemberChange[]): Configuration {
  return checkedStep(from, make(changed(draftOf(from), changes)));
}

/** Into the joint configuration of the voters now and of those that `changes` make. Throws ChangeRefused. */
export function enterJoint(from: Configuration, changes: readonly MemberChange[]): Configuration {
  if (isJoint(from)) throw new ChangeRefused('the members are being changed already');
  const draft = { ...draftOf(from), outgoing: new Set(from.voters[0]) };
  return checkedStep(from, make(changed(draft, changes)));
}

/** Out of a joint configuration: its incoming half decides alone, and who was to become a learner is one. */
export function leaveJoint(from: Configuration): Configuration {
  if (!isJoint(from)) throw new ChangeRefused('there is no joint configuration to leave');
  const { incoming, learners, learnersNext } = draftOf(from);
  return make({
    incoming,
    outgoing: new Set(),
    learners: new Set([...learners, ...learnersNext]),
    learnersNext: new Set(),
  });
}

export function isJoint(configuration: Configuration): boolean {
  return configuration.voters[1].size > 0;
}

/** Why a configuration may not follow another one; undefined: it may. */
export function stepRefusal(from: Configuration, to: Configuration): string | undefined {
  const broken = brokenInvariant(to);
  if (broken !== undefined) return broken;
  if (isJoint(from)) {
    return sameConfiguration(to, leaveJoint(from)) ? undefined : 'a joint configuration can only be left';
  }
  if (isJoint(to)) {
    return sameMembers(to.voters[1], from.voters[0])
      ? undefined
      : 'the outgoing half of a joint configuration must be the voters before it';
  }
  return voterDifference(from, to) <= 1
    ? undefined
    : 'more than one voter comes or goes, which takes a joint configuration';
}

export function sameConfiguration(a: Configuration, b: Configuration): boolean {
  return (
    sameMembers(a.voters[0], b.voters[0]) &&
    sameMembers(a.voters[1], b.voters[1]) &&
    sameMembers(a.learners, b.learners) &&
    sameMembers(a.learnersNext, b.learnersNext)
  );
}

function checkedStep(from: Configuration, to: Configuration): Configuration {
  const refusal = stepRefusal(from, to);
  if (refusal !== undefined) throw new ChangeRefused(refusal);
  return to;
}

/** What holds of every configuration. */
function brokenInvariant({ voters: [incoming, outgoing], learners, learnersNext }: Configuration): string | undefined {
  if (incoming.size === 0) return 'no voter would be left';
  for (const id of learners) {
    if (incoming.has(id) || outgoing.has(id)) return `${id} would be both a learner and a voter`;
  }
  for (const id of learnersNext) {
    if (!outgoing.has(id)) return `${id} would become a learner later without being a voter until then`;
    if (incoming.has(id)) return `${id} would become a learner and remain a voter`;
  }
  return undefined;
}

function voterDifference(from: Configuration, to: Configuration): number {
  const [before] = from.voters;
  const [after] = to.voters;
  const gone = [...before].filter((id) => !after.has(id)).length;
  const come = [...after].filter((id) => !before.has(id)).length;
  return gone + come;
}

function changed(draft: Draft, changes: readonly MemberChange[]): Draft {
  for (const { kind, member } of changes) {
    if (kind === 'voter') draft.incoming.add(member);
    else draft.incoming.delete(member);
    draft.learners.delete(member);
    draft.learnersNext.delete(member);
    if (kind !== 'learner') continue;
    // Who still votes in the outgoing half cannot be a learner yet: it would be counted, and not be counted.
    if (draft.outgoing.has(member)) draft.learnersNext.add(member);
    else draft.learners.add(member);
  }
  return draft;
}

function draftOf({ voters, learners, learnersNext }: Configuration): Draft {
  return {
    incoming: new Set(voters[0]),
    outgoing: new Set(voters[1]),
    learners: new Set(learners),
    learnersNext: new Set(learnersNext),
  };
}

function make({ incoming, outgoing, learners, learnersNext }: Draft): Configuration {
  return { voters: [incoming, outgoing], learners, learnersNext };
}
