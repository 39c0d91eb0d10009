import { describe, expect, it } from 'vitest';
import { drawPlan } from './plan.ts';
import { commandOf } from './shrink.ts';
import { Simulation } from './simulation.ts';

/** More runs than `npm test` has time for; the seeds are fixed. */
const FIRST_SEED = 50_000;
const SEEDS = 160;
const PER_TEST = 40;

describe('the simulation', () => {
  for (let from = FIRST_SEED; from < FIRST_SEED + SEEDS; from += PER_TEST) {
    it(`keeps every promise with the seeds ${from} to ${from + PER_TEST - 1}`, async () => {
      let committed = 0;
      for (let seed = from; seed < from + PER_TEST; seed++) {
        const result = await new Simulation(drawPlan({ seed })).run();
        expect(result.violation, commandOf({ seed })).toBeUndefined();
        committed += result.committed;
      }
      expect(committed).toBeGreaterThan(PER_TEST);
    }, 300_000);
  }
});
