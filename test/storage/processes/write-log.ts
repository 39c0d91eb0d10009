/**
 * A node's storage that is to be killed: writes to the raft log of the data directory in its first argument for ever,
 * truncates now and then, and says after each batch what is durable from now on.
 */
import { randomBytes } from 'node:crypto';
import { DataDirectory } from '../../../src/storage/data-directory.ts';
import { LevelStore } from '../../../src/storage/level-store.ts';
import { RaftLog } from '../../../src/storage/raft-log.ts';
import { genesisChain, placeOf, sealEntry } from '../../../src/storage/record.ts';

const directory = await DataDirectory.open(process.argv[2] as string, { nodeId: 'n1', ballastBytes: 1 << 16 });
const incarnation = await directory.raiseIncarnation();
const store = await LevelStore.open(directory.logPath, {
  writeBufferBytes: 64 << 10,
  tableBytes: 1 << 20,
  cacheBytes: 1 << 20,
});
const { path, promises } = directory;
const log = await RaftLog.open(store, { path, promises, genesis: genesisChain(Buffer.from('x')), incarnation });

for (let round = 1; ; round++) {
  const truncating = round % 3 === 0 && log.lastIndex > log.hardState.commit;
  const base = truncating ? await log.get(log.hardState.commit) : undefined;
  let end = base ? placeOf(base) : log.end;
  const term = Math.max(1, log.hardState.term + (base ? 1 : 0));
  const records = [];
  for (let i = 0; i < 1 + (round % 9); i++) {
    const record = sealEntry(
      {
        index: end.index + 1,
        term,
        type: 1,
        firstPosition: end.nextPosition,
        count: 1,
        createdUs: end.createdUs + 1,
        payload: randomBytes(200),
      },
      end.chain,
    );
    records.push(record);
    end = placeOf(record);
  }
  const commit = round % 5 === 0 ? end.index : log.hardState.commit;
  const hardState = { term, vote: `n${term % 3}`, commit };
  await log.write({ truncateAfter: base?.index, records, hardState });
  if (round % 50 === 0) await promises.sync();
  console.log(`${hardState.term} ${commit} ${log.end.chain.toString('hex')}`);
}
