import { uuidBytes } from '../base/bytes.ts';
import type { NodeOptions } from '../config/options.ts';
import { memberId } from '../peer/identity.ts';
import { membershipIn } from '../peer/membership-codec.ts';
import type { StatusResponse } from '../proto/gen/factstore/v1/StatusResponse.ts';
import { allVoters } from '../raft/configuration.ts';
import type { MemberId } from '../raft/types.ts';
import type { Identity } from '../storage/identity.ts';
import { givenAddresses, Members, placesOf } from './members.ts';
import type { NodeStorage } from './open-storage.ts';

/**
 * The other members, by node id, and where they may be. Who they are is told by the log, where that can still be read:
 * `--cluster` may name others, that were removed long ago.
 */
export function otherMembers(options: NodeOptions, storage: NodeStorage | undefined): Map<string, readonly string[]> {
  const given = givenAddresses(options);
  const founders = storage?.foundingBytes ? storage.founding.members : [];
  const founded = new Map(founders.map(({ nodeId, peerAddress }) => [nodeId, peerAddress]));
  const memberships = (storage?.memberships ?? []).map(membershipIn);
  const peers = new Map<string, readonly string[]>();
  if (memberships.length === 0)
    for (const [nodeId, address] of new Map([...founded, ...given])) peers.set(nodeId, [address]);
  else
    for (const member of new Members(memberships, given, founded).all)
      peers.set(member.nodeId, [...new Set([...(peers.get(member.nodeId) ?? []), ...placesOf(member)])]);
  peers.delete(options.nodeId);
  return peers;
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
