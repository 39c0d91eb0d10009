import type { AnyOf } from './query-terms.ts';

/** How many rows the cursors of a query keep together: of 2 KiB at most, as bits. */
const ROWS_KEPT_MAX = 2_048;
const ROWS_AHEAD_MAX = 32;

/** How many streams or categories the prefixes of a query are looked for by together, and one of them alone. */
const NAMES_MAX = 1_024;
const NAMES_PER_PREFIX_MAX = 256;

/** How many blocks the scans of a query gather together: each takes 2 KiB where there is something in it. */
const WINDOW_BLOCKS = 4_096;

/**
 * What one query may keep of the index in memory. A legal one has up to 32,768 names and 8,192 prefixes, so what each of
 * them would have by itself is shared among all.
 */
export class QueryBudget {
  /** How many streams or categories a prefix is looked for by, one by one; of more it is a scan. */
  readonly namesPerPrefix: number;
  /** How many blocks a scan gathers at a time. */
  readonly windowBlocks: number;
  private cursors = 0;

  constructor(items: readonly (readonly AnyOf[])[], windowBlocks = WINDOW_BLOCKS) {
    const prefixes = items.flat().reduce((sum, anyOf) => sum + anyOf.prefixes.length, 0);
    const share = (total: number) => Math.max(1, Math.floor(total / Math.max(1, prefixes)));
    this.namesPerPrefix = Math.min(NAMES_PER_PREFIX_MAX, share(NAMES_MAX));
    this.windowBlocks = share(windowBlocks);
  }

  addCursor(): void {
    this.cursors++;
  }

  /** How many rows a cursor may read ahead; 0: not even the one that it found is kept, and has to be read again. */
  get rowsAhead(): number {
    return Math.min(ROWS_AHEAD_MAX, Math.floor(ROWS_KEPT_MAX / this.cursors));
  }
}
