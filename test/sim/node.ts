import { FactstoreError } from '../../src/base/errors.ts';
import type { Database } from '../../src/database/database.ts';
import { LIMITS } from '../../src/model/limits.ts';
import { MemberCore } from '../../src/node/member-core.ts';
import { keepProofOfLoss } from '../../src/node/open-storage.ts';
import { EntryType } from '../../src/raft/types.ts';
import type { PeerMessage } from '../../src/replica/ports.ts';
import type { Replica, ReplicaOptions } from '../../src/replica/replica.ts';
import { every } from '../../src/runtime/clock.ts';
import type { Logger } from '../../src/runtime/logger.ts';
import { OpenCalls } from '../../src/runtime/open-calls.ts';
import { damageError } from '../../src/storage/damage.ts';
import { DiskReserve } from '../../src/storage/disk-reserve.ts';
import { EventIndex } from '../../src/storage/index/event-index.ts';
import type { RaftLog } from '../../src/storage/raft-log.ts';
import { type EntryRecord, genesisChain, sealEntry } from '../../src/storage/record.ts';
import { foundersPayload, membersText } from '../support/members-text.ts';
import type { Chance } from './chance.ts';
import type { Disk } from './disk.ts';
import { fetchFrom, openOrMend } from './mending.ts';
import type { Process } from './process.ts';
import type { Trace } from './trace.ts';

const CLUSTER_ID = Buffer.alloc(16, 0x5c);
export const RESERVE_BYTES = 1 << 30;
const SPACE_REFRESH_MS = 100;
const PROMISE_SYNC_MS = 1_000;

/** What a run draws for its nodes. */
export interface NodeHabits {
  readonly raft: ReplicaOptions['raft'];
  readonly tickIntervalMs: number;
  readonly blockEvents: number;
  readonly cachedStreams: number;
  readonly pendingAppendBytesMax: number;
  readonly readBatchEventsMax: number;
  readonly verifyEntries: number;
}

export interface NodePorts {
  readonly id: string;
  readonly voters: ReadonlySet<string>;
  readonly habits: NodeHabits;
  readonly disk: Disk;
  readonly process: Process;
  readonly chance: Chance;
  readonly trace: Trace;
  /** The other nodes that can be asked for entries. */
  peers(): readonly Node[];
  send(message: PeerMessage, clockUs: number): void;
  applied(node: Node, records: readonly EntryRecord[]): void;
  /** The process has to end. */
  ended(error: unknown): void;
}

/** One node: the production code from the verbs down to the store and out to the network, in one process. */
export class Node {
  readonly id: string;
  readonly disk: Disk;
  readonly process: Process;
  readonly replica: Replica;
  readonly database: Database;
  readonly index: EventIndex;
  readonly log: RaftLog;
  private readonly reserve: DiskReserve;

  private constructor(ports: NodePorts, log: RaftLog, index: EventIndex) {
    this.id = ports.id;
    this.disk = ports.disk;
    this.process = ports.process;
    this.log = log;
    this.index = index;
    this.reserve = new DiskReserve({
      path: ports.id,
      reserveBytes: RESERVE_BYTES,
      refreshIntervalMs: SPACE_REFRESH_MS,
      freeBytes: async () => ports.disk.freeBytes,
    });
    const core = this.assemble(ports);
    this.replica = core.replica;
    this.database = core.database;
  }

  /** Starts a node on what its disk holds. Ends in DATA_LOSS where that is not whole. */
  static async start(ports: NodePorts): Promise<Node> {
    const { id, disk, process, habits } = ports;
    await process.wait(1);
    const incarnation = ++disk.incarnation;
    const promises = disk.openPromises(process, id);
    const log = await openOrMend(ports, {
      path: id,
      promises,
      genesis: genesisChain(CLUSTER_ID),
      incarnation,
      verifyEntries: habits.verifyEntries,
      // Others vote as well, and can mend it (D7).
      onDamage: (damage) => {
        if (damage.kind === 'belowCommit') ports.ended(damageError(id, damage));
      },
    });
    if (log.lastIndex === 0) await found(log, disk, id, ports.voters);
    const index = await EventIndex.open(disk.index.open(process), async (at) => (await log.get(at))?.chain, {
      blockEvents: habits.blockEvents,
      cachedStreams: habits.cachedStreams,
      cachedProducers: habits.cachedStreams,
      onWriteError: (error) => ports.ended(error),
      onStale: (stale) => keepProofOfLoss(stale, id),
    });
    const node = new Node(ports, log, index);
    every(process.clock, PROMISE_SYNC_MS, () => {
      promises.sync().catch((error: unknown) => ports.ended(error));
      void node.refreshSpace();
    });
    node.replica.start();
    return node;
  }

  private assemble(ports: NodePorts): MemberCore {
    const { id, process, trace, habits } = ports;
    const { clock } = process;
    return new MemberCore({
      raft: { id, tickIntervalMs: habits.tickIntervalMs, raft: habits.raft },
      limits: { ...LIMITS, ...habits },
      members: membersText,
      membersChanged: () => undefined,
      log: this.log,
      index: this.index,
      transport: {
        send: (message) => {
          if (process.alive) ports.send(message, clock.nowUs());
        },
      },
      space: { enough: async () => !(await this.reserve.refresh(clock.monotonicMs())) },
      clock,
      logger: loggerOf(id, trace),
      random: (from, to) => ports.chance.between(from, to),
      applied: (records) => {
        if (process.alive) ports.applied(this, records);
      },
      leaderChanged: () => undefined,
      visibility: () => 'a simulated network',
      fetchEntries: (last) => fetchFrom(process, () => lastOf(ports.peers(), last)),
      fatal: (error) => ports.ended(error),
      calls: new OpenCalls(),
      lineage: () => ({ clusterId: new Uint8Array(16), ancestors: [] }),
      refusalOfLevel: () => undefined,
      refusalOfFact: () => undefined,
      diskHasRoom: () => !this.reserve.short,
    });
  }

  private async refreshSpace(): Promise<void> {
    await this.reserve.refresh(this.process.clock.monotonicMs());
    if (this.reserve.short) this.replica.stepAside();
  }
}

/** The peers, with one of them behind the others. */
function lastOf(peers: readonly Node[], last: string): readonly Node[] {
  return [...peers.filter(({ id }) => id !== last), ...peers.filter(({ id }) => id === last)];
}

/** The founding record stands in the log before the first start; the founding itself is not simulated. */
async function found(log: RaftLog, disk: Disk, id: string, voters: ReadonlySet<string>): Promise<void> {
  if (disk.kept.has(1)) throw new FactstoreError('DATA_LOSS', `the founding record of ${id} is missing`);
  const founding = { index: 1, term: 1, type: EntryType.membership, firstPosition: 1, count: 0, createdUs: 1 };
  const entry = sealEntry({ ...founding, payload: foundersPayload([...voters]) }, genesisChain(CLUSTER_ID));
  await log.write({
    truncateAfter: undefined,
    records: [entry],
    hardState: { term: 1, vote: undefined, commit: 1 },
  });
}

function loggerOf(id: string, trace: Trace): Logger {
  const note = (_bindings: object, text: string) => trace.note(id, () => text);
  const logger = { debug() {}, info: note, warn: note, error: note, fatal: note, child: () => logger } as never;
  return logger;
}
