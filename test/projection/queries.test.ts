import { expect, test } from 'vitest';
import { projectionAfter } from '../../src/model/projection.ts';
import { GenerationStore } from '../../src/projection/generation-store.ts';
import type { Hosted, ProjectionHost } from '../../src/projection/host.ts';
import { SHARED_STATE } from '../../src/projection/program.ts';
import { ProjectionQueries } from '../../src/projection/queries.ts';
import { ProjectionRegistry } from '../../src/projection/registry.ts';
import { Watchers } from '../../src/projection/watchers.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Watched } from '../../src/runtime/watched.ts';
import { MemoryStore } from '../support/memory-store.ts';

const NOW = { atLeast: 0, waitMs: 0 };
const { signal } = new AbortController();

/** What answers about a projection that has these partitions. */
async function queriesOf(...partitions: readonly string[]) {
  const change = { kind: 'create', source: 'one', onError: 'fault' } as const;
  const projection = projectionAfter(undefined, 'p', change, { revision: 0, position: 1, id: 'x' });
  const store = await GenerationStore.open(new MemoryStore(), 'p', 0);
  const state = Buffer.from('1');
  const changed = new Map(partitions.map((partition) => [partition, { state, result: state }]));
  await store.commit({ position: 7, emitted: 0, changed, parked: [], outbox: new Map() }, false);
  const runner = { generation: projection?.active, store, checkpoint: new Watched(7) };
  const watchers = new Watchers();
  const hosted = { projection, generations: new Map([[0, runner]]), watchers } as unknown as Hosted;
  const host = { hosted: async () => hosted } as unknown as ProjectionHost;
  const registry = new ProjectionRegistry();
  const queries = new ProjectionQueries({ registry, host, head: new Watched(7), clock: systemClock });
  return { queries, watchers };
}

/** The names on each page. */
async function pagesOf(queries: ProjectionQueries, prefix: string, limit: number): Promise<string[][]> {
  const pages: string[][] = [];
  let after = '';
  do {
    const page = await queries.partitions('p', { prefix, after, limit }, NOW, signal);
    pages.push(page.partitions.map(({ partition }) => partition));
    after = page.next;
  } while (after !== '');
  return pages;
}

test('pages of partitions go on to the last one, where partitions share a state, too', async () => {
  const five = ['a-1', 'a-2', 'a-3', 'b-1', 'b-2'];
  for (const shared of [[], [SHARED_STATE]]) {
    const { queries } = await queriesOf(...shared, ...five);
    expect(await pagesOf(queries, '', 2)).toEqual([['a-1', 'a-2'], ['a-3', 'b-1'], ['b-2']]);
    expect(await pagesOf(queries, '', 5)).toEqual([five]);
    expect(await pagesOf(queries, 'a-', 2)).toEqual([['a-1', 'a-2'], ['a-3']]);
    expect(await pagesOf(queries, 'a-', 3)).toEqual([['a-1', 'a-2', 'a-3']]);
  }
});

test('a watch of all partitions does not tell of the state that they share', async () => {
  const { queries, watchers } = await queriesOf(SHARED_STATE, 'a-1');
  const watch = queries.watch('p', { partition: undefined, prefix: '' }, signal);
  const told = watch.next();
  // In that turn it has begun to watch.
  await new Promise(setImmediate);
  watchers.changed([SHARED_STATE], 8);
  watchers.changed(['a-1'], 9);
  expect((await told).value).toMatchObject({ partition: 'a-1' });
  await watch.return(undefined);
});
