import type { Signal } from '../base/signal.ts';
import type { Clock, Timer } from '../runtime/clock.ts';

/** Ends a turn. */
export type EndTurn = () => void;

/**
 * Lets the decisions of one client about the same thing go one after another, in the order in which they came: side by
 * side, each that holds makes all others decide in vain. It is no lock: a turn that takes too long gives way to the next
 * one, whoever has lost its patience goes on all the same, and the leader refuses what was decided on old events. So a
 * decision that is stuck, or that waits for another one about the same thing, holds up nobody for longer.
 */
export class Turns {
  private readonly clock: Clock;
  private readonly turnMsMax: number;
  /** Those that wait, first come first, behind the one that has the turn. */
  private readonly lines = new Map<string, Set<() => void>>();

  constructor(clock: Clock, turnMsMax = 2_000) {
    this.clock = clock;
    this.turnMsMax = turnMsMax;
  }

  /** Whether one has the turn. */
  isTaken(about: string): boolean {
    return this.lines.has(about);
  }

  /** Resolves with the end of a turn once it has come; with undefined where the patience or the signal ended before. */
  async take(about: string, patienceMs: number, signal: Signal): Promise<EndTurn | undefined> {
    const line = this.lines.get(about);
    if (line) return this.wait(about, line, patienceMs, signal);
    this.lines.set(about, new Set());
    return this.begin(about);
  }

  private wait(about: string, line: Set<() => void>, patienceMs: number, signal: Signal): Promise<EndTurn | undefined> {
    return new Promise((resolve) => {
      let patience: Timer | undefined;
      const leave = (end?: EndTurn) => {
        line.delete(come);
        patience?.cancel();
        signal.removeEventListener('abort', giveUp);
        resolve(end);
      };
      const come = () => leave(this.begin(about));
      const giveUp = () => leave();
      line.add(come);
      patience = this.clock.setTimer(patienceMs, giveUp);
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) giveUp();
    });
  }

  private begin(about: string): EndTurn {
    let over = false;
    const end = () => {
      if (over) return;
      over = true;
      limit.cancel();
      this.next(about);
    };
    const limit = this.clock.setTimer(this.turnMsMax, end);
    return end;
  }

  private next(about: string): void {
    const [come] = this.lines.get(about) ?? [];
    if (come) come();
    else this.lines.delete(about);
  }
}
