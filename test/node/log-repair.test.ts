import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LogRepair, type LogRepairOptions } from '../../src/node/log-repair.ts';
import type { NodeStorage } from '../../src/node/open-storage.ts';
import type { EntriesRequest } from '../../src/peer/entries.ts';
import { PeerServer } from '../../src/peer/peer-server.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { DiskReserve } from '../../src/storage/disk-reserve.ts';
import type { EntryRecord } from '../../src/storage/record.ts';
import { logging } from '../peer/support.ts';
import { append, entriesAfter, failure, temporaryDirectory } from '../storage/support.ts';
import { until } from '../support/wait.ts';
import { damagedDirectory, loseEntry, opened, RECORD } from './storage-directory.ts';

const MIB = 1 << 20;
const RESERVE = 128 * MIB;
const PLENTY = 1024 * MIB;
/** Of several batches. */
const LENGTH = 600;

/** A repair on a disk that has, each time it is asked, the next of these amounts free, and in the end the last of them. */
async function repairing(free: readonly number[]) {
  const { path, records } = await damagedDirectory(LENGTH, 17);
  const { storage } = await opened(path);
  const { logger, lines } = logging();
  const stopping = new AbortController();
  /** What there is to be seen whenever the repair waits. */
  const waits: { readonly progress: string; readonly names: readonly string[] }[] = [];
  let asked = 0;
  const reserve = new DiskReserve({
    path,
    reserveBytes: RESERVE,
    refreshIntervalMs: 1_000,
    freeBytes: async () => free[Math.min(asked++, free.length - 1)] as number,
  });
  const clock: Clock = {
    ...systemClock,
    sleep: async () => {
      waits.push({ progress: repair.progress, names: await readdir(path) });
      if (waits.length > free.length) stopping.abort();
    },
  };
  const { signal } = stopping;
  const peers = () => new Map();
  const repair = new LogRepair({ storage, reserve, peers, alone: false, clock, logger, signal });
  return { path, records, storage, repair, lines, waits };
}

describe('the repair of a log on a disk that is short of space', () => {
  test('writes nothing before there is room for all of it, tells so, and goes on once there is [D1]', async () => {
    const { path, records, storage, repair, lines, waits } = await repairing([RESERVE + MIB, RESERVE / 2, PLENTY]);
    await repair.run();
    expect(waits).toHaveLength(2);
    for (const { names } of waits) {
      expect(names).toContain('log');
      expect(names).not.toContain('log.rewritten');
    }
    expect(waits[0]?.progress).toMatch(
      /0 % .*needs \d+ MiB free on the disk of .*\(128 of them are kept in reserve\), and 129 MiB are: make room there, and it goes on by itself; or stop the node, empty its data directory/,
    );
    expect(waits[1]?.progress).toContain('and 64 MiB are');
    const told = lines.filter(({ event }) => event === 'log.repair_waits');
    expect(told).toEqual([
      { level: 'warn', event: 'log.repair_waits', text: expect.stringMatching(/and 129 MiB are/) },
    ]);
    expect(repair.progress).not.toContain('MiB');
    expect((await storage.log.read(1, LENGTH, Number.MAX_SAFE_INTEGER)).length).toBe(records.length);
    expect(await readdir(path)).not.toContain('damaged.json');
  });

  test('gives up what it has written where space runs short meanwhile, and begins again once there is room [D1]', async () => {
    const { records, storage, repair, waits } = await repairing([PLENTY, PLENTY, RESERVE - 1, RESERVE - 1, PLENTY]);
    await repair.run();
    expect(waits).toHaveLength(1);
    expect(waits[0]?.names).toContain('log');
    expect(waits[0]?.names).not.toContain('log.rewritten');
    expect(waits[0]?.progress).toContain('and 127 MiB are');
    expect((await storage.log.read(1, LENGTH, Number.MAX_SAFE_INTEGER)).length).toBe(records.length);
    expect(storage.damage).toBeUndefined();
  });

  test('ends where the node stops meanwhile', async () => {
    const { path, repair } = await repairing([0]);
    expect((await failure(repair.run())).code).toBe('CANCELLED');
    expect(await readdir(path)).toContain('damaged.json');
  });
});

/** A repair on a disk with room, by peers each of which is at one of these addresses. */
function repairOf(storage: NodeStorage, peers: ReadonlyMap<string, string>, more: Partial<LogRepairOptions> = {}) {
  const { path } = storage;
  const places = new Map(Array.from(peers, ([nodeId, address]) => [nodeId, address.split(',')] as const));
  const reserve = new DiskReserve({ path, reserveBytes: 0, refreshIntervalMs: 1_000, freeBytes: async () => PLENTY });
  const { logger } = logging();
  const { signal } = new AbortController();
  const options = { storage, reserve, peers: () => places, alone: false, clock: systemClock, logger, signal };
  return new LogRepair({ ...options, ...more });
}

/** Another member, whose log goes on behind what it knows to be committed; tells where it answers. */
async function member(committed: readonly EntryRecord[], more: readonly EntryRecord[] = []): Promise<string> {
  const { storage } = await opened(join(await temporaryDirectory(), 'data'));
  await storage.adopt(RECORD);
  if (committed.length > 1) await append(storage.log, committed.slice(1));
  if (more.length > 0) await append(storage.log, more, committed.length);
  const never = () => Promise.reject(new Error('not asked for'));
  const handlers = { found: never, join: never, stateDigests: never, state: async function* () {} };
  const identify = () => expect.unreachable('not asked for');
  const entries = (request: EntriesRequest) => storage.entries(request);
  const server = await PeerServer.start('127.0.0.1:0', { ...handlers, identify, entries }, logging().logger);
  onTestFinished(() => server.close());
  return server.address;
}

describe('the repair of the log of a node that votes alone', () => {
  const NOTED = 17;
  const NOWHERE = '127.0.0.1:1';

  const damaged = () => damagedDirectory(20, NOTED);

  test('takes what a learner has, as any other, wherever that one may be [D7]', async () => {
    const { path, records } = await damaged();
    await loseEntry(path, NOTED);
    const { storage } = await opened(path);
    const peers = new Map([['n3', `${NOWHERE},${await member(records.slice(0, NOTED))}`]]);
    expect(await repairOf(storage, peers, { alone: true }).run()).toBe(true);
    expect(storage.damage).toBeUndefined();
  });

  test.each([
    ['the learner has less than that', async () => member([])],
    ['the learner is not there', async () => NOWHERE],
  ])('is given up where the log is open and %s: the node goes on with the rest [D7]', async (why, learner) => {
    const { path, records } = await damaged();
    const { storage } = await opened(path);
    expect(storage.usable).toBe(true);
    const { logger, lines } = logging();
    const waits: number[] = [];
    const clock: Clock = { ...systemClock, sleep: async (ms) => void waits.push(ms) };
    const repair = repairOf(storage, new Map([['n3', await learner()]]), { alone: true, logger, clock });
    expect(await repair.run()).toBe(false);
    // One that starts beside it may need a while.
    expect(waits).toEqual(why === 'the learner is not there' ? Array(9).fill(1_000) : []);
    expect(lines.at(-1)).toMatchObject({
      level: 'error',
      event: 'log.unmended',
      text: expect.stringMatching(/no peer has entry 17: n3: /),
    });
    expect(await storage.log.read(1, 20, Number.MAX_SAFE_INTEGER)).toHaveLength(records.length);
    expect(await readdir(path)).not.toContain('log.rewritten');
  });

  test('ends where the log is not open and all others have less: nothing will change [D7]', async () => {
    const { path } = await damaged();
    await loseEntry(path, NOTED);
    const { storage } = await opened(path);
    expect(storage.usable).toBe(false);
    // It answers at one of the places where it may be.
    const repair = repairOf(storage, new Map([['n3', `${NOWHERE},${await member([])}`]]), { alone: true });
    expect(await failure(repair.run())).toMatchObject({
      code: 'DATA_LOSS',
      message: expect.stringMatching(/entry 17: .*Ways out/),
    });
  });

  test('waits where the log is not open and somebody cannot be asked [D7]', async () => {
    const { path } = await damaged();
    await loseEntry(path, NOTED);
    const { storage } = await opened(path);
    const stopping = new AbortController();
    const peers = new Map([
      ['n3', await member([])],
      ['n4', NOWHERE],
    ]);
    const repair = repairOf(storage, peers, { alone: true, signal: stopping.signal });
    const done = failure(repair.run());
    await until('it says what it waits for', () => /n3: it has no entry 17; n4: /.test(repair.progress));
    stopping.abort();
    expect((await done).code).toBe('CANCELLED');
  });
});

describe('the repair of an entry that nobody else knows to be committed', () => {
  /** More than one answer holds. */
  const LARGE = Buffer.alloc(3 * MIB, 1);
  const COMMITTED = 20;

  /** A log of which all is committed, that has lost these. */
  async function damaged(lost: readonly number[]) {
    const path = join(await temporaryDirectory(), 'data');
    const before = await opened(path);
    await before.storage.adopt(RECORD);
    const founding = (await before.storage.log.get(1)) as EntryRecord;
    const records = [founding, ...entriesAfter(founding, COMMITTED - 1)];
    records.push(...entriesAfter(records.at(-1) as EntryRecord, 3, { payload: LARGE, term: 2 }));
    await append(before.storage.log, records.slice(1));
    await before.close();
    for (const index of lost) await loseEntry(path, index);
    const { storage } = await opened(path);
    return { storage, records };
  }

  test.each([
    ['in the middle', [18, 21, 22]],
    ['at its end', [21, 22, 23]],
  ])('takes those %s that its own log goes on with, and no others [D7]', async (_, lost) => {
    const { storage, records } = await damaged(lost);
    expect(storage.damage?.kind).toBe('belowCommit');
    const known = records.slice(0, COMMITTED);
    const givenUp = entriesAfter(known.at(-1) as EntryRecord, 3);
    const peers = new Map([
      ['n1', await member(known, givenUp)],
      ['n3', await member(known, records.slice(COMMITTED))],
    ]);
    await repairOf(storage, peers).run();
    const found = await storage.log.read(1, records.length, Number.MAX_SAFE_INTEGER);
    expect(found.map(({ chain }) => chain)).toEqual(records.map(({ chain }) => chain));
    expect(storage.log.hardState.commit).toBe(records.length);
  });

  test('waits where others have what was given up alone, or not all of it [D7]', async () => {
    const { storage, records } = await damaged([21, 22]);
    const known = records.slice(0, COMMITTED);
    const peers = new Map([
      ['n1', await member(known, entriesAfter(known.at(-1) as EntryRecord, 3))],
      ['n3', await member(known, records.slice(COMMITTED, COMMITTED + 1))],
    ]);
    const stopping = new AbortController();
    const repair = repairOf(storage, peers, { signal: stopping.signal });
    const done = failure(repair.run());
    await until('it says what it waits for', () => repair.progress.includes('no peer has'));
    expect(repair.progress).toMatch(
      /no peer has entry 21: n1: its entry 22 is another one than this node had; n3: it has no entry 22/,
    );
    stopping.abort();
    expect((await done).code).toBe('CANCELLED');
  });
});
