import type { Clock } from '../runtime/clock.ts';

/** Lines remembered at most: what comes from outside must not fill the memory. */
const KEYS_MAX = 1000;

/** Lets the same line through once in a while, however often it comes up. */
export class RareLog {
  private readonly clock: Clock;
  private readonly everyMs: number;
  private readonly last = new Map<string, number>();

  constructor(clock: Clock, everyMs: number) {
    this.clock = clock;
    this.everyMs = everyMs;
  }

  /** Calls `write` unless it did for the same key a short while ago. */
  once(key: string, write: () => void): void {
    const now = this.clock.monotonicMs();
    const before = this.last.get(key);
    if (before !== undefined && now - before < this.everyMs) return;
    if (this.last.size >= KEYS_MAX) this.last.clear();
    this.last.set(key, now);
    write();
  }
}
