import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import type { Program } from '../../src/projection/program.ts';
import { deferred } from '../../src/runtime/deferred.ts';
import { foundOnDisk } from '../support/disk-bytes.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';
import { openSmallProgram } from './small-program.ts';

let nodes: TestNodes | undefined;
/** Programs whose source says "waits" process nothing until it is open. */
let gate = deferred<void>();

/** Programs whose source says "broken" cannot be opened or throw, as long as this is so. */
let broken: 'opening' | 'throwing' | undefined;

async function openGated(source: string): Promise<Program> {
  if (source.includes('broken') && broken === 'opening') throw new Error('no thread is left');
  const program = await openSmallProgram(source);
  const process: Program['process'] = async (events, load) => {
    if (source.includes('waits')) await gate.promise;
    if (source.includes('broken') && broken === 'throwing' && events[0]) {
      const fault = { kind: 'threw' as const, message: 'it is broken', position: events[0].position };
      return { processed: 0, changed: new Map(), emissions: [], logs: [], fault };
    }
    return program.process(events, load);
  };
  return { description: program.description, memoryBytes: 7 << 20, process, close: () => program.close() };
}

afterEach(async () => {
  await nodes?.dispose();
  nodes = undefined;
  broken = undefined;
});

async function start(size: number, more: Record<string, unknown> = {}): Promise<FactstoreClient> {
  nodes = await TestNodes.prepare(size, more);
  await Promise.all(Array.from({ length: size }, (_, n) => startNode(n)));
  await nodes.leader();
  return nodes.client();
}

async function startNode(n: number, more: Record<string, unknown> = {}): Promise<void> {
  await nodes?.startNode(n, more, { openProgram: openGated });
}

const COUNT = '{ handle: (state = { count: 0 }) => ({ count: state.count + 1 }) }';
const BY_STREAM = `{
  partition: (event) => event.stream,
  handle: (state = { count: 0 }, { event }) => ({ count: state.count + 1, last: String(event.revision) }),
}`;

async function appendMany(db: FactstoreClient, count: number, stream = 'a'): Promise<bigint> {
  let position = 0n;
  for (let n = 0; n < count; n++) ({ position } = await db.append(stream, [{ type: 'Happened', data: { n } }]));
  return position;
}

test('a projection counts what was there and what comes, and every node answers for its own state', async () => {
  const db = await start(3);
  await appendMany(db, 5);
  const { position: created } = await db.projections.create('count', COUNT);
  const position = await appendMany(db, 5, 'b');
  expect(created).toBe(6n);
  for (let n = 0; n < 3; n++) {
    const client = await nodes!.client(n);
    const answer = await client.projections.state('count', '', { atLeast: position });
    expect(answer).toMatchObject({ partition: '', state: { count: 10 }, result: { count: 10 }, generation: 0n });
    expect(answer.at).toBeGreaterThanOrEqual(position);
    expect(await client.projections.result('count')).toEqual({ count: 10 });
  }
  const status = await db.projections.status('count');
  expect(status).toHaveLength(3);
  for (const member of status) {
    expect(member).toMatchObject({
      info: { name: 'count', enabled: true, active: { state: 'running', lag: 0n, memoryBytes: 7 << 20 } },
    });
  }
});

test('partitions are listed by prefix, a page at a time, and each can be asked for', async () => {
  const db = await start(1);
  for (const stream of ['order-1', 'order-2', 'order-3', 'user-1']) await appendMany(db, 2, stream);
  const { position } = await db.projections.create('by-stream', BY_STREAM);
  const fresh = { atLeast: position };
  const found = [];
  for await (const row of db.projections.partitions('by-stream', { ...fresh, prefix: 'order-' })) found.push(row);
  expect(found.map(({ partition, state }) => [partition, state])).toEqual([
    ['order-1', { count: 2, last: '1' }],
    ['order-2', { count: 2, last: '1' }],
    ['order-3', { count: 2, last: '1' }],
  ]);
  const behind = [];
  for await (const row of db.projections.partitions('by-stream', { after: 'order-2', limit: 2 }))
    behind.push(row.partition);
  expect(behind).toEqual(['order-3', 'user-1']);
  expect((await db.projections.state('by-stream', 'user-1')).state).toEqual({ count: 2, last: '1' });
  await expect(db.projections.state('by-stream', 'nobody')).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining('no partition "nobody"'),
  });
});

test('S16: what makes no sense is refused before anything is written, and says why', async () => {
  const db = await start(1);
  await db.projections.create('count', COUNT);
  const head = await db.head();
  const refusals = [
    [() => db.projections.create('count', COUNT), 'FAILED_PRECONDITION', 'exists already'],
    [() => db.projections.create('other', '{ handle: '), 'INVALID_ARGUMENT', 'source'],
    [() => db.projections.create('$x', COUNT), 'INVALID_ARGUMENT', 'reserved'],
    [() => db.projections.create('other', ' '), 'INVALID_ARGUMENT', 'is empty'],
    [() => db.projections.update('none', COUNT), 'NOT_FOUND', 'no projection "none"'],
    [() => db.projections.enable('none'), 'NOT_FOUND', 'no projection "none"'],
    [() => db.projections.rollBack('count'), 'FAILED_PRECONDITION', 'no generation to go back to'],
    [() => db.projections.state('none'), 'NOT_FOUND', 'no projection "none"'],
    [() => db.projections.status('none'), 'NOT_FOUND', 'no projection "none"'],
    [() => db.append('$projection-count', [{ type: 'X' }]), 'INVALID_ARGUMENT', 'reserved'],
  ] as const;
  for (const [refused, code, text] of refusals) {
    await expect(refused()).rejects.toMatchObject({ code, message: expect.stringContaining(text) });
  }
  expect(await db.head()).toBe(head);
});

test('a disabled projection stands still and answers; enabled it goes on; deleted it is gone, and its name is free', async () => {
  const db = await start(1);
  const first = await appendMany(db, 3);
  await db.projections.create('count', COUNT);
  await db.projections.state('count', '', { atLeast: first });
  const { position } = await db.projections.disable('count');
  expect(await db.projections.disable('count')).toMatchObject({ position, repeated: true });
  const later = await appendMany(db, 2);
  expect((await db.projections.state('count')).state).toEqual({ count: 3 });
  expect(await db.projections.get('count')).toMatchObject({ enabled: false, active: { state: 'disabled' } });
  await expect(db.projections.state('count', '', { atLeast: later, timeoutMs: 500 })).rejects.toMatchObject({
    code: 'BEHIND',
  });
  await db.projections.enable('count');
  expect((await db.projections.state('count', '', { atLeast: later })).state).toEqual({ count: 5 });
  await db.projections.delete('count');
  await expect(db.projections.get('count')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(await db.projections.list()).toEqual([]);
  await db.projections.create('count', BY_STREAM);
  expect((await db.projections.state('count', 'a', { atLeast: later })).state).toEqual({ count: 5, last: '4' });
});

test('what a projection had is taken from the disk once it is deleted [R2]', async () => {
  const db = await start(1);
  const says = "{ handle: () => ({ said: 'sec-ret-one'.split('-').join('') }) }";
  await db.projections.create('first', says);
  const position = await appendMany(db, 1);
  await db.projections.state('first', '', { atLeast: position });
  const data = join(nodes!.data(0), 'projections');
  expect(await foundOnDisk(data, ['secretone'])).toEqual(['secretone']);
  await db.projections.delete('first');
  await until('it is gone', async () => (await foundOnDisk(data, ['secretone'])).length === 0);
});

test('status tells how far a projection that catches up has come, and how fast it goes', async () => {
  const db = await start(1);
  gate = deferred();
  await db.projections.create('late', `${COUNT} /* waits */`);
  const events = Array.from({ length: 3_000 }, (_, n) => ({ type: 'Happened', data: { n } }));
  const { position } = await db.append('a', events);
  const { active: before } = await db.projections.get('late', { atLeast: position });
  expect(before).toMatchObject({ state: 'catchingUp', eventsPerSecond: 0 });
  expect(before?.percent).toBeLessThan(50);
  expect(before?.lag).toBeGreaterThanOrEqual(1_500n);
  gate.resolve();
  await db.projections.state('late', '', { atLeast: position });
  const after = await until('a rate is told', async () => {
    const { active } = await db.projections.get('late');
    return active && active.eventsPerSecond > 0 ? active : undefined;
  });
  expect(after).toMatchObject({ state: 'running', percent: 100, lag: 0n, fault: undefined, waitsFor: undefined });
});

test('P1: a node that builds the state late is fed what was hidden meanwhile, and hears of each deletion at its place', async () => {
  const db = await start(1);
  await appendMany(db, 3, 'gone-1');
  await appendMany(db, 2, 'stays-1');
  const { position: deletedAt } = await db.streams.delete('gone-1');
  await db.streams.truncate('stays-1', 1);
  const position = await appendMany(db, 1, 'gone-1');
  await db.projections.create(
    'log',
    `{ handlesDeleted: true, handle: (state = [], { event }) => [...state, [event.kind, event.stream, Number(event.position)]] }`,
  );
  const { state } = await db.projections.state('log', '', { atLeast: position });
  expect(state).toEqual([
    ['event', 'gone-1', 1],
    ['event', 'gone-1', 2],
    ['event', 'gone-1', 3],
    ['event', 'stays-1', 4],
    ['event', 'stays-1', 5],
    ['deleted', 'gone-1', Number(deletedAt)],
    ['event', 'gone-1', Number(position)],
  ]);
});

test('P4: a projection whose handler throws stands still alone, before a named event; with "park" it goes on without it', async () => {
  const db = await start(1);
  const bad = `{ handle: (state = 0, { data }) => { if (data.n === 2) throw new Error('two is bad'); return state + 1; } }`;
  const position = await appendMany(db, 5);
  await db.projections.create('faults', bad);
  await db.projections.create('parks', bad, { onError: 'park' });
  await db.projections.create('count', COUNT);
  const faulted = await until('it stands still', async () => {
    const info = await db.projections.get('faults');
    return info.active?.state === 'faulted' && info;
  });
  expect(faulted.active).toMatchObject({ checkpoint: 2n, fault: { position: 3n, message: 'two is bad' } });
  expect((await db.projections.state('faults')).state).toBe(2);
  expect((await db.projections.state('parks', '', { atLeast: position })).state).toBe(4);
  expect((await db.projections.get('parks')).parked).toEqual([{ position: 3n, message: 'two is bad' }]);
  expect((await db.projections.state('count', '', { atLeast: position })).state).toEqual({ count: 5 });
});

const BREAKS = '{ handle: (state = 0) => state + 1 /* broken */ }';

async function faultOf(db: FactstoreClient, name: string) {
  return until('it stands still', async () => (await db.projections.get(name)).active?.fault);
}

test('enabled anew, a projection that stands still by a fault goes on from its checkpoint, on every node', async () => {
  const db = await start(3);
  await db.projections.create('p', BREAKS);
  const before = await appendMany(db, 3);
  for (let n = 0; n < 3; n++) await (await nodes!.client(n)).projections.state('p', '', { atLeast: before });
  broken = 'throwing';
  const position = await appendMany(db, 2);
  for (let n = 0; n < 3; n++)
    expect(await faultOf(await nodes!.client(n), 'p')).toMatchObject({ position: before + 1n });
  const again = await db.projections.enable('p');
  expect(again.repeated).toBe(false);
  expect(await faultOf(db, 'p')).toMatchObject({ message: 'it is broken' });
  broken = undefined;
  await db.projections.enable('p');
  for (let n = 0; n < 3; n++) {
    const { projections } = await nodes!.client(n);
    expect((await projections.state('p', '', { atLeast: position })).state).toBe(5);
    expect((await projections.get('p')).active).toMatchObject({ state: 'running', fault: undefined });
  }
});

test('a program that cannot be opened is said in the status, after some attempts, and enabled anew it goes on', async () => {
  const db = await start(1);
  await db.projections.create('p', BREAKS);
  const position = await appendMany(db, 3);
  await db.projections.state('p', '', { atLeast: position });
  await nodes?.stopNode(0);
  broken = 'opening';
  await startNode(0);
  expect((await faultOf(db, 'p'))?.message).toBe('its program cannot be opened: no thread is left');
  expect((await db.projections.state('p')).state).toBe(3);
  broken = undefined;
  await db.projections.enable('p');
  const later = await appendMany(db, 1);
  expect((await db.projections.state('p', '', { atLeast: later })).state).toBe(4);
});

test('P2: a client cannot append as the producer of a projection', async () => {
  const db = await start(1);
  const producer = { producer: 'projection:doubles', previous: 0n, current: 7n };
  await expect(db.append('a', [{ type: 'X' }], { producer })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('reserved for what projections emit'),
  });
  expect(await db.head()).toBe(0n);
});

test('P5: a node goes on from its checkpoint after a restart, and builds a state that is lost from nothing', async () => {
  const db = await start(1);
  await db.projections.create('count', COUNT);
  const position = await appendMany(db, 5);
  await db.projections.state('count', '', { atLeast: position });
  await nodes?.stopNode(0);
  await startNode(0);
  expect((await db.projections.state('count', '', { atLeast: position })).state).toEqual({ count: 5 });
  const { rm } = await import('node:fs/promises');
  await nodes?.stopNode(0);
  await rm(`${nodes?.data(0)}/projections`, { recursive: true });
  await rm(`${nodes?.data(0)}/index`, { recursive: true });
  await startNode(0);
  expect((await db.projections.state('count', '', { atLeast: position })).state).toEqual({ count: 5 });
});

test('a node that is told not to run projections says so, and the client asks another', async () => {
  const db = await start(1, { projections: false });
  await db.projections.create('count', COUNT);
  expect(await db.projections.get('count')).toMatchObject({ name: 'count', active: undefined });
  await expect(db.projections.state('count', '', { timeoutMs: 500 })).rejects.toMatchObject({
    code: 'NOT_READY',
    message: expect.stringContaining('does not run projections'),
  });
});

test('a watch tells the state as it is and then as it changes', async () => {
  const db = await start(1);
  await db.projections.create('by-stream', BY_STREAM);
  const position = await appendMany(db, 1);
  await db.projections.state('by-stream', 'a', { atLeast: position });
  const watch = db.projections.watch<{ count: number }>('by-stream', { partition: 'a' });
  expect((await watch.next()).value).toMatchObject({ partition: 'a', state: { count: 1 } });
  await appendMany(db, 2);
  for (;;) {
    const { value } = await watch.next();
    if (value && value.state?.count === 3) break;
  }
  await watch.return();
});

test('P3: an update builds beside the old generation, takes over by a fact, and can be rolled back', async () => {
  const db = await start(3);
  await db.projections.create('p', COUNT);
  const first = await appendMany(db, 5);
  await db.projections.state('p', '', { atLeast: first });
  const { generation } = await db.projections.update('p', '{ handle: (state = 0) => state + 10 }');
  expect(generation).toBe(1n);
  await until('the new one has taken over', async () => (await db.projections.get('p')).active?.generation === 1n);
  const position = await appendMany(db, 1);
  for (let n = 0; n < 3; n++) {
    const client = await nodes!.client(n);
    const answer = await client.projections.state('p', '', { atLeast: position });
    expect(answer).toMatchObject({ state: 60, generation: 1n });
  }
  await db.projections.rollBack('p');
  const later = await appendMany(db, 1);
  expect(await db.projections.state('p', '', { atLeast: later })).toMatchObject({
    state: { count: 7 },
    generation: 0n,
  });
  const kinds = await db.read('$projection-p').toArray();
  expect(kinds.map(({ type }) => type)).toEqual([
    '$projectionCreated',
    '$projectionUpdated',
    '$projectionTakenOver',
    '$projectionRolledBack',
  ]);
});

test('P3: a generation that stands still does not take over, and the one before goes on', async () => {
  const db = await start(1);
  await db.projections.create('p', COUNT);
  await appendMany(db, 5);
  await db.projections.update(
    'p',
    '{ handle: (state = 0, { data }) => { if (data.n === 4) throw new Error("no"); return state; } }',
  );
  const info = await until('it stands still', async () => {
    const info = await db.projections.get('p');
    return info.building?.state === 'faulted' && info;
  });
  expect(info).toMatchObject({ active: { generation: 0n }, building: { generation: 1n, fault: { position: 6n } } });
  const position = await appendMany(db, 3);
  expect(await db.projections.state('p', '', { atLeast: position })).toMatchObject({
    generation: 0n,
    state: { count: 8 },
  });
  expect(await db.read('$projection-p').toArray()).toHaveLength(2);
});

test('P3: a generation takes over once it has caught up, and not before', async () => {
  gate = deferred();
  const db = await start(1);
  for (const name of ['waiting', 'other']) await db.projections.create(name, COUNT);
  await appendMany(db, 5);
  await db.projections.update('waiting', '{ handle: (state = 0) => state + 1 /* waits */ }');
  // Another one takes over after it: this one could have long since.
  for (const generation of [1n, 3n]) {
    await db.projections.update('other', '{ handle: (state = 0) => state + 1 }');
    await until('the other one takes over', async () => {
      return (await db.projections.get('other')).active?.generation === generation;
    });
  }
  expect(await db.projections.get('waiting')).toMatchObject({
    active: { generation: 0n },
    building: { generation: 1n },
  });
  gate.resolve();
  await until('it takes over', async () => (await db.projections.get('waiting')).active?.generation === 1n);
});

test('P3: the whole state is there to be asked for until another one is, though the projection is reset twice', async () => {
  const db = await start(1);
  gate = deferred();
  gate.resolve();
  await appendMany(db, 5);
  const waits = '{ /* waits */ handle: (state = 0) => state + 1 }';
  const { position } = await db.projections.create('twice', waits);
  expect((await db.projections.state('twice', '', { atLeast: position })).state).toBe(5);
  gate = deferred();
  await db.projections.reset('twice');
  await db.projections.reset('twice');
  // The round in which generations are let go of comes every 100 ms.
  for (let n = 0; n < 30; n++) {
    expect(await db.projections.state('twice')).toMatchObject({ state: 5, generation: 0n });
    await appendMany(db, 5, 'other');
  }
  gate.resolve();
  await until('it is built anew', async () => (await db.projections.state('twice')).generation === 2n);
  expect((await db.projections.state('twice')).state).toBeGreaterThanOrEqual(5);
});

const DOUBLES = `{
  source: { kind: 'categories', categories: ['in'] },
  handle: (state = 0, { data, event, emit }) => { emit('out', 'Doubled', { n: data.n * 2, of: String(event.position) }); return state + 1; },
}`;

test('P2: each derived event is appended once, whoever leads, also across an update and a reset', async () => {
  const db = await start(3);
  await db.projections.create('doubles', DOUBLES);
  await appendMany(db, 20, 'in-1');
  await db.cluster.transferLeadership();
  await appendMany(db, 20, 'in-1');
  await db.projections.update('doubles', DOUBLES.replace('* 2', '* 3'));
  await until('it has taken over', async () => (await db.projections.get('doubles')).building === undefined);
  await appendMany(db, 20, 'in-1');
  await db.projections.reset('doubles');
  await db.cluster.transferLeadership();
  await appendMany(db, 20, 'in-1');
  const derived = await until('all are there', async () => {
    const events = await db.read<{ type: 'Doubled'; data: { n: number; of: string } }>('out').toArray();
    return events.length >= 80 && events;
  });
  const sources = await db.read<{ type: string; data: { n: number } }>('in-1').toArray();
  expect(derived.map(({ data }) => data.of)).toEqual(sources.map(({ position }) => String(position)));
  expect(derived.map(({ data }) => data.n).slice(0, 40)).toEqual(sources.slice(0, 40).map(({ data }) => data.n * 2));
  expect(derived.map(({ data }) => data.n).slice(40)).toEqual(sources.slice(40).map(({ data }) => data.n * 3));
});

test('P6: projections that feed one another stop after 16 hops, and one does not see what it emits itself', async () => {
  const db = await start(1);
  const pass = (from: string, to: string) => `{
    source: { kind: 'categories', categories: ['${from}'] },
    handle: (state = 0, { emit }) => { emit('${to}-1', 'Passed', {}); return state + 1; },
  }`;
  await db.projections.create('ping', pass('ping', 'pong'));
  await db.projections.create('pong', pass('pong', 'ping'));
  await db.projections.create('self', pass('self', 'self'));
  await appendMany(db, 1, 'ping-1');
  await appendMany(db, 1, 'self-1');
  const faulted = await until('one of them stands still', async () => {
    const infos = await Promise.all(['ping', 'pong'].map((name) => db.projections.get(name)));
    return infos.find(({ active }) => active?.state === 'faulted');
  });
  expect(faulted.active?.fault?.message).toContain('in a circle');
  expect((await db.read('ping-1').toArray()).length + (await db.read('pong-1').toArray()).length).toBe(17);
  expect(await db.read('self-1').toArray()).toHaveLength(2);
});

test('an emission to a system stream is an error of the projection, at the event that caused it', async () => {
  const db = await start(1);
  const position = await appendMany(db, 2);
  await db.projections.create(
    'bad',
    `{ handle: (state = 0, { event, emit }) => { if (event.position === 2n) emit('$x', 'Y', {}); return state + 1; } }`,
  );
  const info = await until('it stands still', async () => {
    const info = await db.projections.get('bad');
    return info.active?.state === 'faulted' && info;
  });
  expect(info.active).toMatchObject({ checkpoint: 1n, fault: { position } });
  expect((await db.projections.state('bad')).state).toBe(1);
});

test('virtual streams give the events of a category, of a type and of a correlation, to readers, subscribers and projections', async () => {
  const db = await start(1);
  const tags = ['correlation:7'];
  await db.append('order-1', [{ type: 'Placed', data: { n: 1 }, tags }]);
  await db.append('user-1', [{ type: 'Named', data: { n: 2 } }]);
  await db.append('order-2', [
    { type: 'Placed', data: { n: 3 } },
    { type: 'Paid', data: { n: 4 }, tags },
  ]);
  const positions = async (stream: string, options = {}) =>
    (await db.read(stream, options).toArray()).map((event) => Number(event.position));
  expect(await positions('$ce-order')).toEqual([1, 3, 4]);
  expect(await positions('$et-Placed')).toEqual([1, 3]);
  expect(await positions('$bc-7')).toEqual([1, 4]);
  expect(await positions('$ce-order', { backwards: true, limit: 2 })).toEqual([4, 3]);
  expect(await positions('$ce-order', { from: 3n })).toEqual([3, 4]);
  expect(await positions('$ce-nothing')).toEqual([]);
  const subscription = db.subscribe({ stream: '$et-Placed' });
  expect((await subscription.next()).value).toMatchObject({ kind: 'event', event: { stream: 'order-1' } });
  await subscription.return();
  const source = `{ source: { kind: 'streams', streams: ['$ce-order'] }, handle: (state = 0, { data }) => state + data.n }`;
  const { position } = await db.projections.create('sum', source);
  expect((await db.projections.state('sum', '', { atLeast: position })).state).toBe(8);
  await expect(db.append('$ce-order', [{ type: 'X' }])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});

test('states in a table that is damaged are built anew from the log when the node starts', async () => {
  const db = await start(1);
  for (let n = 0; n < 20; n++) await appendMany(db, 3, `s-${n}`);
  await db.projections.create('by-stream', BY_STREAM);
  const position = await appendMany(db, 1, 's-0');
  await db.projections.state('by-stream', 's-0', { atLeast: position });
  // What is in the write-ahead file when a database is opened becomes a table.
  await nodes?.stopNode(0);
  await startNode(0);
  await nodes?.stopNode(0);
  const directory = join(nodes!.data(0), 'projections');
  const tables = (await readdir(directory)).filter((name) => name.endsWith('.ldb'));
  expect(tables).not.toHaveLength(0);
  for (const name of tables) {
    const bytes = await readFile(join(directory, name));
    bytes[20]! ^= 1;
    await writeFile(join(directory, name), bytes);
  }
  await startNode(0);
  const client = await nodes!.client();
  for (let n = 0; n < 20; n++) {
    const state = { count: n === 0 ? 4 : 3, last: n === 0 ? '3' : '2' };
    expect(await client.projections.state('by-stream', `s-${n}`, { atLeast: position })).toMatchObject({ state });
  }
});
