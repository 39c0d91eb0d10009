import { expect, test } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import type { Signal } from '../../src/base/signal.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { type NodeProjections, projectionsHandlers } from '../../src/server/projections-service.ts';
import { UntakenBudget } from '../../src/server/untaken.ts';

type Handler = (call: unknown, answer: (error: { details: string } | null, response?: object) => void) => void;

/** A node that has not applied the creation of its projection yet; it has once it is waited for, or never does. */
function nodeThat(comes: boolean) {
  let known = false;
  const look = async <T>(answer: T): Promise<T> => {
    if (!known) throw new FactstoreError('NOT_FOUND', 'there is no projection "p"');
    return answer;
  };
  const place = { generation: 0, at: 7 };
  const reached = async (_: number, signal: Signal) => {
    if (!comes) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    if (!comes) throw new FactstoreError('BEHIND', 'this node is at position 3');
    known = true;
  };
  const linearized = (signal: Signal) => reached(0, signal);
  const registry = { find: () => (known ? {} : undefined) };
  const queries = {
    list: async () => [],
    state: () => look({ ...place, partition: '', state: undefined, result: undefined }),
    partitions: () => look({ ...place, partitions: [], next: '' }),
    watch: async function* () {
      yield await look({ ...place, partition: 'told', state: undefined, result: undefined });
    },
  };
  const node = { nodeId: 'n1', registry, queries, reached, linearized } as unknown as NodeProjections;
  return projectionsHandlers(() => node, createLogger('silent', {}), systemClock, new UntakenBudget());
}

function asked(handler: unknown, timeoutMs: number): Promise<object> {
  const request = { name: 'p', partition: '', prefix: '', after: '', limit: 0, atLeast: 7 };
  const call = { request, on: () => {}, cancelled: false, getDeadline: () => Date.now() + timeoutMs };
  return new Promise((resolve, reject) => {
    (handler as Handler)(call, (error, response) => (error ? reject(error) : resolve(response as object)));
  });
}

/** What a watch writes before it ends. */
function watched(handler: unknown): Promise<object[]> {
  const written: object[] = [];
  return new Promise((resolve, reject) => {
    const call = {
      ...{ request: { name: 'p', which: undefined, tellBegun: false }, cancelled: false, on: () => call },
      write: (message: object, taken: () => void) => {
        written.push(message);
        taken();
      },
      end: () => resolve(written),
      emit: (_: 'error', error: object) => reject(error),
    };
    (handler as (call: object) => void)(call);
  });
}

test('a node hears of the projections of its cluster before it denies one to a watcher, who may come from another [Q2]', async () => {
  expect(await watched(nodeThat(true).Watch)).toMatchObject([{ partition: 'told' }]);
});

test('a node waits for what a state is to include before it denies the projection [Q2]', async () => {
  const { State, Partitions } = nodeThat(true);
  expect(await asked(State, 60_000)).toMatchObject({ at: 7 });
  expect(await asked(Partitions, 60_000)).toMatchObject({ at: 7 });
});

test('a node that is behind for all the time that a call has says so [Q2]', async () => {
  const { List, State } = nodeThat(false);
  for (const handler of [List, State]) {
    await expect(asked(handler, 50)).rejects.toMatchObject({ details: expect.stringContaining('at position 3') });
  }
});
