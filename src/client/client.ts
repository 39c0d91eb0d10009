import { AdminClient } from './admin.ts';
import { appendWrites, asWrites } from './append.ts';
import type { AppendPipeline } from './append-pipeline.ts';
import type { ClusterClient } from './cluster.ts';
import { type DecideOnQuery, decideOnQuery } from './decide.ts';
import type { EventShape, NewEvent } from './event-types.ts';
import { getProducer, headAnywhere, type LookupOptions, type ProducerState } from './lookups.ts';
import type {
  AppendManyOptions,
  AppendOptions,
  AppendResult,
  CallOptions,
  DecideOptions,
  QueryOptions,
  ReadAllOptions,
  ReadStreamOptions,
  StreamWrite,
  SubscribeOptions,
  UpdateOptions,
} from './options.ts';
import { ProjectionsClient } from './projections.ts';
import { type Query, queryArgument, streamTarget } from './queries.ts';
import { EventRead, readRequest } from './read.ts';
import type { Session } from './session.ts';
import { StreamsClient } from './streams.ts';
import { Subscription } from './subscribe.ts';
import { type Decide, updateStream } from './update.ts';

/** How long `close` waits for the answers of appends, at most. */
const CLOSE_TIMEOUT_MS = 5_000;

/** What a client is made of. */
export interface ClientParts {
  readonly session: Session;
  readonly pipeline: AppendPipeline;
  readonly cluster: ClusterClient;
  readonly closed: AbortController;
}

/**
 * A connection to a factstore cluster, made by {@link connect}. One is enough for a whole program: all its calls share
 * the connections, and all its appends one pipeline. Every method ends in a FactstoreError where it fails; its `code`
 * says why, its `definite` whether it is certain that nothing was written.
 */
export class FactstoreClient implements AsyncDisposable {
  /** The cluster itself: its members, its leader. */
  readonly cluster: ClusterClient;
  /** Work on what the nodes have on their disks. */
  readonly admin: AdminClient;
  /** Streams as such: what is known of them, and what becomes of them. */
  readonly streams: StreamsClient;
  /** Projections: states that follow from the events. */
  readonly projections: ProjectionsClient;
  private readonly parts: ClientParts;
  private closing: Promise<void> | undefined;

  /** @internal */
  constructor(parts: ClientParts) {
    this.parts = parts;
    this.cluster = parts.cluster;
    this.admin = new AdminClient(parts.session, parts.cluster);
    this.streams = new StreamsClient(parts.session, parts.pipeline);
    this.projections = new ProjectionsClient(parts.session, parts.cluster);
  }

  /**
   * Appends events to one stream, whole or not at all; resolves once a majority of disks has them. Appends are sent in
   * the order in which this method is called, many in flight; a call need not wait for the one before it. What can be
   * repeated safely is repeated, with the same append id, until `timeoutMs` is over.
   *
   * Ends in a FactstoreError: CONFLICT (the stream is not as expected; see {@link conflictOf}), INVALID_ARGUMENT,
   * APPEND_ID_REUSED, CURSOR_MISMATCH, NO_LEADER or UNREACHABLE (nothing was written), DEADLINE_EXCEEDED or CANCELLED
   * (look at `definite`; where it is false, a repeat with `details.appendId` is safe), OVERLOADED.
   */
  append<E extends EventShape = EventShape>(
    stream: string,
    events: readonly NewEvent<E>[],
    options?: AppendOptions,
  ): Promise<AppendResult>;
  /** Appends events to several streams, all or none of them, and checks the state of others. */
  append<E extends EventShape = EventShape>(
    writes: readonly StreamWrite<E>[],
    options?: AppendManyOptions,
  ): Promise<AppendResult>;
  append<E extends EventShape>(
    target: string | readonly StreamWrite<E>[],
    second?: readonly NewEvent<E>[] | AppendManyOptions,
    third?: AppendOptions,
  ): Promise<AppendResult> {
    const { writes, options } = asWrites(target, second, third);
    return appendWrites(this.parts.session, this.parts.pipeline, writes, options);
  }

  /**
   * Reads one stream, forwards or backwards, up to the head as it is when the read begins. A stream without events reads
   * as nothing. `$ce-CATEGORY`, `$et-TYPE` and `$bc-CORRELATION` are the events of a category, of a type, and with the tag
   * `correlation:CORRELATION`; in these, `from` is a position.
   */
  read<E extends EventShape = EventShape>(stream: string, options: ReadStreamOptions = {}): EventRead<E> {
    const { session } = this.parts;
    return new EventRead(session, readRequest(session, streamTarget(stream), options), options);
  }

  /** Reads every stream in the order of positions, up to the head as it is when the read begins. */
  readAll<E extends EventShape = EventShape>(options: ReadAllOptions = {}): EventRead<E> {
    const { session } = this.parts;
    return new EventRead(session, readRequest(session, { kind: 'all' }, options), options);
  }

  /**
   * Reads the events that match, in the order of positions, up to the head as it is when the read begins: `start()` tells
   * that head, and it is the `after` of a condition on what was read.
   */
  query<E extends EventShape = EventShape>(query: Query, options: QueryOptions = {}): EventRead<E> {
    const { session } = this.parts;
    const target = { kind: 'query', query: queryArgument('query', query) } as const;
    return new EventRead(session, readRequest(session, target, options), options);
  }

  /** Follows one stream, all of them, or a query: what is there already, then what is appended, each event once and in order. */
  subscribe<E extends EventShape = EventShape>(options: SubscribeOptions): Subscription<E> {
    return new Subscription(this.parts.session, options);
  }

  /**
   * Reads a stream, decides, and appends what was decided if nobody has written to the stream in between; otherwise
   * decides anew, after a short random wait. Gives undefined where there was nothing to do.
   *
   * Ends in what `decide` throws, in CONFLICT after `attemptsMax` decisions, and in the errors of `append`.
   */
  update<E extends EventShape = EventShape>(
    stream: string,
    decide: Decide<E>,
    options?: UpdateOptions,
  ): Promise<AppendResult | undefined> {
    return updateStream(this.parts.session, this.parts.pipeline, stream, decide, options);
  }

  /**
   * Reads the events that match a query, decides, and appends what was decided if no other match has come meanwhile;
   * otherwise decides anew, after a short random wait, on what was read and what has come. Gives undefined where there
   * was nothing to do.
   *
   * Ends in what `decide` throws, in CONFLICT after `attemptsMax` decisions, and in the errors of `append`.
   */
  decide<E extends EventShape = EventShape>(
    query: Query,
    decide: DecideOnQuery<E>,
    options?: DecideOptions,
  ): Promise<AppendResult | undefined> {
    return decideOnQuery(this.parts.session, this.parts.pipeline, query, decide, options);
  }

  /** The last position of the store; 0: it is empty. */
  head(options?: LookupOptions): Promise<bigint> {
    return headAnywhere(this.parts.session, options);
  }

  /** How far a producer (an import, a connector) has come. */
  producer(name: string, options?: CallOptions): Promise<ProducerState> {
    return getProducer(this.parts.session, name, options);
  }

  /**
   * Waits for the answers of the appends in flight, 5 s at most, then ends every call: subscriptions end quietly, the
   * rest in CANCELLED.
   */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async end(): Promise<void> {
    const { session, pipeline, closed } = this.parts;
    const waited = new AbortController();
    await Promise.race([pipeline.idle(), session.clock.sleep(CLOSE_TIMEOUT_MS, waited.signal)]);
    waited.abort();
    pipeline.close();
    closed.abort();
    session.nodes.close();
  }
}
