import { describe, expect, it } from 'vitest';
import { drawPlan } from './plan.ts';
import { type Result, Simulation } from './simulation.ts';

async function traced(seed: number): Promise<{ result: Result; lines: string[] }> {
  const lines: string[] = [];
  const result = await new Simulation(drawPlan({ seed }), (line) => lines.push(line)).run();
  return { result, lines };
}

describe('a run', () => {
  for (const seed of [4, 7, 11]) {
    it(`is the same to the last event with the same seed, ${seed}`, async () => {
      const first = await traced(seed);
      const second = await traced(seed);
      expect(second.lines).toEqual(first.lines);
      expect(second.result).toEqual(first.result);
      const silent = await new Simulation(drawPlan({ seed })).run();
      expect(silent.fingerprint).toBe(first.result.fingerprint);
      expect(first.result.events).toBeGreaterThan(500);
    });
  }

  it('is another one with another seed', async () => {
    const [one, other] = [await traced(4), await traced(5)];
    expect(one.result.fingerprint).not.toBe(other.result.fingerprint);
  });
});
