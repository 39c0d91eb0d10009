import { FactstoreError } from '../base/errors.ts';
import type { Append } from '../model/append.ts';
import { LIMITS } from '../model/limits.ts';
import { checkName } from '../model/stream.ts';
import type { Replica } from '../replica/replica.ts';
import type { Clock } from '../runtime/clock.ts';
import { withDeadline } from '../runtime/deadline.ts';
import type { Lookup } from '../sequencer/ports.ts';
import { type Delivery, follow } from '../subscription/subscription.ts';
import { AppendLane } from './append-lane.ts';
import type { Appender } from './appender.ts';
import { type AppendLimits, checkAppend, type RawAppend } from './check-append.ts';
import { awaitConsistency, type Consistency } from './consistency.ts';
import type { ReadBatch, ReadRequest, Reads, StreamDetails } from './reads.ts';
import { type SubscribeRequest, Subscribing } from './subscribing.ts';

export interface DatabasePorts {
  readonly replica: Replica;
  readonly appender: Appender;
  readonly reads: Reads;
  readonly limits: AppendLimits;
  readonly clock: Clock;
  /** Aborted when the node stops: what would never end by itself ends then. */
  readonly ending: AbortSignal;
  lookup(streams: readonly string[], producers: readonly string[]): Lookup | Promise<Lookup>;
}

/** How long a call without a deadline of its own waits for freshness. */
const WAIT_MS = 10_000;

/** The verbs of the event store, without any wire. */
export class Database {
  private readonly ports: DatabasePorts;
  private readonly subscribing: Subscribing;

  constructor(ports: DatabasePorts) {
    this.ports = ports;
    this.subscribing = new Subscribing(ports.replica, ports.reads);
  }

  /** Checks an append as far as that needs no state; ends in INVALID_ARGUMENT. */
  check(raw: RawAppend): Append {
    return checkAppend(raw, this.ports.limits);
  }

  /** A lane judges its appends in the order in which they are handed to it. Only the leader's lanes accept any. */
  openLane(patient: boolean): AppendLane {
    return new AppendLane(this.ports.appender, patient);
  }

  async *read(request: ReadRequest, signal: AbortSignal): AsyncGenerator<ReadBatch> {
    this.ports.reads.check(request);
    await this.fresh(request.consistency, signal);
    yield* this.ports.reads.read(request, signal);
  }

  async *subscribe(request: SubscribeRequest, signal: AbortSignal): AsyncGenerator<Delivery> {
    const { ending } = this.ports;
    const either = AbortSignal.any([signal, ending]);
    const { source, after } = await this.subscribing.begin(request, either);
    yield* follow(source, after, either);
    if (ending.aborted) throw new FactstoreError('NOT_READY', 'the node is stopping; go on at another one');
  }

  /** The last applied position. */
  async head(consistency: Consistency, signal: AbortSignal): Promise<number> {
    await this.fresh(consistency, signal);
    return this.ports.replica.head.value;
  }

  async stream(name: string, consistency: Consistency, signal: AbortSignal): Promise<StreamDetails> {
    this.ports.reads.checkStream(name);
    await this.fresh(consistency, signal);
    return this.ports.reads.details(name);
  }

  /** How far a producer has come (rule S7); always linearizable. */
  async producer(name: string, signal: AbortSignal): Promise<{ current: number; appendId: Uint8Array }> {
    checkName('producer', name, LIMITS.producerNameBytesMax);
    await this.fresh({ kind: 'linearizable' }, signal);
    const cursor = (await this.ports.lookup([], [name])).cursor(name);
    return { current: cursor?.current ?? 0, appendId: cursor?.appendId ?? new Uint8Array(0) };
  }

  private async fresh(consistency: Consistency, signal: AbortSignal): Promise<void> {
    const bounded = withDeadline(this.ports.clock, WAIT_MS, signal);
    try {
      await awaitConsistency(this.ports.replica, consistency, bounded.signal);
    } finally {
      bounded.release();
    }
  }
}
