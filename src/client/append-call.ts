import type { ClientDuplexStream } from '@grpc/grpc-js';
import { concatBytes } from '../base/bytes.ts';
import { FactstoreError } from '../base/errors.ts';
import { LIMITS } from '../model/limits.ts';
import { encodeAttemptAge } from '../proto/append-request.ts';
import {
  type AppendStreamResponse,
  appendMessage,
  type Batch,
  encodeAppendStreamRequest,
  encodeBatch,
  lengthOf,
  type Pieces,
  REQUESTS_PER_MESSAGE_MAX,
} from '../proto/append-stream.ts';
import { eventsService } from '../proto/services.ts';
import type { Clock } from '../runtime/clock.ts';
import { deferred } from '../runtime/deferred.ts';
import { SharedTurn } from '../runtime/shared-turn.ts';
import type { Route } from './leader-finder.ts';
import type { PendingAppend } from './pending-append.ts';
import { fromGrpc } from './status-error.ts';

/** `forward: false`, to be merged into an append: a node that does not lead is to say so instead of passing it on. */
const DO_NOT_FORWARD = Uint8Array.of(0x28, 0);

/** Messages are put into one up to this size, which every node takes. */
const MESSAGE_BYTES_MAX = 2 << 20;

/** What becomes of the appends of one call. */
export interface AppendCallEvents {
  /** An answer, as the bytes of an AppendResponse. */
  answered(append: PendingAppend, answer: Uint8Array): void;
  /** A refusal, or an unknown fate. */
  refused(append: PendingAppend, error: FactstoreError): void;
  /** There may be room for more. */
  room(): void;
}

export interface InFlightLimits {
  readonly messages: number;
  readonly bytes: number;
}

/** One AppendStream call to one node: numbers the appends, and matches the answers to them. */
export class AppendCall {
  readonly route: Route;
  /** Resolves, with the reason, when the call is over; what is then still in flight has an unknown fate. */
  readonly ended: Promise<FactstoreError>;
  private readonly call: ClientDuplexStream<Uint8Array, Batch<AppendStreamResponse>>;
  private readonly events: AppendCallEvents;
  private readonly limits: InFlightLimits;
  private readonly inFlight = new Map<number, PendingAppend>();
  private readonly flushing: SharedTurn;
  /** Messages that were not written yet. */
  private outgoing: (Uint8Array | Pieces)[] = [];
  private outgoingBytes = 0;
  private bytes = 0;
  private sequence = 0;
  /** An append in chunks that waits to be granted room; nothing may pass it. */
  private chunked: { readonly sequence: number; readonly request: Uint8Array } | undefined;

  constructor(route: Route, clock: Clock, limits: InFlightLimits, events: AppendCallEvents) {
    this.flushing = new SharedTurn(clock, () => this.flush());
    this.route = route;
    this.limits = limits;
    this.events = events;
    this.call = route.node.duplex<Batch<AppendStreamResponse>>(eventsService.AppendStream);
    const end = deferred<FactstoreError>();
    this.ended = end.promise;
    const { address } = route.node;
    this.call.on('data', (responses: Batch<AppendStreamResponse>) => {
      for (const response of responses) this.receive(response);
      this.events.room();
    });
    this.call.on('error', (error) => end.resolve(fromGrpc(error, address)));
    this.call.on('end', () => {
      const reason = 'it ended the call';
      end.resolve(new FactstoreError('UNREACHABLE', `${address}: ${reason}`, { address, reason }));
    });
  }

  get hasRoom(): boolean {
    if (this.chunked) return false;
    if (this.inFlight.size === 0) return true;
    return this.inFlight.size < this.limits.messages && this.bytes < this.limits.bytes;
  }

  get isEmpty(): boolean {
    return this.inFlight.size === 0;
  }

  /** The appends that are sent and not answered, in the order sent. */
  get unanswered(): PendingAppend[] {
    return [...this.inFlight.values()];
  }

  /** Sends an append; `nowMs` is the time by the clock's monotonic hand. */
  send(append: PendingAppend, nowMs: number): void {
    const sequence = ++this.sequence;
    this.inFlight.set(sequence, append);
    this.bytes += append.request.length;
    append.inFlight = true;
    const suffix = this.suffix(append, nowMs);
    append.firstSentMs ??= nowMs;
    if (append.request.length + (suffix?.length ?? 0) <= LIMITS.chunkBytesMax) {
      this.write(appendMessage(sequence, append.request, suffix));
      return;
    }
    const request = suffix ? concatBytes([append.request, suffix]) : append.request;
    this.chunked = { sequence, request };
    this.write(encodeAppendStreamRequest({ kind: 'begin', sequence, totalBytes: request.length }));
  }

  /** What is sent in one turn shares a message, for a message costs more than an append. */
  private write(message: Uint8Array | Pieces): void {
    const length = lengthOf(message);
    const full = this.outgoing.length === REQUESTS_PER_MESSAGE_MAX;
    if (full || this.outgoingBytes + length > MESSAGE_BYTES_MAX) this.flush();
    this.outgoing.push(message);
    this.outgoingBytes += length;
    this.flushing.join(this.inFlight.size <= 1);
  }

  private flush(): void {
    if (this.outgoing.length === 0) return;
    this.call.write(encodeBatch(this.outgoing));
    this.outgoing = [];
    this.outgoingBytes = 0;
  }

  cancel(): void {
    this.call.cancel();
  }

  /** How old the append is where this is a repeat (rule S6), and that it is not to be forwarded. */
  private suffix(append: PendingAppend, nowMs: number): Uint8Array | undefined {
    const first = append.firstSentMs;
    const age = first === undefined ? undefined : encodeAttemptAge(Math.max(1, Math.round(nowMs - first)));
    if (!this.route.leads) return age;
    return age ? concatBytes([age, DO_NOT_FORWARD]) : DO_NOT_FORWARD;
  }

  private receive(response: AppendStreamResponse): void {
    const append = this.inFlight.get(response.sequence);
    if (!append) return;
    if (response.kind === 'granted') return this.sendChunks(response.sequence);
    this.inFlight.delete(response.sequence);
    this.bytes -= append.request.length;
    append.inFlight = false;
    if (this.chunked?.sequence === response.sequence) this.chunked = undefined;
    if (response.kind === 'answer') this.events.answered(append, response.answer);
    else this.events.refused(append, response.error);
  }

  private sendChunks(sequence: number): void {
    if (this.chunked?.sequence !== sequence) return;
    const { request } = this.chunked;
    for (let at = 0; at < request.length; at += LIMITS.chunkBytesMax) {
      const chunk = request.subarray(at, at + LIMITS.chunkBytesMax);
      this.write(encodeAppendStreamRequest({ kind: 'chunk', sequence, chunk }));
    }
    this.chunked = undefined;
    this.events.room();
  }
}
