import { randomInt } from 'node:crypto';

/**
 * How long to wait before another attempt: 50 ms at first, doubling to 500 ms, of which a random part is taken off, so
 * that clients which failed together do not come back together.
 */
export function backoffMs(failures: number): number {
  const longest = Math.min(500, 50 * 2 ** Math.min(failures, 8));
  return randomInt(Math.ceil(longest / 2), longest + 1);
}

/**
 * How long to wait before deciding anew after a conflict. The winner has its answer already, so there is nothing to wait
 * for but the others who lost with this client: the more often it lost, the more of them there are.
 */
export function conflictBackoffMs(conflicts: number): number {
  return randomInt(0, Math.min(250, 4 * 2 ** Math.min(conflicts, 8)) + 1);
}
