import { describe, expect, it } from 'vitest';
import { Chaos } from '../raft/chaos.ts';

/** Longer random runs of the consensus core than `npm test` has time for; the seeds are fixed. */
const FIRST_SEED = 10_000;
const SEEDS = 2_000;
const PER_TEST = 500;

describe('long random runs of the consensus core', () => {
  for (let from = FIRST_SEED; from < FIRST_SEED + SEEDS; from += PER_TEST) {
    it(`keep every guarantee with the seeds ${from} to ${from + PER_TEST - 1}`, () => {
      let committed = 0;
      for (let seed = from; seed < from + PER_TEST; seed++) {
        const chaos = new Chaos(seed);
        try {
          chaos.run(1_500);
        } catch (error) {
          throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
        }
        committed += chaos.committedCount;
      }
      expect(committed).toBeGreaterThan(PER_TEST);
    }, 300_000);
  }
});
