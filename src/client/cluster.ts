import { toHex } from '../base/bytes.ts';
import { FactstoreError, invalid } from '../base/errors.ts';
import type { ChangeMembersRequest } from '../proto/gen/factstore/v1/ChangeMembersRequest.ts';
import type { StatusResponse__Output } from '../proto/gen/factstore/v1/StatusResponse.ts';
import { clusterService } from '../proto/load.ts';
import { describe } from './arguments.ts';
import type { LeaderFinder } from './leader-finder.ts';
import { type CallLimits, type Node, PROBE_TIMEOUT_MS } from './node.ts';
import { Attempts } from './nodes.ts';
import type { CallOptions } from './options.ts';
import { type Session, underSignals } from './session.ts';
import { aborted, asFactstoreError, unreachable } from './status-error.ts';

const LEVEL_MAX = 0xffff_ffff;

/** What a node is at the moment; `starting`: it takes no part (yet, or any more). */
export type NodeRole = 'leader' | 'follower' | 'candidate' | 'pre-candidate' | 'starting';

/** What is known of a member whether it answers or not. */
export interface MemberIdentity {
  readonly nodeId: string;
  /** Where clients reach it, host:port. */
  readonly address: string;
  /** The UUID of its data directory, which makes it this member. */
  readonly directoryId: string;
  /** Where peers reach it, host:port. */
  readonly peerAddress: string;
  /** True: it counts in a majority. */
  readonly voter: boolean;
}

/** A member that answered. */
export interface ReachableMember extends MemberIdentity {
  readonly reachable: true;
  readonly role: NodeRole;
  readonly term: bigint;
  /** The node id of the leader that it knows; empty: none. */
  readonly leader: string;
  /** The last log index known to be committed. */
  readonly commitIndex: bigint;
  /** The last log index that it has applied. */
  readonly appliedIndex: bigint;
  /** The last log index that is on its own disk and known to be committed. */
  readonly persistedIndex: bigint;
  /** Its last applied position. */
  readonly head: bigint;
  /** How many positions it is behind the most advanced member that answered. */
  readonly lag: bigint;
  /** The chain hash at `appliedIndex`, hexadecimal: members with the same index have the same one. */
  readonly chainHash: string;
  readonly version: string;
  readonly uptimeMs: bigint;
  /** Why it takes no appends; empty: it does. */
  readonly notReady: string;
  /** The feature level of the cluster, as far as the member has applied the log; 0: it takes no part yet. */
  readonly featureLevel: number;
  /** The highest feature level that its version knows. */
  readonly knownFeatureLevel: number;
}

/** A member that did not answer within 2 s, and why. */
export interface UnreachableMember extends MemberIdentity {
  readonly reachable: false;
  readonly unreachable: string;
}

export type MemberStatus = ReachableMember | UnreachableMember;

/** The cluster as its members see it. */
export interface ClusterStatus {
  /** A UUID; empty before the cluster is founded. */
  readonly clusterId: string;
  /** The node id of the member that leads; undefined: none says so of itself. */
  readonly leader: string | undefined;
  /** By node id. */
  readonly members: readonly MemberStatus[];
}

/** Who is a member, by node id. */
export interface Members {
  readonly voters: readonly string[];
  /** They receive the log and do not vote (yet). */
  readonly learners: readonly string[];
}

/** The cluster itself. */
export class ClusterClient {
  private readonly session: Session;
  private readonly leaders: LeaderFinder;

  /** @internal */
  constructor(session: Session, leaders: LeaderFinder) {
    this.session = session;
    this.leaders = leaders;
  }

  /** Asks every member how it is. Ends in UNREACHABLE where not one answers. */
  status(options: Pick<CallOptions, 'signal'> = {}): Promise<ClusterStatus> {
    return underSignals(this.session, options.signal, (signal) => this.askAll(signal));
  }

  private async askAll(signal: AbortSignal): Promise<ClusterStatus> {
    const round = new StatusRound({ timeoutMs: PROBE_TIMEOUT_MS, signal });
    await Promise.all(this.session.nodes.all.map((node) => round.ask(node)));
    // Members that are known by another address than the one they were reached at are not asked a second time.
    const missing = [...round.members].flatMap(([key, { address }]) =>
      round.answers.has(key) || !address ? [] : [address],
    );
    const nodes = missing.map((address) => this.session.nodes.add(address)).filter((node) => !round.asked.has(node));
    await Promise.all(nodes.map((node) => round.ask(node)));
    if (signal.aborted) throw aborted('asking the members', signal);
    if (round.answers.size === 0) throw unreachable(round.reasons, true);
    return round.conclude();
  }

  /**
   * Hands leadership over, to this member or to the most advanced one, and gives the node id of the new leader. Ends in
   * a FactstoreError: INVALID_ARGUMENT (no such member), FAILED_PRECONDITION, NO_LEADER, DEADLINE_EXCEEDED.
   */
  transferLeadership(nodeId?: string, options: CallOptions = {}): Promise<string> {
    return this.atLeader('the transfer of leadership', options, async (node, left) => {
      const answer = await node.unary(clusterService.TransferLeadership, { nodeId: nodeId ?? '' }, left);
      this.leaders.lost(node);
      return answer.leader;
    });
  }

  /**
   * Raises the feature level, to this one or to the highest that every member knows, and gives the level that the cluster
   * is at then. Older versions cannot come back afterwards. Ends in a FactstoreError: FAILED_PRECONDITION (a member is
   * not reachable or does not know it), INVALID_ARGUMENT (it never falls), NO_LEADER, DEADLINE_EXCEEDED.
   */
  raiseFeatureLevel(level?: number, options: CallOptions = {}): Promise<number> {
    return this.atLeader('the raise of the feature level', options, async (node, limits) => {
      const answer = await node.unary(
        clusterService.RaiseFeatureLevel,
        { level: level === undefined ? 0 : levelArgument(level) },
        limits,
      );
      return answer.level;
    });
  }

  /**
   * Adds the node at this peer address (host:port), which was started to join a cluster: as a learner, which votes once it
   * has caught up. Ends in FAILED_PRECONDITION, with the reason, where it cannot be added; so do the other changes. After
   * an error that is not definite it may have taken place, and {@link status} tells: it is not asked for again.
   */
  add(peerAddress: string, options: CallOptions = {}): Promise<Members> {
    return this.change(`adding ${peerAddress}`, { add: peerAddress }, options);
  }

  /** Makes a learner that has caught up a voter. */
  promote(nodeId: string, options: CallOptions = {}): Promise<Members> {
    return this.change(`promoting ${nodeId}`, { promote: nodeId }, options);
  }

  /** Removes a member, which may be the leader. */
  remove(nodeId: string, options: CallOptions = {}): Promise<Members> {
    return this.change(`removing ${nodeId}`, { remove: nodeId }, options);
  }

  /** Puts a learner that has caught up in the place of another member, in one step. */
  replace(nodeId: string, by: string, options: CallOptions = {}): Promise<Members> {
    return this.change(`replacing ${nodeId}`, { replace: { nodeId, by } }, options);
  }

  /** Records that a member was started at another peer address (host:port). It tells so by itself, if it finds the leader. */
  move(nodeId: string, peerAddress: string, options: CallOptions = {}): Promise<Members> {
    return this.change(`moving ${nodeId}`, { move: { nodeId, peerAddress } }, options);
  }

  private change(what: string, request: ChangeMembersRequest, options: CallOptions): Promise<Members> {
    return this.atLeader(what, options, async (node, limits) => {
      const { voters, learners } = await node.unary(clusterService.ChangeMembers, request, limits);
      return { voters, learners };
    });
  }

  /**
   * @internal Calls the leader, and again where that certainly did nothing, for a reason that will pass. What may have
   * been done is left at that: its repeat would be refused because of what it has done itself, and would find a new
   * member where one of that name has come in the place of the one that was meant.
   */
  atLeader<T>(what: string, options: CallOptions, call: (node: Node, left: CallLimits) => Promise<T>): Promise<T> {
    const { timeoutMs = this.session.timeoutMs } = options;
    return underSignals(this.session, options.signal, (signal) => this.callLeader(what, { timeoutMs, signal }, call));
  }

  private async callLeader<T>(
    what: string,
    limits: CallLimits & { readonly signal: AbortSignal },
    call: (node: Node, left: CallLimits) => Promise<T>,
  ): Promise<T> {
    const { session } = this;
    const attempts = new Attempts(what, session.nodes, limits, session.clock);
    for (;;) {
      let asked = false;
      try {
        const { node } = await this.leaders.search(limits.signal);
        asked = true;
        return await call(node, attempts.left());
      } catch (error) {
        if (asked && isOpen(error)) throw mayHaveTakenPlace(what, error);
        await attempts.failed(undefined, error);
      }
    }
  }
}

/** Whether a call that ended in this leaves open what the leader has done; one that was given up does. */
function isOpen(error: unknown): error is FactstoreError {
  return error instanceof FactstoreError && (!error.definite || error.code === 'CANCELLED');
}

const STATUS_TELLS = 'factstore cluster status tells';

function mayHaveTakenPlace(what: string, error: FactstoreError): FactstoreError {
  const advice = error.message.includes(STATUS_TELLS) ? '' : `. It is not asked for again: ${STATUS_TELLS}.`;
  const text = `${what} may have taken place: ${error.message}${advice}`;
  return new FactstoreError(error.code, text, error.details, { cause: error, definite: false });
}

/** 0 would have another meaning on the wire. */
function levelArgument(level: number): number {
  if (Number.isInteger(level) && level > 0 && level <= LEVEL_MAX) return level;
  throw invalid('level', `${describe(level)} is not a feature level: a whole number from 1 on is expected`);
}

/** One round of questions. */
class StatusRound {
  readonly asked = new Set<Node>();
  /** By member: two of them may have one node id, while one takes the place of the other. */
  readonly answers = new Map<string, StatusResponse__Output>();
  readonly members = new Map<string, MemberIdentity>();
  readonly reasons = new Map<string, string>();
  private readonly limits: CallLimits;
  /** The highest commit index of those that answered. */
  private knownTo = 0;

  constructor(limits: CallLimits) {
    this.limits = limits;
  }

  async ask(node: Node): Promise<void> {
    this.asked.add(node);
    try {
      const status = await node.status(this.limits);
      const { nodeId, directoryId } = status;
      const own = { nodeId, directoryId, address: node.address, peerAddress: '', voter: false };
      if (!this.members.has(keyOf(status))) this.members.set(keyOf(status), own);
      this.answers.set(keyOf(status), status);
      this.learnMembers(status);
    } catch (thrown) {
      const error = asFactstoreError(thrown);
      this.reasons.set(node.address, String(error.details.reason ?? error.message));
    }
  }

  /** Who has been removed, or lags, may tell of members as they were: whoever knows the most that is committed is right. */
  private learnMembers({ members, commitIndex }: StatusResponse__Output): void {
    if (members.length === 0 || commitIndex < this.knownTo) return;
    this.knownTo = commitIndex;
    // Of those that are none any more, only the ones that answer are shown.
    for (const [key, member] of this.members) {
      if (this.answers.has(key)) this.members.set(key, { ...member, voter: false });
      else this.members.delete(key);
    }
    for (const { nodeId, directoryId, address, peerAddress, voter } of members) {
      this.members.set(keyOf({ nodeId, directoryId }), { nodeId, directoryId, address, peerAddress, voter });
    }
  }

  conclude(): ClusterStatus {
    const answers = [...this.answers.values()];
    const head = Math.max(...answers.map((status) => status.head));
    const leads = answers.filter((status) => status.role === 'ROLE_LEADER').sort((a, b) => b.term - a.term)[0];
    const members = [...this.members.values()].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
    return {
      clusterId: answers.find((status) => status.clusterId !== '')?.clusterId ?? '',
      leader: leads?.nodeId,
      members: members.map((member) => this.member(member, head)),
    };
  }

  private member(member: MemberIdentity, head: number): MemberStatus {
    const status = this.answers.get(keyOf(member));
    if (status) return { ...member, ...figures(status, head) };
    const told = [...this.answers.values()]
      .flatMap((other) => other.members)
      .find((one) => keyOf(one) === keyOf(member) && one.unreachable !== '');
    const why = this.reasons.get(member.address) || told?.unreachable || 'it did not answer';
    return { ...member, reachable: false, unreachable: why };
  }
}

function keyOf({ nodeId, directoryId }: { nodeId: string; directoryId: string }): string {
  return `${nodeId}/${directoryId}`;
}

const ROLES: Readonly<Record<StatusResponse__Output['role'], NodeRole>> = {
  ROLE_UNSPECIFIED: 'starting',
  ROLE_FOLLOWER: 'follower',
  ROLE_PRE_CANDIDATE: 'pre-candidate',
  ROLE_CANDIDATE: 'candidate',
  ROLE_LEADER: 'leader',
};

function figures(status: StatusResponse__Output, head: number): Omit<ReachableMember, keyof MemberIdentity> {
  return {
    reachable: true,
    role: ROLES[status.role] ?? 'starting',
    term: BigInt(status.term),
    leader: status.leader,
    commitIndex: BigInt(status.commitIndex),
    appliedIndex: BigInt(status.appliedIndex),
    persistedIndex: BigInt(status.persistedIndex),
    head: BigInt(status.head),
    lag: BigInt(head - status.head),
    chainHash: toHex(status.chainHash),
    version: status.version,
    uptimeMs: BigInt(status.uptimeMs),
    notReady: status.notReady,
    featureLevel: status.featureLevel,
    knownFeatureLevel: status.knownFeatureLevel,
  };
}
