import { FactstoreError } from '../base/errors.ts';
import { type Deferred, deferred } from '../runtime/deferred.ts';
import type { EntryRecord } from '../storage/record.ts';

interface Open {
  readonly term: number;
  readonly outcome: Deferred<EntryRecord>;
}

/**
 * The proposals whose fate is open (rule S8). A proposal is a promise about one index: what is applied there with the
 * proposal's term is the proposal; anything else there means that it will never be applied. So does anything of a later
 * term that is applied before it, because terms never fall along the log. Losing leadership decides nothing by itself:
 * the fate shows when entries are applied, or the caller's patience ends.
 */
export class Proposals {
  private readonly open = new Map<number, Open>();
  /** The highest term that was applied. */
  private appliedTerm = 0;

  /** Resolves with the applied record; rejects, definite, when another entry took its place. */
  wait(index: number, term: number): Promise<EntryRecord> {
    const known = this.open.get(index);
    if (known && known.term === term) return known.outcome.promise;
    // Whoever proposes has applied the no-op of its term: nothing of an older term can come behind that any more.
    if (known) known.outcome.reject(replaced());
    const outcome = deferred<EntryRecord>();
    // The caller may have given up by the time the fate shows; that is not an unhandled error.
    outcome.promise.catch(() => undefined);
    this.open.set(index, { term, outcome });
    return outcome.promise;
  }

  applied(record: EntryRecord): void {
    if (record.term > this.appliedTerm) this.termApplied(record.term);
    const open = this.open.get(record.index);
    if (!open) return;
    this.open.delete(record.index);
    if (open.term === record.term) open.outcome.resolve(record);
    else open.outcome.reject(replaced());
  }

  /**
   * Gives up those of terms up to `termMax`: the node stops, or lost leadership long enough ago. It may lead again by
   * then, in a later term and with a shorter log, so that their places might not be filled for a long time.
   */
  abandon(reason: string, termMax = Number.POSITIVE_INFINITY): void {
    for (const [index, { term, outcome }] of this.open) {
      if (term > termMax) continue;
      this.open.delete(index);
      outcome.reject(fateUnknown(reason));
    }
  }

  get size(): number {
    return this.open.size;
  }

  private termApplied(term: number): void {
    this.appliedTerm = term;
    for (const [index, open] of this.open) {
      if (open.term >= term) continue;
      this.open.delete(index);
      open.outcome.reject(replaced());
    }
  }
}

function replaced(): FactstoreError {
  return new FactstoreError(
    'NOT_LEADER',
    'leadership changed, and the new leader put another entry in the place of this append. Nothing was written.',
  );
}

function fateUnknown(reason: string): FactstoreError {
  return new FactstoreError(
    'LEADERSHIP_LOST',
    `${reason}. The append may or may not have been written; repeat it with the same append id to find out.`,
  );
}
