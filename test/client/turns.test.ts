import { expect, test } from 'vitest';
import { Cancellation } from '../../src/base/signal.ts';
import { type EndTurn, Turns } from '../../src/client/turns.ts';
import { VirtualTime } from '../support/virtual-clock.ts';

const NEVER = new Cancellation();

test('turns about the same thing come one after another, in the order in which they were asked for', async () => {
  const turns = new Turns(new VirtualTime().clock());
  const came: string[] = [];
  const ends: EndTurn[] = [];
  const asked = ['a1', 'a2', 'b1', 'a3'].map(async (name) => {
    const end = await turns.take(name.charAt(0), 1_000, NEVER);
    came.push(name);
    if (end) ends.push(end);
  });
  await Promise.all([asked[0], asked[2]]);
  expect(came).toEqual(['a1', 'b1']);
  ends[0]?.();
  await asked[1];
  expect(came).toEqual(['a1', 'b1', 'a2']);
  ends[2]?.();
  await asked[3];
  expect(came).toEqual(['a1', 'b1', 'a2', 'a3']);
  expect([turns.isTaken('a'), turns.isTaken('b')]).toEqual([true, true]);
  ends[3]?.();
  ends[1]?.();
  expect([turns.isTaken('a'), turns.isTaken('b')]).toEqual([false, false]);
});

test('a turn that takes too long gives way to the next, and its end, when it comes, ends no other one', async () => {
  const time = new VirtualTime();
  const turns = new Turns(time.clock(), 2_000);
  const endStuck = await turns.take('a', 10_000, NEVER);
  const second = turns.take('a', 10_000, NEVER);
  await time.run(2_000);
  const endSecond = await second;
  endStuck?.();
  const third = turns.take('a', 10_000, NEVER);
  let came = false;
  void third.then(() => (came = true));
  await time.run(1_000);
  expect(came).toBe(false);
  endSecond?.();
  await time.run(2_000);
  expect(await third).toBeTypeOf('function');
  // Nobody has ended that one, and nobody waits.
  expect(turns.isTaken('a')).toBe(false);
});

test('whoever has lost its patience, or is cancelled, waits no longer, and nobody waits for it', async () => {
  const time = new VirtualTime();
  const turns = new Turns(time.clock());
  const end = await turns.take('a', 1_000, NEVER);
  const cancelled = new Cancellation();
  const early = turns.take('a', 1_000, NEVER);
  const gone = turns.take('a', 5_000, cancelled);
  const late = turns.take('a', 5_000, NEVER);
  await time.run(1_000);
  expect(await early).toBeUndefined();
  cancelled.abort();
  expect(await gone).toBeUndefined();
  expect(await turns.take('a', 5_000, cancelled)).toBeUndefined();
  end?.();
  const endLate = await late;
  expect(endLate).toBeTypeOf('function');
  endLate?.();
  expect(turns.isTaken('a')).toBe(false);
});
