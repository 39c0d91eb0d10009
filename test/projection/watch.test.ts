import { expect, onTestFinished, test } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import { GenerationStore } from '../../src/projection/generation-store.ts';
import type { Program } from '../../src/projection/program.ts';
import { deferred } from '../../src/runtime/deferred.ts';
import { until } from '../support/wait.ts';
import { BY_STREAM, fill, start } from './scavenged.ts';
import { openSmallProgram } from './small-program.ts';
import { spyOnStates } from './states-disk.ts';

const COUNT = '{ handle: (state = 0) => state + 1 }';
const TENS = '{ handle: (state = 0) => state + 10 }';
/** Of the streams that `fill` writes to, it has one partition in common with BY_STREAM. */
const BY_STREAM_OR_TYPE = `{
  partition: (event) => (event.stream === 'gone' ? event.type : event.stream),
  handle: (state = { count: 0 }) => ({ count: state.count + 10 }),
}`;

type Watch = ReturnType<FactstoreClient['projections']['watch']>;

/** What a watch tells, up to the first time that it tells of a generation so many partitions. */
async function toldOf(watch: Watch, generation: bigint, partitions = 1): Promise<Record<string, unknown>> {
  const told: Record<string, unknown> = {};
  while (Object.keys(told).length < partitions) {
    const { value, done } = await watch.next();
    if (done) throw new Error('the watch ended');
    if (value.generation === generation) told[value.partition] = value.state;
  }
  return told;
}

async function answers(db: FactstoreClient, name: string, generation: bigint): Promise<void> {
  await until('it answers', async () => (await db.projections.get(name)).active?.generation === generation);
}

/** Follows all partitions; it has begun to when something was told. */
async function watchAll(db: FactstoreClient, name: string): Promise<Watch> {
  const watch = db.projections.watch(name);
  const first = watch.next();
  let begun = false;
  void first.then(() => {
    begun = true;
  });
  await until('it watches', async () => {
    await db.append('kept-1', [{ type: 'Happened', data: {} }]);
    return begun;
  });
  return watch;
}

test('a watch of a partition tells the state of another generation once that answers [P3]', async () => {
  const { db } = await start(1);
  await db.projections.create('p', COUNT);
  await db.projections.state('p', '', { atLeast: await fill(db) });
  const watch = db.projections.watch('p', { partition: '' });
  expect((await watch.next()).value).toMatchObject({ state: 30, generation: 0n });
  await db.projections.update('p', TENS);
  await answers(db, 'p', 1n);
  expect(await toldOf(watch, 1n)).toEqual({ '': 300 });
  await db.projections.rollBack('p');
  expect(await toldOf(watch, 0n)).toEqual({ '': 30 });
  const { generation } = await db.projections.reset('p');
  expect(await toldOf(watch, generation)).toEqual({ '': 30 });
  await watch.return();
});

test('a watch of all partitions tells those of another generation once that answers, and which are gone [P3]', async () => {
  const { db } = await start(1);
  await fill(db);
  await db.projections.create('p', BY_STREAM);
  const watch = await watchAll(db, 'p');
  await db.projections.update('p', BY_STREAM_OR_TYPE);
  await answers(db, 'p', 1n);
  expect(await toldOf(watch, 1n, 4)).toMatchObject({
    gone: undefined,
    Happened: { count: 100 },
    'kept-2': { count: 100 },
  });
  await expect(db.projections.state('p', 'gone')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await db.projections.rollBack('p');
  expect(await toldOf(watch, 0n, 4)).toMatchObject({
    gone: { count: 10 },
    Happened: undefined,
    'kept-2': { count: 10 },
  });
  await expect(db.projections.state('p', 'Happened')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await watch.return();
});

test('a watch is told of a generation that comes to answer at events that are not its own [P3]', async () => {
  const { db } = await start(1);
  await db.projections.create('p', `{ source: { kind: 'categories', categories: ['none'] }, handle: () => 1 }`);
  await fill(db);
  const watch = db.projections.watch('p', { partition: '' });
  expect((await watch.next()).value).toMatchObject({ state: undefined, generation: 0n });
  const { generation } = await db.projections.reset('p');
  expect(await toldOf(watch, generation)).toEqual({ '': undefined });
  await watch.return();
});

/** A node whose projection "p" is found damaged by `enable`, and then has come nowhere until the test has ended. */
async function startDamaged() {
  const disk = spyOnStates();
  const gate = deferred<void>();
  let closed = false;
  const openProgram = async (source: string): Promise<Program> => {
    const program = await openSmallProgram(source);
    const process: Program['process'] = async (events, load) => {
      if (closed) await gate.promise;
      return program.process(events, load);
    };
    return { description: program.description, memoryBytes: 0, process, close: () => program.close() };
  };
  const { db } = await start(1, { openProgram });
  onTestFinished(() => gate.resolve());
  await db.projections.create('p', COUNT);
  await db.projections.state('p', '', { atLeast: await fill(db) });
  const enable = async () => {
    await db.projections.disable('p');
    // It answers once nothing of it runs any more.
    await db.projections.state('p');
    const { keys, checkpoint } = await GenerationStore.open(await disk(), 'p', 0);
    await (await disk()).write([{ type: 'del', key: keys.journal(checkpoint.sequence) }], true);
    closed = true;
    await db.projections.enable('p');
  };
  return { db, enable };
}

test('a watch is told that a state begins anew which was found damaged when it was enabled', async () => {
  const { db, enable } = await startDamaged();
  const watch = db.projections.watch('p', { partition: '' });
  expect((await watch.next()).value).toMatchObject({ state: 30 });
  await enable();
  expect(await toldOf(watch, 0n)).toEqual({ '': undefined });
  await watch.return();
});

test('a watch of all partitions that could not tell all of their changes ends, and says what to do [P3]', async () => {
  const { db, enable } = await startDamaged();
  const watch = await watchAll(db, 'p');
  await enable();
  const toItsEnd = async () => {
    for await (const _ of watch);
  };
  await expect(toItsEnd()).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
    message: expect.stringContaining('read the states again'),
  });
});

test('a watch says each time that it has begun, and tells what changes from then on', async () => {
  const { nodes, db } = await start(1);
  await db.projections.create('p', BY_STREAM);
  await db.projections.state('p', 'gone', { atLeast: await fill(db) });
  const begun: bigint[] = [];
  const watch = db.projections.watch('p', { prefix: 'kept', onBegun: (at) => begun.push(at) });
  const first = watch.next();
  await until('it has begun', async () => begun.length === 1);
  const { position } = await db.append('kept-1', [{ type: 'Happened', data: {} }]);
  expect((await first).value).toMatchObject({ partition: 'kept-1', state: { count: 11 } });
  const next = watch.next();
  await nodes.stopNode(0);
  await nodes.startNode(0, {}, { openProgram: openSmallProgram });
  await until('it has begun again', async () => begun.length === 2);
  expect(begun[1]).toBeGreaterThanOrEqual(position);
  await db.append('kept-2', [{ type: 'Happened', data: {} }]);
  expect((await next).value).toMatchObject({ partition: 'kept-2', state: { count: 11 } });
  await watch.return();
});
