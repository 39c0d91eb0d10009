import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { deferred } from '../../src/runtime/deferred.ts';
import { Turnstile } from '../../src/runtime/turnstile.ts';
import { turn } from '../storage/index/memory-store.ts';

test('P5: so many are let through at a time, in the order in which they came, and a failure gives its place on', async () => {
  const turnstile = new Turnstile(2, systemClock, 60_000);
  const begun: number[] = [];
  const works = Array.from({ length: 5 }, () => deferred<number>());
  const outcomes = works.map(({ promise }, n) =>
    turnstile
      .through(() => {
        begun.push(n);
        return promise;
      })
      .catch((error: Error) => error.message),
  );
  await Promise.resolve();
  expect(begun).toEqual([0, 1]);
  works[1]?.reject(new Error('failed'));
  expect(await outcomes[1]).toBe('failed');
  expect(begun).toEqual([0, 1, 2]);
  works[0]?.resolve(0);
  works[2]?.resolve(2);
  works[3]?.resolve(3);
  works[4]?.resolve(4);
  expect(await Promise.all(outcomes)).toEqual([0, 'failed', 2, 3, 4]);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
});

test('P4: one that is stuck goes on without its place once the patience is over, and does not give it on twice', async () => {
  const patience = deferred<void>();
  let stuck = true;
  const sleep: Clock['sleep'] = (ms, signal) => {
    if (!stuck) return systemClock.sleep(ms, signal);
    stuck = false;
    return patience.promise;
  };
  const turnstile = new Turnstile(1, { ...systemClock, sleep }, 60_000);
  const begun: number[] = [];
  const works = Array.from({ length: 3 }, () => deferred<void>());
  const outcomes = works.map(({ promise }, n) =>
    turnstile.through(() => {
      begun.push(n);
      return promise;
    }),
  );
  await turn();
  expect(begun).toEqual([0]);
  patience.resolve();
  await turn();
  expect(begun).toEqual([0, 1]);
  works[0]?.resolve();
  await outcomes[0];
  await turn();
  expect(begun).toEqual([0, 1]);
  works[1]?.resolve();
  works[2]?.resolve();
  await Promise.all(outcomes);
  expect(begun).toEqual([0, 1, 2]);
});
