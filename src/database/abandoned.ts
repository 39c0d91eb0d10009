import type { Signal } from '../base/signal.ts';
import type { SpendRows } from '../storage/index/posting-cursor.ts';

/** Ends a read for which nobody waits any more. It is no error of anybody. */
export class Abandoned extends Error {
  override readonly name = 'Abandoned';
}

/**
 * Asked at each row that a query takes from the index: one of thousands of names looks at thousands of them before it can
 * give a turn in which its caller would see that it is over.
 */
export function untilAbandoned(signal: Signal): SpendRows {
  return () => {
    if (signal.aborted) throw new Abandoned('nobody waits for this read any more');
  };
}
