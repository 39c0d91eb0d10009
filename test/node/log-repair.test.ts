import { readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { LogRepair } from '../../src/node/log-repair.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { DiskReserve } from '../../src/storage/disk-reserve.ts';
import { logging } from '../peer/support.ts';
import { failure } from '../storage/support.ts';
import { damagedDirectory, opened } from './storage-directory.ts';

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
  const repair = new LogRepair({ storage, reserve, peers: () => new Map(), clock, logger, signal: stopping.signal });
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
