import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import type { CallOptions, FactstoreClient } from '../../src/client/index.ts';
import type { FakeCluster } from './fake-node.ts';
import { Bench, failure } from './helpers.ts';

let bench: Bench;
let cluster: FakeCluster;
let db: FactstoreClient;

beforeEach(async () => {
  bench = await Bench.start();
  cluster = bench.cluster;
  db = await bench.open();
});

afterEach(() => bench.stop());

const node = (index: number) => bench.node(index);

/** Changes of the cluster, and whether each was made. */
const changes: [string, (options?: CallOptions) => Promise<unknown>, () => boolean][] = [
  ['removing n3', (options) => db.cluster.remove('n3', options), () => !cluster.members.has('n3')],
  [
    'the raise of the feature level',
    (options) => db.cluster.raiseFeatureLevel(2, options),
    () => cluster.featureLevel > 1,
  ],
  [
    'the transfer of leadership',
    (options) => db.cluster.transferLeadership('n2', options),
    () => cluster.leader === node(1),
  ],
];

describe.each(changes)('%s', (what, change, isMade) => {
  test('that the leader made before its answer was lost is not told as one that failed, and not asked for again', async () => {
    node(0).onChange = () => {
      // Another one leads at once.
      queueMicrotask(() => {
        cluster.leader = node(1);
      });
      return 'drop';
    };
    const error = await failure(change());
    expect(isMade()).toBe(true);
    expect(error).toMatchObject({ code: 'UNREACHABLE', definite: false });
    expect(error.message).toBe(
      `${what} may have taken place: ${node(0).address}: connection lost. It is not asked for again: factstore cluster status tells.`,
    );
    expect(node(1).changeCalls).toBe(0);
  });

  test('that the leader answers without knowing its fate is told as such, with the words of the leader', async () => {
    const told = 'leadership was lost meanwhile: factstore cluster status tells whether the members have changed';
    node(0).onChange = () => new FactstoreError('LEADERSHIP_LOST', told);
    const error = await failure(change());
    expect(error).toMatchObject({ code: 'LEADERSHIP_LOST', definite: false });
    expect(error.message).toBe(`${what} may have taken place: ${told}`);
    expect(node(0).changeCalls + node(1).changeCalls).toBe(1);
  });

  test('that was certainly not made, for a reason that passes, is asked for again, elsewhere too', async () => {
    let asked = 0;
    node(0).onChange = () => {
      if (++asked === 2) cluster.leader = node(1);
      return new FactstoreError(asked === 1 ? 'OVERLOADED' : 'NOT_LEADER', 'not now');
    };
    await change();
    expect(isMade()).toBe(true);
    expect([node(0).changeCalls, node(1).changeCalls]).toEqual([2, 1]);
  });

  test('that is given up, by the caller or by the clock, may have been made once it was sent', async () => {
    expect(await failure(change({ signal: AbortSignal.abort() }))).toMatchObject({ code: 'CANCELLED', definite: true });
    node(0).onChange = () => 'hang';
    const stop = new AbortController();
    const cancelled = change({ signal: stop.signal });
    await expect.poll(() => node(0).changeCalls).toBe(1);
    stop.abort();
    expect(await failure(cancelled)).toMatchObject({
      code: 'CANCELLED',
      definite: false,
      message: expect.stringContaining(`${what} may have taken place: the call was cancelled`),
    });
    expect(await failure(change({ timeoutMs: 300 }))).toMatchObject({ code: 'DEADLINE_EXCEEDED', definite: false });
  });
});

test('a removal whose answer was lost is not carried out on the next member of that name', async () => {
  node(0).onChange = () => {
    queueMicrotask(() => {
      cluster.members.add('n3');
      cluster.leader = node(1);
    });
    return 'drop';
  };
  expect(await failure(db.cluster.remove('n3'))).toMatchObject({ definite: false });
  expect(cluster.members.has('n3')).toBe(true);
});

test('a change that is refused for good is told so at once', async () => {
  expect(await failure(db.cluster.remove('n9'))).toMatchObject({ code: 'NOT_FOUND', definite: true });
  expect(node(0).changeCalls).toBe(1);
});
