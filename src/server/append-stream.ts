import type { ServerDuplexStream } from '@grpc/grpc-js';
import { FactstoreError, invalid, overLimit } from '../base/errors.ts';
import { LIMITS, UNREAD_MS_MAX } from '../model/limits.ts';
import {
  type AppendStreamRequest,
  type AppendStreamResponse,
  type Batch,
  encodeAppendStreamResponse,
  encodeBatch,
} from '../proto/append-stream.ts';
import type { Received } from '../proto/services.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { SharedTurn } from '../runtime/shared-turn.ts';
import type { AppendRoute } from './append-routing.ts';
import type { ReceiveBudget } from './receive-budget.ts';
import { asFactstoreError, statusOf } from './status.ts';
import type { Traffic } from './traffic.ts';

export type AppendStreamCall = ServerDuplexStream<Received<Batch<AppendStreamRequest>>, Uint8Array>;

export interface AppendStreamPorts {
  readonly budget: ReceiveBudget;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly traffic: Traffic;
}

/** Appends of one call that are judged and not answered, at most; beyond it the call is not read any further. */
const OPEN_APPENDS_MAX = 1_024;
const OPEN_BYTES_MAX = 16 << 20;
/** So many requests of a message are taken up in one turn (rule C3): small appends take some 20 µs each. */
const REQUESTS_PER_TURN = 256;
/** Answers are put into one message up to about this size. */
const MESSAGE_BYTES_MAX = 256 << 10;
/** An append in chunks is at most as large as an append may be, and the names and tags around its events. */
const TOTAL_BYTES_MAX = LIMITS.appendBytesMax + (1 << 20);
/** A client that was granted room loses it where a chunk takes longer, or all of them together longer than full ones may. */
const CHUNK_MS_MAX = 30_000;

const NOTHING: Batch<AppendStreamRequest> = [];

/** The calls that are open, to be ended when the node stops. */
export type OpenSessions = Set<{ finish(): void }>;

interface Partial {
  readonly sequence: number;
  readonly bytes: Buffer;
  received: number;
  /** When it was announced: what it says of its age was true then. */
  readonly sinceMs: number;
  /** By when all of it is here, whatever the size of its chunks. */
  readonly dueMs: number;
  due: Timer;
}

/**
 * One AppendStream call: reads appends as they come, hands them to the route in order, and writes the answers as they
 * become known. It takes up no more, and reads no further, while too much is open or the client does not take its
 * answers, so that the bounds are felt by the sender through flow control (rule C8).
 */
export class AppendStreamSession {
  private readonly call: AppendStreamCall;
  private readonly route: AppendRoute;
  private readonly ports: AppendStreamPorts;
  /** What has arrived; all before `taken` is taken up already. */
  private arrived: Batch<AppendStreamRequest> = NOTHING;
  private taken = 0;
  /** When the first of it did: its age was told before. */
  private arrivedMs = 0;
  private readonly takingUp: SharedTurn;
  private openAppends = 0;
  private openBytes = 0;
  private outgoing: Uint8Array[] = [];
  private outgoingBytes = 0;
  private readonly flushing: SharedTurn;
  private partial: Partial | undefined;
  private grantPending = false;
  private unwritten = false;
  private pausedMs = 0;
  /** Set: it was not read for too long, and ends once what is open is answered. */
  private unread: FactstoreError | undefined;
  private clientEnded = false;
  private finishing = false;
  private closed = false;
  private readonly sessions: OpenSessions;

  constructor(call: AppendStreamCall, route: AppendRoute, ports: AppendStreamPorts, sessions: OpenSessions) {
    this.call = call;
    this.route = route;
    this.ports = ports;
    this.flushing = new SharedTurn(ports.clock, () => this.flush());
    this.takingUp = new SharedTurn(ports.clock, () => {
      this.takeUp();
      this.endWhenAnswered();
    });
    this.sessions = sessions;
    sessions.add(this);
    readNothingAhead(call);
    call.on('data', (requests: Received<Batch<AppendStreamRequest>>) => {
      if (requests instanceof FactstoreError) return this.fail(requests);
      this.arrive(requests);
    });
    call.on('end', () => {
      this.clientEnded = true;
      this.endWhenAnswered();
    });
    call.on('drain', () => {
      this.unwritten = false;
      this.flow();
    });
    call.on('cancelled', () => this.close());
    call.on('error', () => this.close());
  }

  /** The node stops: nothing more is read, and the call ends once what is open is answered. */
  finish(): void {
    this.finishing = true;
    this.flow();
    this.endWhenAnswered();
  }

  private arrive(requests: Batch<AppendStreamRequest>): void {
    if (this.closed) return;
    for (const request of requests) if (request.kind === 'append') this.ports.budget.take(request.append.length);
    if (!this.hasRest) this.arrivedMs = this.ports.clock.monotonicMs();
    this.arrived = this.hasRest ? [...this.arrived.slice(this.taken), ...requests] : requests;
    this.taken = 0;
    this.takeUp();
  }

  /** As far as there is room, and no more than one turn may have; the rest goes on where `flow` lets it. */
  private takeUp(): void {
    const waitedMs = this.ports.clock.monotonicMs() - this.arrivedMs;
    for (let n = 0; n < REQUESTS_PER_TURN && this.hasRest && !this.closed && !this.full; n++) {
      this.receive(this.arrived[this.taken] as AppendStreamRequest, waitedMs);
      this.taken++;
    }
    // A call that is idle afterwards must not keep the message in memory.
    if (!this.hasRest) this.arrived = NOTHING;
    this.flow();
  }

  private get hasRest(): boolean {
    return this.taken < this.arrived.length;
  }

  private receive(request: AppendStreamRequest, waitedMs: number): void {
    switch (request.kind) {
      case 'append':
        if (this.partial || this.grantPending)
          return this.fail(invalid('message', 'an append that was announced is not complete yet'));
        return this.append(request.sequence, request.append, waitedMs);
      case 'begin':
        return this.begin(request.sequence, request.totalBytes);
      case 'chunk':
        return this.chunk(request.sequence, request.chunk);
    }
  }

  /** Its bytes are in the budget already, and are given back once it is answered. */
  private append(sequence: number, bytes: Uint8Array, waitedMs: number): void {
    this.openAppends++;
    this.openBytes += bytes.length;
    this.route
      .append(bytes, 0, waitedMs)
      .then(
        (answer) => this.write({ kind: 'answer', sequence, answer }),
        (error: unknown) => this.write({ kind: 'error', sequence, error: asFactstoreError(error, this.ports.logger) }),
      )
      .finally(() => {
        this.ports.budget.release(bytes.length);
        this.openAppends--;
        this.openBytes -= bytes.length;
        this.flow();
        this.endWhenAnswered();
      });
  }

  private begin(sequence: number, totalBytes: number): void {
    if (this.partial || this.grantPending) return this.fail(invalid('begin', 'another append is not complete yet'));
    if (totalBytes < 1 || totalBytes > TOTAL_BYTES_MAX) {
      const error = overLimit('begin.total_bytes', TOTAL_BYTES_MAX, totalBytes, 'bytes');
      return this.write({ kind: 'error', sequence, error });
    }
    this.grantPending = true;
    const sinceMs = this.ports.clock.monotonicMs();
    this.ports.budget.reserve(totalBytes).then(() => {
      this.grantPending = false;
      if (this.closed) return this.ports.budget.release(totalBytes);
      const wholeMs = CHUNK_MS_MAX * Math.ceil(totalBytes / LIMITS.chunkBytesMax);
      const dueMs = this.ports.clock.monotonicMs() + wholeMs;
      const due = this.dueTimer(sequence, dueMs);
      this.partial = { sequence, bytes: Buffer.allocUnsafe(totalBytes), received: 0, sinceMs, dueMs, due };
      this.write({ kind: 'granted', sequence });
    });
  }

  private chunk(sequence: number, chunk: Uint8Array): void {
    const { partial } = this;
    if (partial?.sequence !== sequence) return this.fail(invalid('chunk', `append ${sequence} was not granted room`));
    if (chunk.length === 0) return this.fail(invalid('chunk', `one of append ${sequence} is empty`));
    if (chunk.length > LIMITS.chunkBytesMax) {
      return this.fail(overLimit('chunk', LIMITS.chunkBytesMax, chunk.length, 'bytes'));
    }
    if (partial.received + chunk.length > partial.bytes.length) {
      return this.fail(
        invalid('chunk', `append ${sequence} is larger than the ${partial.bytes.length} bytes announced`),
      );
    }
    partial.bytes.set(chunk, partial.received);
    partial.received += chunk.length;
    partial.due.cancel();
    if (partial.received < partial.bytes.length) {
      partial.due = this.dueTimer(sequence, partial.dueMs);
      return;
    }
    this.partial = undefined;
    this.append(sequence, partial.bytes, this.ports.clock.monotonicMs() - partial.sinceMs);
  }

  private dueTimer(sequence: number, dueMs: number): Timer {
    const leftMs = Math.max(0, dueMs - this.ports.clock.monotonicMs());
    return this.ports.clock.setTimer(Math.min(CHUNK_MS_MAX, leftMs), () => {
      const seconds = CHUNK_MS_MAX / 1000;
      const text = `append ${sequence} was granted room and did not come in time: a chunk within ${seconds} s of the one before, and all of it within ${seconds} s for each MiB. It is not written; send it again`;
      this.fail(new FactstoreError('DEADLINE_EXCEEDED', text, {}, { definite: true }));
    });
  }

  /** Answers that become known in one turn, as those of one batch of the log do, share a message. */
  private write(response: AppendStreamResponse): void {
    if (this.closed) return;
    if (response.kind === 'error') this.ports.traffic.refusedAppends.add(response.error.code);
    const message = encodeAppendStreamResponse(response);
    this.outgoing.push(message);
    this.outgoingBytes += message.length;
    if (this.outgoingBytes >= MESSAGE_BYTES_MAX) this.flush();
    else this.flushing.join(this.openAppends <= 1);
  }

  private flush(): void {
    if (this.closed || this.outgoing.length === 0) return;
    const message = encodeBatch(this.outgoing);
    this.outgoing = [];
    this.outgoingBytes = 0;
    if (!this.call.write(message)) {
      this.unwritten = true;
      this.flow();
    }
  }

  /** Nothing more is taken up for now, and something of the call's own will tell when it may be. */
  private get full(): boolean {
    return this.finishing || this.unwritten || this.openAppends >= OPEN_APPENDS_MAX || this.openBytes >= OPEN_BYTES_MAX;
  }

  private flow(): void {
    if (this.closed) return;
    const { full, hasRest } = this;
    // What has arrived is in the budget already, and leaves it only by being taken up.
    if (hasRest && !full) this.takingUp.join(false);
    // A call with nothing open is read on: nothing of its own would ever wake it up again.
    const short = this.openAppends > 0 && this.ports.budget.exhausted;
    const holds = full || short || hasRest || this.unread !== undefined;
    if (holds === this.call.isPaused()) return;
    if (!holds) return this.readOn();
    this.pausedMs = this.ports.clock.monotonicMs();
    this.call.pause();
  }

  private readOn(): void {
    const pausedMs = this.ports.clock.monotonicMs() - this.pausedMs;
    if (pausedMs <= UNREAD_MS_MAX) return void this.call.resume();
    const text = `this node had no room for more of the call for ${Math.round(pausedMs / 1000)} s. What was not read of it is not written; send it again, with its age`;
    this.unread = new FactstoreError('OVERLOADED', text, { pausedMs });
    this.endWhenAnswered();
  }

  /** Once the client has said its last word and has all its answers, or the route takes no more, the call ends. */
  private endWhenAnswered(): void {
    if (this.closed || this.openAppends > 0) return;
    if (this.route.refusal) return this.fail(this.route.refusal);
    if (this.unread) return this.fail(this.unread);
    if (this.finishing) return this.fail(new FactstoreError('NOT_READY', 'the node is stopping; go on at another one'));
    if (!this.clientEnded || this.hasRest) return;
    if (this.partial || this.grantPending) {
      return this.fail(invalid('chunk', 'the call ended before an announced append was sent whole'));
    }
    this.flush();
    this.close();
    this.call.end();
  }

  private fail(error: FactstoreError): void {
    if (this.closed) return;
    this.flush();
    this.close();
    this.call.emit('error', statusOf(error, this.ports.logger));
  }

  private close(): void {
    if (this.closed) return;
    this.closed = true;
    this.sessions.delete(this);
    for (const request of this.arrived.slice(this.taken))
      if (request.kind === 'append') this.ports.budget.release(request.append.length);
    this.arrived = NOTHING;
    if (!this.partial) return;
    this.partial.due.cancel();
    this.ports.budget.release(this.partial.bytes.length);
    this.partial = undefined;
  }
}

/**
 * A call of grpc-js reads 16 messages ahead, however large they are and also while it is paused: nobody would count
 * them. It offers no option for that; a test fails where it reads ahead all the same.
 */
function readNothingAhead(call: AppendStreamCall): void {
  const { _readableState: state } = call as unknown as { _readableState?: { highWaterMark: number } };
  if (state) state.highWaterMark = 0;
}
