import { describe, expect, it } from 'vitest';
import { Chaos } from './chaos.ts';

describe('random runs', () => {
  it('keep one leader a term, matching logs, committed entries and linearizable reads through faults, and recover (figure 3)', () => {
    let committed = 0;
    let reads = 0;
    for (let seed = 0; seed < 200; seed++) {
      const chaos = new Chaos(seed);
      try {
        chaos.run(600);
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
      committed += chaos.committedCount;
      reads += chaos.readReplies;
    }
    // Runs in which nothing happens prove nothing.
    expect(committed).toBeGreaterThan(1000);
    expect(reads).toBeGreaterThan(300);
  });
});
