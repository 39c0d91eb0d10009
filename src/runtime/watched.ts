import type { Signal } from '../base/signal.ts';

interface Waiter {
  readonly at: number;
  /** Told whether the value was reached. */
  readonly end: (reached: boolean) => void;
}

/** A value that only rises, and that others wait for. Used for the head, the applied index and the like. */
export class Watched {
  private current: number;
  private readonly waiters = new Set<Waiter>();
  private closed = false;

  constructor(initial: number) {
    this.current = initial;
  }

  get value(): number {
    return this.current;
  }

  /** How many wait. */
  get waiting(): number {
    return this.waiters.size;
  }

  /** Raises the value and wakes those who waited for it. */
  raise(value: number): void {
    if (value <= this.current) return;
    this.current = value;
    for (const waiter of this.waiters) {
      if (waiter.at > value) continue;
      this.waiters.delete(waiter);
      waiter.end(true);
    }
  }

  /** Nobody waits any more, now or later: what is not reached yet never will be. */
  close(): void {
    this.closed = true;
    for (const waiter of this.waiters) waiter.end(false);
    this.waiters.clear();
  }

  /** Resolves to true once the value is at least `at`, to false once the signal is aborted or the value is closed. */
  reached(at: number, signal?: Signal): Promise<boolean> {
    if (this.current >= at) return Promise.resolve(true);
    if (this.closed || signal?.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const abort = () => {
        this.waiters.delete(waiter);
        resolve(false);
      };
      const waiter: Waiter = {
        at,
        end: (reached) => {
          signal?.removeEventListener('abort', abort);
          resolve(reached);
        },
      };
      this.waiters.add(waiter);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}
