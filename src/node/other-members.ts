import { uuidBytes } from '../base/bytes.ts';
import type { NodeOptions } from '../config/options.ts';
import type { FoundingMember } from '../peer/founding-codec.ts';
import { memberId } from '../peer/identity.ts';
import { membershipIn } from '../peer/membership-codec.ts';
import type { StatusResponse } from '../proto/gen/factstore/v1/StatusResponse.ts';
import { allVoters } from '../raft/configuration.ts';
import type { MemberId } from '../raft/types.ts';
import type { Identity } from '../storage/identity.ts';
import { givenAddresses } from './members.ts';
import type { NodeStorage } from './open-storage.ts';

/** Node ids and peer addresses of the other members, as --cluster or the log give them. */
export function otherMembers(options: NodeOptions, storage: NodeStorage | undefined): Map<string, string> {
  const named = storage ? membersOf(storage) : [];
  const known = named.map(({ nodeId, peerAddress }): [string, string] => [nodeId, peerAddress]);
  const peers = new Map([...known, ...givenAddresses(options)]);
  peers.delete(options.nodeId);
  return peers;
}

/** The founding record knows nobody who came later, so it counts only where no membership row is left. */
function membersOf(storage: NodeStorage): readonly FoundingMember[] {
  const { memberships } = storage;
  if (memberships.length > 0) return memberships.flatMap((entry) => [...membershipIn(entry).members.values()]);
  return storage.foundingBytes ? storage.founding.members : [];
}

/** Whether this node alone votes, also under a change that is under way: others may have less than it, and nobody more. */
export function votesAlone({ memberships }: NodeStorage, { nodeId, directoryId }: Identity): boolean {
  const self = memberId(nodeId, uuidBytes(directoryId) as Uint8Array);
  const voters = new Set(memberships.flatMap((entry) => [...allVoters(membershipIn(entry))]));
  return voters.size === 1 && voters.has(self);
}

/** Whether this node's log tells of members, and one is none of them, also under a change that is under way. */
export function isNoMember({ memberships }: NodeStorage, id: MemberId): boolean {
  return memberships.length > 0 && memberships.every((entry) => !membershipIn(entry).members.has(id));
}

/** Whether a member has acknowledged this entry, as far as the leader that tells of its status knows. */
export function someoneElseHas(index: number, self: string, { members = [] }: StatusResponse): boolean {
  return members.some(({ nodeId, matchIndex }) => nodeId !== self && Number(matchIndex) >= index);
}
