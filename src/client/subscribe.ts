import { uuidText } from '../base/bytes.ts';
import { FactstoreError, invalid } from '../base/errors.ts';
import type { Target } from '../proto/read.ts';
import { eventsService } from '../proto/services.ts';
import { encodeSubscribeRequest, type SubscribeResponse } from '../proto/subscribe.ts';
import { placeArgument } from './arguments.ts';
import type { EventShape, RecordedEvent } from './event-types.ts';
import { uuidArgument } from './identifiers.ts';
import { head } from './lookups.ts';
import type { CallLimits, Node } from './node.ts';
import { Attempts, FIRST_ANSWER_MS } from './nodes.ts';
import type { SubscribeOptions } from './options.ts';
import { queryArgument, streamTarget } from './queries.ts';
import { toRecordedEvents } from './recorded-event.ts';
import { ServerStream } from './server-stream.ts';
import { linkSignals, type Session } from './session.ts';

/** What a subscription gives: events, and now and then that everything up to a position has been given. */
export type SubscriptionMessage<E extends EventShape = EventShape> =
  | { readonly kind: 'event'; readonly event: RecordedEvent<E> }
  | { readonly kind: 'caughtUp'; readonly position: bigint };

/**
 * A subscription: every matching event once, in order, from its checkpoint on, whatever becomes of the node that serves
 * it. It fetches no more than a few messages ahead of its consumer. `break`, `return()` and the signal end it quietly.
 *
 * Ends in a FactstoreError: INVALID_ARGUMENT, OUT_OF_RANGE (a checkpoint beyond the head, or of another cluster and beyond
 * what was taken over from that), UNREACHABLE (only with `reconnectTimeoutMs`), FAILED_PRECONDITION (nodes of another cluster
 * alone have answered for half a minute: the client was connected to one that was given up), DATA_LOSS (every node that can be
 * reached has lost what is to come next; one that is behind is waited for).
 */
export class Subscription<E extends EventShape> implements AsyncIterableIterator<SubscriptionMessage<E>> {
  private readonly session: Session;
  private readonly target: Target;
  private readonly options: SubscribeOptions;
  private readonly stopping = new AbortController();
  private readonly messages: AsyncGenerator<SubscriptionMessage<E>, void, undefined>;
  /** Everything up to here has been given; undefined until the head is known that "from now" means. */
  private after: number | undefined;
  /** The cluster that the checkpoint was told by, until this one has taken it; undefined: this one. */
  private toldBy: string | undefined;

  /** @internal */
  constructor(session: Session, options: SubscribeOptions) {
    this.session = session;
    this.options = options;
    this.target = targetOf(options);
    if (options.fromNow && options.after !== undefined) throw invalid('after', 'give after or fromNow, not both');
    this.after = options.fromNow ? undefined : placeArgument('after', options.after ?? 0n);
    if (options.lineage !== undefined && options.after === undefined) throw invalid('lineage', 'goes with after');
    if (options.lineage !== undefined) this.toldBy = uuidText(uuidArgument('lineage', options.lineage));
    this.messages = this.run();
  }

  /**
   * A position to begin behind when this subscription is taken up again. It counts what has been given to the consumer,
   * and what lies between without matching; undefined until "from now" is known.
   */
  get checkpoint(): bigint | undefined {
    return this.after === undefined ? undefined : BigInt(this.after);
  }

  /**
   * The cluster in which the checkpoint means what it does, a UUID: keep it beside the checkpoint, and give both when this
   * subscription is taken up again. Undefined until a node was found.
   */
  get lineage(): string | undefined {
    return this.toldBy ?? (this.session.nodes.cluster.id || undefined);
  }

  next(): Promise<IteratorResult<SubscriptionMessage<E>, undefined>> {
    return this.messages.next() as Promise<IteratorResult<SubscriptionMessage<E>, undefined>>;
  }

  /** Ends the subscription, also while `next` is waiting. */
  return(): Promise<IteratorResult<SubscriptionMessage<E>, undefined>> {
    this.stopping.abort();
    return this.messages.return() as Promise<IteratorResult<SubscriptionMessage<E>, undefined>>;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private async *run(): AsyncGenerator<SubscriptionMessage<E>, void, undefined> {
    const { signal, unlink } = linkSignals(this.stopping.signal, this.session.closing, this.options.signal);
    try {
      yield* this.untilAborted(signal);
    } finally {
      unlink();
    }
  }

  private async *untilAborted(own: AbortSignal): AsyncGenerator<SubscriptionMessage<E>, void, undefined> {
    const { nodes, clock } = this.session;
    const limits = { timeoutMs: this.options.reconnectTimeoutMs ?? Number.POSITIVE_INFINITY, signal: own };
    const attempts = new Attempts('the subscription', nodes, limits, clock);
    while (!own.aborted) {
      const node = nodes.current();
      try {
        await attempts.reach(node);
        this.after ??= await this.now(node, attempts.left());
        yield* this.follow(node, own, attempts);
        return;
      } catch (error) {
        if (own.aborted) return;
        try {
          await attempts.failed(node, error);
        } catch (final) {
          if (own.aborted) return;
          throw final;
        }
      }
    }
  }

  /** Where "from now" is: the head, as a node tells it. */
  private async now(node: Node, { timeoutMs, signal }: CallLimits): Promise<number> {
    const limits = { timeoutMs: Math.min(timeoutMs, FIRST_ANSWER_MS), signal };
    return (await head(this.session, node, limits, undefined)).position;
  }

  /** Gives what one node sends, until the signal is aborted or the call fails. */
  private async *follow(node: Node, signal: AbortSignal, attempts: Attempts): AsyncGenerator<SubscriptionMessage<E>> {
    const start = { kind: 'after' as const, position: this.after ?? 0 };
    const { userEvents = false, resolveLinks } = this.options;
    const { cluster } = this.session.nodes;
    // An older node does not know the field, which says nothing where the cluster is the same.
    const afterClusterId = this.toldBy === cluster.id ? undefined : this.toldBy;
    const request = encodeSubscribeRequest({ target: this.target, start, userEvents, resolveLinks, afterClusterId });
    const stream = new ServerStream(
      node.serverStream(eventsService.Subscribe, request),
      node.address,
      this.session.clock,
    );
    const stop = () => stream.cancel();
    signal.addEventListener('abort', stop, { once: true });
    try {
      for (;;) {
        const message = await stream.next(0);
        if (signal.aborted) return;
        // A node that ends a subscription without a word is stopping; another one takes over.
        if (!message) throw endedByNode(node);
        // The connection may have been lost since the node was asked for its cluster, and have come to another one.
        cluster.holds(node.address, message.clusterId ?? '');
        this.toldBy = undefined;
        attempts.found();
        if (message.checkpoint > (this.after ?? 0)) attempts.advanced();
        yield* this.give(message, signal);
      }
    } finally {
      signal.removeEventListener('abort', stop);
      stream.cancel();
    }
  }

  private *give(message: SubscribeResponse, signal: AbortSignal): Generator<SubscriptionMessage<E>> {
    for (const event of toRecordedEvents<E>(message.events, message.links, this.session.upcasting)) {
      const position = Number(event.position);
      if (position <= (this.after ?? 0)) continue;
      this.session.seen.saw(position);
      this.after = position;
      yield { kind: 'event', event };
      if (signal.aborted) return;
    }
    this.after = Math.max(this.after ?? 0, message.checkpoint);
    if (message.caughtUp === undefined) return;
    this.session.seen.saw(message.caughtUp);
    yield { kind: 'caughtUp', position: BigInt(message.caughtUp) };
  }
}

function endedByNode(node: Node): FactstoreError {
  const reason = 'it ended the subscription';
  return new FactstoreError('UNREACHABLE', `${node.address}: ${reason}`, { address: node.address, reason });
}

function targetOf({ stream, all, query, userEvents }: SubscribeOptions): Target {
  const given = [stream, all || undefined, query].filter((target) => target !== undefined);
  if (given.length > 1) throw invalid('stream', 'give one of stream, all and query');
  if (all) return { kind: 'all' };
  if (userEvents) throw invalid('userEvents', 'is only for subscriptions to all streams');
  if (query !== undefined) return { kind: 'query', query: queryArgument('query', query) };
  if (stream === undefined) throw invalid('stream', 'name a stream, ask for all, or give a query');
  return streamTarget(stream);
}
