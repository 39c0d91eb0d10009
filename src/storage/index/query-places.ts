import type { Query } from '../../model/query.ts';
import type { IndexView } from './index-view.ts';
import { placesInMemory } from './memory-places.ts';
import type { OpenBlock } from './open-block.ts';
import type { PlaceSet } from './place-set.ts';
import type { SpendRows } from './posting-cursor.ts';
import { QueryBudget } from './query-budget.ts';
import { type AnyOf, termsOf } from './query-terms.ts';
import { SealedPlaces } from './sealed-places.ts';

export interface QueryRange {
  /** A position, inclusive. Without it, the first one, or backwards the last one. */
  readonly from?: number | undefined;
  readonly backwards?: boolean | undefined;
  /** Bounds what is read; without it, nothing does. */
  readonly spend?: SpendRows | undefined;
  /** See {@link QueryBudget}. */
  readonly windowBlocks?: number | undefined;
  /** Lets the event loop have its turn. */
  readonly yieldTurn?: (() => Promise<void>) | undefined;
}

/** What one block has. */
export interface QueryPlaces {
  /** None where the names of the query occur in the block, but not together. */
  readonly positions: readonly number[];
  /** The last position of the block in the direction of the query: nothing up to there is still to come. */
  readonly lookedTo: number;
}

/**
 * The positions at which events of a query may be, those of a block at a time, from a position on. Some of them may be of
 * other streams than a prefix means, or of system streams that are not meant: whoever reads the event looks.
 */
export async function* queryPlaces(view: IndexView, query: Query, range: QueryRange): AsyncGenerator<QueryPlaces> {
  const backwards = range.backwards === true;
  const from = Math.max(range.from ?? (backwards ? view.head : 1), backwards ? 0 : 1);
  if (from < 1) return;
  const items = termsOf(query);
  const within = (block: number, places: PlaceSet) => placesWithin(view, block, places, from, backwards);
  if (!backwards) yield* sealed(view, items, from, range, within);
  for (const block of backwards ? [...view.blocks].reverse() : view.blocks) {
    if (!touches(block, from, backwards)) continue;
    const bounds = backwards ? { from: 1, to: Math.min(from, view.head) } : { from, to: view.head };
    const places = within(block.number, await inMemory(block, items, bounds, range));
    if (places.positions.length > 0) yield places;
  }
  if (backwards) yield* sealed(view, items, from, range, within);
}

/**
 * The same as far as memory knows it at once: ascending, from a position on; undefined where that lies in a block that
 * has been sealed.
 */
export function queryPlacesInMemory(view: IndexView, query: Query, from: number): number[] | undefined {
  if (from <= view.sealedBlocks * view.blockEvents) return undefined;
  const items = termsOf(query);
  return view.blocks
    .filter((block) => touches(block, from, false))
    .flatMap(
      (block) =>
        placesWithin(view, block.number, placesInMemory(block, items, { from, to: view.head }), from, false).positions,
    );
}

/** Item by item: many of them could hold the event loop up (rule C3), and whoever bounds the look-up can end it between two. */
async function inMemory(
  block: OpenBlock,
  items: readonly (readonly AnyOf[])[],
  bounds: { readonly from: number; readonly to: number },
  { yieldTurn, spend }: QueryRange,
): Promise<PlaceSet> {
  const places = placesInMemory(block, items.slice(0, 1), bounds);
  for (const item of items.slice(1)) {
    await yieldTurn?.();
    spend?.(0);
    places.unite(placesInMemory(block, [item], bounds));
  }
  return places;
}

async function* sealed(
  view: IndexView,
  items: readonly (readonly AnyOf[])[],
  from: number,
  { backwards = false, spend = () => {}, windowBlocks }: QueryRange,
  within: (block: number, places: PlaceSet) => QueryPlaces,
): AsyncGenerator<QueryPlaces> {
  const step = backwards ? -1 : 1;
  let block = Math.floor((from - 1) / view.blockEvents);
  if (backwards) block = Math.min(block, view.sealedBlocks - 1);
  if (block < 0 || block >= view.sealedBlocks) return;
  const budget = new QueryBudget(items, windowBlocks);
  const places = await SealedPlaces.open(view, items, { backwards, spend, budget });
  while (block >= 0 && block < view.sealedBlocks) {
    const found = await places.next(block);
    if (!found) return;
    yield within(found.block, found.places);
    block = found.block + step;
  }
}

function touches(block: OpenBlock, from: number, backwards: boolean): boolean {
  return backwards ? block.firstPosition <= from : block.firstPosition + block.size > from;
}

function placesWithin(view: IndexView, block: number, places: PlaceSet, from: number, backwards: boolean): QueryPlaces {
  const first = block * view.blockEvents + 1;
  const least = backwards ? first : Math.max(first, from);
  const most = Math.min(first + view.blockEvents - 1, view.head, backwards ? from : view.head);
  const positions = places.between(least - first, most - first).map((place) => first + place);
  return { positions: backwards ? positions.reverse() : positions, lookedTo: backwards ? least : most };
}
