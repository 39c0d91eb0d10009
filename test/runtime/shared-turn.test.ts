import { describe, expect, it } from 'vitest';
import { SharedTurn } from '../../src/runtime/shared-turn.ts';

/** A turn whose work notes how many inputs shared it, and the turns of the event loop that were asked for. */
function noted() {
  const turns: (() => void)[] = [];
  const works: number[] = [];
  let inputs = 0;
  const turn = new SharedTurn({ soon: (run) => void turns.push(run) }, () => {
    works.push(inputs);
    const shared = inputs;
    inputs = 0;
    return shared;
  });
  const join = () => {
    inputs++;
    turn.join();
  };
  return { turns, works, join };
}

describe('a shared turn', () => {
  it('has the work done at the end of the turn of an input, for all that came in it', async () => {
    const { turns, works, join } = noted();
    join();
    join();
    expect(works).toEqual([]);
    await Promise.resolve();
    expect([works, turns.length]).toEqual([[2], 0]);
  });

  it('takes a turn of its own where several shared the last one', async () => {
    const { turns, works, join } = noted();
    join();
    join();
    await Promise.resolve();
    join();
    await Promise.resolve();
    expect([works, turns.length]).toEqual([[2], 1]);
    join();
    turns[0]?.();
    expect([works, turns.length]).toEqual([[2, 2], 1]);
  });

  it('waits for nobody again once one input was alone', async () => {
    const { turns, works, join } = noted();
    join();
    join();
    await Promise.resolve();
    join();
    turns[0]?.();
    join();
    await Promise.resolve();
    expect([works, turns.length]).toEqual([[2, 1, 1], 1]);
  });
});
