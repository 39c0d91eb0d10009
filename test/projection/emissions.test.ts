import { afterEach, expect, test } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import type { Program } from '../../src/projection/program.ts';
import { deferred } from '../../src/runtime/deferred.ts';
import { foundOnDisk } from '../support/disk-bytes.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';
import { openSmallProgram } from './small-program.ts';

let nodes: TestNodes | undefined;

afterEach(async () => {
  await nodes?.dispose();
  nodes = undefined;
  slow = false;
  bad = true;
});

/** Programs that are opened from then on do one event at a time. */
let slow = false;

/** What BAD in a source stands for when it is opened. */
let bad = true;

/** Programs whose source says "waits" process nothing until it is open. */
const gate = deferred<void>();

/** A program may do fewer events than it was given, as a fresh sandbox does where what it holds has grown. */
async function openProgram(source: string): Promise<Program> {
  const program = await openSmallProgram(source.replaceAll('BAD', String(bad)));
  const ownPace = slow;
  return {
    description: program.description,
    memoryBytes: 0,
    process: async (events, load) => {
      if (source.includes('waits')) await gate.promise;
      const outcome = await program.process(ownPace ? events.slice(0, 1) : events, load);
      slow ||= outcome.emissions.some(({ stream }) => stream.startsWith('$'));
      return outcome;
    },
    close: () => program.close(),
  };
}

async function start(size: number, more: Record<string, unknown> = {}): Promise<FactstoreClient> {
  nodes = await TestNodes.prepare(size, more);
  await Promise.all(Array.from({ length: size }, (_, n) => nodes?.startNode(n, {}, { openProgram })));
  await nodes.leader();
  return nodes.client();
}

async function appendMany(db: FactstoreClient, from: number, to: number): Promise<bigint> {
  let position = 0n;
  for (let n = from; n <= to; n++) ({ position } = await db.append('in-1', [{ type: 'Happened', data: { n } }]));
  return position;
}

test('P4: an event whose emissions are refused is parked once all before it are handled, however few a program does at a time', async () => {
  const db = await start(1);
  await appendMany(db, 1, 40);
  const source = `{
    handle: (seen = [], { data, emit }) => { if (data.n === 30) emit('$x', 'Y', {}); return [...seen, data.n]; } }`;
  await db.projections.create('parks', source, { onError: 'park' });
  await until('all are handled', async () => ((await db.projections.get('parks')).active?.checkpoint ?? 0n) >= 40n);
  const { state } = await db.projections.state('parks');
  expect(state).toEqual(Array.from({ length: 40 }, (_, n) => n + 1).filter((n) => n !== 30));
  expect(slow).toBe(true);
});

/** To each stream that the data names. */
const PASSES = `{
  source: { kind: 'categories', categories: ['in'] },
  handle: (state = 0, { data, emit }) => { for (const to of data.to) emit(to, 'Passed', { n: data.n }); return state + 1; },
}`;

test('P2: what is emitted to a tombstoned stream is left out, and all else appended once, in order, whoever leads', async () => {
  const db = await start(3);
  await db.projections.create('passes', PASSES);
  const append = async (from: number, to: number, streams: (n: number) => readonly string[]) => {
    for (let n = from; n <= to; n++) await db.append('in-1', [{ type: 'Happened', data: { n, to: streams(n) } }]);
  };
  const passed = async (stream: string) =>
    (await db.read(stream).toArray()).map(({ data }) => (data as { n: number }).n);
  await append(1, 10, () => ['gone', 'kept']);
  await until('they are appended', async () => (await passed('gone')).length === 10);
  await db.streams.tombstone('gone');
  // Alone, beside another, and several behind one another.
  await append(11, 30, (n) => (n % 5 === 0 ? ['gone', 'kept'] : n % 3 === 0 ? ['kept'] : ['gone']));
  const first = numbers(1, 30).filter((n) => n <= 10 || n % 5 === 0 || n % 3 === 0);
  await until('those of the other are appended', async () => (await passed('kept')).length === first.length);
  await db.cluster.transferLeadership();
  await append(31, 40, () => ['gone']);
  await append(41, 50, () => ['kept']);
  await until('the new leader goes on', async () => (await passed('kept')).length === first.length + 10);
  expect(await passed('kept')).toEqual([...first, ...numbers(41, 50)]);
  expect((await db.projections.get('passes')).active?.state).toBe('running');
});

test('P2: what is emitted is not bound by a limit that configuration lowers', async () => {
  const db = await start(1, { eventsPerAppendMax: 2 });
  const source = `{ source: { kind: 'categories', categories: ['in'] },
    handle: (state = 0, { emit }) => { for (let n = 0; n < 5; n++) emit('out', 'Part', { n }); return state + 1; } }`;
  await db.projections.create('five', source);
  await appendMany(db, 1, 1);
  await until('they are appended', async () => (await db.read('out').toArray()).length === 5);
  const three = Array.from({ length: 3 }, () => ({ type: 'Happened' }));
  await expect(db.append('in-1', three)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
});

/** It has a word in its state that can be found on the disk, and throws at the tenth. */
const BREAKS = `{
  source: { kind: 'categories', categories: ['in'] },
  handle: (state = { n: 0, word: 'firstword' }, { data, emit }) => {
    if (data.n === 10 && BAD) throw new Error('ten is bad');
    emit('out', 'Passed', { n: data.n });
    return { ...state, n: state.n + 1 };
  },
}`;
const MENDED = BREAKS.replaceAll('BAD', 'false').replaceAll('firstword', 'other');

async function passed(db: FactstoreClient): Promise<number[]> {
  return (await db.read('out').toArray()).map(({ data }) => (data as { n: number }).n);
}

async function untilFaulted(db: FactstoreClient): Promise<void> {
  await until('it stands still', async () => (await db.projections.get('p')).active?.state === 'faulted');
}

async function untilAnswers(db: FactstoreClient, generation: bigint): Promise<void> {
  await until('it answers', async () => (await db.projections.get('p')).active?.generation === generation);
}

for (const restarts of [false, true]) {
  const between = restarts ? ', also where all nodes are restarted between' : '';
  test(`P2: what stood still by a thrown error emits again once an update has mended it${between}`, async () => {
    const size = 3;
    const db = await start(size);
    await db.projections.create('p', BREAKS);
    await appendMany(db, 1, 15);
    await untilFaulted(db);
    await until('what came before is appended', async () => (await passed(db)).length === 9);
    const { generation } = await db.projections.update('p', MENDED);
    await untilAnswers(db, generation as bigint);
    if (restarts) {
      for (let n = 0; n < size; n++) await nodes?.stopNode(n);
      await Promise.all(Array.from({ length: size }, (_, n) => nodes?.startNode(n, {}, { openProgram })));
    }
    await appendMany(db, 16, 35);
    await until('what comes now is appended', async () => (await passed(db)).length === 29);
    // The one that stood still is kept to be rolled back to, until the next update has taken over.
    const { generation: next } = await db.projections.update('p', `${MENDED} `);
    await untilAnswers(db, next as bigint);
    const found = () => foundOnDisk(`${nodes?.data(0)}/projections`, ['firstword']);
    await until('nothing is left of it', async () => (await found()).length === 0);
    await appendMany(db, 36, 40);
    await until('the next one emits', async () => (await passed(db)).length === 34);
    expect(await passed(db)).toEqual([...numbers(1, 9), ...numbers(16, 40)]);
  });
}

test('P2: what stood still by a thrown error emits again once a reset is through', async () => {
  const db = await start(1);
  await db.projections.create('p', BREAKS);
  await appendMany(db, 1, 15);
  await untilFaulted(db);
  // Such as by the erasure of the event.
  bad = false;
  await db.projections.reset('p');
  await appendMany(db, 16, 35);
  await until('what comes now is appended', async () => (await passed(db)).length === 29);
  expect(await passed(db)).toEqual([...numbers(1, 9), ...numbers(16, 35)]);
});

test('P2: a projection whose outbox is full says for which generation it waits', async () => {
  const db = await start(1);
  await appendMany(db, 1, 5);
  await db.projections.create('p', `${MENDED} /* waits */`);
  const { generation } = await db.projections.update('p', MENDED);
  await untilAnswers(db, generation as bigint);
  const events = Array.from({ length: 5_000 }, (_, n) => ({ type: 'Happened', data: { n } }));
  for (let n = 0; n < 3; n++) await db.append('in-1', events);
  const waitsFor = await until('it waits', async () => (await db.projections.get('p')).active?.waitsFor);
  expect(waitsFor).toBe('its outbox is full: it waits for what generation 0 is still to emit');
  gate.resolve();
  await until('it goes on', async () => (await db.projections.get('p')).active?.waitsFor === undefined);
});

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, n) => from + n);
}
