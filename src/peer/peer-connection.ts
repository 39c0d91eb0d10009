import type { MemberId } from '../raft/types.ts';
import type { PeerMessage } from '../replica/ports.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { decodeError, decodeStreamMessage, encodeGreetingMessage, encodeRaftMessage } from './codec.ts';
import { describeStatus, openStream } from './grpc.ts';
import type { Handshake } from './handshake.ts';
import { Outbox, type OutboxLimits } from './outbox.ts';
import { raftSize } from './raft-codec.ts';

const MIB = 1024 * 1024;
const CONTROL: OutboxLimits = { bytesMax: MIB, countMax: 1024, drop: 'oldest' };
const BULK: OutboxLimits = { bytesMax: 64 * MIB, countMax: 4096, drop: 'newest' };

/** From dialling to the peer's greeting. */
const CONNECT_TIMEOUT_MS = 2000;
const BACKOFF_MIN_MS = 50;
const BACKOFF_MAX_MS = 1000;

export interface ConnectionOptions {
  readonly member: MemberId;
  /** Where it is looked for, one after another. */
  readonly addresses: readonly string[];
  readonly bulk: boolean;
  readonly handshake: Handshake;
  readonly clock: Clock;
  /** An integer from `from` (inclusive) to `to` (exclusive). */
  readonly random: (from: number, to: number) => number;
  readonly up: () => void;
  /** An established connection ended. */
  readonly lost: (reason: string) => void;
  /** An attempt came to nothing. */
  readonly failed: (reason: string) => void;
}

/** A stream that was dialled. */
interface Attempt {
  readonly close: () => void;
  readonly timer: Timer;
  outbox: Outbox | undefined;
}

/**
 * One stream of messages to one member, on a connection of its own, dialled anew whenever it ends. What it has not sent
 * when it ends is dropped, and so is what it is given while it is down: Raft repeats what still matters.
 */
export class PeerConnection {
  private readonly options: ConnectionOptions;
  private addresses: readonly string[];
  /** Where it is dialled now. */
  address: string;
  private attempt: Attempt | undefined;
  private redial: Timer | undefined;
  private failures = 0;
  private upSinceMs = 0;
  private closed = false;
  /** Why the connection is not established. */
  reason: string;

  constructor(options: ConnectionOptions) {
    this.options = options;
    this.addresses = options.addresses;
    this.address = options.addresses[0] as string;
    this.reason = `connecting to ${this.address}`;
    this.dial();
  }

  get established(): boolean {
    return this.attempt?.outbox !== undefined;
  }

  send(message: PeerMessage): void {
    const encode = () => encodeRaftMessage(message, this.options.clock.nowUs());
    this.attempt?.outbox?.push({ bytes: raftSize(message), encode });
  }

  /** Looks for the member at these addresses from now on, at once where the one that is dialled is none of them. */
  moveTo(addresses: readonly string[]): void {
    this.addresses = addresses;
    if (addresses.includes(this.address)) return;
    this.address = addresses[0] as string;
    this.redial?.cancel();
    this.failures = 0;
    const { attempt } = this;
    this.attempt = undefined;
    attempt?.timer.cancel();
    attempt?.close();
    this.dial();
  }

  /** Ends an established connection and dials anew. */
  drop(reason: string): void {
    if (this.attempt?.outbox) this.ended(this.attempt, reason);
  }

  close(): void {
    this.closed = true;
    this.redial?.cancel();
    this.attempt?.timer.cancel();
    this.attempt?.close();
    this.attempt = undefined;
    this.reason = 'closed';
  }

  private dial(): void {
    const { clock, handshake, member, bulk } = this.options;
    const { address } = this;
    const { call, close } = openStream(address, 'Messages');
    const timer = clock.setTimer(CONNECT_TIMEOUT_MS, () =>
      this.ended(attempt, `timed out after ${CONNECT_TIMEOUT_MS / 1000} s`),
    );
    const attempt: Attempt = { close, timer, outbox: undefined };
    this.attempt = attempt;
    call.on('data', (bytes: Buffer) => this.received(attempt, bytes, (data, flushed) => call.write(data, flushed)));
    call.on('status', (status) => {
      const { reason } = describeStatus(address, status);
      this.ended(attempt, reason);
    });
    call.write(encodeGreetingMessage(handshake.greeting(member, bulk)));
  }

  /** The peer says one thing on this stream: its greeting. */
  private received(attempt: Attempt, bytes: Buffer, write: (data: Buffer, flushed: () => void) => void): void {
    if (this.attempt !== attempt || attempt.outbox) return;
    const problem = this.judge(bytes);
    if (problem !== undefined) return this.ended(attempt, problem);
    attempt.timer.cancel();
    attempt.outbox = new Outbox(this.options.bulk ? BULK : CONTROL, write);
    this.upSinceMs = this.options.clock.monotonicMs();
    this.reason = '';
    this.options.up();
  }

  private judge(bytes: Buffer): string | undefined {
    const { handshake, member } = this.options;
    const { address } = this;
    try {
      const first = decodeStreamMessage(bytes, { from: member, to: handshake.self });
      if (first.kind !== 'greeting') return `${member} at ${address} did not greet`;
      return handshake.refusal(first.greeting, { member, address })?.message;
    } catch (error) {
      return `${member} at ${address} greeted in a way that is not understood: ${decodeError(error).message}`;
    }
  }

  private ended(attempt: Attempt, reason: string): void {
    if (this.attempt !== attempt) return;
    const wasUp = attempt.outbox !== undefined;
    // One that breaks again as soon as it is established must not be dialled without a pause.
    if (wasUp && this.options.clock.monotonicMs() - this.upSinceMs > BACKOFF_MAX_MS) this.failures = 0;
    this.attempt = undefined;
    attempt.timer.cancel();
    attempt.close();
    this.reason = reason;
    if (this.closed) return;
    if (!wasUp)
      this.address = this.addresses[(this.addresses.indexOf(this.address) + 1) % this.addresses.length] as string;
    this.redial = this.options.clock.setTimer(this.backoffMs(), () => this.dial());
    if (wasUp) this.options.lost(reason);
    else this.options.failed(reason);
  }

  /** Doubles from attempt to attempt. A refusal is no reason to wait longer: the peer may just not know its members yet. */
  private backoffMs(): number {
    const full = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(this.failures, 10));
    this.failures++;
    return this.options.random(Math.ceil(full / 2), full + 1);
  }
}
