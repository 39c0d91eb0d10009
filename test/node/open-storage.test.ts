import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { uuidBytes } from '../../src/base/bytes.ts';
import { NodeStorage } from '../../src/node/open-storage.ts';
import { encodeFoundingRecord } from '../../src/peer/founding-codec.ts';
import { DataDirectory } from '../../src/storage/data-directory.ts';
import { LevelStore } from '../../src/storage/level-store.ts';
import { RAFT_LOG_DATABASE } from '../../src/storage/raft-log.ts';
import type { FetchEntries } from '../../src/storage/raft-log-rewrite.ts';
import { entryKey } from '../../src/storage/raft-log-rows.ts';
import type { EntryRecord } from '../../src/storage/record.ts';
import { append, entriesAfter, temporaryDirectory } from '../storage/support.ts';
import { dyingAt } from '../support/crash.ts';

const FOUNDED = '0b9ed1b4-5d7c-4f0f-9a52-2d3c0a6d4a11';
/** More steps than any of these writes takes. */
const STEPS_MAX = 100;
const LENGTH = 40;
const LOST = 17;

const RECORD = encodeFoundingRecord({
  clusterId: uuidBytes(FOUNDED) as Uint8Array,
  members: [{ nodeId: 'n1', directoryId: Buffer.alloc(16, 1), address: 'n1:1', peerAddress: 'n1:2' }],
  createdUs: 1_700_000_000_000_000,
  featureLevel: 1,
});

interface Opened {
  readonly directory: DataDirectory;
  readonly storage: NodeStorage;
  close(): Promise<void>;
}

/** A start of the node, as far as its storage is concerned. */
async function opened(path: string): Promise<Opened> {
  const directory = await DataDirectory.open(path, { nodeId: 'n2', ballastBytes: 1 << 16 });
  const storage = await NodeStorage.open(directory, await directory.raiseIncarnation()).catch(async (error) => {
    await directory.close();
    throw error;
  });
  let closed: Promise<void> | undefined;
  const close = async () => {
    await storage.close();
    await directory.close();
  };
  const once = () => {
    closed ??= close();
    return closed;
  };
  onTestFinished(once);
  return { directory, storage, close: once };
}

/** A directory whose log has lost an entry below its commit index, which is noted; and all entries, as peers have them. */
async function damagedDirectory(): Promise<{ path: string; records: readonly EntryRecord[] }> {
  const path = join(await temporaryDirectory(), 'data');
  const { storage, close } = await opened(path);
  await storage.adopt(RECORD);
  const first = (await storage.log.get(1)) as EntryRecord;
  await append(storage.log, entriesAfter(first, LENGTH - 1));
  const records = await storage.log.read(1, LENGTH, Number.MAX_SAFE_INTEGER);
  await storage.noteDamage({ kind: 'belowCommit', index: LOST, text: `entry ${LOST} is missing` });
  await close();
  const store = await LevelStore.open(join(path, 'log'), RAFT_LOG_DATABASE);
  await store.write([{ type: 'del', key: entryKey(LOST) }], true);
  await store.close();
  return { path, records };
}

async function repair({ storage }: Opened, records: readonly EntryRecord[]): Promise<void> {
  const fetch: FetchEntries = async (from, to) => records.slice(from - 1, to);
  for await (const _ of storage.repair(fetch)) {
    // Each step is one batch.
  }
}

async function expectWhole({ storage, directory }: Opened, records: readonly EntryRecord[]): Promise<void> {
  expect(storage.damage).toBeUndefined();
  const found = await storage.log.read(1, LENGTH, Number.MAX_SAFE_INTEGER);
  expect(found.map(({ bytes }) => bytes)).toEqual(records.map(({ bytes }) => bytes));
  const names = await readdir(directory.path);
  expect(names.filter((name) => /^log|^damaged/.test(name))).toEqual(['log']);
}

describe('the repair of a log', () => {
  test('goes on at the next start, whenever it died, and does not begin again behind the swap [D7]', async () => {
    const died: string[] = [];
    const { path: damaged, records } = await damagedDirectory();
    for (let step = 0; step < STEPS_MAX; step++) {
      const path = join(await temporaryDirectory(), 'data');
      await cp(damaged, path, { recursive: true });
      const before = await opened(path);
      const at = await dyingAt(step, () => repair(before, records));
      if (at !== undefined) died.push(at.replace(path, ''));
      const swapped = (await readdir(path)).includes('log.damaged');
      await before.close();
      const after = await opened(path);
      if (at === undefined || swapped) expect(after.storage.damage, at).toBeUndefined();
      else if (after.storage.damage) await repair(after, records);
      await expectWhole(after, records);
      await after.close();
      if (at === undefined) break;
    }
    const swap = ['rename /log', 'rm /damaged.json', 'rename /log.rewritten', 'rm /log.damaged'];
    expect(died.filter((at) => swap.includes(at))).toEqual(['rm /log.damaged', ...swap]);
  });
});
