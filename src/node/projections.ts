import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { bytesEqual, uuidText } from '../base/bytes.ts';
import { FactstoreError } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import type { Database } from '../database/database.ts';
import type { Generation, Projection } from '../model/projection.ts';
import { ask } from '../peer/grpc.ts';
import { refused } from '../peer/identity.ts';
import { type DigestsRequest, decodeDigestsResponse, encodeDigestsRequest } from '../peer/state-digests.ts';
import { type StateRequest, stateFrom } from '../peer/states.ts';
import { ProjectionChanges } from '../projection/changes.ts';
import { DIGESTS_PER_ANSWER, DigestComparison, type DigestPeer } from '../projection/digest-comparison.ts';
import type { StoredDigest } from '../projection/generation-store.ts';
import { ProjectionHost } from '../projection/host.ts';
import type { Program } from '../projection/program.ts';
import { ProjectionQueries } from '../projection/queries.ts';
import { ProjectionRegistry } from '../projection/registry.ts';
import type { GenerationRunner } from '../projection/runner.ts';
import { SandboxMemory } from '../projection/sandbox-memory.ts';
import type { StatePiece } from '../projection/state-copy.ts';
import { fetchState, type StatePeer } from '../projection/state-fetch.ts';
import { LeftStates } from '../projection/strays.ts';
import type { MemberId } from '../raft/types.ts';
import type { Replica } from '../replica/replica.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { OpenCalls } from '../runtime/open-calls.ts';
import { Turnstile } from '../runtime/turnstile.ts';
import type { AppendRoute } from '../server/append-routing.ts';
import type { NodeProjections } from '../server/projections-service.ts';
import type { DiskReserve } from '../storage/disk-reserve.ts';
import { isThere } from '../storage/files.ts';
import type { EventIndex } from '../storage/index/event-index.ts';
import { EventReader } from '../storage/index/event-reader.ts';
import { LevelStore } from '../storage/level-store.ts';
import type { RaftLog } from '../storage/raft-log.ts';
import type { EntryRecord } from '../storage/record.ts';
import type { Operation } from '../storage/store.ts';
import { TableCheck } from '../storage/table-check.ts';
import type { Members } from './members.ts';
import type { Scavenging } from './scavenging.ts';

export interface ProjectionsPorts {
  readonly nodeId: string;
  readonly clusterId: Uint8Array;
  /** `projections/` of the data directory. */
  readonly path: string;
  /** False: this node only knows which projections there are. */
  readonly run: boolean;
  /** Of all its sandboxes together. */
  readonly memoryBytesMax: number;
  readonly registry: ProjectionRegistry;
  readonly replica: Replica;
  readonly database: Database;
  readonly index: EventIndex;
  readonly log: RaftLog;
  readonly members: Pick<Members, 'all'>;
  /** This member. */
  readonly self: MemberId;
  readonly reserve: Pick<DiskReserve, 'refresh'>;
  readonly scavenging: Pick<Scavenging, 'mayHaveReplaced' | 'erasures'>;
  readonly calls: OpenCalls;
  readonly clock: Clock;
  readonly logger: Logger;
  openProgram(source: string): Promise<Program>;
  openRoute(): AppendRoute;
  fatal(error: unknown): void;
}

const DIGESTS_TIMEOUT_MS = 3_000;
/** How often it is asked again whether this node is up to date. */
const AGAIN_MS = 100;
/** A projection may write much in a short time: how full the disk is must not be older than this, in milliseconds. */
const SPACE_AGE_MAX_MS = 100;
const MIB = 1 << 20;
const LOOKED_BYTES = MIB;
/** A sandbox that has been at work for longer does not count any more among those that are. */
const SANDBOX_PATIENCE_MS = 100;
const STORE_OPTIONS = { writeBufferBytes: 8 * MIB, tableBytes: 8 * MIB, cacheBytes: 32 * MIB };
/** The row that says of which cluster the states are; no generation's key begins so (projection/keys.ts). */
const OWNER = Uint8Array.of(0);

/** The projections of a member, put together: what there is to know of them, and their states on this node. */
export class Projections implements NodeProjections {
  readonly nodeId: string;
  readonly registry: ProjectionRegistry;
  readonly changes: ProjectionChanges;
  private readonly ports: ProjectionsPorts;
  private readonly reader: EventReader;
  /** Where it runs none any more. */
  private left: { readonly states: LeftStates; readonly store: LevelStore } | undefined;
  /** The scavenge point at which it was told which projections are late. */
  private toldLateAt = 0;
  private running:
    | {
        readonly host: ProjectionHost;
        readonly queries: ProjectionQueries;
        readonly comparison: DigestComparison;
        readonly store: LevelStore;
      }
    | undefined;

  private constructor(ports: ProjectionsPorts) {
    const { registry, database, index, log, clock } = ports;
    this.ports = ports;
    this.reader = new EventReader({ log, recent: (at) => this.inMemory(at), yieldTurn: clock.yieldTurn });
    this.nodeId = ports.nodeId;
    this.registry = registry;
    this.changes = new ProjectionChanges({
      registry,
      clock,
      openProgram: (source) => ports.openProgram(source),
      openRoute: () => ports.openRoute(),
      linearize: (signal) => this.linearized(signal),
      reached: (position, signal) => this.reached(position, signal),
      appended: (id) => database.appended(id),
      asOf: (name, revision) => ProjectionRegistry.asOf(index.view(), this.reader, name, revision),
    });
  }

  static async start(ports: ProjectionsPorts): Promise<Projections> {
    const projections = new Projections(ports);
    if (ports.run) await projections.startHost();
    else await projections.tendLeft();
    return projections;
  }

  get queries(): ProjectionQueries | undefined {
    return this.running?.queries;
  }

  async reached(position: number, signal: Signal): Promise<void> {
    await this.ports.database.head({ kind: 'atLeast', position }, signal);
  }

  async linearized(signal: Signal): Promise<void> {
    await this.ports.database.head({ kind: 'linearizable' }, signal);
  }

  /** What another node asks that compares its states with those of this one; nothing where this one does not have them. */
  async digests({ clusterId, questions }: DigestsRequest): Promise<StoredDigest[][]> {
    if (!bytesEqual(clusterId, this.ports.clusterId)) throw refused('cluster', 'this node is of another cluster');
    const { running } = this;
    return Promise.all(
      questions.map(async ({ projection, generation, after }) => {
        const runner = running?.host.generation(projection, generation);
        return runner ? runner.store.digests(after, DIGESTS_PER_ANSWER) : [];
      }),
    );
  }

  /** The state of a generation, for another node. Ends in NOT_FOUND where this one will not come to it either. */
  async *state({ clusterId, projection, generation, atLeast }: StateRequest): AsyncGenerator<StatePiece> {
    const { ports, running } = this;
    if (!bytesEqual(clusterId, ports.clusterId)) throw refused('cluster', 'this node is of another cluster');
    if (!ports.run) throw noState('runs no projections');
    // What it does not know yet of the projection, it must not deny.
    if (!running || ports.replica.head.value < atLeast) throw notYet('it has not come so far');
    if (await running.host.hasNot(projection, generation)) throw noState('does not have it');
    const runner = running.host.generation(projection, generation);
    if (runner?.lacking) throw noState('does not have it');
    if (!runner || runner.stopped || runner.faulted) throw notYet('its projection does not run');
    if (this.isOutvoted(runner)) throw notYet('its state differs from those of others');
    if (!runner.keeps(atLeast)) throw notYet(`it is at position ${runner.checkpoint.value}, and not at ${atLeast} yet`);
    yield* runner.store.copy();
  }

  /** Whether a majority of all members has come to another state. */
  private isOutvoted({ divergences }: GenerationRunner): boolean {
    const others = this.otherMembers();
    return others.filter(({ nodeId }) => divergences.has(nodeId)).length > (others.length + 1) / 2;
  }

  /** Whether no projection of this node is to be given an event up to a position any more, durably. */
  async passed(position: number): Promise<boolean> {
    if (!this.ports.run) return true;
    const { running } = this;
    if (!running) return false;
    const late = await running.host.passed(position);
    if (late.length > 0 && this.toldLateAt !== position) {
      this.toldLateAt = position;
      const text = `the scavenge up to position ${position} waits for projections that are not there yet: ${late.join(', ')}`;
      this.ports.logger.info({ event: 'scavenge.waits', position }, text);
    }
    if (late.length > 0) return false;
    // Checkpoints may have been written without a sync.
    await running.store.write([ownerRow(this.ports.clusterId)], true);
    return true;
  }

  /** Looked for when a generation is opened that a scavenge has gone past: that is rare, and the first one found ends it. */
  private async hasStubs(after: number, upTo: number, signal: Signal): Promise<boolean> {
    const { index, log, clock } = this.ports;
    const view = index.view();
    if (after >= Math.min(upTo, view.head)) return false;
    const last = (await view.locate(Math.min(upTo, view.head))).logIndex;
    for (let next = (await view.locate(after + 1)).logIndex; next <= last && !signal.aborted; ) {
      const records = await log.read(next, last, LOOKED_BYTES);
      if (records.length === 0 || records.some(({ erased }) => erased)) return true;
      next += records.length;
      await clock.yieldTurn();
    }
    return false;
  }

  private async chainAt(position: number): Promise<Uint8Array | undefined> {
    const { index, log, replica } = this.ports;
    const view = index.view();
    if (position < 1 || position > view.head) return undefined;
    const { logIndex } = await view.locate(position);
    // Erasing leaves the chain as it is, so memory will do, which has the entries that came last.
    return (replica.inMemory(logIndex) ?? (await log.placeAt(logIndex))).chain;
  }

  private otherMembers() {
    const { members, self } = this.ports;
    return members.all.filter(({ memberId }) => memberId !== self);
  }

  private statePeers(): StatePeer[] {
    const { clusterId } = this.ports;
    return this.otherMembers().map(({ nodeId, peerAddress }) => ({
      nodeId,
      give: (wanted, signal) => stateFrom(peerAddress, { clusterId, ...wanted }, signal),
    }));
  }

  private peers(): DigestPeer[] {
    const { clusterId, clock } = this.ports;
    return this.otherMembers().map(({ nodeId, peerAddress }) => ({
      nodeId,
      ask: async (questions, signal) => {
        const request = encodeDigestsRequest({ clusterId, questions });
        const timing = { clock, timeoutMs: DIGESTS_TIMEOUT_MS, signal };
        return decodeDigestsResponse(await ask(peerAddress, 'StateDigests', request, timing), questions.length);
      },
    }));
  }

  async stop(): Promise<void> {
    await this.left?.states.stop();
    await this.left?.store.close();
    await this.running?.comparison.stop();
    await this.running?.host.stop();
    await this.running?.store.close();
    this.running = undefined;
  }

  /** Hidden events are read, too (rule P1), so what was erased must not come from memory: other nodes have it no more. */
  private inMemory(logIndex: number): EntryRecord | undefined {
    const { replica, scavenging } = this.ports;
    return scavenging.mayHaveReplaced(logIndex) ? undefined : replica.inMemory(logIndex);
  }

  /** Asked again until there is a leader that says so. */
  private async upToDate(signal: Signal): Promise<void> {
    const { database, clock } = this.ports;
    while (!signal.aborted) {
      try {
        await database.head({ kind: 'linearizable' }, signal);
        return;
      } catch (error) {
        if (!(error instanceof FactstoreError)) throw error;
        await clock.sleep(AGAIN_MS, signal);
      }
    }
  }

  /** A source runs again from the first event on, as another generation, unless that was said already. */
  private async beginAnew(name: string, generation: number, signal: Signal): Promise<void> {
    const { active, building } = this.registry.get(name);
    // One that is being built takes over, whatever becomes of the one before it.
    const isActive = active.generation === generation && !building;
    if (!isActive && building?.generation !== generation) return;
    const { source, onError } = isActive ? active : (building as Generation);
    const change = isActive ? ({ kind: 'reset' } as const) : ({ kind: 'update', source, onError } as const);
    const stands = (known: Projection) =>
      isActive ? known.active.generation === generation && !known.building : known.building?.generation === generation;
    await this.changes.make(name, change, new Uint8Array(0), signal, stands);
  }

  private async tendLeft(): Promise<void> {
    const { ports } = this;
    if (!(await isThere(ports.path))) return;
    const store = await openStore(ports);
    this.left = { states: new LeftStates({ ...ports, store }), store };
  }

  private async startHost(): Promise<void> {
    const { ports, changes, reader } = this;
    const { registry, replica, index, calls, clock, logger } = ports;
    const store = await openStore(ports);
    const { head } = replica;
    const host = await ProjectionHost.start({
      registry,
      store,
      head,
      clock,
      logger,
      reader,
      view: () => index.view(),
      openProgram: (source) => ports.openProgram(source),
      sandboxes: new Turnstile(Math.max(1, availableParallelism() - 1), clock, SANDBOX_PATIENCE_MS),
      sandboxMemory: new SandboxMemory(ports.memoryBytesMax, clock),
      enoughSpace: async () => !(await ports.reserve.refresh(clock.monotonicMs(), SPACE_AGE_MAX_MS)),
      chainAt: (position) => this.chainAt(position),
      openRoute: () => ports.openRoute(),
      leads: () => replica.role === 'leader' && replica.acceptsProposals,
      cursor: async (producer) => (await index.lookup([], [producer])).cursor(producer)?.current ?? 0,
      takeOver: async (name, generation, signal) =>
        void (await changes.make(name, { kind: 'takeOver', generation }, new Uint8Array(0), signal)),
      upToDate: (signal) => this.upToDate(signal),
      erasures: () => ports.scavenging.erasures,
      hasStubs: (after, upTo, signal) => this.hasStubs(after, upTo, signal),
      fetchState: (wanted, install, signal) => fetchState(this.statePeers(), wanted, install, signal),
      beginAnew: (name, generation, signal) => this.beginAnew(name, generation, signal),
      fatal: (error) => ports.fatal(error),
    });
    const queries = new ProjectionQueries({ registry, host, head, calls, clock });
    const comparison = new DigestComparison({
      clock,
      logger,
      peers: () => this.peers(),
      runners: () => host.runners(),
    });
    this.running = { host, store, queries, comparison };
  }
}

function ownerRow(clusterId: Uint8Array): Operation {
  return { type: 'put', key: OWNER, value: Buffer.from(uuidText(clusterId)) };
}

function noState(reason: string): FactstoreError {
  return new FactstoreError('NOT_FOUND', `this node ${reason}`);
}

function notYet(reason: string): FactstoreError {
  return new FactstoreError('NOT_READY', reason);
}

/** What is there of another cluster, or cannot be opened, is removed: all of it follows from the log. */
async function openStore({ path, clusterId, clock, logger }: ProjectionsPorts): Promise<LevelStore> {
  const owner = uuidText(clusterId);
  let why = 'they are of another cluster';
  const store = await openWhole(path, clock).catch((error: unknown) => {
    if (!(error instanceof FactstoreError && error.code === 'DATA_LOSS')) throw error;
    why = error.message;
    return undefined;
  });
  const known = store && (await store.get(OWNER));
  if (store && known?.toString() === owner) return store;
  await store?.close();
  if (!store || known) {
    logger.warn({ event: 'projection.rebuilt' }, `the states of projections are built anew from the log: ${why}`);
  }
  await rm(path, { recursive: true, force: true });
  const fresh = await LevelStore.open(path, STORE_OPTIONS);
  await fresh.write([ownerRow(clusterId)], true);
  return fresh;
}

/** A state that a damaged table hides would begin anew, or go on from an older one: so all of them are looked at before. */
async function openWhole(path: string, clock: Clock): Promise<LevelStore> {
  await (await TableCheck.inPlace(path)).run(clock.yieldTurn);
  return LevelStore.open(path, STORE_OPTIONS);
}
