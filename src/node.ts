import { randomBytes, randomInt } from 'node:crypto';
import { httpHandler } from './admin/http.ts';
import { NodeMetrics } from './admin/node-metrics.ts';
import { uuidBytes } from './base/bytes.ts';
import { FactstoreError } from './base/errors.ts';
import type { NodeOptions } from './config/options.ts';
import { type Address, formatAddress } from './config/values.ts';
import { FEATURE_LEVEL } from './model/fact.ts';
import { LogRepair } from './node/log-repair.ts';
import { measuredStore } from './node/measured-store.ts';
import { Member } from './node/member.ts';
import { NodeStorage } from './node/open-storage.ts';
import type { EntriesRequest } from './peer/entries.ts';
import { Founding } from './peer/founding.ts';
import type { Admission, FoundingMember } from './peer/founding-codec.ts';
import type { JoinRequest } from './peer/join-codec.ts';
import { Joining } from './peer/joining.ts';
import { membershipIn } from './peer/membership-codec.ts';
import { PeerServer } from './peer/peer-server.ts';
import { openProgram, type Program } from './projection/program.ts';
import { type Clock, every, systemClock, type Timer } from './runtime/clock.ts';
import { deferred } from './runtime/deferred.ts';
import { createLogger, type Logger } from './runtime/logger.ts';
import { programVersion } from './runtime/version.ts';
import type { MembersChange } from './server/cluster-service.ts';
import { ReceiveBudget } from './server/receive-budget.ts';
import { Server } from './server/server.ts';
import { Traffic } from './server/traffic.ts';
import { type Damage, damageError } from './storage/damage.ts';
import { DataDirectory } from './storage/data-directory.ts';
import { DiskReserve, reserveBytesFor } from './storage/disk-reserve.ts';
import { RAFT_LOG_DATABASE } from './storage/raft-log.ts';

/** What a node is built on; the defaults are the real ones. */
export interface NodeDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The highest feature level that it knows (rule S16). */
  readonly knownFeatureLevel: number;
  /** Opens the source of a projection. */
  readonly openProgram: (source: string) => Promise<Program>;
}

/** How long a start waits to be able to say what the node has become; a lone node leads within milliseconds. */
const FIRST_ROLE_MS = 1_500;
const HAND_OVER_MS = 3_000;
const PROMISE_SYNC_MS = 1_000;
const SPACE_REFRESH_MS = 1_000;

/**
 * Starts a node. Resolves once it listens and, if that does not take long, has a role; founding a cluster with others
 * goes on in the background. Rejects with what stops the start: a bad directory, an address in use.
 */
export async function startNode(options: NodeOptions, dependencies: Partial<NodeDependencies> = {}): Promise<Node> {
  const clock = dependencies.clock ?? systemClock;
  const logger = dependencies.logger ?? createLogger(options.logLevel, { node: options.nodeId });
  const directory = await DataDirectory.open(options.data, {
    nodeId: options.nodeId,
    ballastBytes: options.ballastBytes,
  });
  const knownFeatureLevel = dependencies.knownFeatureLevel ?? FEATURE_LEVEL;
  const open = dependencies.openProgram ?? openProgram;
  const node = new Node(options, { clock, logger, knownFeatureLevel, openProgram: open }, directory);
  try {
    await node.start();
  } catch (error) {
    await node.stop();
    throw error;
  }
  return node;
}

/** One running node: what it has opened, in the order of the start; `stop` goes the way back. */
export class Node {
  readonly nodeId: string;
  /** Settles when the node ends by itself, with the reason. */
  readonly ended: Promise<Error | undefined>;
  private readonly end = deferred<Error | undefined>();
  private readonly options: NodeOptions;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly knownFeatureLevel: number;
  private readonly openProgram: NodeDependencies['openProgram'];
  private readonly directory: DataDirectory;
  private readonly reserve: DiskReserve;
  private readonly stopping = new AbortController();
  private readonly startedMs: number;
  private readonly timers: Timer[] = [];
  private storage: NodeStorage | undefined;
  private peerServer: PeerServer | undefined;
  private server: Server | undefined;
  private repair: LogRepair | undefined;
  private founding: Founding | undefined;
  private entering: Joining | undefined;
  private member: Member | undefined;
  private joining: Promise<void> = Promise.resolve();
  private stopped: Promise<void> | undefined;
  /** Settles once damage that was met is noted for the next start, and the node has ended itself. */
  private damageNoted: Promise<void> | undefined;
  private incarnation = 0;
  private failed = false;
  private readonly traffic = new Traffic();
  private readonly budget: ReceiveBudget;
  private readonly metrics: NodeMetrics;

  constructor(options: NodeOptions, dependencies: NodeDependencies, directory: DataDirectory) {
    const { clock, logger } = dependencies;
    this.options = options;
    this.nodeId = options.nodeId;
    this.clock = clock;
    this.logger = logger;
    this.knownFeatureLevel = dependencies.knownFeatureLevel;
    this.openProgram = dependencies.openProgram;
    this.directory = directory;
    this.startedMs = clock.monotonicMs();
    this.ended = this.end.promise;
    this.reserve = new DiskReserve({
      path: directory.path,
      reserveBytes:
        options.diskReserveBytes === 0
          ? 0
          : reserveBytesFor(options.diskReserveBytes, RAFT_LOG_DATABASE.writeBufferBytes),
      refreshIntervalMs: SPACE_REFRESH_MS,
    });
    this.budget = new ReceiveBudget(options.unhandledBytesMax);
    this.metrics = this.newMetrics();
  }

  /** Where clients connect. */
  get address(): Address {
    return { host: this.options.listen.host, port: this.server?.port ?? this.options.listen.port };
  }

  /** Where peers connect. */
  get peerAddress(): Address {
    const port = Number(this.peerServer?.address.split(':').at(-1) ?? this.options.peerListen.port);
    return { host: this.options.peerListen.host, port };
  }

  /** `leader`, `follower` and so on, or what the node waits for. */
  get role(): string {
    return this.member?.role ?? this.startingWith();
  }

  /** True: it ended because its log is damaged in a way that its next start mends. */
  get mendable(): boolean {
    return this.failed && this.storage?.damage !== undefined;
  }

  async start(): Promise<void> {
    const { directory, options, logger } = this;
    if (directory.ballastReleased) {
      logger.warn({ event: 'disk.ballast' }, 'the disk was full: the ballast file was given up to start at all');
    }
    this.incarnation = await directory.raiseIncarnation();
    this.storage = await NodeStorage.open(directory, this.incarnation, (store) =>
      measuredStore(
        store,
        () => this.clock.monotonicMs(),
        (batch) => this.metrics.synced(batch),
      ),
    );
    this.storage.onDamage = (damage) => this.noticeDamage(damage);
    const { damage, usable } = this.storage;
    if (damage && !usable && this.otherPeers().size === 0) throw damageError(directory.path, damage);
    await this.reserve.refresh(this.clock.monotonicMs());
    this.peerServer = await PeerServer.start(formatAddress(options.peerListen), this.peerHandlers(), logger);
    this.server = await Server.start(this.serverPorts(), { ...options, ...options.listen });
    this.timers.push(every(this.clock, PROMISE_SYNC_MS, () => this.everySecond()));
    const joined = this.join();
    this.joining = joined.catch((error: unknown) => this.fail(error));
    await Promise.race([joined, this.clock.sleep(FIRST_ROLE_MS)]);
  }

  /** Hands leadership over, finishes what is under way, and closes everything. Safe to call more than once. */
  stop(): Promise<void> {
    this.stopped ??= this.shutDown();
    return this.stopped;
  }

  private async join(): Promise<void> {
    const storage = this.storage as NodeStorage;
    if (storage.damage && this.otherPeers().size > 0) await this.mend(storage);
    this.founding = this.newFounding(storage);
    const { join } = this.options;
    if (join && !storage.foundingBytes) await this.enter(storage, join);
    else await this.founding.run();
    if (this.stopping.signal.aborted) return;
    const member = await Member.start({
      options: this.options,
      clock: this.clock,
      logger: this.logger,
      storage,
      reserve: this.reserve,
      peerServer: this.peerServer as PeerServer,
      incarnation: this.incarnation,
      me: this.me,
      knownFeatureLevel: this.knownFeatureLevel,
      observe: this.metrics,
      openProgram: this.openProgram,
      fatal: (error) => this.fail(error),
    });
    this.member = member;
    await member.startProjections();
    if (this.stopping.signal.aborted) return;
    await member.firstRole(FIRST_ROLE_MS);
    this.tellServing();
  }

  private async mend(storage: NodeStorage): Promise<void> {
    const { clock, logger } = this;
    const peers = () => this.otherPeers();
    this.repair = new LogRepair({ storage, peers, clock, logger, signal: this.stopping.signal });
    await this.repair.run();
    this.repair = undefined;
  }

  /** Node ids and peer addresses of the other members, as --cluster or the log give them. */
  private otherPeers(): Map<string, string> {
    const { storage } = this;
    const named = storage ? membersOf(storage) : [];
    const peers = new Map(named.map(({ nodeId, peerAddress }) => [nodeId, peerAddress]));
    for (const member of this.options.cluster ?? []) peers.set(member.nodeId, formatAddress(member));
    peers.delete(this.nodeId);
    return peers;
  }

  /**
   * A read has met damage. The record is missed by whoever asked for it; a node with peers ends, to be mended by them
   * when it starts anew. A lone one goes on with all that it still has.
   */
  private noticeDamage(damage: Damage): void {
    if (this.damageNoted || this.stopping.signal.aborted) return;
    this.logger.error({ event: 'log.damaged', index: damage.index }, `the raft log is damaged: ${damage.text}`);
    if (damage.kind !== 'belowCommit' || this.otherPeers().size === 0) return;
    this.damageNoted = this.leaveToBeMended(damage).catch((error: unknown) => this.fail(error));
  }

  private async leaveToBeMended(damage: Damage): Promise<void> {
    await this.storage?.noteDamage(damage);
    await this.member?.handOver(HAND_OVER_MS);
    this.fail(damageError(this.directory.path, damage));
  }

  /** Becomes a member of a cluster that exists, by way of members at these peer addresses. */
  private async enter(storage: NodeStorage, addresses: readonly Address[]): Promise<void> {
    const { me, knownFeatureLevel, clock, logger } = this;
    const { signal } = this.stopping;
    const seeds = addresses.map(formatAddress);
    const clusterId = () => storage.clusterId;
    this.entering = new Joining({ me, knownFeatureLevel, addresses: () => seeds, clusterId, clock, logger, signal });
    const { record, clusterId: id } = await this.entering.member();
    await storage.adopt(record, id);
    this.entering = undefined;
  }

  /** This node, with the addresses that others are told. */
  private get me(): FoundingMember {
    const { options } = this;
    return {
      nodeId: options.nodeId,
      directoryId: this.directoryId,
      address: formatAddress(options.advertise ?? this.address),
      peerAddress: formatAddress(options.peerAdvertise ?? this.peerAddress),
    };
  }

  private newFounding(storage: NodeStorage): Founding {
    const { options, clock, logger, me } = this;
    const founders = options.cluster
      ? options.cluster.map((member) => [member.nodeId, formatAddress(member)] as const)
      : [[options.nodeId, me.peerAddress] as const];
    return new Founding({
      me,
      founders: new Map(founders),
      knownFeatureLevel: this.knownFeatureLevel,
      clock,
      logger,
      signal: this.stopping.signal,
      random: randomInt,
      newClusterId: newUuid,
      adopt: (record) => storage.adopt(record),
      rejoin: () => this.enter(storage, options.cluster?.filter((member) => member.nodeId !== options.nodeId) ?? []),
      currentRecord: () => storage.foundingBytes,
      clusterId: () => storage.clusterId,
    });
  }

  private peerHandlers() {
    const notYet = () => new FactstoreError('NOT_READY', 'the node is starting');
    return {
      identify: () => {
        if (!this.founding) throw notYet();
        return this.founding.identify();
      },
      found: async (admission: Admission) => {
        if (this.entering) return this.entering.take(admission);
        if (!this.founding) throw notYet();
        return this.founding.found(admission.record);
      },
      join: async (request: JoinRequest) => this.joined().join(request),
      entries: (request: EntriesRequest) => (this.storage as NodeStorage).entries(request),
    };
  }

  private serverPorts() {
    const member = () => this.joined();
    return {
      logger: this.logger,
      clock: this.clock,
      budget: this.budget,
      traffic: this.traffic,
      http: httpHandler({ notReady: () => this.notReady(), metrics: () => this.metrics.text() }),
      database: () => member().database,
      openRoute: (patient: boolean) => member().openRoute(patient),
      projections: () => member().projections,
      cluster: {
        status: () => ({ ...this.identityStatus(), ...this.member?.status() }),
        transferLeadership: (nodeId: string, signal: AbortSignal) => member().transferLeadership(nodeId, signal),
        changeMembers: async (change: MembersChange) => member().changeMembers(change),
        raiseFeatureLevel: async (level: number) => member().raiseFeatureLevel(level),
      },
      admin: {
        startScavenge: async () => member().scavenging.start(),
        stopScavenge: async () => member().scavenging.stop(),
        scavengeStatus: () => member().scavenging.status,
      },
    };
  }

  private newMetrics(): NodeMetrics {
    return new NodeMetrics({
      version: programVersion(),
      traffic: this.traffic,
      disk: this.reserve,
      ready: () => this.notReady() === undefined,
      member: () => {
        const { member, nodeId: self } = this;
        if (!member) return undefined;
        const { unappliedBytes, database } = member;
        return { status: member.status(), self, unappliedBytes, subscriptions: database.subscriptions };
      },
      queues: () => ({
        openAppendBytes: this.budget.used,
        waitingGrants: this.budget.queued,
        incompleteBytes: this.server?.incompleteBytes ?? 0,
        appendStreams: this.server?.appendStreams ?? 0,
      }),
    });
  }

  private joined(): Member {
    if (this.member && !this.stopping.signal.aborted) {
      this.member.checkPlace();
      return this.member;
    }
    throw new FactstoreError('NOT_READY', `${this.nodeId} is not ready: ${this.notReady()}`);
  }

  private notReady(): string | undefined {
    if (this.stopping.signal.aborted) return 'stopping';
    return this.member ? this.member.notReady() : this.startingWith();
  }

  private startingWith(): string {
    return this.repair?.progress ?? (this.entering?.waitingFor() || this.founding?.waitingFor() || 'starting');
  }

  private identityStatus() {
    return {
      nodeId: this.nodeId,
      directoryId: this.directory.identity.directoryId,
      clusterId: this.directory.identity.clusterId ?? '',
      version: programVersion(),
      uptimeMs: Math.round(this.clock.monotonicMs() - this.startedMs),
      notReady: this.notReady() ?? '',
      knownFeatureLevel: this.knownFeatureLevel,
    };
  }

  private get directoryId(): Uint8Array {
    return uuidBytes(this.directory.identity.directoryId) as Uint8Array;
  }

  /** What health checks are told follows what the node can do. */
  private tellServing(): void {
    this.server?.setServing(this.notReady() === undefined);
  }

  private everySecond(): void {
    this.tellServing();
    this.directory.promises.sync().catch((error: unknown) => this.fail(error));
    this.reserve.refresh(this.clock.monotonicMs()).catch((error: unknown) => this.fail(error));
    this.member?.spaceChanged();
    this.member?.keepTime();
    this.member?.keepPlace();
    this.member?.rememberPeers();
  }

  /** State that can no longer be trusted, or a disk that failed (rule D1): nothing more is written, the process ends. */
  private fail(error: unknown): void {
    if (this.failed || this.stopping.signal.aborted) return;
    this.failed = true;
    const reason = error instanceof Error ? error : new Error(String(error));
    this.logger.fatal({ event: 'node.failed', err: reason }, `the node ends: ${reason.message}`);
    this.end.resolve(reason);
  }

  private async shutDown(): Promise<void> {
    const graceMs = this.options.shutdownTimeoutMs;
    await this.damageNoted;
    if (!this.failed) await this.member?.handOver(Math.min(graceMs / 2, HAND_OVER_MS));
    this.stopping.abort();
    for (const timer of this.timers) timer.cancel();
    this.member?.endSubscriptions();
    await this.server?.close(graceMs / 2);
    await this.joining;
    await this.member?.stop();
    this.peerServer?.close();
    await this.storage?.close();
    await this.directory.close();
    this.end.resolve(undefined);
  }
}

function newUuid(): Uint8Array {
  const bytes = randomBytes(16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return bytes;
}

/** The founding record knows nobody who came later, so it counts only where no membership row is left. */
function membersOf(storage: NodeStorage): readonly FoundingMember[] {
  const { memberships } = storage;
  if (memberships.length > 0) return memberships.flatMap((entry) => [...membershipIn(entry).members.values()]);
  return storage.foundingBytes ? storage.founding.members : [];
}
