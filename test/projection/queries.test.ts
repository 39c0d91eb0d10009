import { expect, test } from 'vitest';
import { GenerationStore } from '../../src/projection/generation-store.ts';
import type { Hosted, ProjectionHost } from '../../src/projection/host.ts';
import { SHARED_STATE } from '../../src/projection/program.ts';
import { ProjectionQueries } from '../../src/projection/queries.ts';
import { ProjectionRegistry } from '../../src/projection/registry.ts';
import { Watchers } from '../../src/projection/watchers.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { OpenCalls } from '../../src/runtime/open-calls.ts';
import { Watched } from '../../src/runtime/watched.ts';
import type { Scan, ScanRange } from '../../src/storage/store.ts';
import { MemoryStore } from '../support/memory-store.ts';

const MIB = 1 << 20;
const NOW = { atLeast: 0, waitMs: 0 };
const { signal } = new AbortController();

/** Gives as little at a time as LevelDB does, and counts it. */
class MeteredStore extends MemoryStore {
  bytesRead = 0;

  override scan(range: ScanRange): Scan {
    const scan = super.scan(range);
    return {
      close: () => scan.close(),
      next: async (count) => {
        const rows: [Buffer, Buffer][] = [];
        for (let bytes = 0; rows.length < count && bytes < 64 << 10; ) {
          const [row] = await scan.next(1);
          if (!row) break;
          rows.push(row);
          bytes += row[0].length + row[1].length;
          this.bytesRead += row[0].length + row[1].length;
        }
        return rows;
      },
    };
  }
}

/** What answers about a projection whose generations have these partitions; the last of them answers. */
async function queriesOf(...generations: readonly (readonly string[])[]) {
  return queriesOn(new MemoryStore(), generations);
}

async function queriesOn(
  disk: MemoryStore,
  generations: readonly (readonly string[])[],
  stateOf = (number: number) => Buffer.from(String(number)),
) {
  const runners = new Map<number, unknown>();
  for (const [number, partitions] of generations.entries()) {
    const store = await GenerationStore.open(disk, 'p', number);
    const state = stateOf(number);
    const changed = new Map(partitions.map((partition) => [partition, { state, result: state }]));
    await store.commit({ position: 7, emitted: 0, changed, parked: [], outbox: new Map() }, false);
    runners.set(number, { generation: { generation: number }, store, checkpoint: new Watched(7) });
  }
  const projection = { active: { generation: generations.length - 1 }, segments: [] };
  const watchers = new Watchers();
  const hosted = { projection, generations: runners, watchers } as unknown as Hosted;
  const host = { hosted: async () => hosted } as unknown as ProjectionHost;
  const registry = new ProjectionRegistry();
  const queries = new ProjectionQueries({
    registry,
    host,
    head: new Watched(7),
    clock: systemClock,
    calls: new OpenCalls(),
  });
  return { queries, watchers, runners };
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
    const { queries } = await queriesOf([...shared, ...five]);
    expect(await pagesOf(queries, '', 2)).toEqual([['a-1', 'a-2'], ['a-3', 'b-1'], ['b-2']]);
    expect(await pagesOf(queries, '', 5)).toEqual([five]);
    expect(await pagesOf(queries, 'a-', 2)).toEqual([['a-1', 'a-2'], ['a-3']]);
    expect(await pagesOf(queries, 'a-', 3)).toEqual([['a-1', 'a-2', 'a-3']]);
  }
});

test('a page of partitions reads no more than it tells and the row behind that, however large they are [C3]', async () => {
  const disk = new MeteredStore();
  const names = Array.from({ length: 100 }, (_, n) => `a-${100 + n}`);
  const { queries, watchers } = await queriesOn(disk, [names, names], () => Buffer.alloc(MIB, '7'));
  disk.bytesRead = 0;
  const page = await queries.partitions('p', { prefix: '', after: '', limit: 1_000 }, NOW, signal);
  // Its result is the state, and goes beside it.
  expect(page).toMatchObject({ partitions: [{ partition: 'a-100' }], next: 'a-100' });
  expect(disk.bytesRead).toBeLessThan(2.1 * MIB);
  const watch = queries.watch('p', { partition: undefined, prefix: '' }, signal);
  const told = watch.next();
  await new Promise(setImmediate);
  disk.bytesRead = 0;
  watchers.exchanged(0);
  const found: string[] = [];
  for (let next = await told; next.value; next = await watch.next()) {
    found.push(next.value.partition);
    expect(disk.bytesRead).toBeLessThan(2.1 * MIB * found.length);
    if (found.length === names.length) break;
  }
  await watch.return(undefined);
  expect(found).toEqual(names);
});

test('pages that end for their bytes go on to the last partition, be each of them larger than a page', async () => {
  const names = ['a-1', 'a-2', 'a-3'];
  const large = await queriesOn(new MeteredStore(), [[SHARED_STATE, ...names]], () => Buffer.alloc(4 * MIB, '7'));
  expect(await pagesOf(large.queries, '', 10)).toEqual(names.map((name) => [name]));
  const half = await queriesOn(new MeteredStore(), [[SHARED_STATE, ...names]], () => Buffer.alloc(0.7 * MIB, '7'));
  expect(await pagesOf(half.queries, '', 10)).toEqual([['a-1', 'a-2'], ['a-3']]);
});

test('a watch of all partitions does not tell of the state that they share', async () => {
  const { queries, watchers } = await queriesOf([SHARED_STATE, 'a-1']);
  const watch = queries.watch('p', { partition: undefined, prefix: '' }, signal);
  const told = watch.next();
  // In that turn it has begun to watch.
  await new Promise(setImmediate);
  watchers.changed([SHARED_STATE]);
  watchers.changed(['a-1']);
  expect((await told).value).toMatchObject({ partition: 'a-1' });
  await watch.return(undefined);
});

test('a watch ends with its caller, though there is always something to tell', async () => {
  const { queries, watchers } = await queriesOf(['a-1', 'a-2']);
  const caller = new AbortController();
  const watch = queries.watch('p', { partition: undefined, prefix: '' }, caller.signal);
  const told = watch.next();
  await new Promise(setImmediate);
  watchers.changed(['a-1', 'a-2']);
  expect((await told).value).toMatchObject({ partition: 'a-1' });
  watchers.changed(['a-1', 'a-2']);
  caller.abort();
  expect((await watch.next()).done).toBe(true);
});

const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `a-${from + n}`);

test('a watch tells all that another generation has, and what that has not, once it answers [P3]', async () => {
  const { queries, watchers } = await queriesOf(
    ['b-1', ...numbered(100, 400)],
    [SHARED_STATE, 'b-2', ...numbered(250, 600)],
  );
  const watch = queries.watch('p', { partition: undefined, prefix: 'a-' }, signal);
  const first = watch.next();
  await new Promise(setImmediate);
  watchers.exchanged(0);
  const told = new Map<string, unknown>();
  for (let next = await first; next.value; next = await watch.next()) {
    const { partition, state, result, generation } = next.value;
    told.set(partition, state && String(state));
    expect({ result, generation }).toEqual({ result: state, generation: 1 });
    if (told.size === 500) break;
  }
  const expected = numbered(100, 600).map((name, n) => [name, n < 150 ? undefined : '1']);
  expect(new Map([...told].sort())).toEqual(new Map(expected as [string, unknown][]));
});

test('a watch that cannot tell any more what a former generation had says so', async () => {
  const { queries, watchers, runners } = await queriesOf(['a-1'], ['a-1']);
  const watch = queries.watch('p', { partition: undefined, prefix: '' }, signal);
  const first = watch.next();
  await new Promise(setImmediate);
  watchers.exchanged(0);
  runners.delete(0);
  expect((await first).value).toMatchObject({ partition: 'a-1', generation: 1 });
  await expect(watch.next()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
});

test('a watch of one partition tells its state again where more changed than could be named', async () => {
  const { queries, watchers } = await queriesOf(['a-1']);
  const watch = queries.watch('p', { partition: 'a-1', prefix: '' }, signal);
  expect((await watch.next()).value).toMatchObject({ partition: 'a-1' });
  const again = watch.next();
  watchers.changedAtLarge();
  expect((await again).value).toMatchObject({ partition: 'a-1', at: 7 });
  await watch.return(undefined);
});

test('a watch says where it begins once it would tell whatever changes', async () => {
  const { queries, watchers } = await queriesOf(['a-1']);
  const watch = queries.watch('p', { partition: undefined, prefix: '', tellBegun: true }, signal);
  expect((await watch.next()).value).toMatchObject({ begun: true, at: 7, state: undefined });
  watchers.changed(['a-1']);
  expect((await watch.next()).value).toMatchObject({ partition: 'a-1' });
  await watch.return(undefined);
});
