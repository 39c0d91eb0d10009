/** A value that only rises, and that others wait for. Used for the head, the applied index and the like. */
export class Watched {
  private current: number;
  private waiters: { readonly at: number; readonly wake: () => void }[] = [];

  constructor(initial: number) {
    this.current = initial;
  }

  get value(): number {
    return this.current;
  }

  /** Raises the value and wakes those who waited for it. */
  raise(value: number): void {
    if (value <= this.current) return;
    this.current = value;
    if (this.waiters.length === 0) return;
    const ready = this.waiters.filter((waiter) => waiter.at <= value);
    if (ready.length === 0) return;
    this.waiters = this.waiters.filter((waiter) => waiter.at > value);
    for (const waiter of ready) waiter.wake();
  }

  /** Resolves to true once the value is at least `at`, to false once the signal is aborted. */
  reached(at: number, signal?: AbortSignal): Promise<boolean> {
    if (this.current >= at) return Promise.resolve(true);
    if (signal?.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const abort = () => {
        this.waiters = this.waiters.filter((other) => other !== waiter);
        resolve(false);
      };
      const waiter = {
        at,
        wake: () => {
          signal?.removeEventListener('abort', abort);
          resolve(true);
        },
      };
      this.waiters.push(waiter);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}
