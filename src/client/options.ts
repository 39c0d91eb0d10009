import type { Expect } from './arguments.ts';
import type { EventShape, NewEvent } from './event-types.ts';
import type { AppendCondition, Query } from './queries.ts';
import type { Upcasters } from './upcasting.ts';

/** Of {@link connect}. */
export interface ConnectOptions {
  /** How long to look for a node that answers, in milliseconds; 5,000 unless given. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long a call may take unless it says so itself, retries included, in milliseconds; 30,000 unless given. */
  readonly timeoutMs?: number | undefined;
  /** Appends that are sent and not answered, at most; others wait. 1,024 unless given. */
  readonly appendsInFlightMax?: number | undefined;
  /** The bytes of such appends, at most; one larger append passes alone. 8 MiB unless given. */
  readonly appendBytesInFlightMax?: number | undefined;
  /**
   * The bytes of all appends that are not answered, sent or waiting, at most; beyond it `append` ends in OVERLOADED.
   * Only who does not await appends gets there. 256 MiB unless given.
   */
  readonly appendBytesQueuedMax?: number | undefined;
  /** Steps from one schema version of an event's data to the next; applied wherever events are read. */
  readonly upcasters?: Upcasters | undefined;
}

/** What every call takes. */
export interface CallOptions {
  /** Ends the call early, in CANCELLED. */
  readonly signal?: AbortSignal | undefined;
  /** How long the call may take, retries included, in milliseconds; as given to `connect` otherwise. */
  readonly timeoutMs?: number | undefined;
}

/** Events for one stream, or, without events, only a check of its state. */
export interface StreamWrite<E extends EventShape = EventShape> {
  /** 1 to 1,024 bytes of UTF-8 without control characters, not beginning with "$". */
  readonly stream: string;
  /** The state that the stream must be in; any unless given. */
  readonly expect?: Expect | undefined;
  /** The events, in order. None: the stream is only checked. */
  readonly events?: readonly NewEvent<E>[] | undefined;
}

/** The place of a producer in its own source: an import or a connector appends each item once, without a window. */
export interface ProducerPlace {
  /** 1 to 256 bytes. */
  readonly producer: string;
  /** The `current` of the producer's last append; 0 for its first. */
  readonly previous: bigint;
  /** The place of this append, greater than `previous`. */
  readonly current: bigint;
}

/** Of an append to several streams. */
export interface AppendManyOptions extends CallOptions {
  /**
   * A UUID for this append; without one the SDK makes one. Repeating an append with the same id, by another process
   * too, gives the first answer instead of a second append, for at least 15 minutes and 1,000,000 appends. Events
   * without an id of their own get ids that follow from this one, so that the repeat needs to know nothing else.
   */
  readonly appendId?: string | undefined;
  /** Consistency boundaries that must hold, at most 16, beside what the writes expect. */
  readonly conditions?: readonly AppendCondition[] | undefined;
  /** Only for producers with a place of their own. */
  readonly producer?: ProducerPlace | undefined;
}

/** Of an append to one stream. */
export interface AppendOptions extends AppendManyOptions {
  /**
   * The state that the stream must be in: `any` (unless given), `none` (no event yet), `exists`, or the exact revision
   * of its last event.
   */
  readonly expect?: Expect | undefined;
}

/** An append that is durable on a majority of disks. */
export interface AppendResult {
  /** The position of its last event; of a check alone, the position at which it was judged. */
  readonly position: bigint;
  /** The revision of its last event in that event's stream; -1 where nothing but checks was asked for. */
  readonly revision: bigint;
  /** The position of its first event. */
  readonly firstPosition: bigint;
  /** For each write that had events, in order, the revision of its last event. */
  readonly writes: readonly { readonly stream: string; readonly revision: bigint }[];
  /** The time given to all its events. */
  readonly created: Date;
  /** The same in microseconds since 1970. */
  readonly createdUs: bigint;
  /** True: this append id had been appended before, and this is the first answer. */
  readonly repeated: boolean;
  /** The id that it was appended with, a UUID. */
  readonly appendId: string;
}

/**
 * How fresh an answer must be: `linearizable` sees everything acknowledged before the call, on any node; `atLeast`
 * waits until the node has that position; `local` takes what the node has. The last two never go back behind what this
 * client has seen already.
 */
export type Consistency = 'linearizable' | 'local' | { readonly atLeast: bigint };

/** Of reads of any kind. */
export interface ReadOptions extends CallOptions {
  /** Begin with this position, inclusive. */
  readonly fromPosition?: bigint | undefined;
  /**
   * Begin with the first event at or after this time (backwards: the last one at or before it). As a bigint:
   * microseconds since 1970.
   */
  readonly fromTime?: Date | bigint | undefined;
  /** True: from the start place downwards; without a start place, from the last event. */
  readonly backwards?: boolean | undefined;
  /** The most events to read, 1 or more; no limit unless given. */
  readonly limit?: number | bigint | undefined;
  /** How fresh; linearizable unless given. */
  readonly consistency?: Consistency | undefined;
  /** True: each event says which append it came with. */
  readonly appendIds?: boolean | undefined;
  /** True: links are followed, one step; each link tells what it leads to in `linked`. */
  readonly resolveLinks?: boolean | undefined;
}

/** Of a read of one stream. */
export interface ReadStreamOptions extends ReadOptions {
  /** Begin with this revision, inclusive. */
  readonly from?: bigint | undefined;
}

/** Of a read of everything. */
export interface ReadAllOptions extends ReadOptions {
  /** Begin with this position, inclusive; the same as `fromPosition`. */
  readonly from?: bigint | undefined;
  /** Begin behind this position; only forwards. */
  readonly after?: bigint | undefined;
  /** True: leave out events of streams whose names begin with "$". */
  readonly userEvents?: boolean | undefined;
}

/** Of a query. */
export interface QueryOptions extends ReadOptions {
  /** Begin with this position, inclusive; the same as `fromPosition`. */
  readonly from?: bigint | undefined;
  /** Begin with this revision, inclusive; only where each item names one and the same stream. */
  readonly fromRevision?: bigint | undefined;
  /** Begin behind this position; only forwards. */
  readonly after?: bigint | undefined;
}

/** What to follow, and from where. */
export interface SubscribeOptions {
  /** One stream; or give `all` or `query`. */
  readonly stream?: string | undefined;
  /** Every stream; or give `stream` or `query`. */
  readonly all?: true | undefined;
  /** The events that match; or give `stream` or `all`. */
  readonly query?: Query | undefined;
  /** Begin behind this position: a checkpoint. 0, or not given: with the first event. */
  readonly after?: bigint | undefined;
  /**
   * The cluster by which `after` was told: what {@link Subscription.lineage} was then. After `factstore recover` the store is
   * another cluster, in which a position means the same only up to the last that was taken over: the subscription goes on
   * where `after` is not beyond that, and ends in OUT_OF_RANGE where it is. Without it, what the store has written
   * anew up to `after` would be skipped. A node of an earlier version refuses one that is not its own.
   */
  readonly lineage?: string | undefined;
  /** True: begin behind the head as it is now. */
  readonly fromNow?: boolean | undefined;
  /** True: leave out events of streams whose names begin with "$"; only with `all`. */
  readonly userEvents?: boolean | undefined;
  /** True: links are followed, one step; each link tells what it leads to in `linked`. */
  readonly resolveLinks?: boolean | undefined;
  /** Ends the subscription quietly: the iteration is over. */
  readonly signal?: AbortSignal | undefined;
  /** How long to look for a node after losing one, in milliseconds; for ever unless given. */
  readonly reconnectTimeoutMs?: number | undefined;
}

/** Of `decide`. */
export interface DecideOptions extends UpdateOptions {
  /**
   * How fresh the first read is; `linearizable` unless given. What it misses is found when the append is judged, so
   * `local` is as safe, and spares a round trip where conflicts are rare.
   */
  readonly consistency?: Consistency | undefined;
}

/** Of `update`. */
export interface UpdateOptions extends CallOptions {
  /** How often to decide at most, when others write in between, 1 or more; 50 unless given. */
  readonly attemptsMax?: number | undefined;
  /** For the append: see {@link AppendManyOptions.producer}. */
  readonly producer?: ProducerPlace | undefined;
}
