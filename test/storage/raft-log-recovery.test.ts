import { describe, expect, test } from 'vitest';
import { EntryType } from '../../src/raft/types.ts';
import { newestIntactMembership } from '../../src/storage/raft-log-recovery.ts';
import { encodeHardState, entryKey, hardStateKey, membershipKey } from '../../src/storage/raft-log-rows.ts';
import { type EntryRecord, sealEntry } from '../../src/storage/record.ts';
import type { Operation } from '../../src/storage/store.ts';
import { append, BENCHES, type Bench, EMPTY_LOG, entriesAfter, failure } from './support.ts';

const del = (key: Buffer): Operation => ({ type: 'del', key });
const put = (key: Buffer, value: Buffer): Operation => ({ type: 'put', key, value });
const GENTLE = { verifyEntries: 10, verifyBytes: 1 << 20 };

const makeBench = BENCHES[0]?.[1] as () => Promise<Bench>;

/** A log of 60 entries in batches of 3, committed up to 50; entries 1 and 30 are membership. */
async function filled(): Promise<{ bench: Bench; records: EntryRecord[] }> {
  const bench = await makeBench();
  const log = await bench.openLog();
  const records = entriesAfter(EMPTY_LOG, 60, (i) => ({
    term: 1 + Math.floor(i / 20),
    ...((i === 0 || i === 29) && { type: EntryType.membership, events: 0 }),
  }));
  for (let i = 0; i < 60; i += 3) await append(log, records.slice(i, i + 3), Math.min(50, i + 3));
  return { bench, records };
}

/** What becomes of opening the log once these rows are changed behind its back. */
async function openedAfter(bench: Bench, operations: readonly Operation[], options: object = GENTLE) {
  await (await bench.openStore()).write(operations, true);
  return bench.openLog(options);
}

async function refusedAfter(bench: Bench, operations: readonly Operation[], options: object = GENTLE) {
  const error = await failure(openedAfter(bench, operations, options));
  expect(error.code).toBe('DATA_LOSS');
  expect(error.message).toContain('Ways out');
  return { kind: error.details.kind, index: error.details.index, text: error.message };
}

function flipped(bytes: Buffer, at = bytes.length - 1): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] as number) ^ 4;
  return copy;
}

describe('a promise that the log does not keep', () => {
  test('a log that has lost its last batch is noticed, though it is whole in itself [D2]', async () => {
    const { bench } = await filled();
    const lostBatch = [58, 59, 60].map((index) => del(entryKey(index)));
    const found = await refusedAfter(bench, [...lostBatch, del(hardStateKey(60))]);
    expect(found).toMatchObject({ kind: 'promiseLost', index: 57 });
    expect(found.text).toContain('ends at entry 57, but this node promised to hold everything up to entry 60');
  });

  test('a log that has lost everything is noticed [D2]', async () => {
    const { bench } = await filled();
    const scan = (await bench.openStore()).scan({});
    const rows = await scan.next(1_000);
    const found = await refusedAfter(
      bench,
      rows.map(([key]) => del(key)),
    );
    expect(found).toMatchObject({ kind: 'promiseLost', index: 0 });
  });

  test('a log that has gone back to an older term or vote is noticed [D2]', async () => {
    const { bench, records } = await filled();
    const { hardState } = await bench.openLog();
    const last = records.at(-1) as EntryRecord;
    const row = (state: object) =>
      put(
        hardStateKey(60),
        encodeHardState({ ...hardState, lastIndex: 60, chain: last.chain, membershipIndex: 30, ...state }),
      );
    const log = await bench.openLog();
    await log.write({ truncateAfter: undefined, records: [], hardState: { term: 9, vote: 'n2', commit: 50 } });
    const refused = async (state: object) => (await refusedAfter(bench, [row(state)])).text;
    expect(await refused({ term: 3 })).toContain('its term is 3, but this node has made promises in term 9');
    expect(await refused({ term: 9, vote: undefined })).toContain('term 9 is for nobody, but this node voted for n2');
    expect(await refused({ term: 9, vote: 'n3' })).toContain('term 9 is for n3, but this node voted for n2');
    await openedAfter(bench, [row({ term: 9, vote: 'n2' })]);
    await openedAfter(bench, [row({ term: 10, vote: 'n3' })]);
  });

  test('another entry where the promise was given is noticed [D2]', async () => {
    const { bench, records } = await filled();
    const log = await bench.openLog();
    const promised = bench.promises.newest;
    const other = entriesAfter(records[56] as EntryRecord, 4, { payload: Buffer.from('other'), term: 4 });
    await log.write({
      truncateAfter: 57,
      records: other,
      hardState: { term: 4, vote: undefined, commit: 50 },
    });
    bench.promises.newest = promised;
    const found = await refusedAfter(bench, []);
    expect(found).toMatchObject({ kind: 'promiseLost' });
    expect(found.text).toContain('entry 60 is not the one that this node promised to hold');
  });

  test('a log that is ahead of the promise file is whole: the machine died within the last second [D2]', async () => {
    const { bench } = await filled();
    await bench.promises.sync();
    const log = await bench.openLog();
    await append(log, entriesAfter(log.end, 5, { term: 7 }), 60);
    bench.promises.forget();
    const again = await bench.openLog();
    expect(again.lastIndex).toBe(65);
    expect(bench.promises.synced).toMatchObject({ lastIndex: 65, term: 7 });
  });

  test('no crash around a truncation looks like a lost promise [D2]', async () => {
    for (const crash of ['before the batch', 'after the batch', 'power failure after the batch'] as const) {
      const { bench, records } = await filled();
      const store = await bench.openStore();
      const log = await bench.openLog();
      const replacement = entriesAfter(records[54] as EntryRecord, 1, { term: 5, payload: Buffer.from('new') });
      const batch = {
        truncateAfter: 55,
        records: replacement,
        hardState: { term: 5, vote: undefined, commit: 50 },
      };
      if (crash === 'before the batch') {
        const write = store.write.bind(store);
        store.write = async () => {
          throw new Error('killed');
        };
        await expect(log.write(batch)).rejects.toThrow('killed');
        store.write = write;
      } else if (crash === 'after the batch') {
        let writes = 0;
        const write = bench.promises.write.bind(bench.promises);
        bench.promises.write = (promise) => {
          if (++writes === 2) throw new Error('killed');
          write(promise);
        };
        await expect(log.write(batch)).rejects.toThrow('killed');
        bench.promises.write = write;
      } else {
        await log.write(batch);
        bench.promises.forget();
      }
      const again = await bench.openLog();
      expect(again.lastIndex, crash).toBe(crash === 'before the batch' ? 60 : 56);
    }
  });

  test('a promise follows each batch, and what it says is what the batch made durable [D2]', async () => {
    const { bench } = await filled();
    const log = await bench.openLog({ incarnation: 8 });
    const before = bench.promises.writes;
    const [record] = entriesAfter(log.end, 1, { term: 4 }) as [EntryRecord];
    await log.write({ truncateAfter: undefined, records: [record], hardState: { term: 6, vote: 'n3', commit: 55 } });
    expect(bench.promises.writes).toBe(before + 1);
    expect(bench.promises.newest).toEqual({ incarnation: 8, term: 6, vote: 'n3', lastIndex: 61, chain: record.chain });
  });
});

describe('a damaged end of the log', () => {
  test('a missing or damaged hard state behind the last entry is noticed [D3]', async () => {
    const { bench } = await filled();
    const row = (await (await bench.openStore()).get(hardStateKey(60))) as Buffer;
    const older = (await (await bench.openStore()).get(hardStateKey(57))) as Buffer;
    const texts: string[] = [];
    for (const operation of [
      put(hardStateKey(60), flipped(row)),
      put(hardStateKey(60), older),
      put(hardStateKey(60), Buffer.alloc(0)),
      del(hardStateKey(60)),
    ]) {
      const found = await refusedAfter(bench, [operation]);
      expect(found).toMatchObject({ kind: 'promiseLost', index: 60 });
      texts.push(found.text);
    }
    expect(texts[0]).toContain('the hard state behind entry 60: its checksum is wrong');
    expect(texts[1]).toContain('is of index 57');
    expect(texts[3]).toContain('the hard state behind entry 60 is missing');
  });

  test('damage above the durable commit index may be a lost promise, below it is not [D7]', async () => {
    for (let index = 45; index <= 60; index++)
      for (const damage of ['hole', 'flip', 'other'] as const) {
        const { bench, records } = await filled();
        const record = records[index - 1] as EntryRecord;
        const other = sealEntry({ ...draftOf(record), payload: Buffer.from('other') }, Buffer.alloc(32));
        const operation = {
          hole: del(entryKey(index)),
          flip: put(entryKey(index), flipped(record.bytes)),
          other: put(entryKey(index), other.bytes),
        }[damage];
        const found = await refusedAfter(bench, [operation], { verifyEntries: 20, verifyBytes: 1 << 20 });
        // An intact record that does not fit is noticed at one of the two places where it does not.
        expect(found.kind, `${damage} ${index}`).toBe((found.index as number) <= 50 ? 'belowCommit' : 'promiseLost');
        expect([index, index + 1], `${damage} ${index}`).toContain(found.index);
        expect(found.text).toContain(`entry ${found.index}: it`);
      }
  });

  test('rows that nobody wrote are noticed [D7]', async () => {
    const { bench, records } = await filled();
    const last = records.at(-1) as EntryRecord;
    for (const key of ['ff', '0000000000000050', '000000000000003c02', '000000000000003a05']) {
      const found = await refusedAfter(bench, [put(Buffer.from(key, 'hex'), last.bytes)]);
      expect(found.kind).toBe('promiseLost');
      await (await bench.openStore()).write([del(Buffer.from(key, 'hex'))], true);
    }
    await bench.openLog();
  });

  test('an old suffix that came back behind a newer one is noticed [D3]', async () => {
    const { bench, records } = await filled();
    const log = await bench.openLog();
    const other = entriesAfter(records[54] as EntryRecord, 2, { term: 4 });
    await log.write({ truncateAfter: 55, records: other, hardState: { term: 4, vote: undefined, commit: 50 } });
    const old = [58, 59, 60].map((index) => put(entryKey(index), (records[index - 1] as EntryRecord).bytes));
    const { hardState } = log;
    const chain = (records[59] as EntryRecord).chain;
    const row = encodeHardState({ ...hardState, term: 3, lastIndex: 60, chain, membershipIndex: 30 });
    expect((await refusedAfter(bench, [...old, put(hardStateKey(60), row)])).kind).toBe('promiseLost');
  });
});

describe('damage further down', () => {
  test('is noticed when the record is read, with its index and what is wrong [D7]', async () => {
    const { bench, records } = await filled();
    const log = await openedAfter(bench, [
      put(entryKey(10), flipped((records[9] as EntryRecord).bytes)),
      del(entryKey(11)),
      put(entryKey(12), (records[12] as EntryRecord).bytes),
    ]);
    expect((await log.get(9))?.index).toBe(9);
    expect((await failure(log.get(10))).message).toContain('/data is damaged: entry 10: its checksum is wrong');
    expect((await failure(log.get(11))).message).toContain('entry 11: it is missing');
    expect((await failure(log.get(12))).message).toContain('entry 12: its checksum is wrong');
    for (const index of [10, 11, 12]) expect((await failure(log.read(index, 60, 1e6))).details.index).toBe(index);
    expect((await failure(log.read(1, 60, 1e6))).details).toMatchObject({ kind: 'belowCommit', index: 10 });
    expect(await log.read(13, 60, 1e6)).toHaveLength(48);
  });

  test('verify tells all of it in one run [D7]', async () => {
    const { bench, records } = await filled();
    const forged = sealEntry(
      { ...draftOf(records[19] as EntryRecord), payload: Buffer.from('forged') },
      Buffer.alloc(32),
    );
    const log = await openedAfter(bench, [
      put(entryKey(5), flipped((records[4] as EntryRecord).bytes)),
      del(entryKey(8)),
      del(entryKey(9)),
      put(entryKey(20), forged.bytes),
      put(hardStateKey(27), Buffer.from('no hard state')),
      del(membershipKey(1)),
    ]);
    const damages: string[] = [];
    for await (const progress of log.verify()) damages.push(...progress.damages.map((damage) => damage.text));
    expect(damages).toEqual([
      'entry 1: its membership row is missing or another one',
      'entry 5: its checksum is wrong',
      'entry 8: it is missing',
      'entry 9: it is missing',
      'entry 20: its chain hash is wrong',
      'entry 21: its chain hash is wrong',
      'entry 27: the hard state behind it: it has 13 bytes, fewer than 72',
    ]);
  });

  test('a forged record in the verified end, with a good checksum, breaks the chain [D4]', async () => {
    const { bench, records } = await filled();
    for (let index = 50; index <= 60; index++) {
      const record = records[index - 1] as EntryRecord;
      const previous = records[index - 2] as EntryRecord;
      const forged = sealEntry({ ...draftOf(record), payload: Buffer.from('forged') }, previous.chain);
      const found = await refusedAfter(bench, [put(entryKey(index), forged.bytes)]);
      expect([index, index + 1]).toContain(found.index);
      await (await bench.openStore()).write([put(entryKey(index), record.bytes)], true);
    }
    await bench.openLog();
  });

  test('what is not committed is verified to the last entry, and its membership entries are found, however few are asked for [D6] [D7]', async () => {
    const bench = await makeBench();
    const log = await bench.openLog();
    const shape = (i: number) => (i === 2 ? { type: EntryType.membership, events: 0 } : {});
    const records = entriesAfter(EMPTY_LOG, 30, shape);
    await append(log, records, 1);
    const few = { verifyEntries: 1, verifyBytes: 1 };
    const { recovered } = await bench.openLog(few);
    expect(recovered.uncommittedMemberships.map(({ index }) => index)).toEqual([3]);
    const changed = [put(entryKey(5), flipped((records[4] as EntryRecord).bytes))];
    expect(await refusedAfter(bench, changed, few)).toMatchObject({ kind: 'promiseLost', index: 5 });
  });

  test('how much of the end is verified follows entries and bytes, down to the commit index at least', async () => {
    const { bench, records } = await filled();
    const damaged = (index: number) => put(entryKey(index), flipped((records[index - 1] as EntryRecord).bytes));
    const size = (records[0] as EntryRecord).bytes.length;
    await openedAfter(bench, [damaged(44)], { verifyEntries: 5, verifyBytes: 1e6 });
    expect((await bench.openLog({ verifyEntries: 15, verifyBytes: 1e6 })).lastIndex).toBe(60);
    expect(await refusedAfter(bench, [], { verifyEntries: 16, verifyBytes: 1e6 })).toMatchObject({ index: 44 });
    expect((await bench.openLog({ verifyEntries: 60, verifyBytes: 15 * size })).lastIndex).toBe(60);
    expect(await refusedAfter(bench, [], { verifyEntries: 60, verifyBytes: 18 * size })).toMatchObject({ index: 44 });
    await refusedAfter(bench, [damaged(50)], { verifyEntries: 0, verifyBytes: 0 });
  });
});

describe('membership rows', () => {
  test('a lost, changed or foreign one is noticed: nobody else may vote because a row is gone [D6]', async () => {
    const { bench, records } = await filled();
    const row = (records[29] as EntryRecord).bytes;
    const good = put(membershipKey(30), row);
    expect((await refusedAfter(bench, [del(membershipKey(30))])).text).toContain('is that of entry 1, but the hard');
    expect((await refusedAfter(bench, [put(membershipKey(30), flipped(row))])).text).toContain('its checksum is wrong');
    const forged = sealEntry(
      { ...draftOf(records[29] as EntryRecord), payload: Buffer.from('forged') },
      Buffer.alloc(32),
    );
    expect((await refusedAfter(bench, [put(membershipKey(30), forged.bytes)])).text).toContain(
      'not the entry of the log',
    );
    const foreign = await refusedAfter(bench, [good, put(membershipKey(31), (records[30] as EntryRecord).bytes)]);
    expect(foreign.text).toContain('entry 31, but the hard state names entry 30');
    await openedAfter(bench, [del(membershipKey(31))]);
  });

  test('the newest one that is intact is found in a log that does not open; a damaged one is passed over [D6, D7]', async () => {
    const { bench, records } = await filled();
    const row = (records[29] as EntryRecord).bytes;
    await refusedAfter(bench, [del(entryKey(20)), del(entryKey(55))]);
    const store = await bench.openStore();
    expect((await newestIntactMembership(store))?.index).toBe(30);
    await store.write([put(membershipKey(30), flipped(row))], true);
    expect((await newestIntactMembership(store))?.index).toBe(1);
    await store.write([del(membershipKey(1))], true);
    expect(await newestIntactMembership(store)).toBeUndefined();
  });
});

function draftOf(record: EntryRecord) {
  const { index, term, type, firstPosition, count, createdUs } = record;
  return { index, term, type, firstPosition, count, createdUs };
}
