import { describe, expect, test } from 'vitest';
import { backoffMs, conflictBackoffMs } from '../../src/client/backoff.ts';

const CLIENTS = 2_000;
/** Ten times the standard deviation of how many of them wait so long: chance alone goes beyond it once in 10^20 runs. */
const SPREAD_MAX = 10 * Math.sqrt(CLIENTS * 0.25);

interface Waits {
  readonly wait: (failures: number) => number;
  readonly from: (longest: number) => number;
  readonly longest: readonly number[];
}

const KINDS: readonly [string, Waits][] = [
  [
    'after a failure, between half the longest and the longest, which doubles to 500 ms',
    { wait: backoffMs, from: (longest) => longest / 2, longest: [50, 100, 200, 400, 500, 500, 500] },
  ],
  [
    'after a conflict, between nothing and the longest, which doubles to 250 ms',
    { wait: conflictBackoffMs, from: () => 0, longest: [4, 8, 16, 32, 64, 128, 250, 250] },
  ],
];

describe('clients that fail together do not come back together: they wait', () => {
  test.each(KINDS)('%s, and evenly spread', (_, { wait, from, longest }) => {
    for (const [failures, most] of longest.entries()) {
      const least = from(most);
      const waits = Array.from({ length: CLIENTS }, () => wait(failures));
      const told = `after ${failures} failures`;
      expect(Math.min(...waits), told).toBeGreaterThanOrEqual(least);
      expect(Math.max(...waits), told).toBeLessThanOrEqual(most);
      const quarterOf = (ms: number) => Math.floor(((ms - least) * 4) / (most - least + 1));
      const possible = Array.from({ length: most - least + 1 }, (_, n) => least + n);
      for (let quarter = 0; quarter < 4; quarter++) {
        const share = possible.filter((ms) => quarterOf(ms) === quarter).length / possible.length;
        const met = waits.filter((ms) => quarterOf(ms) === quarter).length;
        expect(Math.abs(met - CLIENTS * share), `${told}, quarter ${quarter}`).toBeLessThan(SPREAD_MAX);
      }
    }
  });
});
