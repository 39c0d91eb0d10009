import { expect, test } from 'vitest';
import { Cancellation } from '../../src/base/signal.ts';

test('an abort tells every listener once, in the order in which they came', () => {
  const cancellation = new Cancellation();
  const told: number[] = [];
  for (const n of [1, 2, 3]) cancellation.addEventListener('abort', () => told.push(n));
  expect(cancellation.aborted).toBe(false);
  cancellation.abort();
  cancellation.abort();
  expect(cancellation.aborted).toBe(true);
  expect(told).toEqual([1, 2, 3]);
});

test('one that was removed is not told, even by another listener of the same abort, nor is one that comes too late', () => {
  const cancellation = new Cancellation();
  const told: string[] = [];
  const removed = () => told.push('removed');
  const removedMeanwhile = () => told.push('removed meanwhile');
  cancellation.addEventListener('abort', removed);
  cancellation.addEventListener('abort', () => cancellation.removeEventListener('abort', removedMeanwhile));
  cancellation.addEventListener('abort', removedMeanwhile);
  cancellation.removeEventListener('abort', removed);
  cancellation.abort();
  cancellation.addEventListener('abort', () => told.push('too late'));
  cancellation.abort();
  expect(told).toEqual([]);
});
