import { describe, expect, it } from 'vitest';
import { drawPlan, type PlanOptions } from './plan.ts';
import { ALWAYS, REGRESSIONS } from './seeds.ts';
import { commandOf } from './shrink.ts';
import { Simulation } from './simulation.ts';

async function violationOf(options: PlanOptions): Promise<string | undefined> {
  return (await new Simulation(drawPlan(options)).run()).violation;
}

describe('the simulation', () => {
  for (const { found, ...options } of REGRESSIONS) {
    it(`no longer finds, with seed ${options.seed}, what it found once: ${found}`, async () => {
      expect(await violationOf(options), commandOf(options)).toBeUndefined();
    }, 60_000);
  }

  for (const options of ALWAYS) {
    it(`keeps every promise with seed ${options.seed} [S1, S2, S5, S6, S7, S8, D2, D8, Q1, Q3, C1]`, async () => {
      expect(await violationOf(options), commandOf(options)).toBeUndefined();
    }, 60_000);
  }
});
