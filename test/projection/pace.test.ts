import { expect, test } from 'vitest';
import { Pace } from '../../src/projection/pace.ts';

/** How long after its beginning a batch that took so long is followed by the next one. */
function everyMs(tookMs: number): number {
  const pace = new Pace();
  pace.began(1_000);
  pace.ended(1_000 + tookMs);
  return pace.restMs(1_000);
}

test('the first batch of a projection does not wait', () => {
  expect(new Pace().restMs(0)).toBeLessThanOrEqual(0);
});

test('a quick batch is followed by another 50 ms after it began', () => {
  expect(everyMs(0)).toBe(50);
  expect(everyMs(2.5)).toBe(50);
});

test('a batch that takes longer, as where cores are scarce, is given a twentieth of the time, and waited for 250 ms at most', () => {
  expect(everyMs(4)).toBe(80);
  expect(everyMs(12.5)).toBe(250);
  expect(everyMs(500)).toBe(250);
});

test('the rest is over once it was waited for, and a quick batch shortens it again', () => {
  const pace = new Pace();
  pace.began(0);
  pace.ended(10);
  expect(pace.restMs(199)).toBe(1);
  expect(pace.restMs(200)).toBe(0);
  pace.began(200);
  pace.ended(201);
  expect(pace.restMs(201)).toBe(49);
});
