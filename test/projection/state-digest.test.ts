import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { DIGEST_EVERY, StateDigest } from '../../src/projection/state-digest.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';
import { openSmallProgram } from './small-program.ts';

const change = fc.record({ partition: fc.constantFrom('', 'a', 'b', 'c'), state: fc.option(fc.integer({ max: 5 })) });
const bytes = (value: number | null) => (value === null ? null : Buffer.from(String(value)));

/** The digest of changes, where of several of one partition in a batch only the last is told. */
function digestOf(changes: readonly { partition: string; state: number | null }[], batchSize: number) {
  const digest = new StateDigest(0);
  for (let at = 0; at < changes.length; at += batchSize) {
    const batch = new Map(changes.slice(at, at + batchSize).map(({ partition, state }) => [partition, bytes(state)]));
    for (const [partition, state] of batch) digest.changed(partition, state, state);
  }
  return digest.take();
}

describe('the digest of what changed in a span [P4]', () => {
  test('P4: is the same however the span was cut into batches', () => {
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 30 }),
        (changes, size) => {
          expect(digestOf(changes, size)).toEqual(digestOf(changes, 1));
        },
      ),
    );
  });

  test('P4: is another one where a state is another one, missing, or of another partition', () => {
    const digests = [
      [{ partition: 'a', state: 1 }],
      [{ partition: 'a', state: 2 }],
      [{ partition: 'b', state: 1 }],
      [{ partition: 'a', state: null }],
      [],
      [
        { partition: 'a', state: 1 },
        { partition: 'b', state: 1 },
      ],
    ].map((changes) => Buffer.from(digestOf(changes, 1) as Uint8Array).toString('hex'));
    expect(new Set(digests).size).toBe(digests.length);
  });

  test('P4: is not told of a span that was not followed from its beginning, and of the next one it is', () => {
    const late = new StateDigest(DIGEST_EVERY + 5);
    late.changed('a', bytes(1), null);
    expect(late.take()).toBeUndefined();
    late.changed('a', bytes(1), null);
    const other = new StateDigest(2 * DIGEST_EVERY);
    other.changed('a', bytes(1), null);
    expect(late.take()).toEqual(other.take());
  });
});

describe('states on several nodes', () => {
  let nodes: TestNodes | undefined;
  afterEach(async () => {
    await nodes?.dispose();
    nodes = undefined;
  });

  test('P4: that differ are told by every node, naming those that it differs from', async () => {
    nodes = await TestNodes.prepare(3);
    const started = nodes;
    // The third node counts one event twice: as if its memory or its engine were at fault.
    const openWrong = (source: string) => openSmallProgram(source.replace('+ 1', '+ (event.position === 9n ? 2 : 1)'));
    await Promise.all(
      [0, 1, 2].map((n) => started.startNode(n, {}, { openProgram: n === 2 ? openWrong : openSmallProgram })),
    );
    await started.leader();
    const db = await started.client();
    await db.projections.create('count', '{ handle: (state = 0, { event }) => state + 1 }');
    const events = Array.from({ length: 1_000 }, () => ({ type: 'Happened', data: {} }));
    for (let n = 0; n <= DIGEST_EVERY / events.length; n++) await db.append('a', events);
    const told = await until('all nodes know', async () => {
      const all = await Promise.all([0, 1, 2].map(async (n) => (await started.client(n)).projections.get('count')));
      const divergences = all.map(({ active }) => active?.divergence);
      return divergences[2]?.includes('and') && divergences.every((text) => text !== undefined) && divergences;
    });
    const span = `(in the span up to position ${DIGEST_EVERY})`;
    expect(told.slice(0, 2)).toEqual(Array(2).fill(`states differ from those on n3 ${span}`));
    expect(told[2]).toMatch(/n1 .*n2 |n2 .*n1 /);
    await db.projections.reset('count');
    expect((await db.projections.get('count')).active?.divergence).toBeUndefined();
  });
});
