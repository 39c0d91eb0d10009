import { decodePlaces, decodeStreamRow } from './block-rows.ts';
import type { IndexView } from './index-view.ts';
import { blockOfNameKey, Kind, nameKey } from './keys.ts';
import { PlaceSet } from './place-set.ts';
import type { BlockPlaces, SpendRows } from './posting-cursor.ts';
import { decodeRow } from './row-writer.ts';

const ROWS_AT_ONCE = 256;

/** It takes 2 KiB of memory for each block in which it finds something; a prefix that is in more is not scanned to the end. */
const BLOCKS_MAX = 4_096;

/**
 * The places of all streams, or categories, whose names begin with a prefix: their rows stand side by side, name by name,
 * and are gathered block by block. It is scanned bit by bit and speaks only once it is through.
 */
export class PrefixScan {
  private readonly view: IndexView;
  private readonly kind: typeof Kind.stream | typeof Kind.category;
  private readonly backwards: boolean;
  private readonly spend: SpendRows;
  private readonly places = new Map<number, PlaceSet>();
  private readonly to: Uint8Array;
  private from: Uint8Array;
  private credit = 0;
  /** The blocks in which there is something, in the order of reading, once it is through. */
  private blocks: readonly number[] | undefined;
  private at = 0;

  constructor(
    view: IndexView,
    { kind, prefix }: { kind: typeof Kind.stream | typeof Kind.category; prefix: string },
    backwards: boolean,
    spend: SpendRows,
  ) {
    this.view = view;
    this.kind = kind;
    this.backwards = backwards;
    this.spend = spend;
    const key = nameKey(kind, prefix);
    this.from = key.subarray(0, key.length - 1);
    this.to = Uint8Array.from([...this.from, 0xff]);
  }

  get done(): boolean {
    return this.blocks !== undefined;
  }

  /** Looks at about so many places more. */
  async advance(places: number): Promise<void> {
    this.credit += places;
    while (this.credit > 0 && !this.done && this.places.size <= BLOCKS_MAX) await this.read();
  }

  /** The first block at or behind this one, or backwards at or before it. The blocks asked for must go that way, too. */
  async seek(block: number): Promise<BlockPlaces | undefined> {
    const blocks = this.blocks ?? [];
    const isPast = (found: number) => (this.backwards ? found > block : found < block);
    while (this.at < blocks.length && isPast(blocks[this.at] as number)) this.at++;
    const found = blocks[this.at];
    if (found === undefined) return undefined;
    const places = (this.places.get(found) as PlaceSet).between(0, this.view.blockEvents - 1);
    return { block: found, places: Uint16Array.from(places) };
  }

  private async read(): Promise<void> {
    const { store, sealedBlocks, blockEvents } = this.view;
    const count = Math.min(ROWS_AT_ONCE, this.credit);
    const scan = store.scan({ from: this.from, to: this.to, limit: count });
    try {
      const rows = await scan.next(count);
      this.spend(rows.length + 1);
      for (const [key, value] of rows) {
        const { block, places } = this.decode(key, value);
        this.credit -= places.length;
        if (block >= sealedBlocks) continue;
        const own = this.places.get(block) ?? new PlaceSet(blockEvents);
        own.add(places);
        this.places.set(block, own);
      }
      const last = rows.at(-1);
      if (last) this.from = Uint8Array.from([...last[0], 0]);
      else this.blocks = [...this.places.keys()].sort((a, b) => (this.backwards ? b - a : a - b));
    } finally {
      await scan.close();
    }
  }

  private decode(key: Uint8Array, value: Uint8Array): BlockPlaces {
    if (this.kind === Kind.stream) return decodeRow(key, value, decodeStreamRow);
    return { block: blockOfNameKey(key), places: decodeRow(key, value, decodePlaces) };
  }
}
