import { randomBytes, randomInt } from 'node:crypto';
import { httpHandler } from './admin/http.ts';
import { NodeMetrics } from './admin/node-metrics.ts';
import { uuidBytes, uuidText } from './base/bytes.ts';
import { FactstoreError } from './base/errors.ts';
import type { NodeOptions } from './config/options.ts';
import { type Address, formatAddress, tellable } from './config/values.ts';
import { FEATURE_LEVEL } from './model/fact.ts';
import { leaveMember } from './node/coming-back.ts';
import { DamageWatch } from './node/damage-watch.ts';
import { Integrity } from './node/integrity.ts';
import { LogRepair } from './node/log-repair.ts';
import { measuredStore } from './node/measured-store.ts';
import { Member } from './node/member.ts';
import { NodeStorage } from './node/open-storage.ts';
import { isNoMember, otherMembers, someoneElseHas, votesAlone } from './node/other-members.ts';
import type { Scavenging } from './node/scavenging.ts';
import { Founding } from './peer/founding.ts';
import { clusterOf, type FoundingMember } from './peer/founding-codec.ts';
import { Joining } from './peer/joining.ts';
import { type PeerHandlers, PeerServer } from './peer/peer-server.ts';
import { openProgram, type Program } from './projection/program.ts';
import { type Clock, every, systemClock, type Timer } from './runtime/clock.ts';
import { deferred } from './runtime/deferred.ts';
import { LogLimit } from './runtime/log-limit.ts';
import { createLogger, type Logger } from './runtime/logger.ts';
import { programVersion } from './runtime/version.ts';
import type { MembersChange } from './server/cluster-service.ts';
import type { NodeProjections } from './server/projections-service.ts';
import { ReceiveBudget } from './server/receive-budget.ts';
import { Server } from './server/server.ts';
import { Traffic } from './server/traffic.ts';
import { type Damage, damageError, damageIn } from './storage/damage.ts';
import { DataDirectory } from './storage/data-directory.ts';
import { DiskReserve, reserveBytesFor } from './storage/disk-reserve.ts';
import { type ReturnNote, readReturnNote, removeReturnNote } from './storage/former-self.ts';
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
  const limit = new LogLimit(clock);
  const logger = dependencies.logger ?? createLogger(options.logLevel, { node: options.nodeId }, { limit });
  const knownFeatureLevel = dependencies.knownFeatureLevel ?? FEATURE_LEVEL;
  const all = { clock, logger, knownFeatureLevel, openProgram: dependencies.openProgram ?? openProgram };
  try {
    return await startOn(options, all, limit);
  } catch (error) {
    if (!(await leaveMember(options, error, logger))) throw error;
    return startOn(options, all, limit);
  }
}

async function startOn(options: NodeOptions, dependencies: NodeDependencies, limit: LogLimit): Promise<Node> {
  const directory = await DataDirectory.open(options.data, {
    nodeId: options.nodeId,
    ballastBytes: options.ballastBytes,
  });
  const node = new Node(options, dependencies, directory, limit);
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
  private readonly logLimit: LogLimit;
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
  /** Undefined until they are opened. */
  private projections: NodeProjections | undefined;
  private joining: Promise<void> = Promise.resolve();
  private stopped: Promise<void> | undefined;
  private damages: DamageWatch | undefined;
  private integrity: Integrity | undefined;
  private incarnation = 0;
  private failed = false;
  /** Its log is damaged where no other member that could be asked can mend it. */
  private unmended = false;
  /** Why it ended by itself. */
  private reason: Error | undefined;
  private returning: ReturnNote | undefined;
  private readonly traffic = new Traffic();
  private readonly budget: ReceiveBudget;
  private readonly metrics: NodeMetrics;

  constructor(options: NodeOptions, dependencies: NodeDependencies, directory: DataDirectory, logLimit: LogLimit) {
    const { clock, logger } = dependencies;
    this.options = options;
    this.nodeId = options.nodeId;
    this.clock = clock;
    this.logger = logger;
    this.knownFeatureLevel = dependencies.knownFeatureLevel;
    this.openProgram = dependencies.openProgram;
    this.directory = directory;
    this.logLimit = logLimit;
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

  /** True: it ended because its log or its index is damaged in a way that its next start mends. */
  get mendable(): boolean {
    if (this.storage?.mendable) return this.failed;
    return damageIn(this.reason)?.kind === 'promiseLost' && this.otherPeers().size > 0;
  }

  async start(): Promise<void> {
    const { directory, options, logger } = this;
    if (directory.ballastReleased) {
      logger.warn({ event: 'disk.ballast' }, 'the disk was full: the ballast file was given up to start at all');
    }
    this.returning = await readReturnNote(directory.path);
    this.incarnation = await directory.raiseIncarnation();
    this.storage = await NodeStorage.open(directory, this.incarnation, (store) =>
      measuredStore(
        store,
        () => this.clock.monotonicMs(),
        (batch) => this.metrics.synced(batch),
      ),
    );
    this.damages = this.watchDamage(this.storage);
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
    const given = join?.map(formatAddress);
    // Settings may have been set right since the note was written.
    const seeds = this.returning
      ? [...new Set([...[...this.otherPeers().values()].flat(), ...(given ?? []), ...this.returning.peers])]
      : given;
    if (seeds && !storage.foundingBytes) await this.enter(storage, seeds);
    else await this.founding.run();
    if (this.stopping.signal.aborted) return;
    if (this.returning) await this.beBack();
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
    this.integrity = this.newIntegrity(storage, member);
    this.integrity.start();
    await member.startProjections();
    this.projections = member.projections;
    if (this.stopping.signal.aborted) return;
    await member.firstRole(FIRST_ROLE_MS);
    this.tellServing();
  }

  private watchDamage(storage: NodeStorage): DamageWatch {
    const { directory, logger } = this;
    return new DamageWatch({
      ...{ directory, storage, logger, returning: this.returning !== undefined },
      mayBeMended: (damage) => this.mayBeMended(damage),
      mayAsk: () => !this.unmended && this.otherPeers().size > 0,
      handOver: async () => this.member?.handOver(HAND_OVER_MS),
      fail: (error) => this.fail(error),
    });
  }

  private newIntegrity(storage: NodeStorage, member: Member): Integrity {
    const { options, clock, logger } = this;
    const damages = this.damages as DamageWatch;
    const handOver = () => member.handOver(HAND_OVER_MS);
    return new Integrity({ options, storage, member, damages, clock, logger, signal: this.stopping.signal, handOver });
  }

  private async mend(storage: NodeStorage): Promise<void> {
    const { reserve, clock, logger } = this;
    const peers = () => this.otherPeers();
    const alone = votesAlone(storage, this.directory.identity);
    this.repair = new LogRepair({ storage, reserve, peers, alone, clock, logger, signal: this.stopping.signal });
    this.unmended = !(await this.repair.run());
    this.repair = undefined;
  }

  private otherPeers(): Map<string, readonly string[]> {
    return otherMembers(this.options, this.storage);
  }

  /** Whether others may have what this node has lost. Where it votes alone, it knows what they have. */
  private mayBeMended({ index }: Damage): boolean {
    const { member, storage, directory, nodeId } = this;
    if (!storage || !votesAlone(storage, directory.identity)) return true;
    return member !== undefined && someoneElseHas(index, nodeId, member.status());
  }

  /** Becomes a member of a cluster that exists, by way of members at these peer addresses. */
  private async enter(storage: NodeStorage, seeds: readonly string[]): Promise<void> {
    const { me, knownFeatureLevel, clock, logger, returning } = this;
    const { signal } = this.stopping;
    const clusterId = () => storage.clusterId;
    this.entering = new Joining({ me, knownFeatureLevel, addresses: () => seeds, clusterId, clock, logger, signal });
    const admission = await this.entering.member();
    const joined = uuidText(clusterOf(admission));
    if (returning && joined !== returning.clusterId)
      throw new FactstoreError(
        'FAILED_PRECONDITION',
        `${me.nodeId} was a member of cluster ${returning.clusterId}, but ${seeds.join(', ')} are of cluster ${joined}: give it addresses of its own cluster, or an empty data directory`,
      );
    await storage.adopt(admission.record, admission.clusterId);
    this.entering = undefined;
  }

  /** It is a member again: from here on the directory speaks for itself. */
  private async beBack(): Promise<void> {
    await removeReturnNote(this.directory.path);
    this.returning = undefined;
  }

  /** This node, with the addresses that others are told. */
  private get me(): FoundingMember {
    const { options } = this;
    return {
      nodeId: options.nodeId,
      directoryId: this.directoryId,
      address: formatAddress(options.advertise ?? tellable(this.address)),
      peerAddress: formatAddress(options.peerAdvertise ?? tellable(this.peerAddress)),
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
      rejoin: () => this.enter(storage, [...this.otherPeers().values()].flat()),
      formerCluster: this.returning && uuidBytes(this.returning.clusterId),
      currentRecord: () => storage.foundingBytes,
      clusterId: () => storage.clusterId,
      isGone: (founder) => isNoMember(storage, founder),
    });
  }

  private peerHandlers(): PeerHandlers {
    const notYet = () => new FactstoreError('NOT_READY', 'the node is starting');
    return {
      identify: () => {
        if (!this.founding) throw notYet();
        return this.founding.identify();
      },
      found: async (admission) => {
        if (this.entering) return this.entering.take(admission);
        if (!this.founding) throw notYet();
        return this.founding.found(admission.record);
      },
      join: async (request) => this.joined().join(request),
      stateDigests: async (request) => this.joined().projections.digests(request),
      state: (request) => this.joined().projections.state(request),
      entries: (request) => (this.storage as NodeStorage).entries(request, this.member?.appliedIndex),
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
      openRoute: (patient: boolean) => member().openRoute(patient, 'client'),
      projections: () => member().projections,
      cluster: {
        status: () => ({ ...this.identityStatus(), ...this.member?.status(), notReady: this.notReady() ?? '' }),
        transferLeadership: async (...to: Parameters<Member['transferLeadership']>) =>
          member().transferLeadership(...to),
        changeMembers: async (change: MembersChange) => member().changeMembers(change),
        raiseFeatureLevel: async (level: number) => member().raiseFeatureLevel(level),
      },
      admin: {
        sayScavenge: async (...said: Parameters<Scavenging['say']>) => member().scavenging.say(...said),
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
      repairPercent: () => this.repair?.percentDone,
      damages: () => this.damages?.count ?? 0,
      member: () => {
        const { member, integrity, nodeId: self } = this;
        if (!member || !integrity) return undefined;
        const { unappliedBytes, database } = member;
        return { status: member.status(), self, unappliedBytes, subscriptions: database.subscriptions, integrity };
      },
      queues: () => ({
        openAppendBytes: this.budget.used,
        waitingGrants: this.budget.queued,
        incompleteBytes: this.server?.incompleteBytes ?? 0,
        appendStreams: this.server?.appendStreams ?? 0,
      }),
      projections: () => this.projections?.queries?.readings() ?? [],
      suppressedLines: () => this.logLimit.suppressed,
    });
  }

  private joined(): Member {
    if (this.member && !this.stopping.signal.aborted) {
      this.member.checkServes();
      return this.member;
    }
    throw new FactstoreError('NOT_READY', `${this.nodeId} is not ready: ${this.notReady()}`);
  }

  private notReady(): string | undefined {
    if (this.stopping.signal.aborted) return 'stopping';
    return this.member ? (this.integrity?.fence ?? this.member.notReady()) : this.startingWith();
  }

  private startingWith(): string {
    const waits = this.entering?.waitingFor() || this.founding?.waitingFor() || 'starting';
    if (!this.returning) return this.repair?.progress ?? waits;
    return `coming back as a new member, as its former self may have forgotten a promise (${this.returning.why}): ${waits}`;
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
    this.reason = reason;
    this.damages?.end(reason);
    this.logger.fatal({ event: 'node.failed', err: reason }, `the node ends: ${reason.message}`);
    void Promise.resolve(this.damages?.noted).then(() => this.end.resolve(reason));
  }

  private async shutDown(): Promise<void> {
    const graceMs = this.options.shutdownTimeoutMs;
    await this.damages?.noted;
    if (!this.failed) await this.member?.handOver(Math.min(graceMs / 2, HAND_OVER_MS));
    this.stopping.abort();
    for (const timer of this.timers) timer.cancel();
    this.member?.endCalls();
    await this.server?.close(graceMs / 2);
    this.storage?.stopChecking();
    await this.joining;
    await this.integrity?.stop();
    await this.member?.stop();
    this.peerServer?.close();
    await this.storage?.close();
    await this.directory.close();
    await leaveMember(this.options, this.reason, this.logger);
    this.end.resolve(undefined);
  }
}

function newUuid(): Uint8Array {
  const bytes = randomBytes(16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return bytes;
}
