import type { FactstoreError } from '../base/errors.ts';
import type { NodeOptions } from '../config/options.ts';
import { Appender } from '../database/appender.ts';
import { Conditions } from '../database/conditions.ts';
import { Database } from '../database/database.ts';
import { Reads } from '../database/reads.ts';
import type { Lineage } from '../peer/lineage.ts';
import type { Transport } from '../replica/ports.ts';
import { Replica, type ReplicaOptions, type ReplicaPorts } from '../replica/replica.ts';
import type { OpenCalls } from '../runtime/open-calls.ts';
import { Sequencer } from '../sequencer/sequencer.ts';
import type { EventIndex } from '../storage/index/event-index.ts';
import { EventReader } from '../storage/index/event-reader.ts';
import type { RaftLog } from '../storage/raft-log.ts';
import type { EntryRecord } from '../storage/record.ts';

type Limits = Pick<
  NodeOptions,
  | 'eventBytesMax'
  | 'appendBytesMax'
  | 'metadataBytesMax'
  | 'eventsPerAppendMax'
  | 'streamsPerAppendMax'
  | 'pendingAppendBytesMax'
  | 'readBatchEventsMax'
  | 'readBatchBytesMax'
>;

export interface MemberCorePorts
  extends Pick<
    ReplicaPorts,
    | 'space'
    | 'clock'
    | 'logger'
    | 'random'
    | 'applied'
    | 'leaderChanged'
    | 'members'
    | 'membersChanged'
    | 'visibility'
    | 'fetchEntries'
    | 'fatal'
  > {
  readonly raft: ReplicaOptions;
  readonly limits: Limits;
  readonly log: RaftLog;
  readonly index: EventIndex;
  readonly transport: Transport;
  readonly calls: OpenCalls;
  /** The cluster, and those that it goes on from, as far as this node has the log. */
  lineage(): Lineage;
  /** Why the feature level does not allow a kind of fact yet (rule S16); undefined: it does. */
  refusalOfLevel(kind: string): FactstoreError | undefined;
  /** Why a kind of fact cannot be written now, another one of its stream being in flight or not; undefined: it can. */
  refusalOfFact(kind: string, another: boolean): FactstoreError | undefined;
  /** False while free space is below the reserve (rule D1). */
  diskHasRoom(): boolean;
}

/**
 * A member without its wires: the replicated log, the index on it, the judging of appends and the verbs, put together.
 * Production gives it sockets and a disk; the simulator gives it a network and a disk that fail.
 */
export class MemberCore {
  readonly replica: Replica;
  readonly database: Database;
  readonly sequencer = new Sequencer();
  private readonly ports: MemberCorePorts;

  constructor(ports: MemberCorePorts) {
    this.ports = ports;
    this.replica = this.newReplica();
    this.database = this.newDatabase();
  }

  private newReplica(): Replica {
    const { ports, sequencer } = this;
    const { log, index } = ports;
    const { recovered } = log;
    return new Replica(
      ports.raft,
      {
        // The log may have been opened long before; what it holds now is what counts.
        hardState: log.hardState,
        end: log.end,
        termRuns: recovered.lastIndex === 0 ? [[1, 1]] : recovered.termRuns,
        memberships: log.memberships,
      },
      {
        log,
        state: index,
        transport: ports.transport,
        space: ports.space,
        clock: ports.clock,
        logger: ports.logger,
        random: ports.random,
        applied: (records) => {
          sequencer.applied((records.at(-1) as EntryRecord).index);
          ports.applied(records);
        },
        leadershipLost: () => sequencer.leadershipLost(),
        leaderChanged: (leader) => ports.leaderChanged(leader),
        members: ports.members,
        membersChanged: () => ports.membersChanged(),
        visibility: () => ports.visibility(),
        fetchEntries: (last) => ports.fetchEntries(last),
        fatal: (error) => ports.fatal(error),
      },
    );
  }

  private newDatabase(): Database {
    const { replica, sequencer, ports } = this;
    const { log, index, clock, limits, calls } = ports;
    const recent = (logIndex: number) => replica.inMemory(logIndex);
    const turn = { events: limits.readBatchEventsMax, bytes: limits.readBatchBytesMax };
    const reader = new EventReader({ log, recent, yieldTurn: clock.yieldTurn, turn });
    const reads = new Reads(index, reader, log, clock);
    const appender = new Appender({
      replica,
      sequencer,
      clock,
      index,
      pendingBytesMax: limits.pendingAppendBytesMax,
      log: { get: async (logIndex) => recent(logIndex) ?? ((await log.get(logIndex)) as EntryRecord) },
      refusalOfLevel: (kind) => ports.refusalOfLevel(kind),
      refusalOfFact: (kind, another) => ports.refusalOfFact(kind, another),
      diskHasRoom: () => ports.diskHasRoom(),
      conditions: new Conditions(index, reader, clock),
    });
    const lookup = (streams: readonly string[], producers: readonly string[]) => index.lookup(streams, producers);
    const lineage = () => ports.lineage();
    return new Database({ replica, appender, reads, clock, lookup, limits, calls, lineage });
  }
}
