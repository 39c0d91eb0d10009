import type { Clock } from './clock.ts';

/**
 * Work that many inputs may share: it is done once, in a turn of the event loop of its own, after all inputs that wait now
 * have joined. An input that is known to be alone is not kept waiting for others: it has the work done when the code that
 * took it in has run. Measured: with one append in flight those turns are a tenth of its latency.
 */
export class SharedTurn {
  private readonly clock: Pick<Clock, 'soon'>;
  private readonly work: () => void;
  private scheduled = false;

  constructor(clock: Pick<Clock, 'soon'>, work: () => void) {
    this.clock = clock;
    this.work = work;
  }

  /** Has the work done for an input. */
  join(alone: boolean): void {
    if (this.scheduled) return;
    this.scheduled = true;
    if (alone) queueMicrotask(() => this.run());
    else this.clock.soon(() => this.run());
  }

  private run(): void {
    this.scheduled = false;
    this.work();
  }
}
