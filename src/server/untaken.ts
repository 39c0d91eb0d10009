import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Signal } from '../base/signal.ts';

/**
 * What a call may have written that its client has not taken. The stream of grpc-js counts messages, and lets 16 of
 * them wait however large they are: 50 subscriptions that never read held 200 MiB of events of 256 KiB.
 */
const UNTAKEN_BYTES_MAX = 1 << 20;

/** Where all calls together hold more than this, none writes another message before what it wrote is taken. */
const ALL_UNTAKEN_BYTES_MAX = 128 << 20;

/** What all calls have written that their clients have not taken: 2,000 that never read could hold 2.6 GiB. */
export class UntakenBudget {
  private readonly bytesMax: number;
  private bytes = 0;

  constructor(bytesMax = ALL_UNTAKEN_BYTES_MAX) {
    this.bytesMax = bytesMax;
  }

  get used(): number {
    return this.bytes;
  }

  /** How much one call may hold: where there is no room left one message, so that all of them go on. */
  get perCall(): number {
    return this.bytes > this.bytesMax ? 0 : UNTAKEN_BYTES_MAX;
  }

  add(bytes: number): void {
    this.bytes += bytes;
  }
}

/** The messages of a call that were written and that the client has not taken. */
export class Untaken<Message> {
  private readonly call: ServerWritableStream<unknown, Message>;
  private readonly sizeOf: (message: Message) => number;
  private readonly signal: Signal;
  private readonly budget: UntakenBudget;
  private bytes = 0;
  private wake: (() => void) | undefined;

  constructor(
    call: ServerWritableStream<unknown, Message>,
    signal: Signal,
    sizeOf: (message: Message) => number,
    budget: UntakenBudget,
  ) {
    this.sizeOf = sizeOf;
    this.call = call;
    this.signal = signal;
    this.budget = budget;
    signal.addEventListener('abort', () => this.ended(), { once: true });
  }

  /** Undefined where there is room for another one; else resolves once there is, or the call has ended. */
  write(message: Message): Promise<void> | undefined {
    const size = this.sizeOf(message);
    this.add(size);
    this.call.write(message, () => this.taken(size));
    if (this.bytes <= this.budget.perCall) return undefined;
    return new Promise((resolve) => {
      this.wake = resolve;
      if (this.signal.aborted) resolve();
    });
  }

  private taken(bytes: number): void {
    if (this.signal.aborted) return;
    this.add(-bytes);
    if (this.bytes <= this.budget.perCall / 2) this.wake?.();
  }

  /** What it had written is gone with it, and is not told as taken, or not at once. */
  private ended(): void {
    this.add(-this.bytes);
    this.wake?.();
  }

  private add(bytes: number): void {
    this.bytes += bytes;
    this.budget.add(bytes);
  }
}
