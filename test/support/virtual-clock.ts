import type { Clock, Timer } from '../../src/runtime/clock.ts';

interface Due {
  readonly at: number;
  readonly order: number;
  readonly fire: () => void;
}

/** 2023-11-14, in microseconds. */
const EPOCH_US = 1_700_000_000_000_000;
/** More turns than this without time moving on is a loop that never ends. */
const TURNS_MAX = 1_000_000;

/**
 * Time that moves only when it is told to. What is due at the same moment happens in the order in which it was asked
 * for, so a run is the same every time. Promises settle between any two steps, as they do between turns of the event
 * loop; nothing here waits for the machine's own clock.
 */
export class VirtualTime {
  private now = 0;
  private order = 0;
  private timers: Due[] = [];
  private turns: (() => void)[] = [];

  get nowMs(): number {
    return this.now;
  }

  /** A clock on this time whose wall clock is off by `skewUs()`. */
  clock(skewUs: () => number = () => 0): Clock {
    return {
      nowUs: () => EPOCH_US + Math.round(this.now * 1000) + skewUs(),
      monotonicMs: () => this.now,
      setTimer: (ms, fire) => this.after(ms, fire),
      sleep: sleepBy((ms, fire) => this.after(ms, fire)),
      soon: (run) => void this.turns.push(run),
      yieldTurn: () => new Promise((resolve) => this.turns.push(resolve)),
    };
  }

  after(ms: number, fire: () => void): Timer {
    const due = { at: this.now + Math.max(0, ms), order: this.order++, fire };
    this.timers.push(due);
    return { cancel: () => this.forget(due) };
  }

  /** Does everything that is to be done at this moment, and all that follows from it. */
  async settle(): Promise<void> {
    await promisesSettle();
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      const next = this.turns.shift() ?? this.takeDue();
      if (!next) return;
      next();
      await promisesSettle();
    }
    throw new Error(`there is always something to do at ${this.now} ms`);
  }

  /** Lets `ms` milliseconds pass. */
  async run(ms: number): Promise<void> {
    const end = this.now + ms;
    await this.settle();
    for (let next = this.earliest(); next && next.at <= end; next = this.earliest()) {
      this.now = Math.max(this.now, next.at);
      await this.settle();
    }
    this.now = end;
  }

  /** Lets time pass until `condition` holds; fails once `ms` have. */
  async until(what: string, condition: () => boolean, ms = 60_000): Promise<void> {
    const end = this.now + ms;
    await this.settle();
    while (!condition()) {
      const next = this.earliest();
      if (!next || next.at > end) throw new Error(`not within ${ms} ms: ${what}`);
      this.now = Math.max(this.now, next.at);
      await this.settle();
    }
  }

  private earliest(): Due | undefined {
    let first: Due | undefined;
    for (const due of this.timers) {
      if (!first || due.at < first.at || (due.at === first.at && due.order < first.order)) first = due;
    }
    return first;
  }

  private takeDue(): (() => void) | undefined {
    const due = this.earliest();
    if (!due || due.at > this.now) return undefined;
    this.forget(due);
    return due.fire;
  }

  private forget(due: Due): void {
    this.timers = this.timers.filter((other) => other !== due);
  }
}

/** Everything in these nodes that is not on virtual time is a promise; they have all settled after this. */
function promisesSettle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A clock's `sleep`, made of its timers. */
export function sleepBy(after: Clock['setTimer']): Clock['sleep'] {
  return (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        timer.cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = after(ms, done);
      signal?.addEventListener('abort', done, { once: true });
    });
}
