import { describe, expect, it } from 'vitest';
import { DiskWatch } from '../../src/replica/disk-watch.ts';
import { VirtualTime } from '../support/virtual-clock.ts';

/** Lets a leader write for so many seconds, batches that take `ownMs` and are committed by others after `othersMs`. */
async function lead(seconds: number, ownMs: number, othersMs: number, restMs = 0) {
  const time = new VirtualTime();
  const watch = new DiskWatch(time.clock());
  const slow: number[] = [];
  let index = 0;
  let checkedMs = 0;
  const pass = async (ms: number) => {
    await time.run(ms);
    if (time.nowMs - checkedMs < 1_000) return;
    checkedMs = time.nowMs;
    if (watch.slow(true)) slow.push(Math.round(time.nowMs / 1_000));
  };
  while (time.nowMs < seconds * 1_000) {
    watch.begun(++index);
    await pass(Math.min(ownMs, othersMs));
    if (othersMs < ownMs) watch.committed(index);
    await pass(Math.max(0, ownMs - othersMs));
    watch.written();
    watch.committed(index);
    await pass(restMs);
  }
  return slow;
}

describe('a leader whose disk is', () => {
  it('far slower than those of a quorum is told so, once in a while', async () => {
    expect(await lead(65, 100, 2)).toEqual([10]);
    expect(await lead(85, 100, 2)).toHaveLength(2);
  });

  it('as slow as theirs, or somewhat slower, is not', async () => {
    expect(await lead(60, 100, 100)).toEqual([]);
    expect(await lead(60, 100, 50)).toEqual([]);
  });

  it('needed for a quorum, because another one is missing, is not', async () => {
    expect(await lead(60, 100, 1_000)).toEqual([]);
  });

  it('slower than theirs by what nobody notices is not', async () => {
    expect(await lead(60, 10, 1)).toEqual([]);
  });

  it('seldom used is not judged', async () => {
    expect(await lead(60, 100, 2, 2_000)).toEqual([]);
  });

  it('hanging with one batch is told so, though that is never written', async () => {
    const time = new VirtualTime();
    const watch = new DiskWatch(time.clock());
    watch.begun(7);
    await time.run(5);
    watch.committed(7);
    const told: boolean[] = [];
    for (let second = 0; second < 12; second++) {
      await time.run(1_000);
      told.push(watch.slow(true));
    }
    expect(told.filter((slow) => slow)).toHaveLength(1);
  });

  it('slow while it does not lead is not', async () => {
    const time = new VirtualTime();
    const watch = new DiskWatch(time.clock());
    for (let index = 1; index < 300; index++) {
      watch.begun(index);
      await time.run(100);
      watch.written();
      expect(watch.slow(false)).toBe(false);
    }
  });
});
