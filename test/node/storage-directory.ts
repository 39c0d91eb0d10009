import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { uuidBytes } from '../../src/base/bytes.ts';
import { NodeStorage } from '../../src/node/open-storage.ts';
import { encodeFoundingRecord } from '../../src/peer/founding-codec.ts';
import { DataDirectory } from '../../src/storage/data-directory.ts';
import { LevelStore } from '../../src/storage/level-store.ts';
import { RAFT_LOG_DATABASE } from '../../src/storage/raft-log.ts';
import { entryKey } from '../../src/storage/raft-log-rows.ts';
import type { EntryRecord } from '../../src/storage/record.ts';
import { append, entriesAfter, temporaryDirectory } from '../storage/support.ts';

export const FOUNDED = '0b9ed1b4-5d7c-4f0f-9a52-2d3c0a6d4a11';

/** The record of a cluster that n1 has founded; the directories here are those of n2, which came later. */
export const RECORD = encodeFoundingRecord({
  clusterId: uuidBytes(FOUNDED) as Uint8Array,
  members: [{ nodeId: 'n1', directoryId: Buffer.alloc(16, 1), address: 'n1:1', peerAddress: 'n1:2' }],
  createdUs: 1_700_000_000_000_000,
  featureLevel: 1,
});

export interface Opened {
  readonly directory: DataDirectory;
  readonly storage: NodeStorage;
  close(): Promise<void>;
}

/** A start of the node, as far as its storage is concerned. */
export async function opened(path: string): Promise<Opened> {
  const directory = await DataDirectory.open(path, { nodeId: 'n2', ballastBytes: 1 << 16 });
  const storage = await NodeStorage.open(directory, await directory.raiseIncarnation()).catch(async (error) => {
    await directory.close();
    throw error;
  });
  const close = async () => {
    await storage.close();
    await directory.close();
  };
  let closed: Promise<void> | undefined;
  const closeOnce = () => {
    closed ??= close();
    return closed;
  };
  onTestFinished(closeOnce);
  return { directory, storage, close: closeOnce };
}

/** A directory of so many entries, of which one below the commit index is noted as damaged; all, as peers have them. */
export async function damagedDirectory(
  length: number,
  damaged: number,
): Promise<{ path: string; records: readonly EntryRecord[] }> {
  const path = join(await temporaryDirectory(), 'data');
  const { storage, close } = await opened(path);
  await storage.adopt(RECORD);
  const first = (await storage.log.get(1)) as EntryRecord;
  await append(storage.log, entriesAfter(first, length - 1));
  const records = await storage.log.read(1, length, Number.MAX_SAFE_INTEGER);
  await storage.noteDamage({ kind: 'belowCommit', index: damaged, text: `entry ${damaged}: its checksum is wrong` });
  await close();
  return { path, records };
}

/** Takes an entry from the log of a node that does not run. */
export async function loseEntry(path: string, index: number): Promise<void> {
  const store = await LevelStore.open(join(path, 'log'), RAFT_LOG_DATABASE);
  await store.write([{ type: 'del', key: entryKey(index) }], true);
  await store.close();
}
