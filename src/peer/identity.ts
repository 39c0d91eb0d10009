import { bytesEqual, uuidBytes, uuidText } from '../base/bytes.ts';
import { FactstoreError } from '../base/errors.ts';
import type { MemberId } from '../raft/types.ts';
import { type Greeting, PROTOCOL_VERSION } from './codec.ts';
import { type Ancestor, ancestorOf, type Lineage } from './lineage.ts';

/** Who this node is among its peers. */
export interface PeerIdentity {
  /** 16 bytes. */
  readonly clusterId: Uint8Array;
  readonly nodeId: string;
  /** 16 bytes. */
  readonly directoryId: Uint8Array;
  /** How often its data directory has been started (rule D9). */
  readonly incarnation: number;
}

/** The text that names a member: a node id and the UUID of the data directory that makes it this member. */
export function memberId(nodeId: string, directoryId: Uint8Array): MemberId {
  return `${nodeId}/${uuidText(directoryId)}`;
}

/** Undefined where the text names no member. */
export function parseMemberId(text: string): { nodeId: string; directoryId: Uint8Array } | undefined {
  const slash = text.lastIndexOf('/');
  const directoryId = uuidBytes(text.slice(slash + 1));
  return slash > 0 && directoryId ? { nodeId: text.slice(0, slash), directoryId } : undefined;
}

/** The node id in a member id. */
export function nodeIdOf(member: MemberId): string {
  return member.slice(0, Math.max(0, member.lastIndexOf('/')));
}

/** What a node holds against a greeting. */
export interface GreetingChecks {
  readonly me: PeerIdentity;
  /** Where the two met: the address that was dialled, as far as the one who checks knows it. */
  readonly address: string;
  /** The member that was dialled; undefined on the side that was dialled. */
  readonly dialled: MemberId | undefined;
  /** The members of the configuration, as far as this node knows it. */
  readonly members: ReadonlySet<MemberId>;
  /** The log index of the entry that puts them in force. Who knows only of an earlier one has nothing to tell. */
  readonly membershipIndex: number;
  /** The highest incarnation that was ever seen of a member; 0: none. */
  readonly highestIncarnation: (member: MemberId) => number;
  readonly levels: FeatureLevels;
  /** Undefined: this cluster is the one that was founded. */
  readonly lineage?: Lineage | undefined;
}

/** What a node says of feature levels (rule S16). */
export interface FeatureLevels {
  /** The cluster's, as far as the node has applied the log; 0: it does not know yet. */
  readonly level: number;
  /** The highest that the node knows. */
  readonly known: number;
}

/** Which of the checks a greeting failed. */
export type RefusalKind =
  | 'version'
  | 'cluster'
  | 'identity'
  | 'member'
  | 'incarnation'
  | 'duplicate'
  | 'lostLog'
  | 'level';

/**
 * Why this node will not talk to the one that greeted it; undefined where it will. A refusal protects the log: whoever
 * passes may vote, and its acknowledgements count.
 */
export function refusal(greeting: Greeting, checks: GreetingChecks): FactstoreError | undefined {
  const { me, address, dialled } = checks;
  const self = memberId(me.nodeId, me.directoryId);
  const other = memberId(greeting.nodeId, greeting.directoryId);
  if (greeting.protocolVersion !== PROTOCOL_VERSION) {
    const text = `${other} speaks version ${greeting.protocolVersion} of the peer protocol, ${self} speaks version ${PROTOCOL_VERSION}: bring both to the same or to neighbouring versions of factstore`;
    return refused('version', text);
  }
  if (!bytesEqual(greeting.clusterId, me.clusterId)) return otherCluster(greeting, checks);
  if (dialled !== undefined && other !== dialled) {
    return refused('identity', `at ${address} answers ${other}, not ${dialled}${wiped(other, dialled)}`);
  }
  if (greeting.to !== self) {
    return refused('identity', `at ${address} answers ${self}, not ${greeting.to}${wiped(self, greeting.to)}`);
  }
  // Who knows of a later change may have come with it, or know a member that has.
  if (!checks.members.has(other) && greeting.membershipIndex <= checks.membershipIndex) {
    const names = [...checks.members].map(nodeIdOf).sort().join(', ');
    return refused(
      'member',
      `${other} is not a member of this cluster, whose members are ${names}: it was removed, or its disk was replaced`,
    );
  }
  const highest = checks.highestIncarnation(other);
  if (greeting.incarnation < highest) {
    const text = `${other} is in its start number ${greeting.incarnation}, but ${highest} is the lowest that is still accepted: a later start of it has been seen, or two of this one. It runs from a copy of its data directory and may have forgotten what it promised. Stop all copies but the newest, and start that one anew`;
    return refused('incarnation', text);
  }
  return levelRefusal(greeting, checks.levels, { self, other });
}

/** A node that does not know the cluster's feature level would misunderstand the log that it is to take part in. */
function levelRefusal(
  greeting: Greeting,
  { level, known }: FeatureLevels,
  { self, other }: { self: MemberId; other: MemberId },
): FactstoreError | undefined {
  const text = (is: number, who: MemberId, knows: number) =>
    `the cluster is at feature level ${is}, but ${who} runs a version that knows levels up to ${knows}: start it with a newer one`;
  if (greeting.knownFeatureLevel < level) return refused('level', text(level, other, greeting.knownFeatureLevel));
  if (greeting.featureLevel > known) return refused('level', text(greeting.featureLevel, self, known));
  return undefined;
}

function otherCluster(greeting: Greeting, checks: GreetingChecks): FactstoreError {
  const theirs = uuidText(greeting.clusterId);
  const ours = uuidText(checks.me.clusterId);
  const ancestor = ancestorOf(checks.lineage, greeting.clusterId);
  if (ancestor) {
    const left = memberId(greeting.nodeId, greeting.directoryId);
    return refused('cluster', leftBehindText(left, ancestor, checks.me.clusterId));
  }
  const where =
    checks.dialled === undefined
      ? `${greeting.nodeId} of cluster ${theirs} called ${checks.address}, where ${checks.me.nodeId} of cluster ${ours} answers`
      : `at ${checks.address} answers ${greeting.nodeId} of cluster ${theirs}, but ${checks.me.nodeId} belongs to cluster ${ours}`;
  return refused('cluster', `${where}: these are two clusters, so one of the two has a wrong peer address`);
}

/** Why a member of a cluster that had lost its majority is none of the cluster that goes on with its log (rule R3). */
export function leftBehindText(member: MemberId, { clusterId, position }: Ancestor, ours: Uint8Array): string {
  return `${member} belongs to cluster ${uuidText(clusterId)}, which was given up when its majority was lost: cluster ${uuidText(ours)} goes on from its position ${position}. What ${nodeIdOf(member)} holds beyond that cannot be merged. Export it first, if it is needed; then empty its data directory and start it with --join`;
}

function wiped(found: MemberId, meant: MemberId): string {
  return nodeIdOf(found) === nodeIdOf(meant) ? ': another data directory, so another member' : '';
}

/** `refusal` names the check, so that repeats can be told from new reasons. */
export function refused(kind: RefusalKind, text: string): FactstoreError {
  return new FactstoreError('FAILED_PRECONDITION', text, { refusal: kind });
}
