import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { EntryType } from '../../src/raft/types.ts';
import { type LevelOptions, LevelStore } from '../../src/storage/level-store.ts';
import { NOTHING_PROMISED, type Promised, type PromiseStore } from '../../src/storage/promise-file.ts';
import { RaftLog, type RaftLogOptions } from '../../src/storage/raft-log.ts';
import { type EntryRecord, emptyLog, genesisChain, type LogPlace, sealEntry } from '../../src/storage/record.ts';
import type { Store } from '../../src/storage/store.ts';
import { MemoryStore } from '../support/memory-store.ts';

export const GENESIS = genesisChain(Buffer.from('a cluster'));
export const SMALL: LevelOptions = { writeBufferBytes: 64 << 10, tableBytes: 1 << 20, cacheBytes: 1 << 20 };

/** A directory that is removed when the test ends. */
export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'factstore-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Promises in memory; `forget` is a power failure. */
export class MemoryPromises implements PromiseStore {
  newest: Promised = NOTHING_PROMISED;
  synced: Promised = NOTHING_PROMISED;
  writes = 0;

  read(): Promised {
    return this.newest;
  }

  write(promise: Promised): void {
    this.writes++;
    this.newest = { ...promise, chain: Buffer.from(promise.chain) };
  }

  async sync(): Promise<void> {
    this.synced = this.newest;
  }

  forget(): void {
    this.newest = this.synced;
  }
}

interface Shape {
  readonly term?: number;
  readonly type?: EntryType;
  readonly events?: number;
  readonly createdUs?: number;
  readonly payload?: Uint8Array;
}

/** One sealed entry behind a place. */
export function entryAfter(place: LogPlace, shape: Shape = {}): EntryRecord {
  const index = place.index + 1;
  return sealEntry(
    {
      index,
      term: shape.term ?? Math.max(1, place.term),
      type: shape.type ?? EntryType.events,
      firstPosition: place.nextPosition,
      count: shape.events ?? 1,
      createdUs: shape.createdUs ?? place.createdUs + 10,
      payload: shape.payload ?? Buffer.from(`payload of entry ${index}`),
    },
    place.chain,
  );
}

/** Sealed entries one behind another. */
export function entriesAfter(
  place: LogPlace,
  count: number,
  shape: Shape | ((i: number) => Shape) = {},
): EntryRecord[] {
  const records: EntryRecord[] = [];
  for (let i = 0; i < count; i++) {
    const record = entryAfter(records.at(-1) ?? place, typeof shape === 'function' ? shape(i) : shape);
    records.push(record);
  }
  return records;
}

export const EMPTY_LOG = emptyLog(GENESIS);

/** A kind of store to run a suite over: `reopen` closes what is open, as a stop of the node does, and opens it again. */
export interface Bench {
  readonly promises: MemoryPromises;
  /** The store that is open. */
  readonly store: Store | undefined;
  openStore(): Promise<Store>;
  openLog(options?: Partial<RaftLogOptions>): Promise<RaftLog>;
}

export const BENCHES: readonly (readonly [string, () => Promise<Bench>])[] = [
  ['memory', async () => bench(memoryOpener())],
  ['LevelDB', async () => bench(levelOpener(await temporaryDirectory()))],
];

function memoryOpener(): () => Promise<Store> {
  const store = new MemoryStore();
  return async () => store.reopen();
}

function levelOpener(directory: string): () => Promise<Store> {
  return () => LevelStore.open(join(directory, 'log'), SMALL);
}

/** Closes what it opened before it opens anew, and at the end of the test. */
function bench(open: () => Promise<Store>): Bench {
  const promises = new MemoryPromises();
  let last: Store | undefined;
  const openStore = async () => {
    await last?.close();
    last = await open();
    return last;
  };
  onTestFinished(async () => last?.close());
  return {
    promises,
    get store() {
      return last;
    },
    openStore,
    openLog: async (options) =>
      RaftLog.open(await openStore(), { path: '/data', promises, genesis: GENESIS, incarnation: 1, ...options }),
  };
}

/** Appends entries in one batch; the commit index goes to the last of them unless given. */
export async function append(log: RaftLog, records: readonly EntryRecord[], commit?: number): Promise<void> {
  const last = records.at(-1);
  await log.write({
    truncateAfter: undefined,
    records,
    hardState: {
      term: Math.max(log.hardState.term, last?.term ?? 0),
      vote: last && last.term > log.hardState.term ? undefined : log.hardState.vote,
      commit: commit ?? last?.index ?? log.hardState.commit,
    },
  });
}

/** The error that a promise ends in. */
export async function failure(promise: Promise<unknown>): Promise<FactstoreError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof FactstoreError) return error;
  throw new Error(`a FactstoreError was expected, not ${String(error)}`);
}
