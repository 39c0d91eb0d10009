import { bytesEqual } from '../../base/bytes.ts';
import { FactstoreError } from '../../base/errors.ts';
import { eachRow, type Store } from '../store.ts';
import type { AppendIdWindow, WindowLimits } from './append-id-window.ts';
import {
  type Chunk,
  decodeAppendIds,
  decodeChunk,
  decodeFormat,
  decodeSeal,
  FORMAT_VERSION,
  putFormat,
  type Seal,
} from './block-rows.ts';
import { appendIdsKey, blockOfKey, formatKey, Kind, kindRange, sealKey } from './keys.ts';
import { damagedIndex, decodeRow, RowWriter } from './row-writer.ts';

/** The chain hash of the raft log at an index; undefined where the log has no such entry. */
export type ChainAt = (logIndex: number) => Promise<Uint8Array | undefined>;

/** Why an index on disk is not one of this log. */
export interface StaleIndex {
  /**
   * - `format`: another format, another size of blocks, or a wipe that was not finished. Nothing to worry about.
   * - `damaged`: rows of it cannot be read, or are gone. - `asked`: the caller wants it rebuilt.
   * - `beyondLog`: it holds entries that the log does not have. - `otherChain`: the log has another entry there.
   *   Both prove that the log has lost what was committed (rule D8).
   */
  readonly reason: 'format' | 'damaged' | 'asked' | 'beyondLog' | 'otherChain';
  /** The log index that the newest seal names; 0 with the first three. */
  readonly logIndex: number;
}

/** The blocks that are sealed, and what the newest seal says. */
export interface SealedState {
  readonly sealedBlocks: number;
  readonly newest: Seal | undefined;
}

const WIPE_ROWS = 1024;

export interface RecoverOptions {
  readonly blockEvents: number;
  readonly rebuild: boolean;
  readonly onStale: (stale: StaleIndex) => void | Promise<void>;
}

/** Finds out what of the index on disk holds, and wipes it where it is not an index of this log. */
export async function recoverSeals(store: Store, chainAt: ChainAt, options: RecoverOptions): Promise<SealedState> {
  const found = options.rebuild ? stale('asked') : await sealedState(store, options.blockEvents);
  const finding = 'reason' in found ? found : await staleness(found, chainAt);
  if (!finding && 'sealedBlocks' in found) return found;
  if (finding && !(await isEmpty(store))) {
    await options.onStale(finding);
    await wipe(store);
  }
  const writer = new RowWriter();
  putFormat(writer, { version: FORMAT_VERSION, blockEvents: options.blockEvents });
  await store.write(writer.take(), true);
  return { sealedBlocks: 0, newest: undefined };
}

async function sealedState(store: Store, blockEvents: number): Promise<SealedState | StaleIndex> {
  try {
    const value = await store.get(formatKey());
    const format = value && decodeRow(formatKey(), value, decodeFormat);
    const known = format?.version === FORMAT_VERSION && format.blockEvents === blockEvents;
    if (!known) return stale('format');
    return (await hasAllChunks(store)) ? await newestSeal(store) : stale('damaged');
  } catch (error) {
    if (error instanceof FactstoreError && error.code === 'DATA_LOSS') return stale('damaged');
    throw error;
  }
}

/** Whether every block has its seal, and every chunk of rows that the seal vouches for (rule D5). */
async function hasAllChunks(store: Store): Promise<boolean> {
  const blocks: FoundChunks[] = [];
  let gap = false;
  await eachRow(store, kindRange(Kind.seal), (key, value) => {
    gap ||= blockOfKey(key) !== blocks.length;
    blocks.push(new FoundChunks(decodeRow(key, value, decodeSeal)));
  });
  await eachRow(store, kindRange(Kind.chunk), (key, value) => {
    const chunk = decodeRow(key, value, decodeChunk);
    blocks[blockOfKey(key)]?.add(chunk);
  });
  return !gap && blocks.every((block) => block.complete);
}

/** What is there of a sealed block's chunks. Among them may be some of an attempt that a crash ended. */
class FoundChunks {
  private readonly seal: Seal;
  private count = 0;
  /** Of the rows up to which the chunks follow one another. */
  private digest = 0;

  constructor(seal: Seal) {
    this.seal = seal;
  }

  add(chunk: Partial<Chunk>): void {
    this.count++;
    const { before, after } = chunk;
    if (before === this.digest && after !== undefined && this.digest !== this.seal.digest) this.digest = after;
  }

  /** Where chunks do not tell their rows, those of an earlier attempt could stand for some that are lost: none is allowed. */
  get complete(): boolean {
    const { chunks, digest } = this.seal;
    return digest === undefined ? this.count === chunks : this.digest === digest;
  }
}

function stale(reason: StaleIndex['reason'], logIndex = 0): StaleIndex {
  return { reason, logIndex };
}

/** What the index says of itself: how far it is sealed, and which entry its newest seal is of. */
export async function newestSeal(store: Store): Promise<SealedState> {
  const scan = store.scan({ ...kindRange(Kind.seal), backwards: true, limit: 1 });
  try {
    const [row] = await scan.next(1);
    if (!row) return { sealedBlocks: 0, newest: undefined };
    return { sealedBlocks: blockOfKey(row[0]) + 1, newest: decodeRow(row[0], row[1], decodeSeal) };
  } finally {
    await scan.close();
  }
}

async function staleness({ newest }: SealedState, chainAt: ChainAt): Promise<StaleIndex | undefined> {
  if (!newest) return undefined;
  const chain = await chainAt(newest.logIndex);
  if (!chain) return stale('beyondLog', newest.logIndex);
  return bytesEqual(chain, newest.chain) ? undefined : stale('otherChain', newest.logIndex);
}

async function isEmpty(store: Store): Promise<boolean> {
  const scan = store.scan({ limit: 1 });
  try {
    return (await scan.next(1)).length === 0;
  } finally {
    await scan.close();
  }
}

/**
 * Deletes everything. The format row goes first and its successor is written last, each synced: a wipe that was
 * interrupted is seen at the next start and done again, so that no old row is ever taken for a new one.
 */
async function wipe(store: Store): Promise<void> {
  await store.write([{ type: 'del', key: formatKey() }], true);
  const scan = store.scan({});
  try {
    for (;;) {
      const rows = await scan.next(WIPE_ROWS);
      if (rows.length === 0) return;
      await store.write(
        rows.map(([key]) => ({ type: 'del', key })),
        true,
      );
    }
  } finally {
    await scan.close();
  }
}

/** Fills the window from the rows of the last sealed blocks, the oldest first. */
export async function loadAppendIds(
  store: Store,
  { sealedBlocks, newest }: SealedState,
  limits: WindowLimits,
  window: AppendIdWindow,
): Promise<void> {
  if (!newest) return;
  const from = await firstBlockOfWindow(store, sealedBlocks, newest, limits);
  const seals = new Map<number, Seal>();
  let missing = 0;
  await eachSeal(store, from, sealedBlocks, (block, seal) => {
    seals.set(block, seal);
    missing += seal.appendIds;
  });
  const scan = store.scan({ from: appendIdsKey(from, 0), to: appendIdsKey(sealedBlocks, 0) });
  try {
    for (;;) {
      // Eight rows are 4,096 ids: about a millisecond.
      const rows = await scan.next(8);
      if (rows.length === 0) break;
      for (const [key, value] of rows) {
        const { ids, logIndexes } = decodeRow(key, value, decodeAppendIds);
        const timeUs = seals.get(blockOfKey(key))?.idTimeUs ?? newest.idTimeUs;
        missing -= logIndexes.length;
        logIndexes.forEach((logIndex, i) => {
          window.add(ids, i * 16, logIndex, timeUs);
        });
      }
    }
  } finally {
    await scan.close();
  }
  // A repeat of an append whose id is lost would be appended again.
  if (missing !== 0) throw damagedIndex(`${missing} append ids of sealed blocks are missing`);
}

async function firstBlockOfWindow(store: Store, sealed: number, newest: Seal, limits: WindowLimits): Promise<number> {
  const scan = store.scan({ from: sealKey(0), to: sealKey(sealed), backwards: true });
  let ids = 0;
  try {
    for (;;) {
      const rows = await scan.next(64);
      if (rows.length === 0) return 0;
      for (const [key, value] of rows) {
        const seal = decodeRow(key, value, decodeSeal);
        const old = ids >= limits.idsMin && newest.idTimeUs - seal.idTimeUs >= limits.timeUs;
        if (old || ids >= limits.idsMax) return blockOfKey(key) + 1;
        ids += seal.appendIds;
      }
    }
  } finally {
    await scan.close();
  }
}

async function eachSeal(
  store: Store,
  from: number,
  to: number,
  visit: (block: number, seal: Seal) => void,
): Promise<void> {
  await eachRow(store, { from: sealKey(from), to: sealKey(to) }, (key, value) =>
    visit(blockOfKey(key), decodeRow(key, value, decodeSeal)),
  );
}
