import { FactstoreError } from '../base/errors.ts';
import type { AppendOutcome } from '../proto/append-response.ts';

/** An append that has no answer yet. Its id and its bytes stay the same through all attempts (rule S8). */
export interface PendingAppend {
  /** An AppendRequest. */
  readonly request: Uint8Array;
  /** Its place in the order in which the application asked. */
  readonly order: number;
  /** By the clock's monotonic hand. */
  readonly deadlineMs: number;
  readonly timeoutMs: number;
  /** Names it in errors. */
  readonly what: string;
  readonly appendId: string;
  readonly resolve: (outcome: AppendOutcome) => void;
  readonly reject: (error: FactstoreError) => void;
  readonly signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
  /** When it was first sent; undefined: never. */
  firstSentMs: number | undefined;
  /** True: an attempt was lost without an answer, or answered indefinitely; only a repeat can tell its fate. */
  uncertain: boolean;
  /** Why the last attempt failed. */
  lastError: FactstoreError | undefined;
  /** True: the current attempt has no answer yet. */
  inFlight: boolean;
  settled: boolean;
}

const NOTHING = 'Nothing was written.';

/** Names the id, for a text may be all that is left of an error. */
export function mayBeWritten(appendId: string): string {
  return `It may have been written; repeating it with its append id ${appendId} is safe.`;
}

/** The error of an append whose time is over. */
export function timeoutError(append: PendingAppend): FactstoreError {
  const { lastError, what, appendId } = append;
  const seconds = `${append.timeoutMs / 1000} s`;
  const why = lastError ? ` (${lastError.message})` : '';
  if (append.uncertain || append.inFlight) {
    const text = `${what} was not answered within ${seconds}${why}. ${mayBeWritten(appendId)}`;
    return new FactstoreError('DEADLINE_EXCEEDED', text, { appendId }, { definite: false, cause: lastError });
  }
  // Every attempt was certainly refused: the reason says more than the clock.
  if (lastError) return nothingWritten(lastError);
  const text = `${what} could not be sent within ${seconds}. ${NOTHING}`;
  return new FactstoreError('DEADLINE_EXCEEDED', text, { appendId }, { definite: true });
}

/** The error of an append that its caller gave up. */
export function abortError({
  what,
  appendId,
  uncertain,
  inFlight,
  signal,
}: Pick<PendingAppend, 'what' | 'appendId' | 'uncertain' | 'inFlight' | 'signal'>): FactstoreError {
  const definite = !uncertain && !inFlight;
  const text = `${what} was cancelled. ${definite ? NOTHING : mayBeWritten(appendId)}`;
  return new FactstoreError('CANCELLED', text, { appendId }, { definite, cause: signal?.reason });
}

/** The same error, definite, for an append that never got as far as a node that could write it. */
function nothingWritten(error: FactstoreError): FactstoreError {
  const text = error.message.includes(NOTHING) ? error.message : `${error.message.replace(/\.?$/, '.')} ${NOTHING}`;
  return new FactstoreError(error.code, text, error.details, { cause: error, definite: true });
}
