import type { ScavengeOptions, ScavengeStatus } from '../client/admin.ts';
import type { ClusterClient, ClusterStatus, Members } from '../client/cluster.ts';
import type { ProducerState, StreamInfo } from '../client/lookups.ts';
import type { Consistency } from '../client/options.ts';
import type {
  ProjectionInfo,
  ProjectionOnMember,
  ProjectionProgress,
  ProjectionState,
  ProjectionsClient,
} from '../client/projections.ts';
import type { AppendCondition, Query, QueryItem } from '../client/queries.ts';
import type { ChangeOptions, ChangeResult, ListedStream, StreamMetadata, StreamsClient } from '../client/streams.ts';

export type {
  AppendCondition,
  ChangeOptions,
  ChangeResult,
  ClusterStatus,
  Consistency,
  ListedStream,
  Members,
  ProducerState,
  ProjectionInfo,
  ProjectionOnMember,
  ProjectionProgress,
  ProjectionState,
  Query,
  QueryItem,
  ScavengeOptions,
  ScavengeStatus,
  StreamInfo,
  StreamMetadata,
};

/**
 * What the commands need of the SDK, and no more: payloads as bytes, because a command line passes them on untouched.
 * Tests give their own.
 */

/** An event as it stands in the store. */
export interface StoredEvent {
  readonly stream: string;
  readonly revision: bigint;
  readonly position: bigint;
  readonly id: string;
  readonly type: string;
  readonly data: Uint8Array;
  readonly contentType: string;
  readonly metadata: Uint8Array;
  readonly tags: readonly string[];
  readonly schemaVersion: number;
  readonly createdUs: bigint;
  /** The id of the append that it came with, where the answer carries it. */
  readonly appendId?: string | undefined;
  /** What a link leads to, or why it leads to nothing; only where it was asked for. */
  readonly linked?: StoredEvent | 'hidden' | 'neverWritten' | 'wholeStream';
}

/** An event to be appended. */
export interface EventToAppend {
  readonly id?: string;
  readonly type: string;
  readonly data: Uint8Array;
  readonly contentType?: string;
  readonly metadata?: Uint8Array;
  readonly tags?: readonly string[];
  readonly schemaVersion?: number;
}

export type Expectation = 'any' | 'none' | 'exists' | bigint;

export interface WriteToAppend {
  readonly stream: string;
  readonly expect: Expectation;
  readonly events: readonly EventToAppend[];
}

/** The place of a producer in its own source (rule S7). */
interface Producer {
  readonly producer: string;
  readonly previous: bigint;
  readonly current: bigint;
}

export interface AppendOptions {
  readonly appendId?: string | undefined;
  readonly producer?: Producer;
  readonly conditions?: readonly AppendCondition[];
  /** How long it may take, repeats included. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface AppendOutcome {
  readonly position: bigint;
  /** Of the last write that had events. */
  readonly revision: bigint;
  readonly repeated: boolean;
}

export type Target =
  | { readonly stream: string }
  | { readonly all: true; readonly userEvents: boolean }
  | { readonly query: Query };

export interface ReadOptions {
  readonly fromRevision?: bigint;
  readonly fromPosition?: bigint;
  /** The events behind this position. */
  readonly after?: bigint;
  readonly fromTimeUs?: bigint;
  readonly backwards?: boolean;
  readonly limit?: bigint;
  readonly consistency?: Consistency;
  /** True: each event carries the id of its append. */
  readonly appendIds?: boolean;
  /** True: each link carries what it leads to. */
  readonly resolveLinks?: boolean;
  readonly signal?: AbortSignal;
}

export interface SubscribeOptions {
  readonly after?: bigint;
  readonly lineage?: string;
  readonly fromNow?: boolean;
  readonly resolveLinks?: boolean;
  readonly signal?: AbortSignal;
}

export type SubscriptionMessage =
  | { readonly kind: 'event'; readonly event: StoredEvent }
  | { readonly kind: 'caughtUp'; readonly position: bigint };

export type Projections = Pick<ProjectionsClient, keyof ProjectionsClient>;

export interface Store {
  /** What becomes of streams, and lists of them. */
  readonly streams: Pick<StreamsClient, 'list' | 'setMetadata' | 'truncate' | 'erase' | 'delete' | 'tombstone'>;
  readonly projections: Projections;
  /** Changes of the members. */
  readonly membership: Pick<ClusterClient, 'add' | 'promote' | 'remove' | 'replace' | 'move'>;
  append(writes: readonly WriteToAppend[], options: AppendOptions): Promise<AppendOutcome>;
  read(target: Target, options: ReadOptions): AsyncIterable<StoredEvent>;
  subscribe(target: Target, options: SubscribeOptions): AsyncIterable<SubscriptionMessage>;
  /** The last position. */
  head(signal?: AbortSignal): Promise<bigint>;
  producer(name: string, signal?: AbortSignal): Promise<ProducerState>;
  stream(name: string, consistency: Consistency, signal?: AbortSignal): Promise<StreamInfo>;
  status(signal?: AbortSignal): Promise<ClusterStatus>;
  /** Gives the node id of the new leader. */
  transfer(to: string | undefined, signal?: AbortSignal): Promise<string>;
  /** Gives the feature level that the cluster is at then. */
  raiseLevel(level: number | undefined, signal?: AbortSignal): Promise<number>;
  /** Gives the scavenge point. */
  startScavenge(options: ScavengeOptions): Promise<bigint>;
  stopScavenge(options: ScavengeOptions): Promise<void>;
  scavengeStatus(signal?: AbortSignal): Promise<readonly ScavengeStatus[]>;
  close(): Promise<void>;
}
