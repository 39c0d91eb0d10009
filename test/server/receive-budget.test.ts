import { describe, expect, it } from 'vitest';
import { ReceiveBudget } from '../../src/server/receive-budget.ts';

/** Whether a promise has settled by the time that everything which waits has had its turn. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  await new Promise(setImmediate);
  return done;
}

describe('the room for appends of all connections', () => {
  it('is granted in the order of asking, as it comes free [C8]', async () => {
    const budget = new ReceiveBudget(100);
    await budget.reserve(80);
    const large = budget.reserve(60);
    const small = budget.reserve(10);
    expect(await settled(large)).toBe(false);
    // It would fit, but the large one would never have its turn.
    expect(await settled(small)).toBe(false);
    budget.release(80);
    expect(await settled(Promise.all([large, small]))).toBe(true);
    expect(budget.used).toBe(70);
  });

  it('lets one pass alone that is larger than all of it [C8]', async () => {
    const budget = new ReceiveBudget(100);
    await budget.reserve(10);
    const huge = budget.reserve(500);
    expect(await settled(huge)).toBe(false);
    budget.release(10);
    expect(await settled(huge)).toBe(true);
    expect(budget.exhausted).toBe(true);
    budget.release(500);
    expect(budget.used).toBe(0);
  });

  it('counts what has arrived without asking, and holds grants back for it [C8]', async () => {
    const budget = new ReceiveBudget(100);
    budget.take(70);
    expect(budget.exhausted).toBe(false);
    budget.take(70);
    expect(budget.exhausted).toBe(true);
    const granted = budget.reserve(20);
    budget.release(50);
    expect(await settled(granted)).toBe(false);
    budget.release(20);
    expect(await settled(granted)).toBe(true);
    expect(budget.used).toBe(90);
  });
});
