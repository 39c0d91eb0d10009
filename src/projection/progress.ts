import type { Clock } from '../runtime/clock.ts';

const WINDOW_MS = 2_000;

/** How fast a generation has processed events lately. */
export class Progress {
  private readonly clock: Clock;
  private startMs: number;
  private count = 0;
  private rate = 0;
  private all = 0;

  constructor(clock: Clock) {
    this.clock = clock;
    this.startMs = clock.monotonicMs();
  }

  processed(events: number): void {
    this.roll();
    this.count += events;
    this.all += events;
  }

  /** Events since the start of this run. */
  get total(): number {
    return this.all;
  }

  get eventsPerSecond(): number {
    this.roll();
    return Math.round(this.rate);
  }

  private roll(): void {
    const elapsed = this.clock.monotonicMs() - this.startMs;
    if (elapsed < WINDOW_MS) return;
    this.rate = (this.count * 1000) / elapsed;
    this.count = 0;
    this.startMs += elapsed;
  }
}
