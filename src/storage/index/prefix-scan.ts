import type { IndexView } from './index-view.ts';
import { type Kind, nameKey } from './keys.ts';
import { PlaceSet } from './place-set.ts';
import {
  type BlockCursor,
  type BlockPlaces,
  decodeBlockPlaces,
  type Reading,
  type SpendRows,
} from './posting-cursor.ts';

const ROWS_AT_ONCE = 256;
/** A scan has its price, too: it is not begun for less. */
const ROWS_AT_ONCE_MIN = 16;

/**
 * The places of all streams, or categories, whose names begin with a prefix: their rows stand side by side, name by name,
 * and are gathered block by block. It is scanned bit by bit and speaks only once it is through.
 *
 * It gathers those of so many blocks at a time, a window from the block on that it is moved to, and remembers the next block
 * behind it in which there is something. A store that has several windows is scanned once for each.
 */
export class PrefixScan implements BlockCursor {
  private readonly view: IndexView;
  private readonly kind: typeof Kind.stream | typeof Kind.category;
  private readonly backwards: boolean;
  private readonly spend: SpendRows;
  private readonly windowBlocks: number;
  private readonly places = new Map<number, PlaceSet>();
  private readonly begin: Uint8Array;
  private readonly to: Uint8Array;
  private from: Uint8Array;
  private credit = 0;
  /** The first block of the window, in the order of reading. */
  private first: number | undefined;
  /** The next block behind the window in which there is something. */
  private behind: number | undefined;
  /** The blocks in which there is something, in the order of reading, once it is through. */
  private blocks: readonly number[] | undefined;
  private at = 0;

  constructor(
    view: IndexView,
    { kind, prefix }: { kind: typeof Kind.stream | typeof Kind.category; prefix: string },
    { backwards, spend, budget }: Reading,
  ) {
    this.view = view;
    this.kind = kind;
    this.backwards = backwards;
    this.spend = spend;
    this.windowBlocks = budget.windowBlocks;
    const key = nameKey(kind, prefix);
    this.begin = key.subarray(0, key.length - 1);
    this.from = this.begin;
    this.to = Uint8Array.from([...this.begin, 0xff]);
  }

  /** It is through, as far as its window goes. */
  get done(): boolean {
    return this.blocks !== undefined;
  }

  /** What is asked for next begins with this block: where that lies behind the window, another one begins there. */
  moveTo(block: number): void {
    if (this.first !== undefined && this.distance(block) < this.windowBlocks) return;
    this.first = block;
    this.behind = this.blocks = undefined;
    this.at = 0;
    this.from = this.begin;
    this.places.clear();
  }

  /** Looks at about so many places more. */
  async advance(places: number): Promise<void> {
    this.credit += places;
    while (this.credit >= ROWS_AT_ONCE_MIN && !this.done) await this.read();
  }

  /**
   * The first block of the window at or behind this one, or backwards at or before it; or else the next one behind the
   * window, of which it has no places. The blocks asked for must go that way, too.
   */
  async seek(block: number): Promise<number | undefined> {
    const blocks = this.blocks ?? [];
    const isPast = (found: number) => (this.backwards ? found > block : found < block);
    while (this.at < blocks.length && isPast(blocks[this.at] as number)) this.at++;
    return blocks[this.at] ?? this.behind;
  }

  addTo(found: PlaceSet, block: number): undefined {
    const places = this.places.get(block);
    if (places) found.unite(places);
  }

  private distance(block: number): number {
    const first = this.first ?? block;
    return this.backwards ? first - block : block - first;
  }

  private async read(): Promise<void> {
    const { store } = this.view;
    const count = Math.min(ROWS_AT_ONCE, this.credit);
    const scan = store.scan({ from: this.from, to: this.to, limit: count, unnumbered: true });
    try {
      const rows = await scan.next(count);
      this.spend(rows.length + 1);
      for (const [key, value] of rows) this.gather(decodeBlockPlaces(this.kind, key, value));
      const last = rows.at(-1);
      if (last) this.from = Uint8Array.from([...last[0], 0]);
      else this.blocks = [...this.places.keys()].sort((a, b) => (this.backwards ? b - a : a - b));
    } finally {
      await scan.close();
    }
  }

  private gather({ block, places }: BlockPlaces): void {
    const { sealedBlocks, blockEvents } = this.view;
    const distance = this.distance(block);
    // As many bytes of bits as of a list take as long.
    this.credit -= (places.byteLength + 1) >>> 1;
    if (block >= sealedBlocks || distance < 0) return;
    if (distance >= this.windowBlocks) {
      if (this.behind === undefined || distance < this.distance(this.behind)) this.behind = block;
      return;
    }
    const own = this.places.get(block) ?? new PlaceSet(blockEvents);
    own.add(places);
    this.places.set(block, own);
  }
}
