import type { Clock } from '../runtime/clock.ts';
import { SharedTurn } from '../runtime/shared-turn.ts';

/** Answers that leave in one turn of the event loop. Measured: with 6 or fewer the turns cost more than they bring. */
const GROUP = 16;

/**
 * Spreads the answers of unary appends that become known at once, as those of one batch of the log do, over turns of the
 * event loop. What is written in one turn leaves the process together at its end; so with all answers in one turn a
 * client of many calls has nothing to do until the last one is written, and then the node has nothing to do until the
 * client has read all of them: the two would work in turns instead of at the same time.
 */
export class AnswerGroups {
  private readonly next: SharedTurn;
  private readonly line: (() => void)[] = [];
  private room = GROUP;

  constructor(clock: Pick<Clock, 'soon'>) {
    this.next = new SharedTurn(clock, () => this.leave());
  }

  /** Resolves when an answer may leave, in the order of the calls; nothing to wait for where it may leave in this turn. */
  turn(): Promise<void> | undefined {
    this.next.join(false);
    if (this.room > 0) {
      this.room--;
      return undefined;
    }
    return new Promise((resolve) => this.line.push(resolve));
  }

  private leave(): void {
    const group = this.line.splice(0, GROUP);
    this.room = GROUP - group.length;
    for (const leave of group) leave();
    if (group.length > 0) this.next.join(false);
  }
}
