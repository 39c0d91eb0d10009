import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ensureBallast, releaseBallast } from '../../src/storage/ballast.ts';
import { DiskReserve, reserveBytesFor } from '../../src/storage/disk-reserve.ts';
import { temporaryDirectory } from './support.ts';

const MIB = 1 << 20;

describe('the disk reserve', () => {
  function watched(free: number) {
    const disk = { free, asked: 0 };
    const reserve = new DiskReserve({
      path: '/data',
      reserveBytes: 64 * MIB,
      refreshIntervalMs: 100,
      freeBytes: async () => {
        disk.asked++;
        return disk.free;
      },
    });
    return { disk, reserve };
  }

  test('below the reserve appends are refused, and taken again when there is space [D1]', async () => {
    const { disk, reserve } = watched(65 * MIB);
    expect(await reserve.refresh(0)).toBe(false);
    disk.free = 63 * MIB;
    expect(await reserve.refresh(100)).toBe(true);
    expect(reserve.short).toBe(true);
    const refusal = reserve.refusal();
    expect(refusal.code).toBe('DISK_RESERVE');
    expect(refusal.definite).toBe(true);
    expect(refusal.message).toContain('63 MiB are free, and 64 MiB are kept in reserve');
    disk.free = 65 * MIB;
    expect(await reserve.refresh(200)).toBe(true);
    disk.free = 68 * MIB;
    expect(await reserve.refresh(300)).toBe(false);
  });

  test('what follows from the log may use the first half of the reserve, and no more [D1]', async () => {
    const { disk, reserve } = watched(33 * MIB);
    expect(await reserve.refresh(0)).toBe(true);
    expect(reserve.halfUsed).toBe(false);
    disk.free = 31 * MIB;
    await reserve.refresh(50, 100);
    expect(reserve.halfUsed).toBe(false);
    await reserve.refresh(50, 20);
    expect(reserve.halfUsed).toBe(true);
  });

  test('the file system is asked at most once an interval', async () => {
    const { disk, reserve } = watched(65 * MIB);
    for (let now = 1_000; now < 2_000; now++) await reserve.refresh(now);
    expect(disk.asked).toBe(10);
  });

  test('the reserve is 1 GiB unless configured, and at least eight write buffers [D1]', () => {
    expect(reserveBytesFor(undefined, 4 * MIB)).toBe(1024 * MIB);
    expect(reserveBytesFor(undefined, 256 * MIB)).toBe(2048 * MIB);
    expect(reserveBytesFor(100 * MIB, 4 * MIB)).toBe(100 * MIB);
    expect(reserveBytesFor(0, 4 * MIB)).toBe(32 * MIB);
  });

  test('the real disk has an answer', async () => {
    const reserve = new DiskReserve({ path: await temporaryDirectory(), reserveBytes: 1, refreshIntervalMs: 1 });
    expect(await reserve.refresh(0)).toBe(false);
    expect(reserve.freeBytes).toBeGreaterThan(0);
  });
});

describe('the ballast', () => {
  test('really takes its space, once, and gives it back [D1]', async () => {
    const path = join(await temporaryDirectory(), 'ballast');
    expect(await ensureBallast(path, 3 * MIB + 5)).toBe(true);
    const first = await stat(path);
    expect(first.size).toBe(3 * MIB + 5);
    expect(first.blocks * 512).toBeGreaterThanOrEqual(3 * MIB);
    expect(await ensureBallast(path, 3 * MIB + 5)).toBe(true);
    expect((await stat(path)).ino).toBe(first.ino);
    expect(await releaseBallast(path)).toBe(true);
    expect(await releaseBallast(path)).toBe(false);
    expect(existsSync(path)).toBe(false);
  });

  test('is not made where it would fill the disk', async () => {
    const path = join(await temporaryDirectory(), 'ballast');
    expect(await ensureBallast(path, 2 ** 50)).toBe(false);
    expect(existsSync(path)).toBe(false);
  });
});
