import { expect, it } from 'vitest';
import { SharedTurn } from '../../src/runtime/shared-turn.ts';

/** A shared turn that counts how often its work was done, and the turns of the event loop that it asked for. */
function counted(work: (turn: SharedTurn) => void = () => {}) {
  const turns: (() => void)[] = [];
  let done = 0;
  const turn: SharedTurn = new SharedTurn({ soon: (run) => void turns.push(run) }, () => {
    done++;
    work(turn);
  });
  return { turn, turns, done: () => done };
}

it('work that inputs share is done once, in a turn of its own', async () => {
  const { turn, turns, done } = counted();
  for (let n = 0; n < 3; n++) turn.join(false);
  await Promise.resolve();
  expect([turns.length, done()]).toEqual([1, 0]);
  turns[0]?.();
  expect(done()).toBe(1);
});

it('an input that is alone has it done once its code has run, and those that join by then share it', async () => {
  const { turn, turns, done } = counted();
  turn.join(true);
  turn.join(false);
  expect(done()).toBe(0);
  await Promise.resolve();
  expect([turns.length, done()]).toEqual([0, 1]);
});

it('one that is alone does not go before those that wait', async () => {
  const { turn, turns, done } = counted();
  turn.join(false);
  turn.join(true);
  await Promise.resolve();
  expect(done()).toBe(0);
  turns[0]?.();
  expect(done()).toBe(1);
});

it('an input that comes with the work has it done again, also after work that failed', async () => {
  const { turn, turns, done } = counted((own) => {
    if (done() === 1) own.join(false);
    if (done() === 2) throw new Error('the second fails');
  });
  turn.join(false);
  turns[0]?.();
  expect(() => turns[1]?.()).toThrow('the second fails');
  turn.join(false);
  turns[2]?.();
  expect([turns.length, done()]).toEqual([3, 3]);
});
