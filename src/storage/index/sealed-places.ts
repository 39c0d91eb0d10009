import type { IndexView } from './index-view.ts';
import { PlaceSet } from './place-set.ts';
import type { BlockPlaces, Reading } from './posting-cursor.ts';
import { QueryPart } from './query-part.ts';
import type { AnyOf } from './query-terms.ts';

/** So many blocks are gone through at once, so that whoever looks can end between (rule C3). */
const MOVES_MAX = 64;

/** What matches in sealed blocks, block after block in one direction; blocks in which nothing can match are not read. */
export class SealedPlaces {
  private readonly items: readonly SealedItem[];
  private readonly backwards: boolean;
  private readonly found: PlaceSet;

  private constructor(items: readonly SealedItem[], blockEvents: number, backwards: boolean) {
    this.items = items;
    this.backwards = backwards;
    this.found = new PlaceSet(blockEvents);
  }

  static async open(view: IndexView, items: readonly (readonly AnyOf[])[], reading: Reading): Promise<SealedPlaces> {
    const { backwards } = reading;
    const opened: SealedItem[] = [];
    for (const item of items) {
      const parts: QueryPart[] = [];
      for (const anyOf of item) parts.push(await QueryPart.open(view, anyOf, reading));
      opened.push(new SealedItem(parts, view.blockEvents, backwards));
    }
    return new SealedPlaces(opened, view.blockEvents, backwards);
  }

  /**
   * The next block, from this one on, in which something may match, and what does; undefined where there is none. The
   * places are valid until the next call.
   */
  async next(from: number): Promise<{ readonly block: number; readonly places: PlaceSet } | undefined> {
    let block: number | undefined;
    for (const item of this.items) block = nearer(block, await item.seek(from), this.backwards);
    if (block === undefined) return undefined;
    this.found.clear();
    for (const item of this.items) item.addTo(this.found, block);
    return { block, places: this.found };
  }
}

/** One item of a query: blocks in which each of its parts has something. */
class SealedItem {
  private readonly parts: readonly QueryPart[];
  private readonly backwards: boolean;
  private readonly own: PlaceSet;
  private readonly part: PlaceSet;
  /** The rows of the block that was found, part by part; undefined: nothing is left. */
  private rows: readonly (readonly BlockPlaces[])[] | undefined = [];
  private block: number | undefined;

  constructor(parts: readonly QueryPart[], blockEvents: number, backwards: boolean) {
    this.parts = parts;
    this.backwards = backwards;
    this.own = new PlaceSet(blockEvents);
    this.part = new PlaceSet(blockEvents);
  }

  /** The first block from this one on in which every part has something; one in which they do not, where that is far. */
  async seek(from: number): Promise<number | undefined> {
    if (!this.rows) return undefined;
    if (this.block !== undefined && (this.backwards ? this.block <= from : this.block >= from)) return this.block;
    let block = from;
    for (let moves = 1; ; moves++) {
      const { rows, furthest } = await this.seekParts(block);
      this.rows = rows;
      this.block = furthest;
      if (!rows || furthest === undefined) return undefined;
      if (furthest === block && !(await this.narrow(block))) return block;
      if (moves >= MOVES_MAX) {
        this.block = block;
        return block;
      }
      block = furthest;
    }
  }

  /**
   * Parts that are not exact may spend as much as it costs to look at what was found with them: at most the double of what
   * the better way takes by itself. True: one of them is exact now.
   */
  private async narrow(block: number): Promise<boolean> {
    if (this.parts.every((part) => part.isExact)) return false;
    this.intersect(block);
    const { size } = this.own;
    let narrowed = false;
    for (const part of this.parts) if (await part.narrow(size)) narrowed = true;
    return narrowed;
  }

  addTo(found: PlaceSet, block: number): void {
    if (!this.rows || this.block !== block) return;
    this.intersect(block);
    found.unite(this.own);
  }

  private intersect(block: number): void {
    this.own.fill();
    for (const rows of this.rows ?? []) {
      this.part.clear();
      for (const row of rows) if (row.block === block) this.part.add(row.places);
      this.own.intersect(this.part);
    }
  }

  /** Moves each part to its first block from this one on; `furthest` is where all of them can be at the earliest. */
  private async seekParts(
    from: number,
  ): Promise<{ rows: readonly (readonly BlockPlaces[])[] | undefined; furthest: number | undefined }> {
    const rows: BlockPlaces[][] = [];
    let furthest = from;
    for (const part of this.parts) {
      const cursors = part.cursorsFrom(furthest);
      if (!cursors) continue;
      const found = await Promise.all(cursors.map((cursor) => cursor.seek(furthest)));
      const there = found.filter((row) => row !== undefined);
      let block: number | undefined;
      for (const row of there) block = nearer(block, row.block, this.backwards);
      if (block === undefined) return { rows: undefined, furthest: undefined };
      furthest = block;
      rows.push(there);
    }
    return { rows, furthest };
  }
}

function nearer(a: number | undefined, b: number | undefined, backwards: boolean): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return backwards ? Math.max(a, b) : Math.min(a, b);
}
