import type { Signal } from '../base/signal.ts';

/**
 * The smallest face of a key-value database that factstore stands on: ordered keys, atomic batches, synced on demand.
 * Production stands on LevelDB (level-store.ts); the simulator on a disk that loses what LevelDB was seen to lose.
 *
 * Callers of `write` await each call before the next one: two LevelDB batches under way can land in either order.
 */
export interface Store {
  get(key: Uint8Array): Promise<Buffer | undefined>;
  getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]>;
  /** All of it or nothing. With `sync`, durable once it returns. Any error is fatal to the process (rule D1). */
  write(operations: readonly Operation[], sync: boolean): Promise<void>;
  /**
   * Rows in the order of their keys, as they were when the scan began. Always closed by the caller, and soon: compactions
   * wait for it.
   */
  scan(range: ScanRange): Scan;
  /**
   * Has no file of the database hold what was deleted or replaced between these keys, which are those of no rows: its
   * bytes are gone then, and their space is free. It goes piece by piece; reads and writes go on. False: the signal or
   * `rest` ended it.
   */
  compact(from: Uint8Array, to: Uint8Array, signal: Signal, rest?: CompactionRest): Promise<boolean>;
  close(): Promise<void>;
}

/** Is told about how many bytes the last piece had on the disk, and may take its time. False: nothing more is to be done. */
export type CompactionRest = (bytes: number) => Promise<boolean>;

export type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

/** `from` is inclusive, `to` exclusive; both optional. */
export interface ScanRange {
  readonly from?: Uint8Array;
  readonly to?: Uint8Array;
  readonly backwards?: boolean;
  readonly limit?: number;
  /** The caller could not tell if a row were missing. */
  readonly unnumbered?: boolean;
}

export interface Scan {
  /** At most `count` further rows; none means the end. */
  next(count: number): Promise<[key: Buffer, value: Buffer][]>;
  close(): Promise<void>;
}

/** How much a batch writes, keys and values. */
export function bytesOf(operations: readonly Operation[]): number {
  let bytes = 0;
  for (const operation of operations)
    bytes += operation.key.length + (operation.type === 'put' ? operation.value.length : 0);
  return bytes;
}

const ROWS_PER_TURN = 256;

/**
 * Visits the rows of a range in order, a bounded number in one turn (rule C3). `pace` is told how many bytes a turn has
 * read, and may wait.
 */
export async function eachRow(
  store: Store,
  range: ScanRange,
  visit: (key: Buffer, value: Buffer) => void,
  pace?: (bytes: number) => Promise<void>,
): Promise<void> {
  const scan = store.scan(range);
  try {
    for (let rows = await scan.next(ROWS_PER_TURN); rows.length > 0; rows = await scan.next(ROWS_PER_TURN)) {
      for (const [key, value] of rows) visit(key, value);
      if (pace) await pace(rows.reduce((sum, [key, value]) => sum + key.length + value.length, 0));
    }
  } finally {
    await scan.close();
  }
}

/** Removes the rows of a range in batches of a bounded size; tells how many there were. */
export async function removeRows(store: Store, range: ScanRange): Promise<number> {
  const scan = store.scan(range);
  let removed = 0;
  try {
    for (let rows = await scan.next(ROWS_PER_TURN); rows.length > 0; rows = await scan.next(ROWS_PER_TURN)) {
      await store.write(
        rows.map(([key]) => ({ type: 'del', key })),
        false,
      );
      removed += rows.length;
    }
  } finally {
    await scan.close();
  }
  return removed;
}
