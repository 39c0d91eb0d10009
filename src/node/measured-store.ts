import { bytesOf, type Store } from '../storage/store.ts';

/** What one synced batch was. */
export interface SyncedBatch {
  readonly rows: number;
  readonly bytes: number;
  readonly ms: number;
}

/** The same store, which tells of each synced batch once it is durable. */
export function measuredStore(store: Store, monotonicMs: () => number, tell: (batch: SyncedBatch) => void): Store {
  return {
    get: (key) => store.get(key),
    getMany: (keys) => store.getMany(keys),
    scan: (range) => store.scan(range),
    compact: (from, to, signal, rest) => store.compact(from, to, signal, rest),
    close: () => store.close(),
    async write(operations, sync) {
      const began = monotonicMs();
      await store.write(operations, sync);
      if (sync) tell({ rows: operations.length, bytes: bytesOf(operations), ms: monotonicMs() - began });
    },
  };
}
