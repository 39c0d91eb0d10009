import { bytesEqual, uuidText } from '../base/bytes.ts';
import { FactstoreError } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import type { Facts } from '../database/facts.ts';
import { MEMBERS_CHANGED } from '../model/fact.ts';
import { encodeFoundRequest, type FoundingMember, type Identification } from '../peer/founding-codec.ts';
import { identify } from '../peer/founding-survey.ts';
import { ask } from '../peer/grpc.ts';
import { leftBehindText, memberId, nodeIdOf } from '../peer/identity.ts';
import type { JoinRequest, JoinResponse } from '../peer/join-codec.ts';
import { ancestorOf } from '../peer/lineage.ts';
import { encodeMembership, type Membership } from '../peer/membership-codec.ts';
import type { PeerNetwork } from '../peer/peer-network.ts';
import {
  ChangeRefused,
  enterJoint,
  isJoint,
  leaveJoint,
  type MemberChange,
  sameConfiguration,
  simpleChange,
} from '../raft/changer.ts';
import { allMembers, allVoters, isQuorum, isVoter } from '../raft/configuration.ts';
import type { Configuration, MemberId } from '../raft/types.ts';
import type { Replica } from '../replica/replica.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { MembersChange } from '../server/cluster-service.ts';
import type { Damage } from '../storage/damage.ts';
import type { LogPlace } from '../storage/record.ts';
import type { KnownMember, Members } from './members.ts';

export interface MembershipChangesPorts {
  readonly replica: Replica;
  readonly members: Members;
  readonly network: Pick<PeerNetwork, 'status'>;
  readonly facts: Pick<Facts, 'level' | 'checkLevel'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly self: MemberId;
  readonly clusterId: Uint8Array;
  /** The founding record, as it is stored. */
  readonly record: Uint8Array;
  /** True: this node has been told that it has no place in the cluster any more. */
  hasLostPlace(): boolean;
  /** Aborted when the node stops. */
  readonly ending: Signal;
}

type LogEntry = Pick<LogPlace, 'index' | 'term'>;

/**
 * In this time a learner that is to vote receives all that was committed before it: about an election timeout. What is
 * committed meanwhile takes it as long at most, and is waited for once it votes (thesis §4.2.1).
 */
const ROUND_MS = 1_000;
/** How long a change may take to be committed before its fate is left open. */
const CHANGE_MS = 8_000;
const POLL_MS = 5;
/** A node syncs the record before it answers. */
const HAND_OVER_MS = 5_000;

/**
 * Changes of members, on the leader. The consensus core sees to it that no change can split the cluster; here is judged
 * what is true of the world beside: who answers, who has caught up, whose disk is whose.
 */
export class MembershipChanges {
  private readonly ports: MembershipChangesPorts;

  constructor(ports: MembershipChangesPorts) {
    this.ports = ports;
  }

  /** A node asks to become a member: a learner at first, a voter once it has caught up. */
  async join(request: JoinRequest): Promise<JoinResponse> {
    const { replica, record, members } = this.ports;
    const nothing = { record: new Uint8Array(0), clusterId: this.laterId, voter: false, leader: '', waits: '' };
    if (replica.role !== 'leader') return { ...nothing, ...this.whoLeads() };
    const id = memberId(request.node.nodeId, request.node.directoryId);
    try {
      let waits = '';
      if (members.inForce.members.has(id)) waits = await this.moveIfNeeded(id, request);
      else await this.admit(id, request);
      if (isVoter(members.inForce, id)) return { ...nothing, record, voter: true, waits };
      // Without the record it has no log that could catch up.
      if (request.clusterId.length === 0)
        return { ...nothing, record, waits: `${request.node.nodeId} is a learner, and has yet to catch up` };
      await this.promoteById(id);
      return { ...nothing, record, voter: true, waits };
    } catch (error) {
      if (!(error instanceof FactstoreError) || !mayPass(error)) throw error;
      return { ...nothing, record: members.inForce.members.has(id) ? record : nothing.record, waits: error.message };
    }
  }

  /** What an operator asks for. Only the leader is asked. */
  async change(change: MembersChange): Promise<void> {
    if (change.kind === 'add') await this.add(change.peerAddress);
    else if (change.kind === 'promote') await this.promote(change.name);
    else if (change.kind === 'replace') await this.replace(change.name, change.by);
    else if (change.kind === 'move') await this.move(change.name, change.peerAddress);
    else await this.remove(change.name);
  }

  /** Adds the node that waits at a peer address, and hands it the founding record. */
  private async add(address: string): Promise<void> {
    const { self, clock, ending, members, record } = this.ports;
    const { peerAddress, ...found } = await this.identified(address, 'give the peer address of a node that runs');
    const id = memberId(found.nodeId, found.directoryId);
    if (members.inForce.members.has(id))
      throw refused(`${found.nodeId} at ${address} is a member already: factstore cluster status shows how it is`);
    if (found.clusterId.length > 0) throw this.cannotComeBack(id, found.clusterId);
    const node = { nodeId: found.nodeId, directoryId: found.directoryId, address: found.address, peerAddress };
    await this.admit(id, { node, clusterId: found.clusterId, knownFeatureLevel: found.knownFeatureLevel });
    const timing = { clock, timeoutMs: HAND_OVER_MS, signal: ending };
    // Where it comes to nothing, the node is handed it when it asks.
    await ask(peerAddress, 'Found', encodeFoundRequest({ record, clusterId: this.laterId }), timing).catch(
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.ports.logger.warn(
          { event: 'members.handOver', peer: id },
          `${nodeIdOf(self)} could not tell ${found.nodeId} that it was added: ${reason}`,
        );
      },
    );
  }

  /** Makes a learner a voter; one that takes the place of a voter with the same node id replaces it in one step. */
  private async promote(name: string): Promise<void> {
    const learner = this.learnerNamed(name);
    if (learner.voter) throw refused(`${name} is a voter already`);
    await this.promoteById(learner.memberId);
  }

  /** Removes a member, which may be this one. */
  private async remove(name: string): Promise<void> {
    const { inForce } = this.ports.members;
    const { memberId: member } = this.ports.members.named(name);
    const [voters] = inForce.voters;
    if (voters.has(member) && voters.size === 1)
      throw refused(
        `${name} is the only voter: without it there is no cluster. Stop it, if you want to end the cluster`,
      );
    await this.make((from) => simpleChange(from, [{ kind: 'removed', member }]));
  }

  /** Puts a learner in the place of a voter, in one step. */
  private async replace(name: string, by: string): Promise<void> {
    const { members } = this.ports;
    const old = members.named(name);
    const learner = this.learnerNamed(by);
    if (learner.voter) throw refused(`${by} is a voter already: to make do without ${name}, remove it`);
    await this.caughtUp(learner.memberId);
    await this.make((from) => {
      checkLearns(from, learner.memberId);
      if (!from.members.has(old.memberId)) throw notNow(`${name} is no member any more`);
      return enterJoint(from, replacement(old.memberId, learner.memberId));
    });
  }

  /** A member was started elsewhere. */
  private async move(name: string, address: string): Promise<void> {
    const { members } = this.ports;
    const { memberId: id, nodeId } = members.named(name);
    const found = await this.identified(address, `start ${nodeId} there first`);
    this.checkIdentity(found, address, id, `start ${nodeId} there, on its own data directory`);
    if (!bytesEqual(found.clusterId, this.ports.clusterId)) throw this.foreign(id, found.clusterId);
    await this.relocate(id, found);
  }

  /** Why a member that tells another address than the log has is not taken to be there; empty: all is well. */
  private async moveIfNeeded(id: MemberId, { node, clusterId }: JoinRequest): Promise<string> {
    try {
      if (clusterId.length > 0 && !bytesEqual(clusterId, this.ports.clusterId)) throw this.foreign(id, clusterId);
      await this.relocate(id, node);
      return '';
    } catch (error) {
      // It is a member all the same, and must not believe that it has lost its place.
      if (error instanceof FactstoreError && error.code === 'FAILED_PRECONDITION') return error.message;
      throw error;
    }
  }

  private async relocate(id: MemberId, node: FoundingMember): Promise<void> {
    const { members, self } = this.ports;
    const now = members.inForce.members.get(id);
    if (!now || sameAddresses(now, node)) return;
    const { nodeId, address } = node;
    const owner = members.all.find((other) => other.memberId !== id && other.address === address);
    if (owner)
      throw refused(`clients reach ${owner.nodeId} at ${address}, so not ${nodeId}: set --advertise of ${nodeId}`);
    // A lone node is found by nobody, and need not find itself.
    if (id !== self || members.all.length > 1) await this.checkReachable(id, node);
    await this.make((from) => from, new Map([[id, node]]));
  }

  private async promoteById(id: MemberId): Promise<void> {
    await this.caughtUp(id);
    await this.make((from) => {
      checkLearns(from, id);
      const old = [...from.voters[0]].find((voter) => nodeIdOf(voter) === nodeIdOf(id));
      return old === undefined
        ? simpleChange(from, [{ kind: 'voter', member: id }])
        : enterJoint(from, replacement(old, id));
    });
  }

  /** Adds a new node as a learner. */
  private async admit(id: MemberId, { node, clusterId, knownFeatureLevel }: JoinRequest): Promise<void> {
    const { members, facts } = this.ports;
    // A leader that others have replaced without its knowledge may not know a member that came after it.
    if (clusterId.length > 0) await this.ports.replica.confirm();
    // It asks again while its addition is still to be committed, or another leader had begun it.
    if (members.byId(id)) throw notNow(`${node.nodeId} is being added already`);
    if (clusterId.length > 0) throw this.cannotComeBack(id, clusterId);
    if (knownFeatureLevel < facts.level)
      throw refused(
        `the cluster is at feature level ${facts.level}, but ${node.nodeId} runs a version that knows levels up to ${knownFeatureLevel}: start it with a newer one`,
      );
    this.formerSelves(id, node);
    await this.checkReachable(id, node);
    await this.make(
      (from) => {
        // It may have come in meanwhile: by itself, where an operator adds it, and the other way round.
        const former = this.formerSelves(id, node);
        // A learner that lost its disk goes at once; a voter stays in office until the new learner has caught up.
        const gone = former.filter((member) => !member.voter);
        const changes: MemberChange[] = gone.map(({ memberId: member }) => ({ kind: 'removed', member }));
        return simpleChange(from, [...changes, { kind: 'learner', member: id }]);
      },
      new Map([[id, node]]),
    );
  }

  /** The members whose place a new one takes. Throws where it may not come in, be it that it has already. */
  private formerSelves(id: MemberId, node: FoundingMember): readonly KnownMember[] {
    const { members } = this.ports;
    if (members.byId(id) !== undefined) throw notNow(`${node.nodeId} is being added already`);
    const twin = members.all.find((member) => bytesEqual(member.directoryId, node.directoryId));
    if (twin)
      throw refused(
        `the data directory of ${node.nodeId} is a copy of that of ${twin.nodeId}: empty it, and start ${node.nodeId} again`,
      );
    const former = members.all.filter((member) => member.nodeId === node.nodeId);
    for (const member of former) this.checkGone(member);
    return former;
  }

  private cannotComeBack(id: MemberId, clusterId: Uint8Array): FactstoreError {
    if (bytesEqual(clusterId, this.ports.clusterId))
      return refused(
        `${id} was removed from this cluster and is not a member any more. To bring it back, empty its data directory and start it with --join`,
      );
    const ancestor = ancestorOf(this.ports.members.inForce.lineage, clusterId);
    return ancestor ? refused(leftBehindText(id, ancestor, this.ports.clusterId)) : this.foreign(id, clusterId);
  }

  /** The id of this cluster, where it is not the one that was founded; empty: it is. */
  private get laterId(): Uint8Array {
    return this.ports.members.inForce.lineage?.clusterId ?? new Uint8Array(0);
  }

  private foreign(id: MemberId, clusterId: Uint8Array): FactstoreError {
    const ours = uuidText(this.ports.clusterId);
    const theirs = clusterId.length === 0 ? 'no cluster' : `cluster ${uuidText(clusterId)}`;
    const text = `${id} belongs to ${theirs}, this is cluster ${ours}: a wrong address, or a directory that must be emptied first`;
    // Another cluster has no say in whether it is a member of its own: it goes on asking elsewhere.
    return new FactstoreError('FAILED_PRECONDITION', text, { passes: true });
  }

  /** Two processes under one node id would each be taken for the other. */
  private checkGone(former: KnownMember): void {
    if (former.memberId !== this.ports.self && !this.ports.network.status(former.memberId).reachable) return;
    throw refused(
      `${former.nodeId} is a member already, on another data directory (${uuidText(former.directoryId)}), and runs: give the new node another --node-id`,
    );
  }

  /** A member that nobody reaches would only be in the way. */
  private async checkReachable(id: MemberId, node: FoundingMember): Promise<void> {
    const { nodeId, peerAddress } = node;
    const found = await this.identified(peerAddress, `is --peer-advertise of ${nodeId} right?`);
    this.checkIdentity(found, peerAddress, id, `set --peer-advertise of ${nodeId}`);
  }

  private checkIdentity(found: FoundingMember, address: string, id: MemberId, hint: string): void {
    const answers = memberId(found.nodeId, found.directoryId);
    if (answers !== id) throw refused(`at ${address} answers ${answers}, not ${id}. Nothing was changed; ${hint}`);
  }

  private async identified(address: string, hint: string): Promise<Identification> {
    const { self, clock, ending } = this.ports;
    try {
      return await identify(nodeIdOf(self), address, clock, ending);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const text = `${nodeIdOf(self)} cannot reach ${address}: ${reason}. Nothing was changed; ${hint}`;
      throw new FactstoreError('FAILED_PRECONDITION', text, { passes: true });
    }
  }

  /** Of two members with one node id, the one that is to take the place of the other. */
  private learnerNamed(name: string): KnownMember {
    const { members } = this.ports;
    return members.all.find(({ nodeId, voter }) => nodeId === name && !voter) ?? members.named(name);
  }

  /** Resolves once a learner has all that was committed when it was called. Ends in FAILED_PRECONDITION where that takes it too long. */
  private async caughtUp(id: MemberId): Promise<void> {
    const { replica, clock, ending } = this.ports;
    const { commit, begunAt = 0 } = replica.status();
    // Of what the leader found in its log it may have lost some, and only notices when it is to send it. A voter that can
    // never have it would be waited for, for good.
    const goal = Math.max(commit, begunAt);
    const until = clock.monotonicMs() + ROUND_MS;
    for (let last = false; !this.reaches(id, goal, last); await clock.sleep(POLL_MS, ending))
      last = clock.monotonicMs() >= until || ending.aborted || replica.role !== 'leader';
  }

  /** Whether a learner has the log up to there. Throws where it will not; where this is the last look, also where it has not yet. */
  private reaches(id: MemberId, goal: number, last: boolean): boolean {
    const { replica, network, self } = this.ports;
    const lost = replica.lostFor(id);
    if (lost) throw new FactstoreError('FAILED_PRECONDITION', cannotCatchUp(id, self, lost), { passes: true });
    const { progress, commit } = replica.status();
    const { match = 0, state, recentlyActive } = progress.find((one) => one.id === id) ?? {};
    if (recentlyActive && state === 'replicate' && match >= goal) return true;
    if (recentlyActive && !last) return false;
    const behind = commit - match;
    const text = recentlyActive
      ? `has not caught up: it is ${behind} entries behind, and did not receive within a second what had been committed before. Wait a moment, and try again`
      : `does not answer (${network.status(id).reason || 'it has just been added'}), so it cannot become a voter`;
    throw new FactstoreError('FAILED_PRECONDITION', `${nodeIdOf(id)} ${text}`, { behind, passes: true });
  }

  /** The cluster must be able to go on with the voters that it gets. */
  private checkQuorumReachable(to: Configuration): void {
    const { network, self } = this.ports;
    const reachable = (id: MemberId) => id === self || network.status(id).reachable;
    if (isQuorum(to, reachable) && isQuorum(isJoint(to) ? leaveJoint(to) : to, reachable)) return;
    const names = (want: boolean) => [...allVoters(to)].filter((id) => reachable(id) === want).map(nodeIdOf);
    throw new FactstoreError(
      'FAILED_PRECONDITION',
      `refused, because the cluster would stand still: of the voters that it takes, ${names(true).join(', ') || 'none'} can be reached and ${names(false).join(', ')} cannot. Start them, or replace or remove them first`,
      { passes: true },
    );
  }

  /** Resolves once the change is in force, and a joint configuration on the way is left. */
  private async make(
    change: (from: Membership) => Configuration,
    joining: ReadonlyMap<MemberId, FoundingMember> = new Map(),
  ): Promise<void> {
    const { replica, members, facts, clock, logger, ending } = this.ports;
    facts.checkLevel(MEMBERS_CHANGED);
    let to: Configuration;
    let entry: LogEntry | undefined;
    for (;;) {
      to = this.next(change);
      const { members: known, lineage } = members.inForce;
      const payload = encodeMembership(to, new Map([...known, ...joining]), lineage);
      entry = replica.proposeMembers(payload);
      if (entry) break;
      // The sealer needs the event loop, which a wait that is over at once would not give it.
      if (ending.aborted) throw new FactstoreError('NOT_READY', 'the node is stopping. Nothing was changed.');
      await clock.sleep(POLL_MS, ending);
    }
    await this.settled(entry, isJoint(to) ? leaveJoint(to) : to);
    const names = Array.from(members.inForce.voters[0], nodeIdOf).sort().join(', ');
    logger.info({ event: 'members.changed' }, `the members have changed: ${names} vote now`);
  }

  /** The configuration to propose, against which there is nothing to be said. */
  private next(change: (from: Membership) => Configuration): Configuration {
    const { replica, members } = this.ports;
    const { inForce } = members;
    // Judged first against what it is now: one change at a time, and only where this leader may change anything.
    const busy = replica.changeRefusal(isJoint(inForce) ? leaveJoint(inForce) : inForce);
    if (busy !== undefined || isJoint(inForce)) throw notNow(busy ?? 'another change of the members is under way');
    const to = stepOrRefusal(() => change(inForce));
    this.checkQuorumReachable(to);
    const refusal = replica.changeRefusal(to);
    if (refusal !== undefined) throw refused(refusal);
    return to;
  }

  /** Resolves once this entry has put the final configuration in force, or begun to, and a quorum knows it for good. */
  private async settled(entry: LogEntry, final: Configuration): Promise<void> {
    const { replica, clock, ending } = this.ports;
    const until = clock.monotonicMs() + CHANGE_MS;
    while (!this.isSettled(entry, final)) {
      const leads = replica.term === entry.term || this.hasLeft(entry, final);
      if (!leads || ending.aborted)
        throw new FactstoreError(
          'LEADERSHIP_LOST',
          'leadership was lost meanwhile: factstore cluster status tells whether the members have changed',
        );
      if (clock.monotonicMs() >= until)
        throw new FactstoreError(
          'DEADLINE_EXCEEDED',
          'the change was not settled in time and may still come: factstore cluster status tells',
        );
      await clock.sleep(POLL_MS, ending);
    }
  }

  private isSettled(entry: LogEntry, final: Configuration): boolean {
    const { replica, hasLostPlace } = this.ports;
    const [now, ...changes] = replica.configurations;
    const inForce = now !== undefined && changes.length === 0 && sameConfiguration(now, final);
    // A configuration may be in force without the entry: where only an address is to change it is, from the beginning.
    if (!inForce || !replica.hasCommitted(entry)) return false;
    return replica.status().changeSettled || (this.hasLeft(entry, final) && hasLostPlace());
  }

  /** Whether this leader has removed itself. Its successor settles that, and tells it so when it asks for its place. */
  private hasLeft(entry: LogEntry, final: Configuration): boolean {
    const { replica, self } = this.ports;
    return !allMembers(final).has(self) && replica.hasCommitted(entry);
  }

  private whoLeads(): Pick<JoinResponse, 'leader' | 'waits'> {
    const { replica, members } = this.ports;
    const leader = members.byId(replica.leader)?.peerAddress;
    return leader ? { leader, waits: '' } : { leader: '', waits: replica.noLeader().message };
  }
}

function stepOrRefusal(step: () => Configuration): Configuration {
  try {
    return step();
  } catch (error) {
    throw error instanceof ChangeRefused ? refused(error.message) : error;
  }
}

/** Others may have changed the members while a learner caught up. */
function checkLearns(from: Membership, id: MemberId): void {
  if (!from.members.has(id)) throw notNow(`${nodeIdOf(id)} is no member any more`);
  if (isVoter(from, id)) throw notNow(`${nodeIdOf(id)} is a voter already`);
}

function cannotCatchUp(id: MemberId, leader: MemberId, { text }: Damage): string {
  return `${nodeIdOf(id)} cannot catch up, as ${nodeIdOf(leader)} has lost what it is to receive next, and no other member has it (${text}). ${nodeIdOf(leader)} goes on with all that it still has; what is lost can come from a backup of its data directory alone`;
}

function notNow(reason: string): FactstoreError {
  return new FactstoreError('FAILED_PRECONDITION', `not now: ${reason}. Try again in a moment`, { passes: true });
}

function sameAddresses(a: FoundingMember, b: FoundingMember): boolean {
  return a.address === b.address && a.peerAddress === b.peerAddress;
}

function replacement(old: MemberId, by: MemberId): MemberChange[] {
  return [
    { kind: 'removed', member: old },
    { kind: 'voter', member: by },
  ];
}

/** What does not last: a node that joins asks again. */
function mayPass(error: FactstoreError): boolean {
  return error.details.passes === true || error.code !== 'FAILED_PRECONDITION';
}

function refused(text: string): FactstoreError {
  return new FactstoreError('FAILED_PRECONDITION', text);
}
