import type { IndexView } from './index-view.ts';
import { PlaceSet } from './place-set.ts';
import type { BlockCursor, Reading } from './posting-cursor.ts';
import { QueryPart } from './query-part.ts';
import type { AnyOf } from './query-terms.ts';

/** So many blocks are gone through at once, so that whoever looks can end between (rule C3). */
const MOVES_MAX = 64;

/** A part may have thousands of names, and each scan that is open has buffers of its own. */
const SCANS_AT_ONCE = 64;

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
  /** What matches in the block that was found. */
  private readonly own: PlaceSet;
  private readonly part: PlaceSet;
  private block: number | undefined;
  private ended = false;

  constructor(parts: readonly QueryPart[], blockEvents: number, backwards: boolean) {
    this.parts = parts;
    this.backwards = backwards;
    this.own = new PlaceSet(blockEvents);
    this.part = new PlaceSet(blockEvents);
  }

  /** The first block from this one on in which every part has something; one in which they do not, where that is far. */
  async seek(from: number): Promise<number | undefined> {
    if (this.ended) return undefined;
    if (this.block !== undefined && (this.backwards ? this.block <= from : this.block >= from)) return this.block;
    this.block = await this.find(from);
    this.ended = this.block === undefined;
    return this.block;
  }

  addTo(found: PlaceSet, block: number): void {
    if (this.block === block) found.unite(this.own);
  }

  private async find(from: number): Promise<number | undefined> {
    let block = from;
    for (let moves = 1; ; moves++) {
      const { cursors, furthest } = await this.seekParts(block);
      if (furthest === undefined) return undefined;
      if (furthest === block) {
        await this.intersect(cursors, block);
        if (!(await this.narrow())) return block;
      }
      if (moves >= MOVES_MAX) {
        if (furthest !== block) this.own.clear();
        return block;
      }
      block = furthest;
    }
  }

  /**
   * Parts that are not exact may spend as much as it costs to look at what was found with them: at most the double of what
   * the better way takes by itself. True: one of them is exact now.
   */
  private async narrow(): Promise<boolean> {
    if (this.parts.every((part) => part.isExact)) return false;
    const { size } = this.own;
    let narrowed = false;
    for (const part of this.parts) if (await part.narrow(size)) narrowed = true;
    return narrowed;
  }

  private async intersect(cursors: readonly (readonly BlockCursor[])[], block: number): Promise<void> {
    this.own.fill();
    for (const ofPart of cursors) {
      this.part.clear();
      for (const cursor of ofPart) {
        const reading = cursor.addTo(this.part, block);
        if (reading) await reading;
      }
      this.own.intersect(this.part);
    }
  }

  /** Moves each part to its first block from this one on; `furthest` is where all of them can be at the earliest, if at all. */
  private async seekParts(
    from: number,
  ): Promise<{ cursors: readonly (readonly BlockCursor[])[]; furthest: number | undefined }> {
    const sought: (readonly BlockCursor[])[] = [];
    let furthest = from;
    for (const part of this.parts) {
      const cursors = part.cursorsFrom(furthest);
      if (!cursors) continue;
      const block = await this.nearest(cursors, furthest);
      if (block === undefined) return { cursors: [], furthest: undefined };
      furthest = block;
      sought.push(cursors);
    }
    return { cursors: sought, furthest };
  }

  private async nearest(cursors: readonly BlockCursor[], from: number): Promise<number | undefined> {
    let nearest: number | undefined;
    for (let at = 0; at < cursors.length; at += SCANS_AT_ONCE) {
      const some = cursors.slice(at, at + SCANS_AT_ONCE);
      for (const block of await Promise.all(some.map((cursor) => cursor.seek(from)))) {
        nearest = nearer(nearest, block, this.backwards);
      }
    }
    return nearest;
  }
}

function nearer(a: number | undefined, b: number | undefined, backwards: boolean): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return backwards ? Math.max(a, b) : Math.min(a, b);
}
