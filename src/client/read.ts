import { uuidText } from '../base/bytes.ts';
import { FactstoreError, invalid } from '../base/errors.ts';
import type { StreamState } from '../model/stream.ts';
import {
  encodeReadRequest,
  type ReadFrom,
  type ReadRequest,
  type ReadResponse,
  type ReadStart,
  type Target,
} from '../proto/read.ts';
import { eventsService } from '../proto/services.ts';
import type { Clock } from '../runtime/clock.ts';
import { placeArgument } from './arguments.ts';
import type { EventShape, RecordedEvent } from './event-types.ts';
import { head } from './lookups.ts';
import type { CallLimits, Node } from './node.ts';
import { Attempts, FIRST_ANSWER_MS } from './nodes.ts';
import type { CallOptions, QueryOptions, ReadAllOptions, ReadStreamOptions } from './options.ts';
import { toRecordedEvents } from './recorded-event.ts';
import { ServerStream } from './server-stream.ts';
import { linkSignals, type Session } from './session.ts';
import { aborted } from './status-error.ts';
import type { Upcasting } from './upcasting.ts';

/** How long a node that did not answer a read may take to say how far it has come. */
const HEAD_ANSWER_MS = 500;

/** The snapshot that a read sees. */
export interface ReadHead {
  /** The last position of the store; the read goes no further. */
  readonly head: bigint;
  /** What the stream is; undefined for reads of everything. */
  readonly state: StreamState | undefined;
  /** The revision of the stream's last event, -1 where none was ever written; undefined for reads of everything. */
  readonly revision: bigint | undefined;
}

/**
 * The events of a read, once: `for await`, or `batches()`, or `toArray()`. Nothing is asked before the first event is
 * taken, and no more is fetched than the consumer takes. A node that fails is replaced by another, behind the last
 * event that was given.
 *
 * Ends in a FactstoreError: INVALID_ARGUMENT, UNREACHABLE, NO_LEADER, DEADLINE_EXCEEDED (no answer within `timeoutMs`),
 * CANCELLED (the signal), FAILED_PRECONDITION (its events were taken before), DATA_LOSS (every node that can be reached has
 * lost what it reads).
 */
export class EventRead<E extends EventShape> implements AsyncIterable<RecordedEvent<E>> {
  private readonly source: ReadLoop<E>;
  private readonly clock: Clock;
  private messages: AsyncGenerator<RecordedEvent<E>[], void, undefined>;
  /** The first message, or its failure, for everyone who asks for it; undefined: nobody has. */
  private first: Promise<IteratorResult<RecordedEvent<E>[], void>> | undefined;
  private taken = false;

  /** @internal */
  constructor(session: Session, request: ReadRequest, options: CallOptions) {
    this.clock = session.clock;
    this.source = new ReadLoop(session, request, options);
    this.messages = this.source.run();
  }

  /**
   * What the read sees; also of a stream without events. May be asked before the events are taken, and after. Where they are
   * not taken at once, the call to the node ends; whoever takes them later begins another one, which sees the same.
   */
  async start(): Promise<ReadHead> {
    await this.firstMessage();
    if (!this.taken) this.clock.soon(() => this.letGo());
    const start = this.source.head;
    if (!start) throw new FactstoreError('INTERNAL', 'the node answered a read without its head');
    const revision = start.headRevision === undefined ? undefined : BigInt(start.headRevision);
    return { head: BigInt(start.head), state: start.state, revision };
  }

  /** The events in the batches in which they come, none of them empty. */
  async *batches(): AsyncGenerator<RecordedEvent<E>[], void, undefined> {
    if (this.taken) throw takenBefore();
    this.taken = true;
    try {
      for (let next = await this.firstMessage(); !next.done; next = await this.messages.next()) {
        if (next.value.length > 0) yield next.value;
      }
    } finally {
      await this.messages.return();
    }
  }

  /** All the events at once. */
  async toArray(): Promise<RecordedEvent<E>[]> {
    const all: RecordedEvent<E>[] = [];
    for await (const batch of this.batches()) for (const event of batch) all.push(event);
    return all;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RecordedEvent<E>, void, undefined> {
    for await (const batch of this.batches()) {
      for (const event of batch) yield event;
    }
  }

  /** What nobody takes would stay open at the node for as long as the client lives, and hold up its other calls. */
  private letGo(): void {
    if (this.taken) return;
    void this.messages.return();
    this.messages = this.source.run();
  }

  private firstMessage(): Promise<IteratorResult<RecordedEvent<E>[], void>> {
    this.first ??= this.messages.next();
    return this.first;
  }
}

/** Nothing more would come, which looks like a store without events. */
function takenBefore(): FactstoreError {
  const text = 'the events of this read were taken before: a read gives them once. Begin another one.';
  return new FactstoreError('FAILED_PRECONDITION', text);
}

/** Reads from one node after another until everything up to the first node's head has been given. */
class ReadLoop<E extends EventShape> {
  head: ReadStart | undefined;
  private readonly session: Session;
  private readonly options: CallOptions;
  private request: ReadRequest;
  /** True: nothing is left to read. */
  private over = false;

  constructor(session: Session, request: ReadRequest, options: CallOptions) {
    this.session = session;
    this.request = request;
    this.options = options;
  }

  /**
   * Gives a batch for every message, also an empty one: the first must come through for the sake of its head. Run again, it
   * goes on behind what it has given.
   */
  async *run(): AsyncGenerator<RecordedEvent<E>[], void, undefined> {
    if (this.over) return;
    const { nodes, clock, timeoutMs } = this.session;
    const { signal, unlink } = linkSignals(this.session.closing, this.options.signal);
    const attempts = new Attempts('the read', nodes, { timeoutMs: this.options.timeoutMs ?? timeoutMs, signal }, clock);
    try {
      for (;;) {
        const node = nodes.current();
        try {
          await attempts.reach(node);
          yield* this.readFrom(node, signal, attempts);
          return;
        } catch (error) {
          await attempts.failed(node, error);
        }
      }
    } finally {
      unlink();
    }
  }

  /** Reads what there is still to read from one node. */
  private async *readFrom(
    node: Node,
    signal: AbortSignal,
    attempts: Attempts,
  ): AsyncGenerator<RecordedEvent<E>[], void, undefined> {
    const call = node.serverStream(eventsService.Read, encodeReadRequest(this.wire()));
    const stream = new ServerStream(call, node.address, this.session.clock);
    const { consistency } = this.request;
    const stop = () => stream.cancel();
    signal.addEventListener('abort', stop, { once: true });
    try {
      for (let first = true; ; first = false) {
        const { timeoutMs } = attempts.left();
        const message = first
          ? await this.firstOf(stream, node, attempts.left(), consistency)
          : await stream.next(timeoutMs);
        if (signal.aborted) throw aborted('the read', signal);
        if (!message) return;
        // The connection may have been lost since the node was asked for its cluster, and have come to another one.
        this.session.nodes.cluster.holds(node.address, message.start?.clusterId ?? '');
        const { events, last } = this.take(message);
        if (events.length > 0) attempts.advanced();
        this.over = last;
        yield events;
        if (last) return;
        // The time that the consumer took is not the node's.
        attempts.progressed();
      }
    } finally {
      signal.removeEventListener('abort', stop);
      stream.cancel();
    }
  }

  /**
   * The first message. The call has no deadline, so the node does not know when to stop waiting for a position or a
   * leader that it does not have; if no message comes, it is asked for its head, with a deadline, and what it says is
   * passed on (rule Q2).
   */
  private async firstOf(
    stream: ServerStream<ReadResponse>,
    node: Node,
    { timeoutMs, signal }: CallLimits,
    consistency: ReadRequest['consistency'],
  ): Promise<ReadResponse | undefined> {
    const patience = Math.min(timeoutMs, FIRST_ANSWER_MS);
    if (consistency.kind === 'local') return stream.next(patience);
    const toAsk = Math.min(HEAD_ANSWER_MS, patience / 2);
    try {
      return await stream.next(patience - toAsk);
    } catch (error) {
      if (!(error instanceof FactstoreError) || error.code !== 'DEADLINE_EXCEEDED') throw error;
      const wanted = consistency.kind === 'atLeast' ? { atLeast: BigInt(consistency.position) } : consistency.kind;
      await head(this.session, node, { timeoutMs: toAsk, signal }, wanted);
      throw error;
    }
  }

  /** A node cannot be told to begin with a time and below a head, so what it has above that must not count. */
  private wire(): ReadRequest {
    const { request, head } = this;
    const { backwards, start, target } = request;
    const isOpen = backwards && (start?.kind === 'time' || (start?.kind === 'revision' && target.kind !== 'stream'));
    return head && isOpen ? { ...request, limit: 0 } : request;
  }

  /** Turns a message into events, and the request into that for what comes behind them. */
  private take(message: ReadResponse): { events: RecordedEvent<E>[]; last: boolean } {
    if (message.start && !this.head) {
      this.head = message.start;
      this.session.seen.saw(message.start.head);
      // Should another node have to go on, it must have what this one had, and begin with nothing that is newer.
      const consistency = { kind: 'atLeast' as const, position: message.start.head };
      this.request = { ...this.request, consistency, start: startUpTo(message.start, this.request) };
    }
    const head = this.head?.head ?? Number.MAX_SAFE_INTEGER;
    const { request } = this;
    const given = eventsOf<E>(message, this.session.upcasting);
    // Another node may know more than the first one did; the read ends, and backwards begins, where it was promised to.
    let events = given.filter((event) => Number(event.position) <= head);
    let last = !request.backwards && events.length < given.length;
    if (request.limit !== 0) events = events.slice(0, request.limit);
    const event = events.at(-1);
    if (!event) return { events, last };
    const limit = request.limit === 0 ? 0 : request.limit - events.length;
    if (request.limit !== 0 && limit <= 0) last = true;
    const start = behind(request, event);
    if (start) this.request = { ...request, start, limit };
    else last = true;
    return { events, last };
  }
}

function eventsOf<E extends EventShape>(
  { events, appends, links }: ReadResponse,
  upcasting: Upcasting,
): RecordedEvent<E>[] {
  const appendIds = appends?.flatMap((run) => {
    const appendId = uuidText(run.appendId);
    return Array.from({ length: run.events }, () => appendId);
  });
  return toRecordedEvents<E>(events, links, upcasting, appendIds);
}

/** Where a read whose head is known begins: backwards not beyond that, where the start is a place that can be compared. */
function startUpTo({ head, headRevision }: ReadStart, { target, backwards, start }: ReadRequest): ReadFrom | undefined {
  if (!backwards) return start;
  if (target.kind === 'stream' && headRevision !== undefined && start?.kind !== 'position' && start?.kind !== 'time') {
    return { kind: 'revision', revision: Math.max(0, Math.min(start?.revision ?? headRevision, headRevision)) };
  }
  if (start && start.kind !== 'position') return start;
  return { kind: 'position', position: Math.max(1, Math.min(start?.position ?? head, head)) };
}

/** Where the event behind this one is to be looked for; undefined: there is none. */
function behind(
  { target, backwards }: ReadRequest,
  event: { readonly revision: bigint; readonly position: bigint },
): ReadFrom | undefined {
  const step = backwards ? -1 : 1;
  const next = Number(target.kind === 'stream' ? event.revision : event.position) + step;
  if (next < (target.kind === 'stream' ? 0 : 1)) return undefined;
  return target.kind === 'stream' ? { kind: 'revision', revision: next } : { kind: 'position', position: next };
}

/** The request for a read of one stream or of everything. */
export function readRequest(
  session: Session,
  target: Target,
  options: ReadStreamOptions & ReadAllOptions & QueryOptions,
): ReadRequest {
  const limit = options.limit === undefined ? 0 : placeArgument('limit', options.limit);
  if (limit === 0 && options.limit !== undefined) throw invalid('limit', 'is 0; the least is 1');
  return {
    target,
    backwards: options.backwards ?? false,
    start: readFrom(target, options),
    limit,
    consistency: session.seen.consistency('consistency', options.consistency),
    userEvents: options.userEvents ?? false,
    appendIds: options.appendIds ?? false,
    resolveLinks: options.resolveLinks ?? false,
  };
}

function readFrom(target: Target, options: ReadStreamOptions & ReadAllOptions & QueryOptions): ReadFrom | undefined {
  const { from, fromRevision, fromPosition, fromTime, after } = options;
  const given = [from, fromRevision, fromPosition, fromTime, after].filter((place) => place !== undefined);
  if (given.length > 1) throw invalid('from', 'give one of from, fromRevision, fromPosition, fromTime and after');
  if (fromRevision !== undefined) return { kind: 'revision', revision: placeArgument('fromRevision', fromRevision) };
  if (from !== undefined) {
    const place = placeArgument('from', from);
    return target.kind === 'stream' ? { kind: 'revision', revision: place } : { kind: 'position', position: place };
  }
  if (fromPosition !== undefined) return { kind: 'position', position: placeArgument('fromPosition', fromPosition) };
  if (fromTime !== undefined) {
    const us = fromTime instanceof Date ? fromTime.getTime() * 1000 : fromTime;
    return { kind: 'time', timeUs: placeArgument('fromTime', us) };
  }
  if (after === undefined) return undefined;
  if (options.backwards) throw invalid('after', 'is only for reads forwards; backwards, give from');
  return { kind: 'position', position: Math.min(placeArgument('after', after) + 1, Number.MAX_SAFE_INTEGER) };
}
