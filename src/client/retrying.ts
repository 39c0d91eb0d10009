import { FactstoreError, invalid } from '../base/errors.ts';
import { conflictBackoffMs } from './backoff.ts';
import { type ConflictDetails, conflictOf } from './conflict.ts';
import type { EventShape } from './event-types.ts';
import type { AppendResult, StreamWrite } from './options.ts';
import type { Session } from './session.ts';
import { aborted } from './status-error.ts';

const ATTEMPTS_MAX = 50;

/** After so many conflicts there are many rivals: from then on it waits, and reads again, for what it knew is old by then. */
const AT_ONCE_MAX = 2;

/** One that waits for its turn goes on without it after this. */
const PATIENCE_MS = 2_000;

/** What is left of the time of the whole, and the signal that ends it. */
export interface Limits {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** A decision that is made again, on what has become known meanwhile, as long as its append is refused for a conflict. */
export interface Decision<Known, E extends EventShape> {
  /** Names it in errors, such as `update of "a"`. */
  readonly what: string;
  /** The same for those that are rivals: they are about the same stream, or the same query. */
  readonly about: string;
  /** Whether each that writes makes all its rivals decide anew. A new one then waits while others take turns, too. */
  readonly exclusive: boolean;
  readonly attemptsMax: number | undefined;
  readonly timeoutMs: number | undefined;
  read(limits: Limits): Promise<Known>;
  /** What is to be appended, if anything. Whatever it throws is the caller's own, also a conflict of another append. */
  decide(known: Known, attempt: number): Promise<readonly StreamWrite[] | undefined>;
  /** Appends it, where what is known still holds. */
  append(writes: readonly StreamWrite[], known: Known, limits: Limits): Promise<AppendResult>;
  /** What is known now, if the conflict told all that is new; else it is read again. */
  catchUp(known: Known, conflict: ConflictDetails<E>): Known | undefined;
}

/**
 * Only a definite conflict leads to a new decision: after anything else the first one may yet hold (rule S8). Between two
 * attempts it waits for a random while. Once it has met a rival, or where others of this client have, it takes turns with
 * them. Ends in CONFLICT where it gives up.
 */
export async function untilDecided<Known, E extends EventShape>(
  session: Session,
  signal: AbortSignal,
  decision: Decision<Known, E>,
): Promise<AppendResult | undefined> {
  const { what, about, exclusive, attemptsMax = ATTEMPTS_MAX, timeoutMs = session.timeoutMs } = decision;
  if (!(attemptsMax >= 1)) throw invalid('attemptsMax', `${attemptsMax} is below 1`);
  const { clock, turns } = session;
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  const left = () => Math.max(1, deadlineMs - clock.monotonicMs());
  const limits = () => ({ signal, timeoutMs: left() });
  // What it waits for others leaves time for its own.
  const takeTurn = () => turns.take(about, Math.min(PATIENCE_MS, left() / 2), signal);
  const goesOn = () => {
    if (signal.aborted) throw aborted(`the ${what}`, signal);
  };
  let known: Known | undefined;
  let endTurn = exclusive && turns.isTaken(about) ? await takeTurn() : undefined;
  try {
    goesOn();
    for (let attempt = 1; ; attempt++) {
      known ??= await decision.read(limits());
      const writes = await decision.decide(known, attempt);
      if (!writes || writes.length === 0) return undefined;
      try {
        return await decision.append(writes, known, limits());
      } catch (error) {
        const conflict = conflictOf<E>(error);
        if (!conflict) throw error;
        const waitMs = attempt <= AT_ONCE_MAX ? 0 : conflictBackoffMs(attempt - AT_ONCE_MAX);
        const hopeless = conflict.checks.some((check) => check.actual === 'tombstoned');
        if (hopeless || attempt >= attemptsMax || waitMs >= left())
          throw gaveUp(what, attempt, error as FactstoreError);
        // What the conflict told is old behind a wait.
        const atOnce = waitMs === 0 && (endTurn !== undefined || !turns.isTaken(about));
        known = atOnce ? decision.catchUp(known, conflict) : undefined;
        endTurn ??= await takeTurn();
        await clock.sleep(Math.min(waitMs, left() / 2), signal);
        goesOn();
      }
    }
  } finally {
    endTurn?.();
  }
}

function gaveUp(what: string, attempts: number, conflict: FactstoreError): FactstoreError {
  const times = attempts === 1 ? 'once' : `${attempts} times`;
  const text = `${what} gave up: decided ${times}, and each time others had written first. Last: ${conflict.message}`;
  return new FactstoreError('CONFLICT', text, { ...conflict.details, attempts }, { cause: conflict });
}
