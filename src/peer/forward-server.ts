import { InvariantViolation } from '../base/assert.ts';
import { FactstoreError } from '../base/errors.ts';
import { UNREAD_MS_MAX } from '../model/limits.ts';
import type { MemberId } from '../raft/types.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { decodeError, type Greeting } from './codec.ts';
import {
  decodeForwardRequest,
  encodeForwardResponse,
  type ForwardRequest,
  type ForwardResponse,
} from './forward-codec.ts';
import { endWithError, type ServerCall } from './grpc.ts';
import type { Handshake } from './handshake.ts';
import { memberId, refused } from './identity.ts';
import { GREETING_TIMEOUT_MS } from './incoming.ts';

/** Where a forwarded append comes from. */
export interface ForwardedContext {
  /** Unique for the follower's stream and the client's call: appends of one lane are judged in the order sent. */
  readonly lane: string;
  /** Until the client gives up; 0: it waits without end. */
  readonly deadlineMs: number;
  /** How long it waited at the follower. */
  readonly waitedMs: number;
  readonly from: MemberId;
}

/**
 * Judges a forwarded append, or rejects with a FactstoreError; never forwards it again (rule S9). It is called in the
 * order in which the appends came, and what it does before its first `await` keeps that order. The result is an
 * AppendResponse as bytes.
 */
export type ForwardHandler = (append: Uint8Array, context: ForwardedContext) => Promise<Uint8Array>;

export interface ForwardServerOptions {
  readonly handshake: Handshake;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly handle: ForwardHandler;
}

/** Appends of one stream without a flushed answer; beyond it the follower is made to wait. */
const OPEN_MAX = 4096;
const OPEN_BYTES_MAX = 64 * 1024 * 1024;

/** The leader's side of Forward. */
export class ForwardServer {
  private readonly options: ForwardServerOptions;
  private calls = 0;

  constructor(options: ForwardServerOptions) {
    this.options = options;
  }

  accept(call: ServerCall): void {
    new ForwardCall(call, `forward-${++this.calls}`, this.options);
  }
}

class ForwardCall {
  private from: MemberId | undefined;
  private over = false;
  private halfClosed = false;
  private open = 0;
  private openBytes = 0;
  private pausedMs = 0;
  private readonly call: ServerCall;
  private readonly name: string;
  private readonly options: ForwardServerOptions;
  private readonly greetingTimer: Timer;

  constructor(call: ServerCall, name: string, options: ForwardServerOptions) {
    this.call = call;
    this.name = name;
    this.options = options;
    this.greetingTimer = options.clock.setTimer(GREETING_TIMEOUT_MS, () => {
      if (!this.from) this.refuse(refused('identity', 'no greeting came'));
    });
    const finish = () => {
      this.over = true;
      this.greetingTimer.cancel();
    };
    call.on('data', (bytes: Buffer) => this.received(bytes));
    call.on('cancelled', finish);
    call.on('error', finish);
    call.on('close', finish);
    call.on('end', () => {
      this.halfClosed = true;
      this.endWhenDone();
    });
  }

  private received(bytes: Buffer): void {
    if (this.over) return;
    let request: ForwardRequest;
    try {
      request = decodeForwardRequest(bytes);
    } catch (thrown) {
      const error = decodeError(thrown);
      this.options.handshake.badMessage(this.from, this.call.getPeer(), error);
      return this.refuse(error);
    }
    if (this.from === undefined) {
      if (request.kind === 'greeting') this.greeted(request.greeting);
      else this.refuse(refused('identity', 'the first message must be a greeting'));
    } else if (request.kind === 'append') {
      void this.judge(request, this.from);
    } else this.refuse(refused('identity', 'a greeting stands only at the beginning'));
  }

  private greeted(greeting: Greeting): void {
    const error = this.options.handshake.refusal(greeting);
    if (error) return this.refuse(error);
    this.from = memberId(greeting.nodeId, greeting.directoryId);
    this.greetingTimer.cancel();
    this.call.write(encodeForwardResponse({ kind: 'accepted' }));
  }

  private async judge(request: Extract<ForwardRequest, { kind: 'append' }>, from: MemberId): Promise<void> {
    const { sequence, append, deadlineMs, waitedMs } = request;
    this.opened(append.length);
    const lane = request.lane === 0 ? `${this.name}/0/${sequence}` : `${this.name}/${request.lane}`;
    let response: ForwardResponse;
    try {
      const answer = await this.options.handle(append, { lane, deadlineMs, waitedMs, from });
      response = { kind: 'answer', sequence, answer };
    } catch (thrown) {
      response = { kind: 'error', sequence, error: this.asError(thrown) };
    }
    if (this.over) return;
    this.call.write(encodeForwardResponse(response), () => this.flushed(append.length));
  }

  private asError(thrown: unknown): FactstoreError {
    if (thrown instanceof FactstoreError) return thrown;
    if (thrown instanceof InvariantViolation) throw thrown;
    this.options.logger.error({ event: 'forward.failed', err: thrown }, 'a forwarded append failed unexpectedly');
    return new FactstoreError('INTERNAL', 'the leader failed unexpectedly; its log says more');
  }

  private opened(bytes: number): void {
    this.open++;
    this.openBytes += bytes;
    if (this.call.isPaused() || (this.open < OPEN_MAX && this.openBytes < OPEN_BYTES_MAX)) return;
    this.pausedMs = this.options.clock.monotonicMs();
    this.call.pause();
  }

  private flushed(bytes: number): void {
    this.open--;
    this.openBytes -= bytes;
    if (this.over) return;
    if (this.call.isPaused() && this.open < OPEN_MAX / 2 && this.openBytes < OPEN_BYTES_MAX / 2) this.readOn();
    this.endWhenDone();
  }

  private readOn(): void {
    if (this.options.clock.monotonicMs() - this.pausedMs > UNREAD_MS_MAX) this.halfClosed = true;
    else this.call.resume();
  }

  /**
   * A follower that has a new leader ends its half, or what it sent was left unread for too long; it gets the answers that it
   * still waits for.
   */
  private endWhenDone(): void {
    if (!this.halfClosed || this.open > 0 || this.over) return;
    this.over = true;
    this.greetingTimer.cancel();
    this.call.end();
  }

  private refuse(error: FactstoreError): void {
    if (this.over) return;
    this.over = true;
    this.greetingTimer.cancel();
    endWithError(this.call, error);
  }
}
