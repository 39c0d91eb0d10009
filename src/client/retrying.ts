import { FactstoreError, invalid } from '../base/errors.ts';
import { conflictBackoffMs } from './backoff.ts';
import { type ConflictDetails, conflictOf } from './conflict.ts';
import type { EventShape } from './event-types.ts';
import type { Session } from './session.ts';
import { aborted } from './status-error.ts';

const ATTEMPTS_MAX = 50;

/** After so many conflicts there are many rivals: from then on it waits, and reads again, for what it knew is old by then. */
const AT_ONCE_MAX = 2;

/** What is left of the time of the whole, and the signal that ends it. */
export interface Limits {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** A decision that is made again, on what has become known meanwhile, as long as its append is refused for a conflict. */
export interface Decision<Known, E extends EventShape, Result> {
  /** Names it in errors, such as `update of "a"`. */
  readonly what: string;
  readonly attemptsMax: number | undefined;
  readonly timeoutMs: number | undefined;
  read(limits: Limits): Promise<Known>;
  /** Decides, and appends what was decided. */
  attempt(known: Known, attempt: number, limits: () => Limits): Promise<Result>;
  /** What is known now, if the conflict told all that is new; else it is read again. */
  catchUp(known: Known, conflict: ConflictDetails<E>): Known | undefined;
}

/**
 * Only a definite conflict leads to a new decision: after anything else the first one may yet hold (rule S8). Between two
 * attempts it waits for a random while. Ends in CONFLICT where it gives up.
 */
export async function untilDecided<Known, E extends EventShape, Result>(
  session: Session,
  signal: AbortSignal,
  decision: Decision<Known, E, Result>,
): Promise<Result> {
  const { what, attemptsMax = ATTEMPTS_MAX, timeoutMs = session.timeoutMs } = decision;
  if (!(attemptsMax >= 1)) throw invalid('attemptsMax', `${attemptsMax} is below 1`);
  const deadlineMs = session.clock.monotonicMs() + timeoutMs;
  const left = () => Math.max(1, deadlineMs - session.clock.monotonicMs());
  const limits = () => ({ signal, timeoutMs: left() });
  let known: Known | undefined;
  for (let attempt = 1; ; attempt++) {
    known ??= await decision.read(limits());
    try {
      return await decision.attempt(known, attempt, limits);
    } catch (error) {
      const conflict = conflictOf<E>(error);
      if (!conflict) throw error;
      const waitMs = attempt <= AT_ONCE_MAX ? 0 : conflictBackoffMs(attempt - AT_ONCE_MAX);
      const hopeless = conflict.checks.some((check) => check.actual === 'tombstoned');
      if (hopeless || attempt >= attemptsMax || waitMs >= left()) throw gaveUp(what, attempt, error as FactstoreError);
      known = waitMs === 0 ? decision.catchUp(known, conflict) : undefined;
      await session.clock.sleep(waitMs, signal);
      if (signal.aborted) throw aborted(`the ${what}`, signal);
    }
  }
}

function gaveUp(what: string, attempts: number, conflict: FactstoreError): FactstoreError {
  const times = attempts === 1 ? 'once' : `${attempts} times`;
  const text = `${what} gave up: decided ${times}, and each time others had written first. Last: ${conflict.message}`;
  return new FactstoreError('CONFLICT', text, { ...conflict.details, attempts }, { cause: conflict });
}
