import { expect, test } from 'vitest';
import { LostEntry } from '../../src/projection/lost-entry.ts';
import { damageError } from '../../src/storage/damage.ts';
import { logging } from '../peer/support.ts';
import { VirtualTime } from '../support/virtual-clock.ts';

test('a generation waits for an entry that its node has lost, says so once, and ends by nothing else that fails [D7]', async () => {
  const time = new VirtualTime();
  const clock = time.clock();
  const { logger, lines } = logging();
  const entry = new LostEntry({ clock, logger }, 'counts');
  const { signal } = new AbortController();
  for (let tries = 0; tries < 2; tries++) {
    const text = 'entry 10: its checksum is wrong';
    const waits = entry.wait(damageError('/d', { kind: 'belowCommit', index: 10, text }), signal);
    await time.run(5_000);
    await waits;
    expect(entry.obstacle).toMatch(/waits until that is restored: entry 10: its checksum is wrong/);
  }
  expect(lines.map(({ level, event }) => [level, event])).toEqual([['error', 'projection.waits']]);
  entry.passed();
  expect(entry.obstacle).toBeUndefined();
  const lost = damageError('/d', { kind: 'promiseLost', index: 10, text: 'entry 10: it is missing' });
  await expect(entry.wait(lost, signal)).rejects.toBe(lost);
});
