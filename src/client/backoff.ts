import { randomInt } from 'node:crypto';

/**
 * How long to wait before another attempt: 50 ms at first, doubling to 500 ms, of which a random part is taken off, so
 * that clients which failed together do not come back together.
 */
export function backoffMs(failures: number): number {
  const longest = Math.min(500, 50 * 2 ** Math.min(failures, 8));
  return randomInt(Math.ceil(longest / 2), longest + 1);
}
