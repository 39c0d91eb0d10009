import type { FactstoreError } from '../base/errors.ts';
import type { Append } from '../model/append.ts';
import { type Appender, type AppendOutcome, breaksOrder } from './appender.ts';

/**
 * Appends of one call, judged in the order sent, whatever their look-ups cost (rule S4).
 *
 * Once one of them was refused for a reason that is not its own (no leadership, overload), the later ones that were
 * already sent are refused too: else a producer's order would be turned round. The call has to be begun anew.
 */
export class AppendLane {
  private readonly appender: Appender;
  /** The last append that still waits for its turn. */
  private tail: Promise<unknown> | undefined;
  private broken: FactstoreError | undefined;
  private readonly patient: boolean;

  /** `patient`: waits where a lone append would be refused for overload. */
  constructor(appender: Appender, patient: boolean) {
    this.appender = appender;
    this.patient = patient;
  }

  /** Set once the lane takes no more. */
  get refusal(): FactstoreError | undefined {
    return this.broken;
  }

  /**
   * `deadlineMs`: what is not judged by then is dropped; 0: there is no hurry. `sinceMs`: when it came, by the clock's
   * monotonic hand, where that was before.
   */
  append(append: Append, deadlineMs = 0, sinceMs?: number): Promise<AppendOutcome> {
    const times = this.appender.times(deadlineMs, sinceMs);
    try {
      if (this.broken) throw this.broken;
      const judged = this.tail === undefined ? this.appender.judgeAtOnce(append, times) : undefined;
      if (judged) return this.appender.answer(append, judged);
    } catch (error) {
      return Promise.reject(this.breaks(error));
    }
    const judging = (this.tail ?? Promise.resolve()).then(() => {
      if (this.broken) throw this.broken;
      return this.appender.judgeEventually(append, this.patient, times);
    });
    const tail: Promise<void> = judging.then(
      () => this.ended(tail),
      (error: unknown) => {
        this.breaks(error);
        this.ended(tail);
      },
    );
    this.tail = tail;
    return judging.then((judged) => this.appender.answer(append, judged));
  }

  private ended(tail: Promise<unknown>): void {
    if (this.tail === tail) this.tail = undefined;
  }

  private breaks(error: unknown): unknown {
    this.broken ??= breaksOrder(error);
    return error;
  }
}
