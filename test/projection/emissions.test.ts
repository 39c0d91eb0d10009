import { afterEach, expect, test } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import type { Program } from '../../src/projection/program.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';
import { openSmallProgram } from './small-program.ts';

let nodes: TestNodes | undefined;

afterEach(async () => {
  await nodes?.dispose();
  nodes = undefined;
  slow = false;
});

/** Programs that are opened from then on do one event at a time. */
let slow = false;

/** A program may do fewer events than it was given, as a fresh sandbox does where what it holds has grown. */
async function openProgram(source: string): Promise<Program> {
  const program = await openSmallProgram(source);
  const ownPace = slow;
  return {
    description: program.description,
    memoryBytes: 0,
    process: async (events, load) => {
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

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, n) => from + n);
}
