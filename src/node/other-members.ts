import { uuidBytes } from '../base/bytes.ts';
import type { NodeOptions } from '../config/options.ts';
import type { FoundingMember } from '../peer/founding-codec.ts';
import { memberId } from '../peer/identity.ts';
import { membershipIn } from '../peer/membership-codec.ts';
import type { StatusResponse } from '../proto/gen/factstore/v1/StatusResponse.ts';
import { allVoters } from '../raft/configuration.ts';
import type { Identity } from '../storage/identity.ts';
import { givenAddresses, Members } from './members.ts';
import type { NodeStorage } from './open-storage.ts';

/**
 * Node ids and peer addresses of the other members. Who they are is told by the log, where that can still be read: `--cluster` may
 * name others that were removed long ago. Each is looked for wherever it may be by now.
 */
export function otherMembers(options: NodeOptions, storage: NodeStorage | undefined): Map<string, string> {
  const given = givenAddresses(options);
  const founded = new Map(foundersOf(storage).map(({ nodeId, peerAddress }) => [nodeId, peerAddress]));
  const memberships = storage?.memberships ?? [];
  const peers = new Map([...founded, ...given]);
  if (memberships.length > 0) {
    peers.clear();
    for (const member of new Members(memberships.map(membershipIn), given, founded).all) {
      const { nodeId, peerAddress, otherAddress, recordedAddress } = member;
      peers.set(nodeId, peerAddress);
      const other = otherAddress ?? recordedAddress ?? peerAddress;
      if (other !== peerAddress && nodeId !== options.nodeId) peers.set(`${nodeId} at ${other}`, other);
    }
  }
  peers.delete(options.nodeId);
  return peers;
}

function foundersOf(storage: NodeStorage | undefined): readonly FoundingMember[] {
  return storage?.foundingBytes ? storage.founding.members : [];
}

/** Whether this node alone votes, also under a change that is under way: others may have less than it, and nobody more. */
export function votesAlone({ memberships }: NodeStorage, { nodeId, directoryId }: Identity): boolean {
  const self = memberId(nodeId, uuidBytes(directoryId) as Uint8Array);
  const voters = new Set(memberships.flatMap((entry) => [...allVoters(membershipIn(entry))]));
  return voters.size === 1 && voters.has(self);
}

/** Whether a member has acknowledged this entry, as far as the leader that tells of its status knows. */
export function someoneElseHas(index: number, self: string, { members = [] }: StatusResponse): boolean {
  return members.some(({ nodeId, matchIndex }) => nodeId !== self && Number(matchIndex) >= index);
}
