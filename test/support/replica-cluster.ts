import { onTestFinished } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { Prng } from '../../src/base/prng.ts';
import { AppendLane } from '../../src/database/append-lane.ts';
import { Appender, type AppendOutcome } from '../../src/database/appender.ts';
import { checkAppend } from '../../src/database/check-append.ts';
import { Conditions } from '../../src/database/conditions.ts';
import { Database } from '../../src/database/database.ts';
import { Reads } from '../../src/database/reads.ts';
import type { Append, Expectation, ProducerCursor } from '../../src/model/append.ts';
import { LIMITS } from '../../src/model/limits.ts';
import type { AppendCondition } from '../../src/model/query.ts';
import type { Lineage } from '../../src/peer/lineage.ts';
import { EntryType } from '../../src/raft/types.ts';
import type { PeerMessage } from '../../src/replica/ports.ts';
import { Replica } from '../../src/replica/replica.ts';
import { type Clock, every, type Timer } from '../../src/runtime/clock.ts';
import { OpenCalls } from '../../src/runtime/open-calls.ts';
import { Sequencer } from '../../src/sequencer/sequencer.ts';
import { EventIndex, type IndexOptions } from '../../src/storage/index/event-index.ts';
import { EventReader } from '../../src/storage/index/event-reader.ts';
import { NOTHING_PROMISED, type Promised } from '../../src/storage/promise-file.ts';
import { type LogBatch, RaftLog } from '../../src/storage/raft-log.ts';
import type { FetchEntries } from '../../src/storage/raft-log-rewrite.ts';
import { type EntryRecord, emptyLog, genesisChain, sealEntry } from '../../src/storage/record.ts';
import type { Store } from '../../src/storage/store.ts';
import { encodeEvent } from '../storage/index/log-fixture.ts';
import { foundersPayload, membersText } from './members-text.ts';
import { MemoryStore } from './memory-store.ts';
import { VirtualTime } from './virtual-clock.ts';

const GENESIS = genesisChain(Buffer.from('a cluster'));
export const TICK_MS = 50;
const ELECTION_TICKS = 10;
/** An election timeout is drawn from once to twice this. */
export const ELECTION_MS = TICK_MS * ELECTION_TICKS;
const LATENCY_MS = 1;
const STOPPING = new FactstoreError('NOT_READY', 'the node is stopping');
const DISK_MS = 1;

export interface ClusterOptions {
  readonly seed?: number;
  readonly pendingBytesMax?: number;
  /** Small blocks put many block boundaries into a short test. */
  readonly blockEvents?: number;
  /** How many streams the index keeps in memory; others have to be looked up. */
  readonly cachedStreams?: number;
  /** The window of append ids, and how many are forgotten at once. */
  readonly appendIds?: Pick<IndexOptions, 'appendIdsMin' | 'appendIdWindowUs' | 'appendIdsAtOnce'>;
  /** How many rows of the index the look-up of an append's conditions may read. */
  readonly conditionRows?: number;
  /** How long a look-up takes. */
  readonly lookupMs?: number;
  /** How much of the end of the log stays in memory. */
  readonly tailBytesMax?: number;
  /** What its nodes know of the clusters that it goes on from. */
  readonly lineage?: (node: string) => Lineage;
}

export interface AppendOptions {
  readonly expect?: Expectation;
  /** One byte, of which all sixteen are made. */
  readonly id?: number;
  readonly producer?: ProducerCursor;
  readonly attemptAgeMs?: number;
  readonly data?: Uint8Array;
  readonly tags?: readonly string[];
  readonly conditions?: readonly AppendCondition[];
}

let ids = 0;

/** An append of one event for each type, to one stream. */
export function anAppend(stream: string, types: readonly string[], options: AppendOptions = {}): Append {
  const { expect = { kind: 'any' }, producer, attemptAgeMs = 0, data, tags, conditions } = options;
  const id = Buffer.alloc(16);
  if (options.id === undefined) id.writeUInt32BE(++ids);
  else id.fill(options.id);
  const events = types.map((type) => encodeEvent({ type, ...(data && { data }), ...(tags && { tags }) }));
  const content = [Buffer.from(stream), ...events];
  const raw = { appendId: id, writes: [{ stream, expect, events }], attemptAgeMs, content };
  return checkAppend({ ...raw, ...(producer && { producer }), ...(conditions && { conditions }) });
}

/** A disk in memory that can be held up, and survives its node. */
export class VirtualDisk {
  readonly logStore = new MemoryStore();
  readonly indexStore = new MemoryStore();
  promised: Promised = NOTHING_PROMISED;
  /** False: below the reserve (rule D1). */
  hasRoom = true;
  /** How long a write takes. */
  writeMs = DISK_MS;
  /** The next write fails with this. */
  failure: Error | undefined;
  private held: (() => void)[] | undefined;

  /** From now on no write ends, until `release`. */
  hold(): void {
    this.held ??= [];
  }

  release(): void {
    const held = this.held ?? [];
    this.held = undefined;
    for (const go of held) go();
  }

  async turn(clock: Clock): Promise<void> {
    await clock.sleep(this.writeMs);
    if (this.held) await new Promise<void>((resolve) => this.held?.push(resolve));
    if (this.failure) throw this.failure;
  }
}

/** One node without its wires: everything from the raft log to the database, on virtual time. */
export class ReplicaNode {
  readonly id: string;
  readonly disk: VirtualDisk;
  readonly database: Database;
  readonly appender: Appender;
  readonly replica: Replica;
  readonly index: EventIndex;
  readonly log: RaftLog;
  readonly sequencer = new Sequencer();
  readonly calls = new OpenCalls();
  readonly failures: unknown[] = [];
  readonly warnings: string[] = [];
  running = true;
  private timer: Timer | undefined;

  private constructor(cluster: ReplicaCluster, id: string, disk: VirtualDisk, log: RaftLog, index: EventIndex) {
    this.id = id;
    this.disk = disk;
    this.log = log;
    this.index = index;
    const clock = cluster.clockOf(id);
    this.replica = this.newReplica(cluster, clock);
    const recent = (logIndex: number) => this.replica.inMemory(logIndex);
    const reader = new EventReader({ log, recent, yieldTurn: clock.yieldTurn });
    const reads = new Reads(index, reader, log, clock);
    const { replica, sequencer } = this;
    this.appender = new Appender({
      replica,
      sequencer,
      clock,
      index,
      pendingBytesMax: cluster.options.pendingBytesMax ?? 32 << 20,
      log: { get: async (logIndex) => recent(logIndex) ?? ((await log.get(logIndex)) as EntryRecord) },
      refusalOfLevel: (kind) => cluster.refusalOfLevel(kind),
      refusalOfFact: () => undefined,
      diskHasRoom: () => disk.hasRoom,
      conditions: new Conditions(index, reader, clock, { rows: cluster.options.conditionRows ?? 100_000 }),
    });
    const lookup = (streams: readonly string[], producers: readonly string[]) => index.lookup(streams, producers);
    const { calls } = this;
    this.database = new Database({
      replica,
      appender: this.appender,
      reads,
      clock,
      lookup,
      limits: LIMITS,
      calls,
      lineage: () => cluster.options.lineage?.(id) ?? { clusterId: new Uint8Array(16), ancestors: [] },
    });
  }

  static async open(cluster: ReplicaCluster, id: string, disk: VirtualDisk): Promise<ReplicaNode> {
    const promises = {
      read: () => disk.promised,
      write: (promised: Promised) => {
        disk.promised = { ...promised, chain: Buffer.from(promised.chain) };
      },
      sync: async () => {},
    };
    const incarnation = disk.promised.incarnation + 1;
    const log = await RaftLog.open(disk.logStore.reopen(), { path: id, promises, genesis: GENESIS, incarnation });
    if (log.lastIndex === 0) {
      const founding = { index: 1, term: 1, type: EntryType.membership, firstPosition: 1, count: 0, createdUs: 1 };
      const entry = sealEntry({ ...founding, payload: foundersPayload(cluster.ids) }, emptyLog(GENESIS).chain);
      const hardState = { term: 1, vote: undefined, commit: 1 };
      await log.write({ truncateAfter: undefined, records: [entry], hardState });
    }
    const { blockEvents = 16_384, cachedStreams = 100_000, lookupMs = 0 } = cluster.options;
    let opened = false;
    const store = slowLookups(disk.indexStore.reopen(), cluster.clockOf(id), () => (opened ? lookupMs : 0));
    const index = await EventIndex.open(store, async (at) => (await log.get(at))?.chain, {
      blockEvents,
      cachedStreams,
      ...cluster.options.appendIds,
    });
    opened = true;
    const node = new ReplicaNode(cluster, id, disk, log, index);
    node.replica.start();
    node.timer = every(cluster.clockOf(id), 1_000, () => node.database.keepTime());
    return node;
  }

  get leads(): boolean {
    return this.running && this.replica.acceptsProposals;
  }

  /** A lone append, as a unary call makes it. */
  append(append: Append): Promise<AppendOutcome> {
    return this.lane(false).append(append);
  }

  lane(patient = true): AppendLane {
    return new AppendLane(this.appender, patient);
  }

  /** What this node shows of a stream, or of everything. */
  async types(stream?: string, kind: 'local' | 'linearizable' = 'local'): Promise<string[]> {
    const types: string[] = [];
    const target = stream === undefined ? ({ kind: 'all' } as const) : ({ kind: 'stream', stream } as const);
    const request = {
      target,
      backwards: false,
      start: undefined,
      limit: 0,
      consistency: { kind },
      userEvents: false,
    } as const;
    for await (const { events } of this.database.read(request, new AbortController().signal)) {
      for (const event of events) types.push(typeOf(event));
    }
    return types;
  }

  async stop(): Promise<void> {
    if (!this.running) return;
    this.running = false;
    this.calls.endAll(STOPPING);
    this.timer?.cancel();
    this.disk.release();
    await this.replica.stop();
    await this.index.close();
  }

  private newReplica(cluster: ReplicaCluster, clock: Clock): Replica {
    const { id, disk, log, index, sequencer } = this;
    const note = (_bindings: object, text: string) => void this.warnings.push(text);
    const silent = { debug() {}, info() {}, warn: note, error: note, fatal: note, child: () => silent } as never;
    const prng = new Prng((cluster.options.seed ?? 1) * 100 + Number(id.slice(1)));
    return new Replica(
      {
        id,
        tickIntervalMs: TICK_MS,
        raft: {
          electionTimeoutTicks: ELECTION_TICKS,
          heartbeatTicks: 1,
          inflightMessagesMax: 256,
          inflightBytesMax: 32 << 20,
          messageBytesMax: 1 << 20,
          messageEntriesMax: 4_096,
          batchBytesMax: 4 << 20,
          tailBytesMax: cluster.options.tailBytesMax ?? 64 << 20,
          appliedLagMax: 10_000,
        },
      },
      {
        hardState: log.hardState,
        end: log.end,
        termRuns: log.recovered.lastIndex === 0 ? [[1, 1]] : log.recovered.termRuns,
        memberships: log.memberships,
      },
      {
        members: membersText,
        membersChanged: () => undefined,
        log: {
          write: async (batch: LogBatch) => {
            await disk.turn(clock);
            if (this.running) await log.write(batch);
          },
          placeAt: (at) => log.placeAt(at),
          read: (from, to, bytesMax) => log.read(from, to, bytesMax),
        },
        state: index,
        transport: { send: (message) => cluster.carry(message, clock.nowUs()) },
        space: { enough: async () => disk.hasRoom },
        clock,
        logger: silent,
        random: (from, to) => prng.between(from, to),
        applied: (records) => sequencer.applied((records.at(-1) as EntryRecord).index),
        leadershipLost: () => sequencer.leadershipLost(),
        leaderChanged: () => undefined,
        visibility: () => 'a test',
        fetchEntries: (last) => cluster.fetchEntries(id, last),
        fatal: (error) => void this.failures.push(error),
      },
    );
  }
}

/** Nodes in one process whose time, network and disks the test moves. */
export class ReplicaCluster {
  readonly time = new VirtualTime();
  readonly ids: readonly string[];
  readonly options: ClusterOptions;
  /** Microseconds by which a node's wall clock is off. */
  readonly skewUs = new Map<string, number>();
  private readonly running = new Map<string, ReplicaNode>();
  private readonly cuts = new Set<string>();
  /** Who asked whom for committed entries, as `n3<n2`. */
  readonly fetches: string[] = [];
  /** Where this is false, a node that is asked for entries does not answer. */
  answersFetch: (asker: string, asked: string) => boolean = () => true;
  /** What the feature level of every node refuses. */
  refusalOfLevel: (kind: string) => FactstoreError | undefined = () => undefined;
  /** Messages for which this is true are lost. */
  loses: (message: PeerMessage) => boolean = () => false;

  private constructor(size: number, options: ClusterOptions) {
    this.ids = Array.from({ length: size }, (_, n) => `n${n + 1}`);
    this.options = options;
  }

  /** Starts `size` nodes and lets time pass until one of them leads. */
  static async start(size: number, options: ClusterOptions = {}): Promise<ReplicaCluster> {
    const cluster = new ReplicaCluster(size, options);
    for (const id of cluster.ids) cluster.running.set(id, await ReplicaNode.open(cluster, id, new VirtualDisk()));
    onTestFinished(() => cluster.stop());
    await cluster.leader();
    return cluster;
  }

  get nodes(): ReplicaNode[] {
    return this.ids.map((id) => this.node(id));
  }

  node(id: string): ReplicaNode {
    const node = this.running.get(id);
    if (!node) throw new Error(`there is no node ${id}`);
    return node;
  }

  clockOf(id: string): Clock {
    return this.time.clock(() => this.skewUs.get(id) ?? 0);
  }

  /** Lets time pass until one of the nodes, `but` excepted, takes appends. */
  async leader(but?: ReplicaNode): Promise<ReplicaNode> {
    const found = () => this.nodes.find((node) => node.leads && node !== but);
    await this.time.until('a node leads', () => found() !== undefined);
    return found() as ReplicaNode;
  }

  followers(leader: ReplicaNode): ReplicaNode[] {
    return this.nodes.filter((node) => node !== leader);
  }

  /** Nothing passes between two nodes until `heal`. */
  cut(one: ReplicaNode, other: ReplicaNode): void {
    this.cuts.add(`${one.id}>${other.id}`).add(`${other.id}>${one.id}`);
  }

  isolate(node: ReplicaNode): void {
    for (const other of this.nodes) if (other !== node) this.cut(node, other);
  }

  heal(): void {
    this.cuts.clear();
    this.loses = () => false;
  }

  /** The node is gone, with what its disk has not written; its peers notice. */
  async crash(node: ReplicaNode): Promise<void> {
    const stopping = node.stop();
    for (const other of this.nodes) if (other.running) other.replica.connectionLost(node.id);
    await this.settled(stopping);
  }

  async restart(node: ReplicaNode): Promise<ReplicaNode> {
    const opening = ReplicaNode.open(this, node.id, node.disk);
    await this.time.settle();
    const opened = await opening;
    this.running.set(node.id, opened);
    return opened;
  }

  carry(message: PeerMessage, clockUs: number): void {
    this.time.after(LATENCY_MS, () => {
      const sender = this.running.get(message.from);
      const receiver = this.running.get(message.to);
      if (!sender?.running || !receiver?.running) return;
      if (this.cuts.has(`${message.from}>${message.to}`) || this.loses(message)) return;
      const carriesClock = message.type === 'heartbeat' || message.type === 'heartbeatResponse';
      receiver.replica.receive(message, carriesClock ? clockUs : 0);
    });
  }

  /** Asks one running node after another, `last` behind the others. */
  fetchEntries(asker: string, last: string): FetchEntries {
    return async (from, to, refusal) => {
      const others = this.ids.filter((id) => id !== asker && id !== last);
      for (const id of [...others, last]) {
        const node = this.running.get(id);
        if (!node?.running) continue;
        this.fetches.push(`${asker}<${id}`);
        if (!this.answersFetch(asker, id)) continue;
        const records = await node.log.read(from, Math.min(to, node.log.hardState.commit), 1 << 20);
        if ((await refusal(records)) === undefined) return records;
      }
      throw new FactstoreError('UNREACHABLE', `nobody has entry ${from}`);
    };
  }

  /** Lets time pass until a promise settles, and gives its value. */
  async settled<T>(promise: Promise<T>, ms = 60_000): Promise<T> {
    let over = false;
    const end = () => {
      over = true;
    };
    promise.then(end, end);
    await this.time.until('the promise settles', () => over, ms);
    return promise;
  }

  /** The same, of a promise that has to end in a FactstoreError. */
  async refused(promise: Promise<unknown>, ms = 60_000): Promise<FactstoreError> {
    const outcome = await this.settled(
      promise.then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      ),
      ms,
    );
    if (!('error' in outcome)) throw new Error(`a refusal was expected, not ${JSON.stringify(outcome.value)}`);
    return outcome.error as FactstoreError;
  }

  async stop(): Promise<void> {
    const stopping = Promise.all([...this.running.values()].map((node) => node.stop()));
    await this.settled(stopping);
  }
}

function slowLookups(store: MemoryStore, clock: Clock, ms: () => number): Store {
  const wait = () => (ms() > 0 ? clock.sleep(ms()) : undefined);
  return {
    get: (key) => store.get(key),
    getMany: async (keys) => {
      const found = await store.getMany(keys);
      await wait();
      return found;
    },
    write: (operations, sync) => store.write(operations, sync),
    scan: (range) => {
      const scan = store.scan(range);
      const next = async (count: number) => {
        const rows = await scan.next(count);
        await wait();
        return rows;
      };
      return { next, close: () => scan.close() };
    },
    compact: () => store.compact(),
    close: () => store.close(),
  };
}

/** Whether a promise has settled by now. */
export function watch<T>(promise: Promise<T>): { readonly settled: boolean } {
  const state = { settled: false };
  const settle = () => {
    state.settled = true;
  };
  promise.then(settle, settle);
  return state;
}

/** The type of a recorded event: field 2 of the protobuf message. */
export function typeOf(event: Uint8Array): string {
  // The fixtures write the id (18 bytes) first, and short types.
  const length = event[19] as number;
  return Buffer.from(event.subarray(20, 20 + length)).toString();
}
