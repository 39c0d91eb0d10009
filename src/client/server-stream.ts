import type { ClientReadableStream } from '@grpc/grpc-js';
import { FactstoreError } from '../base/errors.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { fromGrpc } from './status-error.ts';

/** Messages that wait here for the consumer; beyond it the call is paused, and flow control reaches the node. */
const BUFFERED_MAX = 2;

interface Waiter<T> {
  readonly resolve: (message: T | undefined) => void;
  readonly reject: (error: FactstoreError) => void;
  timer?: Timer | undefined;
}

/** The answers of a server-streaming call, taken one at a time. */
export class ServerStream<T> {
  private readonly call: ClientReadableStream<T>;
  private readonly address: string;
  private readonly clock: Clock;
  private readonly buffer: T[] = [];
  private waiter: Waiter<T> | undefined;
  private ended: FactstoreError | 'end' | undefined;

  constructor(call: ClientReadableStream<T>, address: string, clock: Clock) {
    this.call = call;
    this.address = address;
    this.clock = clock;
    call.on('data', (message: T) => this.receive(message));
    call.on('end', () => this.end('end'));
    // Also after a cancel: an error event without a listener would end the process.
    call.on('error', (error) => this.end(fromGrpc(error, address)));
  }

  /**
   * The next message; undefined at the end. Ends in DEADLINE_EXCEEDED where none comes in time (0: without limit). Must
   * not be called again before it has answered.
   */
  next(timeoutMs: number): Promise<T | undefined> {
    const message = this.buffer.shift();
    if (message !== undefined) {
      if (this.call.isPaused()) this.call.resume();
      return Promise.resolve(message);
    }
    if (this.ended === 'end') return Promise.resolve(undefined);
    if (this.ended) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T> = { resolve, reject };
      this.waiter = waiter;
      if (timeoutMs > 0) waiter.timer = this.clock.setTimer(timeoutMs, () => this.timeOut(timeoutMs));
    });
  }

  /** Ends the call. A waiting `next` answers undefined. */
  cancel(): void {
    this.end('end');
    this.buffer.length = 0;
    this.call.cancel();
    // What was on its way is taken and dropped, so that the call can close.
    this.call.resume();
  }

  private receive(message: T): void {
    if (this.ended) return;
    const { waiter } = this;
    if (waiter) {
      this.settle();
      waiter.resolve(message);
      return;
    }
    this.buffer.push(message);
    if (this.buffer.length >= BUFFERED_MAX) this.call.pause();
  }

  private end(how: FactstoreError | 'end'): void {
    if (this.ended) return;
    this.ended = how;
    const { waiter } = this;
    if (!waiter) return;
    this.settle();
    if (how === 'end') waiter.resolve(undefined);
    else waiter.reject(how);
  }

  private timeOut(timeoutMs: number): void {
    const reason = `timed out after ${timeoutMs / 1000} s`;
    const details = { address: this.address, reason };
    this.end(new FactstoreError('DEADLINE_EXCEEDED', `${this.address}: ${reason}`, details));
    this.call.cancel();
  }

  private settle(): void {
    this.waiter?.timer?.cancel();
    this.waiter = undefined;
  }
}
