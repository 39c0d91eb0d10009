import type { Clock } from '../../src/runtime/clock.ts';
import { sleepBy } from '../support/virtual-clock.ts';
import type { Time } from './time.ts';

/** 2023-11-14, in microseconds. */
const EPOCH_US = 1_700_000_000_000_000;

/**
 * One process of a machine: everything that happens in it passes through `enter`. A dead process does nothing any more,
 * whatever it waited for; a paused one does it all when it goes on.
 */
export class Process {
  alive = true;
  private readonly time: Time;
  private readonly skewUs: () => number;
  private backlog: (() => void)[] | undefined;
  /** Told when the process has died: its clients see their connections close. */
  readonly onDeath = new Set<() => void>();

  constructor(time: Time, skewUs: () => number) {
    this.time = time;
    this.skewUs = skewUs;
  }

  get paused(): boolean {
    return this.backlog !== undefined;
  }

  /** Runs something in the process, now or when it goes on. */
  enter(run: () => void): void {
    if (!this.alive) return;
    if (this.backlog) this.backlog.push(run);
    else run();
  }

  after(ms: number, run: () => void): { cancel(): void } {
    const event = this.time.after(ms, () => this.enter(step));
    let cancelled = false;
    const step = () => {
      if (!cancelled) run();
    };
    return {
      cancel: () => {
        cancelled = true;
        event.run = undefined;
      },
    };
  }

  /** Ends when the process goes on after `ms` milliseconds, and never in a dead one. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  pause(): void {
    this.backlog ??= [];
  }

  /** What came in meanwhile happens now, each in a turn of its own. */
  resume(): void {
    const { backlog } = this;
    this.backlog = undefined;
    for (const run of backlog ?? []) this.time.after(0, () => this.enter(run));
  }

  die(): void {
    this.alive = false;
    this.backlog = undefined;
    for (const told of this.onDeath) told();
    this.onDeath.clear();
  }

  readonly clock: Clock = {
    nowUs: () => EPOCH_US + Math.round(this.time.nowMs * 1000) + this.skewUs(),
    monotonicMs: () => this.time.nowMs,
    setTimer: (ms, fire) => this.after(ms, fire),
    sleep: sleepBy((ms, fire) => this.after(ms, fire)),
    soon: (run) => void this.after(0, run),
    yieldTurn: () => new Promise((resolve) => this.after(0, resolve)),
  };
}
