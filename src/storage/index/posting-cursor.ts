import { decodeStreamRowPlaces } from './block-rows.ts';
import type { IndexView } from './index-view.ts';
import { type BlockNameKind, blockNameKey, blockOfNameKey, Kind, nameKey, streamKey } from './keys.ts';
import { decodeRowPlaces, type RowPlaces } from './place-rows.ts';
import type { PlaceSet } from './place-set.ts';
import type { QueryBudget } from './query-budget.ts';
import type { Term } from './query-terms.ts';
import { decodeRow } from './row-writer.ts';

/** Where a name occurs in one block. */
export interface BlockPlaces {
  readonly block: number;
  readonly places: RowPlaces;
}

/** What a row by a name, or of a stream, tells of the block that it is of. */
export function decodeBlockPlaces(
  kind: BlockNameKind | typeof Kind.stream,
  key: Uint8Array,
  value: Uint8Array,
): BlockPlaces {
  if (kind === Kind.stream) return decodeRow(key, value, decodeStreamRowPlaces);
  return { block: blockOfNameKey(key), places: decodeRow(key, value, decodeRowPlaces) };
}

/** What goes from block to block in which there is something, in one direction. */
export interface BlockCursor {
  /** The first block at or behind this one, or backwards at or before it. The blocks asked for must go that way, too. */
  seek(block: number): Promise<number | undefined>;
  /** Adds what there is in a block, which must be the one that was asked for last, or lie before the one that was found. */
  addTo(found: PlaceSet, block: number): Promise<void> | undefined;
}

/** Bounds what a look-up reads: told of every row; it throws once it was too much (rule S4). */
export type SpendRows = (rows: number) => void;

/** How sealed blocks are read. */
export interface Reading {
  readonly backwards: boolean;
  readonly spend: SpendRows;
  readonly budget: QueryBudget;
}

/** A row as it was found; `places` where it is kept. */
interface FoundRow {
  readonly key: Uint8Array;
  readonly block: number;
  readonly places: RowPlaces | undefined;
}

/**
 * The rows of one name in sealed blocks, in one direction. Blocks that are not asked for are jumped over with one seek,
 * so that a frequent name costs next to a rare one what the rare one has; rows asked for one by one are read ahead.
 */
export class PostingCursor implements BlockCursor {
  private readonly view: IndexView;
  private readonly kind: BlockNameKind | typeof Kind.stream;
  private readonly name: string;
  private readonly reading: Reading;
  private rows: readonly FoundRow[] = [];
  private at = 0;
  /** How many of the rows were given, and not just jumped over. */
  private given = 0;
  private last: FoundRow | undefined;
  private ahead = 1;
  private ended = false;

  constructor(view: IndexView, { kind, name }: Term, reading: Reading) {
    this.view = view;
    this.kind = kind;
    this.name = name;
    this.reading = reading;
    reading.budget.addCursor();
  }

  async seek(block: number): Promise<number | undefined> {
    for (;;) {
      while (this.at < this.rows.length && this.isPast((this.rows[this.at] as FoundRow).block, block)) this.at++;
      const row = this.rows[this.at];
      if (row && row !== this.last) this.given++;
      this.last = row;
      if (row || this.ended) return row?.block;
      await this.fetch(block);
    }
  }

  addTo(found: PlaceSet, block: number): Promise<void> | undefined {
    if (this.last?.block !== block) return undefined;
    if (!this.last.places) return this.readTo(found, this.last.key);
    found.add(this.last.places);
    return undefined;
  }

  /** Where the row is gone, a scavenge has taken the name out: nobody could see what it told of. */
  private async readTo(found: PlaceSet, key: Uint8Array): Promise<void> {
    const value = await this.view.store.get(key);
    this.reading.spend(1);
    if (value) found.add(decodeBlockPlaces(this.kind, key, value).places);
  }

  private isPast(block: number, asked: number): boolean {
    return this.reading.backwards ? block > asked : block < asked;
  }

  private async fetch(block: number): Promise<void> {
    const { spend, budget, backwards } = this.reading;
    const { rowsAhead } = budget;
    const more = this.given < this.rows.length ? 1 : this.ahead * 2;
    this.ahead = Math.max(1, Math.min(rowsAhead, more));
    const count = this.ahead;
    const range = this.kind === Kind.stream ? await this.streamRange(block) : this.nameRange(this.kind, block);
    const scan = this.view.store.scan({ ...range, backwards, limit: count, unnumbered: true });
    try {
      const rows = await scan.next(count);
      spend(rows.length + 1);
      const decoded = rows.map(([key, value]): FoundRow => {
        const row = decodeBlockPlaces(this.kind, key, value);
        return { key, block: row.block, places: rowsAhead > 0 ? row.places : undefined };
      });
      this.rows = decoded.filter((row) => row.block < this.view.sealedBlocks);
      // Large rows come in smaller parts than were asked for; only none is the end.
      this.ended = this.rows.length === 0;
      this.at = this.given = 0;
    } finally {
      await scan.close();
    }
  }

  private nameRange(kind: BlockNameKind, block: number): { from: Uint8Array; to: Uint8Array } {
    const { name, view } = this;
    return this.reading.backwards
      ? { from: blockNameKey(kind, name, 0), to: blockNameKey(kind, name, block + 1) }
      : { from: blockNameKey(kind, name, block), to: blockNameKey(kind, name, view.sealedBlocks) };
  }

  /** Rows of a stream are in the order of revisions; where a block begins among them has to be found. */
  private async streamRange(block: number): Promise<{ from: Uint8Array; to: Uint8Array }> {
    const { name, view } = this;
    const behind = (blocks: number) => view.revisionAfterPosition(name, blocks * view.blockEvents);
    if (this.reading.backwards) return { from: streamKey(name, 0), to: streamKey(name, await behind(block + 1)) };
    return { from: streamKey(name, block === 0 ? 0 : await behind(block)), to: behindAllRows(name) };
  }
}

/** What lies behind all rows of a stream. */
function behindAllRows(stream: string): Uint8Array {
  const key = nameKey(Kind.stream, stream);
  // The name's end is 00; no key of this name lies behind the same bytes ended by 01.
  key[key.length - 1] = 1;
  return key;
}
