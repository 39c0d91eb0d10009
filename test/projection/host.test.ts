import { expect, test } from 'vitest';
import { type Projection, type ProjectionChange, projectionAfter } from '../../src/model/projection.ts';
import { answering, type Hosted } from '../../src/projection/host.ts';
import { Watched } from '../../src/runtime/watched.ts';

/** A projection after these changes, each ten positions behind the one before. */
function after(...changes: readonly ProjectionChange[]): Projection {
  let projection: Projection | undefined;
  for (const [n, change] of changes.entries()) {
    projection = projectionAfter(projection, 'p', change, { revision: n, position: (n + 1) * 10 });
  }
  return projection as Projection;
}

const CREATED = { kind: 'create', source: 'one', onError: 'fault' } as const;
const UPDATED = { kind: 'update', source: 'two', onError: 'fault' } as const;
const TAKEN_OVER = { kind: 'takeOver', generation: 1 } as const;
const ROLLED_BACK = { kind: 'rollBack' } as const;

function answersWith(
  projection: Projection,
  checkpoints: Readonly<Record<number, number>>,
  told?: number,
): number | undefined {
  const generations = new Map(
    Object.entries(checkpoints).map(([number, checkpoint]) => [
      Number(number),
      { generation: { generation: Number(number) }, checkpoint: new Watched(checkpoint) },
    ]),
  );
  return answering({ projection, generations, told } as unknown as Hosted)?.generation.generation;
}

test('P3: a node that lags answers with the old generation until the new one has come as far', () => {
  const projection = after(CREATED, UPDATED, TAKEN_OVER);
  expect(answersWith(projection, { 0: 30, 1: 12 })).toBe(0);
  expect(answersWith(projection, { 0: 15, 1: 15 })).toBe(1);
  expect(answersWith(projection, { 0: 30, 1: 30 })).toBe(1);
  expect(answersWith(projection, { 1: 2 })).toBe(1);
  expect(answersWith(after(CREATED, UPDATED), { 0: 5, 1: 20 })).toBe(0);
});

test('P3: a generation that has answered goes on to, though the one before comes to its end first', () => {
  const projection = after(CREATED, UPDATED, TAKEN_OVER);
  expect(answersWith(projection, { 0: 30, 1: 25 }, 0)).toBe(0);
  expect(answersWith(projection, { 0: 30, 1: 25 }, 1)).toBe(1);
});

test('P3: what has answered goes on to where a projection is reset again before it was built anew', () => {
  const projection = after(CREATED, { kind: 'reset' }, { kind: 'reset' });
  expect(answersWith(projection, { 0: 20, 1: 5, 2: 1 }, 0)).toBe(0);
  expect(answersWith(projection, { 0: 20, 1: 5, 2: 20 }, 0)).toBe(2);
  expect(answersWith(projection, { 1: 5, 2: 1 })).toBe(1);
});

test('P3: a generation that is rolled back from answers no more', () => {
  expect(answersWith(after(CREATED, UPDATED, TAKEN_OVER, ROLLED_BACK), { 0: 30, 1: 40 })).toBe(0);
  expect(answersWith(after(CREATED, UPDATED, TAKEN_OVER, ROLLED_BACK), { 0: 30, 1: 40 }, 1)).toBe(0);
});

test('P2: the facts divide the log into segments without gaps, each of one generation', () => {
  const { segments, emitting } = after(CREATED, UPDATED, TAKEN_OVER, ROLLED_BACK, { kind: 'reset' });
  expect(segments).toEqual([
    { generation: 0, after: 0, until: 30 },
    { generation: 1, after: 30, until: 40 },
    { generation: 0, after: 40, until: 50 },
    { generation: 4, after: 50, until: Number.POSITIVE_INFINITY },
  ]);
  expect(emitting.map(({ generation }) => generation)).toEqual([1, 0, 4]);
});

test('S16: a fact that is not understood, or does not fit, changes nothing but how many there are', () => {
  const before = after(CREATED);
  const place = { revision: 1, position: 20 };
  for (const change of [undefined, CREATED, TAKEN_OVER, ROLLED_BACK]) {
    expect(projectionAfter(before, 'p', change, place)).toEqual({ ...before, facts: 2, position: 20 });
  }
  expect(projectionAfter(undefined, 'p', UPDATED, place)).toBeUndefined();
});
