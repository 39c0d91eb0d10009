import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';

/** setTimeout takes no more than this, and fires at once instead. */
const LONGEST_MS = 2 ** 31 - 1;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a timer for longer than the system takes fires when it was asked to, and never where that is never', () => {
  const fired: string[] = [];
  systemClock.setTimer(2 * LONGEST_MS + 5, () => fired.push('late'));
  systemClock.setTimer(Number.POSITIVE_INFINITY, () => fired.push('never'));
  systemClock.setTimer(2 * LONGEST_MS, () => fired.push('cancelled')).cancel();
  const cancelledLate = systemClock.setTimer(2 * LONGEST_MS, () => fired.push('cancelled late'));
  vi.advanceTimersByTime(LONGEST_MS + 1);
  cancelledLate.cancel();
  vi.advanceTimersByTime(LONGEST_MS + 3);
  expect(fired).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(fired).toEqual(['late']);
  vi.advanceTimersByTime(LONGEST_MS);
  expect(fired).toEqual(['late']);
});

test('one sleeps for longer than the system takes, until it is woken', async () => {
  const wake = new AbortController();
  let awake = false;
  const slept = systemClock.sleep(Number.POSITIVE_INFINITY, wake.signal).then(() => {
    awake = true;
  });
  await vi.advanceTimersByTimeAsync(LONGEST_MS + 1);
  expect(awake).toBe(false);
  wake.abort();
  await slept;
});
