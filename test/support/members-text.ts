import { leaveJoint } from '../../src/raft/changer.ts';
import type { Configuration } from '../../src/raft/types.ts';
import type { MembershipCodec } from '../../src/replica/ports.ts';
import { configurationFrom, configurationOf, configurationText } from '../raft/network.ts';

/** Membership entries of tests: their members are names and have no addresses. */
export const membersText: MembershipCodec = {
  read: ({ payload }) => configurationFrom(Buffer.from(payload).toString()),
  leaveJoint: (joint) => membersPayload(leaveJoint(joint)),
};

export function membersPayload(configuration: Configuration): Buffer {
  return Buffer.from(configurationText(configuration));
}

/** The payload of entry 1. */
export function foundersPayload(ids: readonly string[]): Buffer {
  return membersPayload(configurationOf(ids));
}
