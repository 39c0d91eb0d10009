import { expect, it } from 'vitest';
import { CommitWatch } from '../../src/replica/commit-watch.ts';
import { VirtualTime } from '../support/virtual-clock.ts';

it('a leader stalls only while entries wait and none is committed, for five seconds', async () => {
  const time = new VirtualTime();
  const watch = new CommitWatch(time.clock(() => 0));
  const after = async (ms: number, leads: boolean, commit: number, lastIndex: number) => {
    await time.run(ms);
    return watch.stalled(leads, commit, lastIndex);
  };
  // Nothing waits, or it does not lead: however long that takes.
  expect(await after(60_000, true, 7, 7)).toBe(false);
  expect(await after(60_000, false, 7, 9)).toBe(false);
  expect(await after(4_999, true, 7, 9)).toBe(false);
  // Slow, and going on.
  expect(await after(1, true, 8, 9)).toBe(false);
  expect(await after(4_999, true, 8, 12)).toBe(false);
  expect(await after(1, true, 8, 12)).toBe(true);
  expect(await after(1_000, true, 8, 12)).toBe(true);
  expect(await after(1_000, true, 12, 12)).toBe(false);
});
