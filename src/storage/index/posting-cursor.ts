import { decodeStreamRow } from './block-rows.ts';
import type { IndexView } from './index-view.ts';
import { type BlockNameKind, blockNameKey, blockOfNameKey, Kind, nameKey, streamKey } from './keys.ts';
import { decodeRowPlaces, type RowPlaces } from './place-rows.ts';
import type { Term } from './query-terms.ts';
import { decodeRow } from './row-writer.ts';

/** Where a name occurs in one block. */
export interface BlockPlaces {
  readonly block: number;
  readonly places: RowPlaces;
}

/** Bounds what a look-up reads: told of every row; it throws once it was too much (rule S4). */
export type SpendRows = (rows: number) => void;

/** How sealed blocks are read. */
export interface Reading {
  readonly backwards: boolean;
  readonly spend: SpendRows;
  /** How many blocks a scan of a prefix gathers at a time; 4,096 unless given. */
  readonly windowBlocks?: number | undefined;
}

const ROWS_AHEAD_MAX = 32;

/**
 * The rows of one name in sealed blocks, in one direction. Blocks that are not asked for are jumped over with one seek,
 * so that a frequent name costs next to a rare one what the rare one has; rows asked for one by one are read ahead.
 */
export class PostingCursor {
  private readonly view: IndexView;
  private readonly kind: BlockNameKind | typeof Kind.stream;
  private readonly name: string;
  private readonly backwards: boolean;
  private readonly spend: SpendRows;
  private rows: readonly BlockPlaces[] = [];
  private at = 0;
  /** How many of the rows were given, and not just jumped over. */
  private given = 0;
  private last: BlockPlaces | undefined;
  private ahead = 1;
  private ended = false;

  constructor(view: IndexView, { kind, name }: Term, { backwards, spend }: Reading) {
    this.view = view;
    this.kind = kind;
    this.name = name;
    this.backwards = backwards;
    this.spend = spend;
  }

  /** The first row at or behind a block, or backwards at or before it. The blocks asked for must go that way, too. */
  async seek(block: number): Promise<BlockPlaces | undefined> {
    for (;;) {
      while (this.at < this.rows.length && this.isPast((this.rows[this.at] as BlockPlaces).block, block)) this.at++;
      const row = this.rows[this.at];
      if (row && row !== this.last) this.given++;
      this.last = row;
      if (row || this.ended) return row;
      await this.fetch(block);
    }
  }

  private isPast(block: number, asked: number): boolean {
    return this.backwards ? block > asked : block < asked;
  }

  private async fetch(block: number): Promise<void> {
    this.ahead = this.given < this.rows.length ? 1 : Math.min(ROWS_AHEAD_MAX, this.ahead * 2);
    const count = this.ahead;
    const range = this.kind === Kind.stream ? await this.streamRange(block) : this.nameRange(this.kind, block);
    const scan = this.view.store.scan({ ...range, backwards: this.backwards, limit: count, unnumbered: true });
    try {
      const rows = await scan.next(count);
      this.spend(rows.length + 1);
      const decoded = rows.map(([key, value]) => this.decode(key, value));
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
    return this.backwards
      ? { from: blockNameKey(kind, name, 0), to: blockNameKey(kind, name, block + 1) }
      : { from: blockNameKey(kind, name, block), to: blockNameKey(kind, name, view.sealedBlocks) };
  }

  /** Rows of a stream are in the order of revisions; where a block begins among them has to be found. */
  private async streamRange(block: number): Promise<{ from: Uint8Array; to: Uint8Array }> {
    const { name, view } = this;
    const behind = (blocks: number) => view.revisionAfterPosition(name, blocks * view.blockEvents);
    if (this.backwards) return { from: streamKey(name, 0), to: streamKey(name, await behind(block + 1)) };
    return { from: streamKey(name, block === 0 ? 0 : await behind(block)), to: behindAllRows(name) };
  }

  private decode(key: Uint8Array, value: Uint8Array): BlockPlaces {
    if (this.kind === Kind.stream) return decodeRow(key, value, decodeStreamRow);
    return { block: blockOfNameKey(key), places: decodeRow(key, value, decodeRowPlaces) };
  }
}

/** What lies behind all rows of a stream. */
function behindAllRows(stream: string): Uint8Array {
  const key = nameKey(Kind.stream, stream);
  // The name's end is 00; no key of this name lies behind the same bytes ended by 01.
  key[key.length - 1] = 1;
  return key;
}
