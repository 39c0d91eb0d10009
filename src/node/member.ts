import { randomInt } from 'node:crypto';
import { FactstoreError } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import type { NodeOptions } from '../config/options.ts';
import type { Database } from '../database/database.ts';
import { Facts } from '../database/facts.ts';
import { Reads } from '../database/reads.ts';
import { entriesFromPeers } from '../peer/entries.ts';
import { ForwardServer } from '../peer/forward-server.ts';
import { Forwarder } from '../peer/forwarding.ts';
import type { FoundingMember } from '../peer/founding-codec.ts';
import { Handshake } from '../peer/handshake.ts';
import { memberId, nodeIdOf } from '../peer/identity.ts';
import type { JoinRequest, JoinResponse } from '../peer/join-codec.ts';
import { lineageOf } from '../peer/lineage.ts';
import { type Membership, membershipEntries, membershipIn } from '../peer/membership-codec.ts';
import { PeerNetwork } from '../peer/peer-network.ts';
import type { PeerServer } from '../peer/peer-server.ts';
import type { Program } from '../projection/program.ts';
import { ProjectionRegistry } from '../projection/registry.ts';
import type { StatusResponse } from '../proto/gen/factstore/v1/StatusResponse.ts';
import type { Replica } from '../replica/replica.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { OpenCalls } from '../runtime/open-calls.ts';
import { Scavenger } from '../scavenge/scavenger.ts';
import { type AppendOrigin, AppendRoute, type Leadership } from '../server/append-routing.ts';
import type { MembersChange, MembersNow } from '../server/cluster-service.ts';
import type { DiskReserve } from '../storage/disk-reserve.ts';
import type { EventIndex } from '../storage/index/event-index.ts';
import { EventReader } from '../storage/index/event-reader.ts';
import { PeerMemory } from '../storage/peer-memory.ts';
import type { FetchEntries } from '../storage/raft-log-rewrite.ts';
import type { EntryRecord } from '../storage/record.ts';
import { raiseFeatureLevel } from './feature-level.ts';
import { ForwardedLanes } from './forwarded-lanes.ts';
import { MemberCore } from './member-core.ts';
import { givenAddresses, Members } from './members.ts';
import { MembershipChanges } from './membership-changes.ts';
import { MembershipFacts } from './membership-facts.ts';
import type { NodeStorage } from './open-storage.ts';
import { PlaceInCluster } from './place-in-cluster.ts';
import { Projections } from './projections.ts';
import { raftOptions } from './raft-options.ts';
import { Scavenging } from './scavenging.ts';
import { memberStatus, visibility } from './status.ts';

export interface MemberPorts {
  readonly options: NodeOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly storage: NodeStorage;
  readonly reserve: DiskReserve;
  readonly peerServer: PeerServer;
  readonly incarnation: number;
  /** This node, with the addresses that others are told. */
  readonly me: FoundingMember;
  /** The highest feature level that this node knows. */
  readonly knownFeatureLevel: number;
  readonly observe: MemberObserver;
  openProgram(source: string): Promise<Program>;
  fatal(error: unknown): void;
}

/** Is told what happens, to count it. */
interface MemberObserver {
  /** On the leader: the entry of a batch that waited longest was applied, so many seconds after it was judged. */
  committed(seconds: number): void;
  leaderChanged(): void;
}

/** What a member is made of, opened and read. */
interface Opened {
  readonly index: EventIndex;
  readonly seenPeers: PeerMemory;
  readonly facts: Facts;
  readonly registry: ProjectionRegistry;
  readonly scavenger: Scavenger;
  readonly chainHash: Uint8Array;
}

const WAIT_FOR_ROLE_MS = 10;

/** A node's part in its cluster, from the moment on that it belongs to one. */
export class Member {
  readonly database: Database;
  readonly scavenging: Scavenging;
  private readonly ports: MemberPorts;
  private readonly self: string;
  private readonly members: Members;
  private readonly changes: MembershipChanges;
  private readonly told: MembershipFacts;
  private readonly place: PlaceInCluster;
  private readonly index: EventIndex;
  private readonly network: PeerNetwork;
  private readonly forwarder: Forwarder;
  private readonly replica: Replica;
  private readonly leadership: Leadership;
  private readonly ending = new AbortController();
  private readonly calls = new OpenCalls();
  private readonly seenPeers: PeerMemory;
  private readonly facts: Facts;
  private readonly handshake: Handshake;
  private readonly registry: ProjectionRegistry;
  private opened: Projections | undefined;
  private chainHash: Uint8Array;

  private constructor(ports: MemberPorts, opened: Opened) {
    this.ports = ports;
    this.seenPeers = opened.seenPeers;
    this.facts = opened.facts;
    this.registry = opened.registry;
    this.index = opened.index;
    this.chainHash = opened.chainHash;
    this.self = memberId(ports.me.nodeId, ports.me.directoryId);
    this.members = new Members(
      ports.storage.log.memberships.map(membershipIn),
      givenAddresses(ports.options),
      new Map(ports.storage.founding.members.map(({ nodeId, peerAddress }) => [nodeId, peerAddress])),
    );
    const handshake = this.newHandshake();
    this.handshake = handshake;
    const { clock, logger } = ports;
    const inbound = {
      receive: (...received: Parameters<Replica['receive']>) => this.replica.receive(...received),
      connectionLost: (member: string) => this.replica.connectionLost(member),
    };
    this.network = new PeerNetwork({ handshake, inbound, clock, logger });
    this.forwarder = new Forwarder({ handshake, clock, addressOf: (member) => this.network.addressOf(member) });
    const { replica, database } = this.newCore();
    this.replica = replica;
    this.database = database;
    this.leadership = this.newLeadership();
    const { scavenger } = opened;
    this.scavenging = new Scavenging({ scavenger, database, openRoute: () => this.openRoute(false, 'node') });
    const lanes = new ForwardedLanes((patient) => this.openRoute(patient, 'member'));
    const forward = new ForwardServer({
      handshake,
      clock,
      logger,
      handle: (bytes, context) => lanes.append(bytes, context),
    });
    ports.peerServer.serveStreams({
      messages: (call) => this.network.accept(call),
      forward: (call) => forward.accept(call),
    });
    this.changes = this.newChanges();
    this.place = this.newPlace();
    const founders = ports.storage.founding.members;
    this.told = new MembershipFacts({ replica, database, facts: this.facts, founders });
    this.network.setMembers(this.members.all);
  }

  static async start(ports: MemberPorts): Promise<Member> {
    const { storage, logger, knownFeatureLevel: known } = ports;
    const facts = new Facts({ founded: storage.founding.featureLevel, known, logger });
    const registry = new ProjectionRegistry();
    let scavenger: Scavenger | undefined;
    const onSystemEvent = (event: Uint8Array) => {
      facts.applied(event);
      registry.applied(event);
      scavenger?.hear(event);
    };
    const { clock, reserve, fatal } = ports;
    const index = await storage.openIndex({ logger, clock, reserve, fatal, onSystemEvent });
    const recent = () => undefined;
    const reader = new EventReader({ log: storage.log, recent, yieldTurn: clock.yieldTurn });
    await facts.load(new Reads(index, reader, storage.log, clock));
    await registry.load(index.view(), reader);
    const { scavengeBytesPerSecond: bytesPerSecond } = ports.options;
    let member: Member | undefined;
    const passed = async (point: number) => (await member?.opened?.passed(point)) ?? false;
    scavenger = new Scavenger({ log: storage.log, index, reader, clock, logger, bytesPerSecond, passed, fatal });
    await scavenger.start();
    const { chain: chainHash } = await storage.log.placeAt(index.appliedIndex);
    const seenPeers = await PeerMemory.open(ports.options.data, ports.fatal);
    member = new Member(ports, { index, seenPeers, facts, registry, scavenger, chainHash });
    member.replica.start();
    member.place.take();
    return member;
  }

  /** Ends in NOT_READY until they are opened. */
  get projections(): Projections {
    if (this.opened) return this.opened;
    throw new FactstoreError('NOT_READY', 'the projections of this node are being opened');
  }

  /** `leader`, `follower` and so on. */
  get role(): string {
    return this.replica.role;
  }

  /** The appends of one call. */
  openRoute(patient: boolean, origin: AppendOrigin): AppendRoute {
    const { clock } = this.ports;
    return new AppendRoute(this.database, this.forwarder, this.leadership, { patient, origin, clock });
  }

  /** Bytes that it has put into the log as leader and not applied yet. */
  get unappliedBytes(): number {
    return this.replica.unappliedBytes;
  }

  status(): StatusResponse {
    const { replica, network, self, chainHash, facts } = this;
    const members = this.members.all;
    const { clusterId } = this.ports.storage;
    const notReady = this.notReady() ?? '';
    return memberStatus({ replica, network, self, members, chainHash, clusterId, facts, notReady });
  }

  /** The log index of the last entry that this node has applied. */
  get appliedIndex(): number {
    return this.replica.appliedIndex;
  }

  /** The node id of the member that leads, as far as this one knows. */
  get leaderNodeId(): string | undefined {
    const { leader } = this.replica;
    return leader === undefined ? undefined : nodeIdOf(leader);
  }

  /** Why the node does not serve everything at the moment; undefined: it does. */
  notReady(): string | undefined {
    if (this.ports.reserve.short && this.role === 'leader') return this.ports.reserve.refusal().message;
    if (this.place.lost !== '') return this.place.lost;
    if (this.replica.leader === undefined) return `no leader: ${this.seen()}`;
    return undefined;
  }

  /** Resolves once a leader is known, or after `ms`. */
  async firstRole(ms: number): Promise<void> {
    const { clock } = this.ports;
    const until = clock.monotonicMs() + ms;
    const settled = () =>
      this.replica.leader !== undefined && (this.role !== 'leader' || this.replica.acceptsProposals);
    const { signal } = this.ending;
    while (!settled() && clock.monotonicMs() < until && !signal.aborted) await clock.sleep(WAIT_FOR_ROLE_MS, signal);
  }

  /** Resolves with the node id of the new leader. */
  async transferLeadership(nodeId: string, signal: Signal): Promise<string> {
    const target = nodeId === '' ? undefined : this.members.named(nodeId);
    if (this.role !== 'leader') throw this.leadership.notLeader();
    if (target?.memberId === this.self) return nodeId;
    if (target && !target.voter) {
      const text = `${nodeId} cannot take over: it is a learner, which receives the log and does not vote. Promote it first`;
      throw new FactstoreError('FAILED_PRECONDITION', text);
    }
    if (target && !this.network.status(target.memberId).reachable) {
      const { reason } = this.network.status(target.memberId);
      const text = `${nodeId} cannot take over: it is not reachable (${reason}). Name a member that runs, or none`;
      throw new FactstoreError('FAILED_PRECONDITION', text);
    }
    if (!this.replica.transferLeadership(target?.memberId)) {
      throw new FactstoreError('FAILED_PRECONDITION', `there is nobody to take over: ${this.seen()}`);
    }
    const leader = await this.otherLeader(2 * this.ports.options.electionTimeoutMs, signal);
    if (leader === undefined) {
      throw new FactstoreError(
        'DEADLINE_EXCEEDED',
        'the other member did not take over in time: factstore cluster status shows who leads; try again, or name another',
        {},
        { definite: true },
      );
    }
    return nodeIdOf(leader);
  }

  /** Resolves with the level once it is committed; 0: the highest that every member knows. */
  async raiseFeatureLevel(level: number): Promise<number> {
    if (this.role !== 'leader') throw this.leadership.notLeader();
    const { facts, database, self, network, handshake } = this;
    const members = this.members.all;
    return raiseFeatureLevel({ facts, database, self, members, network, handshake }, level);
  }

  /** Before a stop: another member leads, where one can. */
  async handOver(ms: number): Promise<void> {
    if (this.role !== 'leader' || !this.replica.transferLeadership(undefined)) return;
    await this.otherLeader(ms, this.ending.signal);
  }

  /** A leader that is short of space hands over (rule D1); a follower then simply does not acknowledge. */
  spaceChanged(): void {
    if (this.ports.reserve.short) this.replica.stepAside();
  }

  /** Called about once a second: the time of the log goes on (rule R1), and it tells of the members (rule C7). */
  keepTime(): void {
    this.database.keepTime();
    this.told.keep(this.ending.signal).catch((error: unknown) => {
      this.ports.logger.debug({ event: 'members.fact', err: error }, 'the fact about the members is to be tried again');
    });
  }

  /** Called about once a second: whether this node still belongs to its cluster. */
  keepPlace(): void {
    this.place.keep();
  }

  /** It must serve nothing any more (rule Q3). Calls that are open and would not end by themselves are told as later ones are. */
  serveNothing(why: string): void {
    this.calls.endAll(new FactstoreError('NOT_READY', why));
  }

  /** Ends in NOT_READY where it must not. */
  checkServes(): void {
    if (this.calls.ended) throw this.calls.ended;
  }

  /** Called about once a second: what the others have acknowledged by now must not be forgotten (rule D9). */
  rememberPeers(): void {
    this.seenPeers.remember(this.replica.acknowledged);
  }

  /** Opens the projections of this node, and runs them where it is to. */
  async startProjections(): Promise<void> {
    const { options, storage, clock, logger, reserve, openProgram, fatal } = this.ports;
    const { replica, database, index, registry, scavenging, members, self, calls } = this;
    this.opened = await Projections.start({
      nodeId: options.nodeId,
      clusterId: storage.clusterId,
      path: storage.projectionsPath,
      run: options.projections,
      memoryBytesMax: options.projectionMemoryBytesMax,
      log: storage.log,
      reserve,
      openRoute: () => this.openRoute(true, 'node'),
      ...{ registry, replica, database, index, scavenging, members, self, calls, clock, logger, openProgram, fatal },
    });
  }

  /** The node stops: ends what would never end by itself. */
  endCalls(): void {
    this.ending.abort();
    this.serveNothing('the node is stopping; go on at another one');
  }

  async stop(): Promise<void> {
    this.endCalls();
    await this.opened?.stop();
    this.forwarder.close();
    await this.scavenging.close();
    await this.replica.stop();
    this.network.close();
    this.rememberPeers();
    await this.seenPeers.close();
  }

  /** A node asks this one to become a member. */
  join(request: JoinRequest): Promise<JoinResponse> {
    return this.changes.join(request);
  }

  /** Resolves with the node ids of the members, once the change is in force. */
  async changeMembers(change: MembersChange): Promise<MembersNow> {
    if (this.role !== 'leader') throw this.leadership.notLeader();
    await this.changes.change(change);
    const { voters, learners } = this.members.inForce;
    const names = (ids: ReadonlySet<string>) => Array.from(ids, nodeIdOf).sort();
    return { voters: names(voters[0]), learners: names(learners) };
  }

  private membersChanged(): void {
    this.members.update(this.replica.configurations as readonly Membership[]);
    this.network.setMembers(this.members.all);
  }

  private newPlace(): PlaceInCluster {
    const { ports, members, replica, changes, ending } = this;
    return new PlaceInCluster({
      ...ports,
      members,
      leader: () => replica.leader,
      join: (request) => changes.join(request),
      serveNothing: (why) => this.serveNothing(why),
      ending: ending.signal,
    });
  }

  private newChanges(): MembershipChanges {
    const { replica, members, network, facts, self, ending, ports } = this;
    const { clock, logger, storage } = ports;
    return new MembershipChanges({
      replica,
      members,
      network,
      facts,
      clock,
      logger,
      self,
      clusterId: storage.clusterId,
      record: storage.foundingBytes as Uint8Array,
      hasLostPlace: () => this.place.lost !== '',
      ending: ending.signal,
    });
  }

  private async otherLeader(ms: number, signal: Signal): Promise<string | undefined> {
    const { clock } = this.ports;
    const until = clock.monotonicMs() + ms;
    const other = () => (this.replica.leader === this.self ? undefined : this.replica.leader);
    while (other() === undefined && clock.monotonicMs() < until && !signal.aborted) {
      await clock.sleep(WAIT_FOR_ROLE_MS, signal);
    }
    return other();
  }

  private newHandshake(): Handshake {
    const { clock, logger, incarnation, storage } = this.ports;
    const { nodeId, directoryId } = this.ports.me;
    const { clusterId } = storage;
    const me = { clusterId, nodeId, directoryId, incarnation };
    const { seenPeers: seen } = this;
    const logIndex = () => storage.log.lastIndex;
    const membershipIndex = () => storage.log.membershipIndex;
    const levels = () => this.facts;
    const { peerAddress } = this.ports.me;
    const lineage = () => this.members.inForce.lineage;
    return new Handshake({ me, peerAddress, clock, logger, seen, logIndex, membershipIndex, levels, lineage });
  }

  private newCore(): MemberCore {
    const { options, clock, logger, storage, reserve, observe, fatal } = this.ports;
    return new MemberCore({
      raft: { id: this.self, tickIntervalMs: options.tickIntervalMs, raft: raftOptions(options) },
      limits: options,
      members: membershipEntries,
      membersChanged: () => this.membersChanged(),
      log: storage.log,
      index: this.index,
      transport: this.network,
      space: { enough: async () => !(await reserve.refresh(clock.monotonicMs())) },
      clock,
      logger,
      random: randomInt,
      applied: (records) => {
        this.chainHash = (records.at(-1) as EntryRecord).chain;
        this.scavenging.met(records);
        const longest = records.find((record) => record.count > 0);
        if (!longest || longest.term !== this.replica.term || this.role !== 'leader') return;
        observe.committed((clock.nowUs() - longest.createdUs) / 1e6);
      },
      leaderChanged: (leader) => {
        observe.leaderChanged();
        this.forwarder.setLeader(leader === this.self ? undefined : leader);
      },
      visibility: () => this.seen(),
      fetchEntries: (last) => this.fetchEntries(last),
      fatal,
      calls: this.calls,
      lineage: () => lineageOf(storage.clusterId, this.members.inForce.lineage),
      refusalOfLevel: (kind) => this.facts.refusalOf(kind),
      refusalOfFact: (kind, another) => this.scavenging.refusalOf(kind, another),
      diskHasRoom: () => !reserve.short,
    });
  }

  private fetchEntries(last: string): FetchEntries {
    const { clock, storage } = this.ports;
    const reachable = (member: string) => this.network.status(member).reachable;
    const addresses = () => this.members.peersBut(this.self, last, reachable);
    return entriesFromPeers(storage.clusterId, addresses, { clock, signal: this.ending.signal });
  }

  private newLeadership(): Leadership {
    const { replica, self } = this;
    return {
      get leads() {
        return replica.role === 'leader';
      },
      get leader() {
        return replica.leader;
      },
      get term() {
        return replica.term;
      },
      notLeader: () => this.notLeader(replica.leader === self ? undefined : replica.leader),
      noLeader: () => replica.noLeader(),
    };
  }

  private notLeader(leader: string | undefined): FactstoreError {
    const known = this.members.byId(leader);
    if (!known) return this.replica.noLeader();
    return new FactstoreError(
      'NOT_LEADER',
      `${nodeIdOf(this.self)} does not lead; the leader is ${known.nodeId} at ${known.address}. Nothing was written.`,
      { leader: known.address, leaderId: known.nodeId },
    );
  }

  private seen(): string {
    return visibility(this.self, this.members.all, this.network);
  }
}
