import { uuidText } from '../base/bytes.ts';
import type { Signal } from '../base/signal.ts';
import type { Append } from '../model/append.ts';
import { LIMITS } from '../model/limits.ts';
import { isProjectionProducer } from '../model/projection.ts';
import { checkName } from '../model/stream.ts';
import type { Lineage } from '../peer/lineage.ts';
import type { Replica } from '../replica/replica.ts';
import type { Clock } from '../runtime/clock.ts';
import { withDeadline } from '../runtime/deadline.ts';
import type { OpenCalls } from '../runtime/open-calls.ts';
import type { Lookup } from '../sequencer/ports.ts';
import { OpenSubscriptions } from '../subscription/open-subscriptions.ts';
import { type Delivery, follow } from '../subscription/subscription.ts';
import { AppendLane } from './append-lane.ts';
import type { Appender } from './appender.ts';
import { type AppendLimits, checkAppend, digestOfLarge, type RawAppend } from './check-append.ts';
import { awaitConsistency, type Consistency } from './consistency.ts';
import type { ReadBatch, ReadRequest, Reads } from './reads.ts';
import type { StreamDetails } from './stream-details.ts';
import { checkList, type ListRequest, type StreamPage } from './stream-list.ts';
import { type SubscribeRequest, Subscribing } from './subscribing.ts';

export interface DatabasePorts {
  readonly replica: Replica;
  readonly appender: Appender;
  readonly reads: Reads;
  readonly limits: AppendLimits;
  readonly clock: Clock;
  readonly calls: OpenCalls;
  lookup(streams: readonly string[], producers: readonly string[]): Lookup | Promise<Lookup>;
  /** The cluster, and those that it goes on from, as far as this node has the log. */
  lineage(): Lineage;
}

/** How long a call waits for freshness at most, whatever its own deadline. */
const WAIT_MS = 10_000;

/** The verbs of the event store, without any wire. */
export class Database {
  readonly subscriptions = new OpenSubscriptions();
  private readonly ports: DatabasePorts;
  private readonly subscribing: Subscribing;

  constructor(ports: DatabasePorts) {
    this.ports = ports;
    this.subscribing = new Subscribing(ports.replica, ports.reads, () => ports.lineage());
  }

  /** The cluster in which positions mean what they do here, a UUID (rule R3). */
  get clusterId(): string {
    return uuidText(this.ports.lineage().clusterId);
  }

  /**
   * Checks an append as far as that needs no state; ends in INVALID_ARGUMENT. What a projection emits is held to the limits
   * of the format alone: what it emits is the same on every node, and must not depend on how the one that leads is configured.
   */
  check(raw: RawAppend, digest?: Uint8Array): Append {
    const emitted = raw.producer !== undefined && isProjectionProducer(raw.producer.producer);
    return checkAppend(raw, emitted ? LIMITS : this.ports.limits, digest);
  }

  /** What `check` would spend most of its time on for a large append, in pieces (rule C3). */
  digestOfLarge(content: RawAppend['content']): Promise<Uint8Array> {
    return digestOfLarge(content, this.ports.clock.yieldTurn);
  }

  /** A lane judges its appends in the order in which they are handed to it. Only the leader's lanes accept any. */
  openLane(patient: boolean): AppendLane {
    return new AppendLane(this.ports.appender, patient);
  }

  /** `waitMs`, here and below: how long to wait for freshness. */
  async *read(request: ReadRequest, signal: Signal, waitMs = WAIT_MS): AsyncGenerator<ReadBatch> {
    this.ports.reads.check(request);
    await this.fresh(request.consistency, signal, waitMs);
    yield* this.ports.reads.read(request, signal);
  }

  /** Without end, until the node stops or must serve nothing any more. */
  subscribe(request: SubscribeRequest, signal: Signal): AsyncGenerator<Delivery> {
    return this.ports.calls.follow(signal, (until) => this.deliveries(request, until));
  }

  private async *deliveries(request: SubscribeRequest, signal: Signal): AsyncGenerator<Delivery> {
    const { source, after } = await this.subscribing.begin(request, signal);
    const progress = this.subscriptions.begin(after);
    try {
      yield* follow(source, after, signal, progress);
    } finally {
      this.subscriptions.end(progress);
    }
  }

  /** Called about once a second: the time of the log goes on, where it has to (rule R1). */
  keepTime(): void {
    this.ports.appender.keepTime();
  }

  /** The last applied position. */
  async head(consistency: Consistency, signal: Signal, waitMs = WAIT_MS): Promise<number> {
    await this.fresh(consistency, signal, waitMs);
    return this.ports.replica.head.value;
  }

  async stream(name: string, consistency: Consistency, signal: Signal, waitMs = WAIT_MS): Promise<StreamDetails> {
    this.ports.reads.checkStream(name);
    await this.fresh(consistency, signal, waitMs);
    return this.ports.reads.details(name);
  }

  async streams(request: ListRequest, signal: Signal, waitMs = WAIT_MS): Promise<StreamPage> {
    checkList(request);
    await this.fresh(request.consistency, signal, waitMs);
    return this.ports.reads.list(request);
  }

  /** How far a producer has come (rule S7); always linearizable. */
  async producer(name: string, signal: Signal, waitMs = WAIT_MS): Promise<{ current: number; appendId: Uint8Array }> {
    checkName('producer', name, LIMITS.producerNameBytesMax);
    await this.fresh({ kind: 'linearizable' }, signal, waitMs);
    const cursor = (await this.ports.lookup([], [name])).cursor(name);
    return { current: cursor?.current ?? 0, appendId: cursor?.appendId ?? new Uint8Array(0) };
  }

  /** The first event that this node has applied under an append id, a RecordedEvent, as far as ids are remembered (rule S6). */
  async appended(id: Uint8Array): Promise<Uint8Array | undefined> {
    return (await this.ports.appender.applied(id))?.payload.event(0);
  }

  private async fresh(consistency: Consistency, signal: Signal, waitMs: number): Promise<void> {
    if (consistency.kind === 'local') return;
    const call = this.ports.calls.begin(signal);
    const bounded = withDeadline(this.ports.clock, Math.min(waitMs, WAIT_MS), call.signal);
    try {
      await awaitConsistency(this.ports.replica, consistency, bounded.signal);
    } catch (error) {
      throw this.ports.calls.ended ?? error;
    } finally {
      bounded.release();
      call.end();
    }
  }
}
