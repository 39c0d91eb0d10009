import { randomInt } from 'node:crypto';
import { FactstoreError } from '../base/errors.ts';
import type { NodeOptions } from '../config/options.ts';
import { formatAddress } from '../config/values.ts';
import type { Database } from '../database/database.ts';
import { Facts } from '../database/facts.ts';
import { Reads } from '../database/reads.ts';
import { ForwardServer } from '../peer/forward-server.ts';
import { Forwarder } from '../peer/forwarding.ts';
import { Handshake } from '../peer/handshake.ts';
import { memberId, nodeIdOf } from '../peer/identity.ts';
import { PeerNetwork } from '../peer/peer-network.ts';
import type { PeerServer } from '../peer/peer-server.ts';
import type { Program } from '../projection/program.ts';
import { ProjectionRegistry } from '../projection/registry.ts';
import type { StatusResponse } from '../proto/gen/factstore/v1/StatusResponse.ts';
import type { Replica } from '../replica/replica.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { Scavenger } from '../scavenge/scavenger.ts';
import { AppendRoute, type Leadership } from '../server/append-routing.ts';
import type { NodeProjections } from '../server/projections-service.ts';
import type { DiskReserve } from '../storage/disk-reserve.ts';
import type { EventIndex } from '../storage/index/event-index.ts';
import { EventReader } from '../storage/index/event-reader.ts';
import { PeerMemory } from '../storage/peer-memory.ts';
import type { EntryRecord } from '../storage/record.ts';
import { raiseFeatureLevel } from './feature-level.ts';
import { ForwardedLanes } from './forwarded-lanes.ts';
import { MemberCore } from './member-core.ts';
import type { NodeStorage } from './open-storage.ts';
import { Projections } from './projections.ts';
import { raftOptions } from './raft-options.ts';
import { Scavenging } from './scavenging.ts';
import { type KnownMember, memberStatus, visibility } from './status.ts';

export interface MemberPorts {
  readonly options: NodeOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly storage: NodeStorage;
  readonly reserve: DiskReserve;
  readonly peerServer: PeerServer;
  readonly incarnation: number;
  readonly directoryId: Uint8Array;
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
  private readonly members: readonly KnownMember[];
  private readonly index: EventIndex;
  private readonly network: PeerNetwork;
  private readonly forwarder: Forwarder;
  private readonly replica: Replica;
  private readonly leadership: Leadership;
  private readonly ending = new AbortController();
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
    this.self = memberId(ports.options.nodeId, ports.directoryId);
    this.members = knownMembers(ports);
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
    this.scavenging = this.newScavenging(opened.scavenger);
    const lanes = new ForwardedLanes((patient) => this.openRoute(patient, false));
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
    this.network.setMembers(this.members);
  }

  static async start(ports: MemberPorts): Promise<Member> {
    const { storage, logger, knownFeatureLevel: known } = ports;
    const facts = new Facts({ founded: storage.founding.featureLevel, known, logger });
    const registry = new ProjectionRegistry();
    let scavenger: Scavenger | undefined;
    const index = await storage.openIndex(logger, ports.fatal, (event) => {
      facts.applied(event);
      registry.applied(event);
      scavenger?.hear(event);
    });
    const recent = () => undefined;
    const reader = new EventReader({ log: storage.log, recent, yieldTurn: ports.clock.yieldTurn });
    await facts.load(new Reads(index, reader, storage.log));
    await registry.load(index.view(), reader);
    const { scavengeBytesPerSecond: bytesPerSecond } = ports.options;
    const { clock, fatal } = ports;
    scavenger = new Scavenger({ log: storage.log, index, reader, clock, logger, bytesPerSecond, fatal });
    await scavenger.start();
    const { chain: chainHash } = await storage.log.placeAt(index.appliedIndex);
    const seenPeers = await PeerMemory.open(ports.options.data, ports.fatal);
    const member = new Member(ports, { index, seenPeers, facts, registry, scavenger, chainHash });
    member.replica.start();
    return member;
  }

  /** Ends in NOT_READY until they are opened. */
  get projections(): NodeProjections {
    if (this.opened) return this.opened;
    throw new FactstoreError('NOT_READY', 'the projections of this node are being opened');
  }

  /** `leader`, `follower` and so on. */
  get role(): string {
    return this.replica.role;
  }

  /** The appends of one call. `mayForward` is false for those that were forwarded already (rule S9). */
  openRoute(patient: boolean, mayForward = true): AppendRoute {
    return new AppendRoute(this.database, this.forwarder, this.leadership, { patient, mayForward });
  }

  /** Bytes that it has put into the log as leader and not applied yet. */
  get unappliedBytes(): number {
    return this.replica.unappliedBytes;
  }

  status(): StatusResponse {
    const { replica, network, self, members, chainHash, facts } = this;
    const { clusterId } = this.ports.storage.founding;
    const notReady = this.notReady() ?? '';
    return memberStatus({ replica, network, self, members, chainHash, clusterId, facts, notReady });
  }

  /** Why the node does not serve everything at the moment; undefined: it does. */
  notReady(): string | undefined {
    if (this.ports.reserve.short && this.role === 'leader') return this.ports.reserve.refusal().message;
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
  async transferLeadership(nodeId: string, signal: AbortSignal): Promise<string> {
    const target = nodeId === '' ? undefined : this.members.find((member) => member.nodeId === nodeId);
    if (nodeId !== '' && !target) throw this.notAMember(nodeId);
    if (this.role !== 'leader') throw this.leadership.notLeader();
    if (target?.memberId === this.self) return nodeId;
    if (target && !this.network.status(target.memberId).reachable) {
      const { reason } = this.network.status(target.memberId);
      throw new FactstoreError('FAILED_PRECONDITION', `${nodeId} cannot take over: it is not reachable (${reason})`);
    }
    if (!this.replica.transferLeadership(target?.memberId)) {
      throw new FactstoreError('FAILED_PRECONDITION', `there is nobody to take over: ${this.seen()}`);
    }
    const leader = await this.otherLeader(2 * this.ports.options.electionTimeoutMs, signal);
    if (leader === undefined) {
      throw new FactstoreError(
        'DEADLINE_EXCEEDED',
        'the other member did not take over in time',
        {},
        { definite: true },
      );
    }
    return nodeIdOf(leader);
  }

  /** Resolves with the level once it is committed; 0: the highest that every member knows. */
  async raiseFeatureLevel(level: number): Promise<number> {
    if (this.role !== 'leader') throw this.leadership.notLeader();
    const { facts, database, self, members, network, handshake } = this;
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

  /** Called about once a second: the time of the log goes on (rule R1). */
  keepTime(): void {
    this.database.keepTime();
  }

  /** Called about once a second: what the others have acknowledged by now must not be forgotten (rule D9). */
  rememberPeers(): void {
    this.seenPeers.remember(this.replica.acknowledged);
  }

  /** Opens the projections of this node, and runs them where it is to. */
  async startProjections(): Promise<void> {
    const { options, storage, clock, logger, openProgram, fatal } = this.ports;
    const { replica, database, index, registry } = this;
    this.opened = await Projections.start({
      nodeId: options.nodeId,
      clusterId: storage.founding.clusterId,
      path: storage.projectionsPath,
      run: options.projections,
      log: storage.log,
      openRoute: () => this.openRoute(true),
      ...{ registry, replica, database, index, clock, logger, openProgram, fatal },
    });
  }

  /** Ends what would never end by itself. */
  endSubscriptions(): void {
    this.ending.abort();
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.opened?.stop();
    this.forwarder.close();
    await this.scavenging.close();
    await this.replica.stop();
    this.network.close();
    this.rememberPeers();
    await this.seenPeers.close();
  }

  private async otherLeader(ms: number, signal: AbortSignal): Promise<string | undefined> {
    const { clock } = this.ports;
    const until = clock.monotonicMs() + ms;
    const other = () => (this.replica.leader === this.self ? undefined : this.replica.leader);
    while (other() === undefined && clock.monotonicMs() < until && !signal.aborted) {
      await clock.sleep(WAIT_FOR_ROLE_MS, signal);
    }
    return other();
  }

  private newHandshake(): Handshake {
    const { options, clock, logger, incarnation, directoryId, storage, peerServer } = this.ports;
    const { clusterId } = storage.founding;
    const me = { clusterId, nodeId: options.nodeId, directoryId, incarnation };
    const { seenPeers: seen } = this;
    const logIndex = () => storage.log.lastIndex;
    const levels = () => this.facts;
    return new Handshake({ me, peerAddress: peerServer.address, clock, logger, seen, logIndex, levels });
  }

  private newCore(): MemberCore {
    const { options, clock, logger, storage, reserve, observe, fatal } = this.ports;
    return new MemberCore({
      raft: { id: this.self, tickIntervalMs: options.tickIntervalMs, raft: raftOptions(options) },
      limits: options,
      voters: new Set(this.members.map((member) => member.memberId)),
      log: storage.log,
      index: this.index,
      transport: this.network,
      space: { enough: async () => !(await reserve.refresh(clock.monotonicMs())) },
      clock,
      logger,
      random: randomInt,
      applied: (records) => {
        this.chainHash = (records.at(-1) as EntryRecord).chain;
        const longest = records.find((record) => record.count > 0);
        if (!longest || longest.term !== this.replica.term || this.role !== 'leader') return;
        observe.committed((clock.nowUs() - longest.createdUs) / 1e6);
      },
      leaderChanged: (leader) => {
        observe.leaderChanged();
        this.forwarder.setLeader(leader === this.self ? undefined : leader);
      },
      visibility: () => this.seen(),
      fatal,
      ending: this.ending.signal,
      checkLevel: (kind) => this.facts.checkLevel(kind),
      diskHasRoom: () => !reserve.short,
    });
  }

  private newScavenging(scavenger: Scavenger): Scavenging {
    const { facts, index, database, leadership } = this;
    return new Scavenging({ scavenger, facts, index, database, leadership });
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
    const known = this.members.find((member) => member.memberId === leader);
    if (!known) return this.replica.noLeader();
    return new FactstoreError(
      'NOT_LEADER',
      `${nodeIdOf(this.self)} does not lead; the leader is ${known.nodeId} at ${known.address}. Nothing was written.`,
      { leader: known.address, leaderId: known.nodeId },
    );
  }

  private notAMember(nodeId: string): FactstoreError {
    const names = this.members.map((member) => member.nodeId).join(', ');
    return new FactstoreError('NOT_FOUND', `${nodeId} is not a member of this cluster, whose members are ${names}`);
  }

  private seen(): string {
    return visibility(this.self, this.members, this.network);
  }
}

/** The members, with the addresses of the founding record, or those that --cluster gives now. */
function knownMembers({ storage, options }: MemberPorts): KnownMember[] {
  const given = new Map(options.cluster?.map((member) => [member.nodeId, formatAddress(member)]));
  return storage.founding.members.map(({ nodeId, directoryId, address, peerAddress }) => ({
    memberId: memberId(nodeId, directoryId),
    nodeId,
    directoryId,
    address,
    peerAddress: given.get(nodeId) ?? peerAddress,
  }));
}
