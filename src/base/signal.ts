/** Tells whether, and when, to give up: as much of an AbortSignal as is needed here, and each of those is one. */
export interface Signal {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/**
 * A Signal together with the end that aborts it, for what begins with every call. Node 20 makes hidden classes for each
 * AbortSignal, and V8 then keeps all that belongs to the call until the next major collection: a linearizable read of one
 * event cost the nodes half as much again (bench/EXPERIMENTS.md).
 */
export class Cancellation implements Signal {
  aborted = false;
  private readonly listeners: (() => void)[] = [];

  /** Tells everybody, once, in the order in which they came. Listeners do not throw. */
  abort(): void {
    this.aborted = true;
    for (let next = this.listeners.shift(); next; next = this.listeners.shift()) next();
  }

  /** A listener is told once; one that comes too late never, as with an AbortSignal. */
  addEventListener(_type: 'abort', listener: () => void): void {
    if (!this.aborted) this.listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const at = this.listeners.indexOf(listener);
    if (at >= 0) this.listeners.splice(at, 1);
  }
}
