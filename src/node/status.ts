import { uuidText } from '../base/bytes.ts';
import type { Facts } from '../database/facts.ts';
import { nodeIdOf } from '../peer/identity.ts';
import type { PeerNetwork } from '../peer/peer-network.ts';
import type { StatusResponse } from '../proto/gen/factstore/v1/StatusResponse.ts';
import type { Role } from '../raft/types.ts';
import type { Replica } from '../replica/replica.ts';
import type { KnownMember } from './members.ts';

const ROLES = {
  follower: 'ROLE_FOLLOWER',
  preCandidate: 'ROLE_PRE_CANDIDATE',
  candidate: 'ROLE_CANDIDATE',
  leader: 'ROLE_LEADER',
} as const satisfies Record<Role, string>;

export interface StatusPorts {
  readonly replica: Replica;
  readonly network: PeerNetwork;
  readonly self: string;
  readonly members: readonly KnownMember[];
  readonly clusterId: Uint8Array;
  readonly chainHash: Uint8Array;
  readonly notReady: string;
  readonly facts: Pick<Facts, 'level' | 'known'>;
}

/** The state of a node that has joined its cluster. Only what is committed shows in it (rule S13). */
export function memberStatus(ports: StatusPorts): StatusResponse {
  const { replica, network, self, members } = ports;
  const status = replica.status();
  // Beyond the commit index disks may hold what another leader replaces: telling of it would tell what may never be.
  const shown = (index: number) => Math.min(index, status.commit);
  const progress = new Map(status.progress.map((follower) => [follower.id, follower.match]));
  return {
    clusterId: uuidText(ports.clusterId),
    role: ROLES[status.role],
    term: status.term,
    leader: status.leader === undefined ? '' : nodeIdOf(status.leader),
    commitIndex: status.commit,
    appliedIndex: replica.appliedIndex,
    head: replica.head.value,
    chainHash: Buffer.from(ports.chainHash),
    persistedIndex: shown(status.persisted),
    notReady: ports.notReady,
    featureLevel: ports.facts.level,
    knownFeatureLevel: ports.facts.known,
    members: members.map((member) => ({
      nodeId: member.nodeId,
      directoryId: uuidText(member.directoryId),
      address: member.address,
      peerAddress: member.peerAddress,
      voter: member.voter,
      matchIndex: shown(member.memberId === self ? status.persisted : (progress.get(member.memberId) ?? 0)),
      unreachable: member.memberId === self ? '' : network.status(member.memberId).reason,
    })),
  };
}

/** "n1 sees only itself of n1, n2, n3 (n2: connection refused 127.0.0.1:2124; n3: timed out after 2 s)" */
export function visibility(self: string, members: readonly KnownMember[], network: PeerNetwork): string {
  const unseen = members
    .filter((member) => member.memberId !== self)
    .map((member) => ({ nodeId: member.nodeId, ...network.status(member.memberId) }))
    .filter((member) => !member.reachable);
  const names = members.map((member) => member.nodeId).join(', ');
  const seen = members.filter((member) => !unseen.some((other) => other.nodeId === member.nodeId));
  if (unseen.length === 0) return `${nodeIdOf(self)} sees all of ${names}, and an election is under way`;
  const sees = seen.length === 1 ? 'only itself' : seen.map((member) => member.nodeId).join(', ');
  const why = unseen.map((member) => `${member.nodeId}: ${member.reason}`).join('; ');
  return `${nodeIdOf(self)} sees ${sees} of ${names} (${why})`;
}
