import { describe, expect, test } from 'vitest';
import { EntryType } from '../../src/raft/types.ts';
import type { RaftLog } from '../../src/storage/raft-log.ts';
import { hardStateKey, parseKey } from '../../src/storage/raft-log-rows.ts';
import { type EntryRecord, placeOf } from '../../src/storage/record.ts';
import type { Scan, Store } from '../../src/storage/store.ts';
import { append, BENCHES, type Bench, EMPTY_LOG, entriesAfter, entryAfter, failure } from './support.ts';

async function readAll(log: RaftLog): Promise<EntryRecord[]> {
  const all: EntryRecord[] = [];
  for await (const records of log.scan(1)) all.push(...records);
  return all;
}

async function keysOf(store: Store): Promise<string[]> {
  const scan = store.scan({});
  const rows = await scan.next(100_000);
  await scan.close();
  return rows.map(([key]) => {
    const row = parseKey(key);
    return `${row?.kind} ${row?.index}`;
  });
}

const hex = (records: readonly EntryRecord[]) => records.map((record) => record.bytes.toString('hex'));

describe.each(BENCHES)('the raft log in %s', (_name, makeBench) => {
  /** A log with a batch of ten entries. */
  async function filled(): Promise<{ bench: Bench; log: RaftLog; records: EntryRecord[] }> {
    const bench = await makeBench();
    const log = await bench.openLog();
    const records = entriesAfter(EMPTY_LOG, 10);
    await append(log, records);
    return { bench, log, records };
  }

  test('is empty when it is opened for the first time', async () => {
    const log = await (await makeBench()).openLog();
    expect(log.recovered).toEqual({
      hardState: { term: 0, vote: undefined, commit: 0 },
      lastIndex: 0,
      end: EMPTY_LOG,
      termRuns: [],
      memberships: [],
      uncommittedMemberships: [],
    });
    expect(await log.get(1)).toBeUndefined();
    expect(await log.read(1, 10, 1000)).toEqual([]);
    expect(await log.findByPosition(1)).toBeUndefined();
    expect(await log.findByTime(0)).toBeUndefined();
  });

  test('entries and hard state are there again after a restart [D3]', async () => {
    const { bench, log, records } = await filled();
    const more = entriesAfter(log.end, 3, { term: 4 });
    await log.write({ truncateAfter: undefined, records: more, hardState: { term: 5, vote: 'n2/x', commit: 11 } });
    const { recovered } = await bench.openLog();
    expect(recovered.hardState).toEqual({ term: 5, vote: 'n2/x', commit: 11 });
    expect(recovered.lastIndex).toBe(13);
    expect(recovered.end.chain).toEqual(more.at(-1)?.chain);
    expect(recovered.end.nextPosition).toBe(14);
    expect(recovered.termRuns).toEqual([
      [1, 1],
      [11, 4],
    ]);
    expect(hex(await readAll(await bench.openLog()))).toEqual(hex([...records, ...more]));
  });

  test('every batch is synced, whatever it holds [D3]', async () => {
    const { bench, log } = await filled();
    const store = bench.store as Store;
    const write = store.write.bind(store);
    const synced: boolean[] = [];
    store.write = (operations, sync) => {
      synced.push(sync);
      return write(operations, sync);
    };
    await append(log, entriesAfter(log.end, 2));
    await append(log, entriesAfter(log.end, 1), 12);
    await log.write({ truncateAfter: 12, records: [], hardState: { term: 2, vote: undefined, commit: 12 } });
    await log.write({ truncateAfter: undefined, records: [], hardState: { term: 3, vote: 'b', commit: 12 } });
    expect(synced).toEqual([true, true, true, true]);
  });

  test('a vote alone is written behind the last entry, over the one before it [D3]', async () => {
    const bench = await makeBench();
    const empty = await bench.openLog();
    const vote = (term: number, vote: string) => ({
      truncateAfter: undefined,
      records: [],
      hardState: { term, vote, commit: 0 },
    });
    await empty.write(vote(1, 'a'));
    await empty.write(vote(2, 'b'));
    const log = await bench.openLog();
    expect(log.recovered.hardState).toEqual({ term: 2, vote: 'b', commit: 0 });
    await append(log, entriesAfter(log.end, 2, { term: 2 }), 0);
    await log.write(vote(7, 'c'));
    expect((await bench.openLog()).hardState).toEqual({ term: 7, vote: 'c', commit: 0 });
    expect(await keysOf(await bench.openStore())).toEqual(['hardState 0', 'entry 1', 'entry 2', 'hardState 2']);
  });

  test('a conflicting suffix and its replacement change places in one batch [D3]', async () => {
    const { bench, log, records } = await filled();
    const old = entriesAfter(log.end, 20, { term: 2 });
    for (let i = 0; i < 20; i += 5) await append(log, old.slice(i, i + 5), 10);
    const base = old[6] as EntryRecord;
    const replacement = entriesAfter(base, 4, { term: 3, payload: Buffer.from('another') });
    await log.write({
      truncateAfter: base.index,
      records: replacement,
      hardState: { term: 3, vote: undefined, commit: 10 },
    });
    const expected = [...records, ...old.slice(0, 7), ...replacement];
    expect(log.lastIndex).toBe(21);
    expect(hex(await readAll(log))).toEqual(hex(expected));
    const again = await bench.openLog();
    expect(hex(await readAll(again))).toEqual(hex(expected));
    expect(again.recovered.termRuns).toEqual([
      [1, 1],
      [11, 2],
      [18, 3],
    ]);
  });

  test('no entry and no hard state beyond the new end outlives a truncation [D3]', async () => {
    const { bench, log } = await filled();
    const old = entriesAfter(log.end, 20, { term: 2 });
    for (const record of old) await append(log, [record], 10);
    await log.write({ truncateAfter: 12, records: [], hardState: { term: 3, vote: 'n1', commit: 10 } });
    const keys = await keysOf(await bench.openStore());
    expect(keys.slice(-4)).toEqual(['entry 11', 'hardState 11', 'entry 12', 'hardState 12']);
    expect((await bench.openLog()).hardState).toEqual({ term: 3, vote: 'n1', commit: 10 });
  });

  test('a log that was truncated to nothing is empty [D3]', async () => {
    const bench = await makeBench();
    const log = await bench.openLog();
    await append(log, entriesAfter(EMPTY_LOG, 5), 0);
    await log.write({ truncateAfter: 0, records: [], hardState: { term: 2, vote: undefined, commit: 0 } });
    const again = await bench.openLog();
    expect(again.lastIndex).toBe(0);
    expect(again.hardState.term).toBe(2);
    await append(again, entriesAfter(again.end, 2, { term: 2 }));
    expect((await bench.openLog()).lastIndex).toBe(2);
  });

  test('reads are bounded by bytes, but give one entry at least', async () => {
    const { log, records } = await filled();
    const size = (records[0] as EntryRecord).bytes.length;
    expect(await log.read(1, 10, 0)).toHaveLength(1);
    expect(await log.read(3, 10, 3 * size)).toHaveLength(3);
    expect((await log.read(3, 5, 1_000_000)).map((record) => record.index)).toEqual([3, 4, 5]);
    expect(await log.read(9, 99, 1_000_000)).toHaveLength(2);
    expect(await log.read(11, 99, 1_000_000)).toEqual([]);
  });

  test('a scan goes over every entry once, in bounded turns', async () => {
    const bench = await makeBench();
    const log = await bench.openLog();
    const records = entriesAfter(EMPTY_LOG, 1_000, (i) => ({ payload: Buffer.alloc(i % 50 === 0 ? 100_000 : 10) }));
    for (let i = 0; i < 1_000; i += 100) await append(log, records.slice(i, i + 100));
    let turns = 0;
    const seen: EntryRecord[] = [];
    for await (const turn of log.scan(1)) {
      turns++;
      const bytes = turn.reduce((sum, record) => sum + record.bytes.length, 0);
      expect(turn.length === 1 || (turn.length <= 256 && bytes <= 64 << 10)).toBe(true);
      seen.push(...turn);
    }
    expect(turns).toBeGreaterThan(20);
    expect(hex(seen)).toEqual(hex(records));
  });

  test('finds the entry that holds a position, also among entries without events', async () => {
    const bench = await makeBench();
    const log = await bench.openLog();
    const counts = [0, 3, 0, 0, 1, 10, 0];
    await append(
      log,
      entriesAfter(EMPTY_LOG, counts.length, (i) => ({ events: counts[i] as number })),
    );
    const found: (number | undefined)[] = [];
    for (let position = 0; position <= 15; position++) found.push(await log.findByPosition(position));
    expect(found).toEqual([undefined, 2, 2, 2, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, undefined]);
  });

  test('finds the first entry created at a time or later', async () => {
    const bench = await makeBench();
    const log = await bench.openLog();
    const times = [5, 5, 8, 8, 8, 20];
    await append(
      log,
      entriesAfter(EMPTY_LOG, times.length, (i) => ({ createdUs: times[i] as number })),
    );
    const found: (number | undefined)[] = [];
    for (const time of [0, 5, 6, 8, 9, 20, 21]) found.push(await log.findByTime(time));
    expect(found).toEqual([1, 1, 3, 3, 6, 6, undefined]);
  });

  test('term runs are found among many terms', async () => {
    const bench = await makeBench();
    const log = await bench.openLog();
    const records = entriesAfter(EMPTY_LOG, 100, (i) => ({ term: i < 50 ? 1 : i - (i % 3) }));
    await append(log, records);
    const runs: [number, number][] = [];
    for (const { index, term } of records) if (runs.at(-1)?.[1] !== term) runs.push([index, term]);
    expect((await bench.openLog()).recovered.termRuns).toEqual(runs);
  });

  test('a membership entry gets its row in the batch that commits it, not before [D6]', async () => {
    const bench = await makeBench();
    const log = await bench.openLog();
    const membership = { type: EntryType.membership, events: 0 };
    await append(log, entriesAfter(EMPTY_LOG, 1, membership));
    const second = entryAfter(log.end, membership);
    await append(log, [second, ...entriesAfter(second, 5)], 1);
    const before = await bench.openLog();
    expect(before.recovered.memberships.map((record) => record.index)).toEqual([1]);
    expect(before.recovered.uncommittedMemberships.map((record) => record.index)).toEqual([2]);
    await before.write({ truncateAfter: undefined, records: [], hardState: { ...before.hardState, commit: 4 } });
    const after = await bench.openLog();
    expect(hex(after.recovered.memberships)).toEqual(hex(await after.read(1, 2, 1e6)));
    expect(after.recovered.uncommittedMemberships).toEqual([]);
  });

  test('membership entries that a later batch commits, one after the other, get their rows then [D6]', async () => {
    const bench = await makeBench();
    const log = await bench.openLog();
    await append(log, entriesAfter(EMPTY_LOG, 3, { type: EntryType.membership, events: 0 }), 0);
    for (const commit of [1, 2, 3])
      await log.write({ truncateAfter: undefined, records: [], hardState: { ...log.hardState, commit } });
    const { recovered } = await bench.openLog();
    expect(recovered.memberships.map((record) => record.index)).toEqual([1, 2, 3]);
  });

  test('a membership entry that may never be committed does not count as what is known of the members [C7]', async () => {
    const log = await (await makeBench()).openLog();
    const membership = { type: EntryType.membership, events: 0 };
    expect(log.membershipIndex).toBe(0);
    await append(log, entriesAfter(EMPTY_LOG, 2, membership), 1);
    // A leader that was deposed would refuse whoever joined meanwhile.
    expect(log.membershipIndex).toBe(1);
    await log.write({ truncateAfter: undefined, records: [], hardState: { ...log.hardState, commit: 2 } });
    expect(log.membershipIndex).toBe(2);
  });

  test('a membership entry that was truncated never gets a row [D6]', async () => {
    const { bench, log } = await filled();
    const proposed = entryAfter(log.end, { type: EntryType.membership, events: 0, term: 1 });
    await append(log, [proposed], 10);
    const base = (await log.get(10)) as EntryRecord;
    const replacement = entriesAfter(base, 2, { term: 2 });
    await log.write({ truncateAfter: 10, records: replacement, hardState: { term: 2, vote: undefined, commit: 12 } });
    const { recovered } = await bench.openLog();
    expect(recovered.memberships).toEqual([]);
    expect(recovered.uncommittedMemberships).toEqual([]);
    expect(await keysOf(await bench.openStore())).not.toContain('membership 11');
  });

  test('an entry that does not continue the log is never written [S2]', async () => {
    const { bench, records } = await filled();
    const last = records.at(-1) as EntryRecord;
    const bad: [string, EntryRecord][] = [
      ['index 12 behind index 10', entryAfter({ ...placeOf(last), index: 11 })],
      ['first position is 12, but the next one is 11', entryAfter({ ...placeOf(last), nextPosition: 12 })],
      ['time 7 is before', entryAfter(last, { createdUs: 7 })],
      ['term 0 is lower than term 1', entryAfter(last, { term: 0 })],
    ];
    for (const [text, record] of bad) {
      const log = await bench.openLog();
      await expect(append(log, [record])).rejects.toThrow(text);
      await expect(append(log, entriesAfter(log.end, 1))).rejects.toThrow('while it is failed');
    }
    expect((await bench.openLog()).lastIndex).toBe(10);
  });

  test('what is durable is never taken back by a later write: commit index, term, vote [D3]', async () => {
    const { bench } = await filled();
    const write = async (truncateAfter: number | undefined, hardState: object) => {
      const log = await bench.openLog();
      await log.write({
        truncateAfter,
        records: [],
        hardState: { term: 1, vote: undefined, commit: 10, ...hardState },
      });
    };
    await expect(write(9, {})).rejects.toThrow('below the commit index');
    await expect(write(undefined, { commit: 9 })).rejects.toThrow('commit index 9 over 10');
    await expect(write(undefined, { commit: 11 })).rejects.toThrow('beyond the last index');
    await expect(write(undefined, { term: 0 })).rejects.toThrow('hard state of term 0');
    await write(undefined, { vote: 'a' });
    await expect(write(undefined, { vote: 'b' })).rejects.toThrow('hard state of term 1');
    await expect(write(undefined, { vote: undefined })).rejects.toThrow('hard state of term 1');
  });

  test('a second write while one is under way is a bug and stops the log', async () => {
    const { log } = await filled();
    const first = append(log, entriesAfter(log.end, 1));
    await expect(append(log, entriesAfter(log.end, 1))).rejects.toThrow('while it is writing');
    await first;
  });

  test('an entry that is truncated while it is being read is no hole', async () => {
    const { bench } = await filled();
    const log = await bench.openLog();
    await append(log, entriesAfter(log.end, 50, { term: 2 }), 10);
    const gate = slowReads(bench);
    const reads = Promise.all([log.read(30, 60, 1e9), log.read(5, 60, 1e9), log.get(40), log.get(9)]);
    await log.write({ truncateAfter: 20, records: [], hardState: { ...log.hardState, term: 3 } });
    gate.open();
    const [beyond, across, one, kept] = await reads;
    expect(beyond).toEqual([]);
    expect(across.map((record) => record.index)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    expect(one).toBeUndefined();
    expect(kept?.index).toBe(9);
    expect(await log.get(40)).toBeUndefined();
    expect(await log.read(30, 60, 1e9)).toEqual([]);
  });

  test('verify goes over everything and finds nothing wrong with a good log [D4]', async () => {
    const bench = await makeBench();
    const log = await bench.openLog();
    const records = entriesAfter(EMPTY_LOG, 1_000, (i) => (i % 100 === 0 ? { type: EntryType.membership } : {}));
    for (let i = 0; i < 1_000; i += 50) await append(log, records.slice(i, i + 50));
    let turns = 0;
    let last: object | undefined;
    for await (const progress of log.verify()) {
      turns++;
      expect(progress.damages).toEqual([]);
      last = progress;
    }
    expect(turns).toBeGreaterThan(3);
    const bytes = records.reduce((sum, record) => sum + record.bytes.length, 0);
    expect(last).toEqual({ checkedTo: 1_000, to: 1_000, bytes, damages: [] });
  });

  test('an index that has applied what the log does not hold proves loss, one beyond the commit index does not [D8]', async () => {
    const { log, records } = await filled();
    await append(log, entriesAfter(log.end, 2), 10);
    expect(await log.damageProvedBy(10, (records[9] as EntryRecord).chain)).toBeUndefined();
    expect(await log.damageProvedBy(12, log.end.chain)).toBeUndefined();
    expect(await log.damageProvedBy(0, Buffer.alloc(32))).toBeUndefined();
    expect(await log.damageProvedBy(13, log.end.chain)).toMatchObject({ kind: 'promiseLost', index: 13 });
    expect(await log.damageProvedBy(9, log.end.chain)).toMatchObject({ kind: 'promiseLost', index: 9 });
  });

  test('a log of another cluster is refused [D4]', async () => {
    const { bench } = await filled();
    const error = await failure(bench.openLog({ genesis: Buffer.alloc(32, 7) }));
    expect(error.code).toBe('DATA_LOSS');
    expect(error.message).toContain('another cluster');
  });

  test('the hard state of the row behind the last entry is the one that counts, older rows stay [D3]', async () => {
    const { bench, log } = await filled();
    await append(log, entriesAfter(log.end, 1, { term: 9 }));
    const store = await bench.openStore();
    expect(await store.get(hardStateKey(10))).toBeDefined();
    expect((await bench.openLog()).hardState.term).toBe(9);
  });
});

/** Holds back reads of the store that is open, until the gate is opened. A write passes. */
function slowReads(bench: Bench): { open(): void } {
  const store = bench.store as Store;
  const gate = { open: () => {} };
  const opened = new Promise<void>((resolve) => {
    gate.open = resolve;
  });
  const get = store.get.bind(store);
  const scan = store.scan.bind(store);
  // A truncation reads the entry that becomes the last one; only what was asked for before it waits.
  let held = 4;
  store.get = async (key) => {
    if (held-- > 0) await opened;
    return get(key);
  };
  store.scan = (range) => {
    held--;
    let inner: Scan | undefined;
    return {
      next: async (count) => {
        await opened;
        inner ??= scan(range);
        return inner.next(count);
      },
      close: async () => inner?.close(),
    };
  };
  return gate;
}
