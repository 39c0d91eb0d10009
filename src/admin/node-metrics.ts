import { Histogram, Registry } from 'prom-client';
import type { Member } from '../proto/gen/factstore/v1/Member.ts';
import type { StatusResponse } from '../proto/gen/factstore/v1/StatusResponse.ts';
import type { Traffic } from '../server/traffic.ts';
import { processMetrics } from './process-metrics.ts';
import { type ProjectionReading, tellOfProjections } from './projection-metrics.ts';
import { type Labelled, Readings } from './readings.ts';

/** What the node tells of itself when it is asked. */
export interface NodeReadings {
  readonly version: string;
  readonly traffic: Traffic;
  readonly disk: { readonly freeBytes: number; readonly reserveBytes: number; readonly short: boolean };
  ready(): boolean;
  /** Undefined while the log is whole. */
  repairPercent(): number | undefined;
  /** Damages of its disk that were met since the start, and those that the start was to mend. */
  damages(): number;
  /** Undefined until the node belongs to a cluster. */
  member(): MemberReadings | undefined;
  queues(): QueueReadings;
  /** Those that this node runs. */
  projections(): readonly ProjectionReading[];
  /** Lines of the log that were left out, so far. */
  suppressedLines(): number;
}

export interface MemberReadings {
  /** Only what is committed shows in it (rule S13). */
  readonly status: StatusResponse;
  readonly self: string;
  readonly unappliedBytes: number;
  readonly subscriptions: { readonly count: number; lag(head: number): number };
  readonly integrity: {
    /** Bytes, whole passes and damages since the node started, and how far this pass is in the log. */
    readonly scrub: {
      readonly bytes: number;
      readonly passes: number;
      readonly damages: number;
      readonly percent: number;
    };
    /** Members whose history is another one. */
    readonly diverged: readonly string[];
  };
}

interface QueueReadings {
  /** Appends of all connections that are received, or announced, and not answered. */
  readonly openAppendBytes: number;
  readonly waitingGrants: number;
  readonly incompleteBytes: number;
  readonly appendStreams: number;
}

const ROLES = ['follower', 'pre_candidate', 'candidate', 'leader'];
const SYNC_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const CALL_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BATCH_ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
const BATCH_BYTES = [256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20];

/**
 * The metrics of one node. What is counted anyway is read when somebody scrapes; only the histograms are fed as things
 * happen, once for each batch of the log or unary call, and never for each event.
 */
export class NodeMetrics {
  private readonly registry = new Registry();
  private readonly readings = new Readings(this.registry);
  private readonly node: NodeReadings;
  private readonly syncSeconds = this.histogram(
    'factstore_log_sync_seconds',
    'How long it took to write and sync one batch of the raft log',
    SYNC_SECONDS,
  );
  private readonly batchRows = this.histogram(
    'factstore_log_batch_rows',
    'Rows in one synced batch of the raft log: its entries, and one more',
    BATCH_ROWS,
  );
  private readonly batchBytes = this.histogram(
    'factstore_log_batch_bytes',
    'Bytes in one synced batch of the raft log',
    BATCH_BYTES,
  );
  private readonly commitSeconds = this.histogram(
    'factstore_raft_commit_seconds',
    'On the leader: from judging to applying, of the entry of each applied batch that waited longest',
    CALL_SECONDS,
  );
  private leaderChanges = 0;

  constructor(node: NodeReadings) {
    this.node = node;
    this.ofNode();
    this.ofRaft();
    this.ofMembers();
    this.ofIntegrity();
    this.ofCalls();
    this.ofQueues();
    tellOfProjections(this.readings, () => node.projections());
  }

  /** A batch of the raft log is durable. */
  synced(batch: { readonly rows: number; readonly bytes: number; readonly ms: number }): void {
    this.syncSeconds.observe(batch.ms / 1000);
    this.batchRows.observe(batch.rows);
    this.batchBytes.observe(batch.bytes);
  }

  committed(seconds: number): void {
    this.commitSeconds.observe(Math.max(0, seconds));
  }

  leaderChanged(): void {
    this.leaderChanges++;
  }

  /** As Prometheus reads them, with those of the process. */
  async text(): Promise<{ readonly contentType: string; readonly text: string }> {
    const { contentType } = this.registry;
    const parts = await Promise.all([this.registry.metrics(), processMetrics().metrics()]);
    return { contentType, text: parts.join('') };
  }

  private histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name, help, buckets, registers: [this.registry] });
  }

  private status<T>(read: (member: MemberReadings) => T): T | undefined {
    const member = this.node.member();
    return member && read(member);
  }

  private ofNode(): void {
    const { readings, node } = this;
    readings.gauges('factstore_build_info', 'The version that runs', 'version', () => [[node.version, 1]]);
    readings.gauge('factstore_ready', '1: the node can serve; 0: it cannot (see /readyz)', () => Number(node.ready()));
    readings.gauge('factstore_disk_free_bytes', 'Free space on the disk of the data directory', () =>
      Number.isFinite(node.disk.freeBytes) ? node.disk.freeBytes : undefined,
    );
    readings.gauge(
      'factstore_disk_reserve_bytes',
      'Free space below which the node takes no appends',
      () => node.disk.reserveBytes,
    );
    readings.gauge('factstore_disk_short', '1: appends are refused because free space is below the reserve', () =>
      Number(node.disk.short),
    );
    readings.counter(
      'factstore_log_lines_suppressed_total',
      'Lines that were not logged because one event of them had come too often',
      () => node.suppressedLines(),
    );
  }

  private ofRaft(): void {
    const { readings } = this;
    const figure = (name: string, help: string, read: (status: StatusResponse) => number | undefined) =>
      readings.gauge(name, help, () => this.status(({ status }) => read(status)));
    readings.gauges('factstore_raft_role', '1 for the role that the node has', 'role', () => {
      const role = this.status(({ status }) => String(status.role).replace('ROLE_', '').toLowerCase());
      return role === undefined ? [] : ROLES.map((name): Labelled => [name, Number(name === role)]);
    });
    figure('factstore_raft_has_leader', '1: the node knows a leader', ({ leader }) => Number(leader !== ''));
    figure('factstore_raft_term', 'The current term', ({ term }) => Number(term));
    figure('factstore_raft_commit_index', 'The last log index known to be committed', (s) => Number(s.commitIndex));
    figure('factstore_raft_applied_index', 'The last log index that was applied', (s) => Number(s.appliedIndex));
    figure(
      'factstore_raft_apply_lag_entries',
      'Entries that are committed and not applied yet',
      (s) => Number(s.commitIndex) - Number(s.appliedIndex),
    );
    figure('factstore_head_position', 'The position of the last applied event', ({ head }) => Number(head));
    figure('factstore_feature_level', 'The feature level of the cluster', ({ featureLevel }) => featureLevel);
    readings.counter(
      'factstore_raft_leader_changes_total',
      'How often the node saw another leader, or none, since it started',
      () => this.leaderChanges,
    );
  }

  private ofMembers(): void {
    const { readings } = this;
    const others = (read: (member: Member, status: StatusResponse) => number | undefined) => () =>
      this.status(({ status, self }) =>
        (status.members ?? []).flatMap((member): Labelled[] => {
          const value = member.nodeId === self ? undefined : read(member, status);
          return value === undefined ? [] : [[String(member.nodeId), value]];
        }),
      ) ?? [];
    const onLeader = (status: StatusResponse, value: number) => (status.role === 'ROLE_LEADER' ? value : undefined);
    readings.gauges(
      'factstore_raft_follower_match_index',
      'On the leader: the last committed log index that a member has acknowledged',
      'member',
      others((member, status) => onLeader(status, Number(member.matchIndex))),
    );
    readings.gauges(
      'factstore_raft_follower_lag_entries',
      'On the leader: committed entries that a member has not acknowledged',
      'member',
      others((member, status) => onLeader(status, Number(status.commitIndex) - Number(member.matchIndex))),
    );
    readings.gauges(
      'factstore_peer_reachable',
      '1: connections to the other member stand',
      'member',
      others((member) => Number(member.unreachable === '')),
    );
  }

  private ofIntegrity(): void {
    const { readings, node } = this;
    const ofScrub = (read: (scrub: MemberReadings['integrity']['scrub']) => number) => () =>
      this.status(({ integrity }) => read(integrity.scrub)) ?? 0;
    readings.gauge(
      'factstore_log_repair_percent',
      'How far the repair of the damaged log is; absent: none is needed',
      () => node.repairPercent(),
    );
    readings.counter(
      'factstore_damages_total',
      'Damages of log and index that the node has met, whoever read them, and those that its start was to mend',
      () => node.damages(),
    );
    readings.counter(
      'factstore_scrub_bytes_total',
      'Bytes of index and log that were read to find damage',
      ofScrub((s) => s.bytes),
    );
    readings.counter(
      'factstore_scrub_passes_total',
      'How often everything was read for that',
      ofScrub((s) => s.passes),
    );
    readings.counter(
      'factstore_scrub_damages_total',
      'Damaged places that this has found',
      ofScrub((s) => s.damages),
    );
    readings.gauge(
      'factstore_scrub_log_percent',
      'How far this pass is in the log',
      ofScrub((s) => s.percent),
    );
    readings.gauge('factstore_log_diverged', 'Members whose log has another history than that of this node', () =>
      this.status(({ integrity }) => integrity.diverged.length),
    );
  }

  private ofCalls(): void {
    const { readings } = this;
    const { traffic } = this.node;
    const seconds = new Histogram({
      name: 'factstore_grpc_call_seconds',
      help: 'How long unary calls took, until their status was handed to the connection',
      labelNames: ['method'],
      buckets: CALL_SECONDS,
      registers: [this.registry],
    });
    traffic.took = (method, took) => seconds.observe({ method }, took);
    readings.counters(
      'factstore_grpc_calls_total',
      'Calls that have ended, by the status that they ended in',
      ['method', 'code'],
      () => [...traffic.calls.entries()].map(([name, count]) => [name.split(' '), count]),
    );
    readings.gauge('factstore_grpc_open_calls', 'Calls that are open', () => traffic.openCalls);
    readings.counters(
      'factstore_refused_appends_total',
      'Appends of AppendStream calls that were answered with an error, by its code',
      ['code'],
      () => [...traffic.refusedAppends.entries()].map(([code, count]) => [[code], count]),
    );
    readings.gauge('factstore_connections', 'Client connections, gRPC and HTTP', () => traffic.connections);
    readings.counter(
      'factstore_refused_connections_total',
      'Connections that came while connectionsMax were open: they get answers to health checks and over HTTP alone',
      () => traffic.refusedConnections,
    );
    readings.gauge('factstore_subscriptions', 'Subscriptions that are open', () =>
      this.status((member) => member.subscriptions.count),
    );
    readings.gauge(
      'factstore_subscription_lag_positions',
      'How many positions the subscription that is furthest behind has not looked at',
      () => this.status(({ subscriptions, status }) => subscriptions.lag(Number(status.head))),
    );
  }

  private ofQueues(): void {
    const { readings, node } = this;
    const queue = (name: string, help: string, read: (queues: QueueReadings) => number) =>
      readings.gauge(name, help, () => read(node.queues()));
    queue(
      'factstore_open_append_bytes',
      'Bytes of appends that were received or announced and are not answered',
      (queues) => queues.openAppendBytes,
    );
    queue('factstore_waiting_grants', 'Announced appends that wait for room', (queues) => queues.waitingGrants);
    queue('factstore_incomplete_bytes', 'Bytes of requests that have not arrived whole', (q) => q.incompleteBytes);
    queue('factstore_append_streams', 'AppendStream calls that are open', (queues) => queues.appendStreams);
    readings.gauge(
      'factstore_raft_unapplied_bytes',
      'On the leader: bytes of its log that are not applied yet; pendingAppendBytesMax bounds them',
      () => this.status((member) => member.unappliedBytes),
    );
  }
}
