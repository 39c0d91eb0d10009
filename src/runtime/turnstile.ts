import { Cancellation } from '../base/signal.ts';
import type { Clock } from './clock.ts';

/**
 * Lets so many through at a time; the others wait in the order in which they came. Whoever takes longer than the patience
 * goes on, but without a place: one that is stuck does not keep all others from their work.
 */
export class Turnstile {
  private free: number;
  private readonly clock: Clock;
  private readonly patienceMs: number;
  private readonly waiting: (() => void)[] = [];

  constructor(places: number, clock: Clock, patienceMs: number) {
    this.free = places;
    this.clock = clock;
    this.patienceMs = patienceMs;
  }

  /** How many wait. */
  get queued(): number {
    return this.waiting.length;
  }

  async through<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    const ended = new Cancellation();
    void this.clock.sleep(this.patienceMs, ended).then(() => this.giveOn());
    try {
      return await work();
    } finally {
      ended.abort();
    }
  }

  private giveOn(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free++;
  }
}
