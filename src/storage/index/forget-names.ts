import type { Store } from '../store.ts';
import { decodeSeal, putSeal } from './block-rows.ts';
import { type BlockNameKind, blockNameKey, sealKey } from './keys.ts';
import { decodePlaces, putPlaces } from './place-rows.ts';
import { damagedIndex, decodeRow, RowWriter } from './row-writer.ts';

/** A name that an erased event had: its type, or one of its tags. */
export interface ErasedName {
  readonly kind: BlockNameKind;
  readonly name: Uint8Array;
  readonly position: number;
}

/** How many rows one batch changes (rule C3). */
const ROWS_PER_BATCH = 256;

/** A row, and the places that it must not name any more. */
interface Forgotten {
  readonly key: Uint8Array;
  readonly places: Set<number>;
}

/**
 * Takes names of erased events out of the rows of a sealed block (rule R2). Only places that nobody can see leave the
 * rows, so views that are held show the same. Each batch is whole in itself: the seal counts the rows that are left.
 */
export async function forgetNames(
  store: Store,
  block: number,
  firstPosition: number,
  names: readonly ErasedName[],
): Promise<void> {
  const rows = new Map<string, Forgotten>();
  for (const { kind, name, position } of names) {
    const key = blockNameKey(kind, name, block);
    const id = Buffer.from(key).toString('latin1');
    const row = rows.get(id) ?? { key, places: new Set() };
    row.places.add(position - firstPosition);
    rows.set(id, row);
  }
  const all = [...rows.values()];
  for (let from = 0; from < all.length; from += ROWS_PER_BATCH) {
    await forgetIn(store, block, all.slice(from, from + ROWS_PER_BATCH));
  }
}

async function forgetIn(store: Store, block: number, rows: readonly Forgotten[]): Promise<void> {
  const values = await store.getMany(rows.map(({ key }) => key));
  const writer = new RowWriter();
  const gone: Uint8Array[] = [];
  for (const [n, { key, places }] of rows.entries()) {
    const value = values[n];
    // A scavenge that was interrupted has been here before.
    if (!value) continue;
    const known = decodeRow(key, value, decodePlaces);
    const left = known.filter((place) => !places.has(place));
    if (left.length === 0) gone.push(key);
    else if (left.length < known.length) {
      putPlaces(writer.startAt(key, left.length * 2), left).end();
    }
  }
  if (gone.length > 0) {
    const value = await store.get(sealKey(block));
    if (!value) throw damagedIndex(`block ${block} has no seal`);
    const seal = decodeRow(sealKey(block), value, decodeSeal);
    putSeal(writer, block, { ...seal, rows: seal.rows - gone.length });
  }
  const operations = [...writer.take(), ...gone.map((key) => ({ type: 'del' as const, key }))];
  if (operations.length > 0) await store.write(operations, true);
}

/**
 * Takes rows of a block that is not sealed from the disk: an attempt at it that a crash ended may have left them. The next
 * one writes those of names that it still has, and would leave the others there, which no seal counts.
 */
export async function dropLeftOver(store: Store, keys: readonly Uint8Array[]): Promise<void> {
  if (keys.length === 0) return;
  const values = await store.getMany(keys);
  const there = keys.filter((_, n) => values[n] !== undefined);
  if (there.length === 0) return;
  await store.write(
    there.map((key) => ({ type: 'del', key })),
    true,
  );
}
