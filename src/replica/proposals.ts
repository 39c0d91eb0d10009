import { FactstoreError } from '../base/errors.ts';
import { type Deferred, deferred } from '../runtime/deferred.ts';
import type { EntryRecord } from '../storage/record.ts';

interface Open {
  readonly term: number;
  readonly outcome: Deferred<EntryRecord>;
}

/**
 * The proposals whose fate is open (rule S8). A proposal is a promise about one index: what is applied there with the
 * proposal's term is the proposal; anything else there means that it will never be applied. Losing leadership decides
 * nothing by itself: the fate shows when the index is applied, or the caller's patience ends.
 */
export class Proposals {
  private readonly open = new Map<number, Open>();

  /** Resolves with the applied record; rejects, definite, when another entry took its place. */
  wait(index: number, term: number): Promise<EntryRecord> {
    const known = this.open.get(index);
    if (known && known.term === term) return known.outcome.promise;
    if (known) known.outcome.reject(replaced());
    const outcome = deferred<EntryRecord>();
    // The caller may have given up by the time the fate shows; that is not an unhandled error.
    outcome.promise.catch(() => undefined);
    this.open.set(index, { term, outcome });
    return outcome.promise;
  }

  applied(record: EntryRecord): void {
    const open = this.open.get(record.index);
    if (!open) return;
    this.open.delete(record.index);
    if (open.term === record.term) open.outcome.resolve(record);
    else open.outcome.reject(replaced());
  }

  /** Gives up all that are open: the node stops, or lost leadership long enough ago. */
  abandon(reason: string): void {
    for (const open of this.open.values()) open.outcome.reject(fateUnknown(reason));
    this.open.clear();
  }

  get size(): number {
    return this.open.size;
  }
}

function replaced(): FactstoreError {
  return new FactstoreError(
    'NOT_LEADER',
    'leadership changed, and the new leader put another entry in the place of this append. Nothing was written.',
  );
}

export function fateUnknown(reason: string): FactstoreError {
  return new FactstoreError(
    'LEADERSHIP_LOST',
    `${reason}. The append may or may not have been written; repeat it with the same append id to find out.`,
  );
}
