import type { IndexView } from './index-view.ts';
import { type BlockCursor, PostingCursor, type Reading } from './posting-cursor.ts';
import type { PrefixScan } from './prefix-scan.ts';
import type { AnyOf, Term } from './query-terms.ts';
import { prefixTerms } from './stream-prefix.ts';

/**
 * One part of an item: what an event must have one of. A prefix that very many streams have is looked for by what is
 * easier to find and holds more, such as their category, while its own places are gathered in small steps, a window of
 * blocks at a time.
 */
export class QueryPart {
  private readonly exact: readonly BlockCursor[];
  private readonly scans: readonly PrefixScan[];
  /** Until the scans are through; undefined: nothing bounds it. */
  private readonly wide: readonly BlockCursor[] | undefined;

  private constructor(
    exact: readonly BlockCursor[],
    scans: readonly PrefixScan[],
    wide: readonly BlockCursor[] | undefined,
  ) {
    this.exact = exact;
    this.scans = scans;
    this.wide = wide;
  }

  static async open(view: IndexView, anyOf: AnyOf, reading: Reading): Promise<QueryPart> {
    const cursor = (term: Term) => new PostingCursor(view, term, reading);
    const exact = anyOf.terms.map(cursor);
    const scans: PrefixScan[] = [];
    let wide: BlockCursor[] | undefined = [];
    for (const prefix of anyOf.prefixes) {
      const { terms, within, scan } = await prefixTerms(view, prefix, reading);
      exact.push(...terms.map(cursor));
      if (!scan) continue;
      scans.push(scan);
      if (within) wide?.push(cursor(within));
      else wide = undefined;
    }
    return new QueryPart(exact, scans, wide && [...exact, ...wide]);
  }

  /** What finds where something of it may be, from this block on; undefined: it may be anywhere. */
  cursorsFrom(block: number): readonly BlockCursor[] | undefined {
    for (const scan of this.scans) scan.moveTo(block);
    if (this.isExact) return this.scans.length === 0 ? this.exact : [...this.exact, ...this.scans];
    return this.wide;
  }

  get isExact(): boolean {
    return this.scans.every((scan) => scan.done);
  }

  /** Spends about as much on scanning as so many events cost; true where that makes it exact. */
  async narrow(events: number): Promise<boolean> {
    if (this.isExact) return false;
    for (const scan of this.scans) await scan.advance(events);
    return this.isExact;
  }
}
