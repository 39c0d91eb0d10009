import { expect, test } from 'vitest';
import { deferred } from '../../src/runtime/deferred.ts';
import { Turnstile } from '../../src/runtime/turnstile.ts';

test('P5: so many are let through at a time, in the order in which they came, and a failure gives its place on', async () => {
  const turnstile = new Turnstile(2);
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
