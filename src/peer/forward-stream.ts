import { FactstoreError } from '../base/errors.ts';
import type { MemberId } from '../raft/types.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { decodeError } from './codec.ts';
import { decodeForwardResponse, encodeForwardRequest, type ForwardResponse } from './forward-codec.ts';
import { type ClientCall, describeStatus, openStream } from './grpc.ts';
import type { Handshake } from './handshake.ts';
import { nodeIdOf } from './identity.ts';

export interface ForwardStreamOptions {
  readonly leader: MemberId;
  readonly address: string;
  readonly handshake: Handshake;
  readonly clock: Clock;
  readonly ended: (reason: string, wasAccepted: boolean) => void;
}

export interface ForwardContext {
  /** The client's call: appends of one lane are judged in the order sent. 0: a lane of its own. */
  readonly lane: number;
  /** Until the client gives up; 0: it waits without end. */
  readonly deadlineMs: number;
  /** Since when it has been at this node, by the clock's monotonic hand, where that is not now. */
  readonly sinceMs?: number;
}

interface Pending {
  readonly sequence: number;
  readonly append: Uint8Array;
  readonly lane: number;
  /** On the monotonic clock; infinite: none. */
  readonly expiresMs: number;
  readonly sinceMs: number;
  readonly resolve: (answer: Uint8Array) => void;
  readonly reject: (error: FactstoreError) => void;
  sent: boolean;
}

const CONNECT_TIMEOUT_MS = 2000;
/** How late a passed deadline may be noticed. */
const SWEEP_MS = 25;
/** Handed to grpc-js and not yet flushed. */
const WRITING_BYTES_MAX = 4 * 1024 * 1024;
const WRITING_COUNT_MAX = 12;

/** One stream of appends to one leader. It begins with a greeting, and appends go out once that is accepted. */
export class ForwardStream {
  private readonly options: ForwardStreamOptions;
  private readonly call: ClientCall;
  private readonly cancel: () => void;
  private readonly connectTimer: Timer;
  private sweepTimer: Timer | undefined;
  /** In the order in which they came, which is that of sending. */
  private readonly pending = new Map<number, Pending>();
  private sequence = 0;
  /** The newest one whose turn to be sent has come. */
  private reached = 0;
  private pendingBytes = 0;
  private writingBytes = 0;
  private writingCount = 0;
  private state: 'connecting' | 'accepted' | 'retired' | 'over' = 'connecting';

  constructor(options: ForwardStreamOptions) {
    this.options = options;
    const { address, handshake, clock, leader } = options;
    const { call, close } = openStream(address, 'Forward');
    this.call = call;
    this.cancel = close;
    this.connectTimer = clock.setTimer(CONNECT_TIMEOUT_MS, () =>
      this.close(`timed out after ${CONNECT_TIMEOUT_MS / 1000} s`),
    );
    call.on('data', (bytes: Buffer) => this.received(bytes));
    call.on('status', (status) => this.close(describeStatus(address, status).reason));
    call.write(encodeForwardRequest({ kind: 'greeting', greeting: handshake.greeting(leader, false) }));
  }

  /** How many appends wait for an answer. */
  get size(): number {
    return this.pending.size;
  }

  get bytes(): number {
    return this.pendingBytes;
  }

  forward(append: Uint8Array, context: ForwardContext): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const sequence = ++this.sequence;
      const now = this.options.clock.monotonicMs();
      const expiresMs = context.deadlineMs > 0 ? now + context.deadlineMs : Number.POSITIVE_INFINITY;
      const { lane, sinceMs = now } = context;
      const pending = { sequence, append, lane, expiresMs, sinceMs, resolve, reject, sent: false };
      this.pending.set(sequence, pending);
      this.pendingBytes += append.length;
      this.pump();
      this.sweepTimer ??= this.options.clock.setTimer(SWEEP_MS, () => this.sweep());
    });
  }

  /** The leader is another one now. What was sent may still be answered. */
  retire(): void {
    if (this.state === 'over') return;
    const { leader } = this.options;
    for (const pending of [...this.pending.values()]) {
      if (!pending.sent) this.settle(pending)?.reject(unreachableLeader(leader, 'it leads no longer'));
    }
    if (this.state === 'connecting' || this.pending.size === 0) return this.close('it leads no longer');
    this.state = 'retired';
    this.call.end();
  }

  /** Rejects everything that is pending. */
  close(reason: string): void {
    if (this.state === 'over') return;
    const wasAccepted = this.state !== 'connecting';
    this.state = 'over';
    this.connectTimer.cancel();
    this.sweepTimer?.cancel();
    this.cancel();
    const { leader, ended } = this.options;
    ended(reason, wasAccepted);
    for (const pending of [...this.pending.values()]) {
      this.settle(pending)?.reject(pending.sent ? fateUnknown(leader, reason) : unreachableLeader(leader, reason));
    }
  }

  private received(bytes: Buffer): void {
    if (this.state === 'over') return;
    let response: ForwardResponse;
    try {
      response = decodeForwardResponse(bytes);
    } catch (thrown) {
      return this.close(`it answered in a way that is not understood: ${decodeError(thrown).message}`);
    }
    if (response.kind === 'accepted') return this.accepted();
    const pending = this.pending.get(response.sequence);
    if (pending) {
      this.settle(pending);
      if (response.kind === 'answer') pending.resolve(response.answer);
      else pending.reject(response.error);
    }
    if (this.state === 'retired' && this.pending.size === 0) this.close('it leads no longer');
  }

  private accepted(): void {
    if (this.state !== 'connecting') return;
    this.connectTimer.cancel();
    this.state = 'accepted';
    this.pump();
  }

  private pump(): void {
    if (this.state !== 'accepted') return;
    const room = () => this.writingCount < WRITING_COUNT_MAX && this.writingBytes < WRITING_BYTES_MAX;
    while (this.reached < this.sequence && room()) {
      const next = this.pending.get(++this.reached);
      if (next) this.write(next);
    }
  }

  private write(pending: Pending): void {
    const { sequence, append, lane, expiresMs, sinceMs } = pending;
    const now = this.options.clock.monotonicMs();
    const leftMs = expiresMs - now;
    const waitedMs = Math.max(0, Math.round(now - sinceMs));
    if (leftMs <= 0) return this.expire(pending);
    const deadlineMs = Number.isFinite(leftMs) ? Math.max(1, Math.floor(leftMs)) : 0;
    const bytes = encodeForwardRequest({ kind: 'append', sequence, append, lane, deadlineMs, waitedMs });
    pending.sent = true;
    this.writingCount++;
    this.writingBytes += bytes.length;
    this.call.write(bytes, () => {
      this.writingCount--;
      this.writingBytes -= bytes.length;
      this.pump();
    });
  }

  private sweep(): void {
    this.sweepTimer = undefined;
    const now = this.options.clock.monotonicMs();
    for (const pending of [...this.pending.values()]) if (pending.expiresMs <= now) this.expire(pending);
    if (this.pending.size > 0) this.sweepTimer = this.options.clock.setTimer(SWEEP_MS, () => this.sweep());
  }

  private expire(pending: Pending): void {
    const fate = pending.sent
      ? 'it was forwarded to the leader and may or may not be written; repeat it with the same append id'
      : 'it was not yet forwarded to the leader. Nothing was written';
    const text = `the deadline of the append has passed: ${fate}`;
    const error = new FactstoreError('DEADLINE_EXCEEDED', text, {}, { definite: !pending.sent });
    this.settle(pending)?.reject(error);
  }

  /** Takes it out; undefined where it was settled before. */
  private settle(pending: Pending): Pending | undefined {
    if (!this.pending.delete(pending.sequence)) return undefined;
    this.pendingBytes -= pending.append.length;
    return pending;
  }
}

function fateUnknown(leader: MemberId, reason: string): FactstoreError {
  const name = nodeIdOf(leader);
  const text = `the connection to the leader ${name} ended (${reason}) while an append was under way: it may or may not be written. Repeat it with the same append id`;
  return new FactstoreError('LEADERSHIP_LOST', text, { leader: name });
}

/** Before it was sent: certainly not written. */
export function unreachableLeader(leader: MemberId, reason: string): FactstoreError {
  const name = nodeIdOf(leader);
  return new FactstoreError(
    'NO_LEADER',
    `the leader ${name} cannot be reached (${reason}). Nothing was written. Try again`,
    {
      leader: name,
    },
  );
}
