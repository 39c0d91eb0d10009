import type { IndexView } from './index-view.ts';
import { type BlockPlaces, PostingCursor, type SpendRows } from './posting-cursor.ts';
import type { PrefixScan } from './prefix-scan.ts';
import type { AnyOf, Term } from './query-terms.ts';
import { prefixTerms } from './stream-prefix.ts';

interface Cursor {
  seek(block: number): Promise<BlockPlaces | undefined>;
}

/**
 * One part of an item: what an event must have one of. A prefix that very many streams have is looked for by what is
 * easier to find and holds more, such as their category, while its own places are gathered in small steps.
 */
export class QueryPart {
  private readonly exact: readonly Cursor[];
  private readonly scans: readonly PrefixScan[];
  /** Until the scans are through; undefined: nothing bounds it. */
  private readonly wide: readonly Cursor[] | undefined;

  private constructor(exact: readonly Cursor[], scans: readonly PrefixScan[], wide: readonly Cursor[] | undefined) {
    this.exact = exact;
    this.scans = scans;
    this.wide = wide;
  }

  static async open(view: IndexView, anyOf: AnyOf, backwards: boolean, spend: SpendRows): Promise<QueryPart> {
    const cursor = ({ kind, name }: Term) => new PostingCursor(view, kind, name, backwards, spend);
    const exact = anyOf.terms.map(cursor);
    const scans: PrefixScan[] = [];
    let wide: Cursor[] | undefined = [];
    for (const prefix of anyOf.prefixes) {
      const { terms, within, scan } = await prefixTerms(view, prefix, backwards, spend);
      exact.push(...terms.map(cursor));
      if (!scan) continue;
      scans.push(scan);
      if (within) wide?.push(cursor(within));
      else wide = undefined;
    }
    return new QueryPart(exact, scans, wide && [...exact, ...wide]);
  }

  /** Where something of it may be; undefined: anywhere. */
  get cursors(): readonly Cursor[] | undefined {
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
