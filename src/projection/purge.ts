import type { Signal } from '../base/signal.ts';
import { eachRow, removeRows, type Store } from '../storage/store.ts';
import { GenerationKeys, generationOfKey } from './keys.ts';

/**
 * Removes all rows of a generation. Their bytes are in the files of the database until they are purged, and may be what came
 * from events that are erased by now (rule R2); without the rows nothing would tell of that after a stop or a crash. So it
 * is written down first, durably, that a purge is owed. False: none is.
 */
export async function removeGeneration(store: Store, keys: GenerationKeys): Promise<boolean> {
  const owed = await store.get(keys.purge);
  if (!(await hasRows(store, keys))) return owed !== undefined;
  const times = Uint8Array.of((owed?.[0] ?? 0) + 1);
  await store.write([{ type: 'put', key: keys.purge, value: times }], true);
  await removeRows(store, keys.all);
  return true;
}

/** The generations of which something was removed that is not purged yet. */
export async function owedPurges(store: Store): Promise<GenerationKeys[]> {
  const owed: GenerationKeys[] = [];
  await eachRow(store, GenerationKeys.allPurges, (key) => {
    const { name, generation } = generationOfKey(key.subarray(1));
    owed.push(new GenerationKeys(name, generation));
  });
  return owed;
}

/**
 * Takes what was removed of a generation from the files, too. A state is small beside the log, so there is nothing to hold
 * back for; but copies of states that are on their way are waited for. Where the signal ends it, it is still owed.
 */
export async function purge(store: Store, keys: GenerationKeys, signal: Signal): Promise<void> {
  const owed = await store.get(keys.purge);
  if (!owed) return;
  const { from, to } = keys.all;
  if (!(await store.compact(from, to, signal))) return;
  // Where more was removed meanwhile, that is still in the files.
  const now = await store.get(keys.purge);
  if (now?.equals(owed)) await store.write([{ type: 'del', key: keys.purge }], false);
}

async function hasRows(store: Store, { all }: GenerationKeys): Promise<boolean> {
  const scan = store.scan({ ...all, limit: 1 });
  try {
    return (await scan.next(1)).length > 0;
  } finally {
    await scan.close();
  }
}
