/**
 * Opens damaged copies of a raft log, one for each message, and says what came of it. A process of its own, because
 * LevelDB ends the process at some damages of its tables (an assertion in its code).
 */
import { readFileSync } from 'node:fs';
import { deserialize } from 'node:v8';
import { FactstoreError } from '../../../src/base/errors.ts';
import { EntryType } from '../../../src/raft/types.ts';
import { LevelStore } from '../../../src/storage/level-store.ts';
import { NOTHING_PROMISED, type Promised, type PromiseStore } from '../../../src/storage/promise-file.ts';
import { RaftLog } from '../../../src/storage/raft-log.ts';
import { EntryRecord } from '../../../src/storage/record.ts';

interface Expected {
  readonly genesis: Uint8Array;
  readonly promised: Promised;
  readonly records: readonly Uint8Array[];
  readonly term: number;
  readonly vote: string;
}

const options = { writeBufferBytes: 64 << 10, tableBytes: 1 << 20, cacheBytes: 1 << 20 };
const expected = deserialize(readFileSync(process.argv[2] as string)) as Expected;
const records = expected.records.map((bytes, i) => new EntryRecord(i + 1, Buffer.from(bytes)));

function promises(): PromiseStore {
  const promised = { ...NOTHING_PROMISED, ...expected.promised };
  return { read: () => promised, write: () => {}, sync: async () => {} };
}

/** "refused", "noticed when read" or "intact"; anything else tells what was wrong and went unnoticed. */
async function judge(directory: string): Promise<string> {
  let store: LevelStore | undefined;
  try {
    store = await LevelStore.open(directory, options);
    const { genesis } = expected;
    const log = await RaftLog.open(store, {
      path: directory,
      promises: promises(),
      genesis,
      incarnation: 1,
      verifyEntries: 20,
    });
    return await compare(log);
  } catch (error) {
    if (error instanceof FactstoreError && error.code === 'DATA_LOSS') return 'refused';
    return `another error: ${error}`;
  } finally {
    await store?.close();
  }
}

async function compare(log: RaftLog): Promise<string> {
  if (log.lastIndex !== records.length) return `a log of ${log.lastIndex} entries instead of ${records.length}`;
  if (log.hardState.term !== expected.term) return `term ${log.hardState.term}`;
  if (log.hardState.vote !== expected.vote) return `vote ${log.hardState.vote}`;
  const known = [...log.recovered.memberships, ...log.recovered.uncommittedMemberships].map((record) => record.index);
  const memberships = records.filter((record) => record.type === EntryType.membership).map((record) => record.index);
  if (known.join() !== memberships.join()) return `memberships ${known} instead of ${memberships}`;
  let noticed = 0;
  for (const record of records) {
    try {
      const found = await log.get(record.index);
      if (found?.bytes.equals(record.bytes) !== true) return `a wrong entry ${record.index}`;
    } catch (error) {
      if (!(error instanceof FactstoreError) || error.code !== 'DATA_LOSS') throw error;
      noticed++;
    }
  }
  let damages = 0;
  for await (const progress of log.verify()) damages += progress.damages.length;
  if (noticed > 0 && damages === 0) return 'damage that verify does not see';
  return noticed > 0 ? 'noticed when read' : 'intact';
}

process.on('message', async (directory: string) => {
  const verdict = await judge(directory);
  process.send?.(verdict);
});
