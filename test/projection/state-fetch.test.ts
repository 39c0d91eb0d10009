import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import type { Program } from '../../src/projection/program.ts';
import { deferred } from '../../src/runtime/deferred.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';
import { openSmallProgram } from './small-program.ts';

let nodes: TestNodes | undefined;
afterEach(async () => {
  await nodes?.dispose();
  nodes = undefined;
});

const BY_STREAM = `{
  partition: (event) => event.stream,
  handle: (state = { count: 0 }, { event }) => ({ count: state.count + 1, last: String(event.revision) }),
}`;

async function start(size: number): Promise<FactstoreClient> {
  nodes = await TestNodes.prepare(size);
  await Promise.all(Array.from({ length: size }, (_, n) => startNode(n)));
  await nodes.leader();
  return nodes.client();
}

async function startNode(n: number): Promise<void> {
  await nodes?.startNode(n, {}, { openProgram: openSmallProgram });
}

/** Ten events in each of three streams, of which the first six of `gone` are erased everywhere. */
async function eraseSome(db: FactstoreClient, size: number): Promise<void> {
  await db.streams.erase('gone', { from: 0n, to: 5n });
  const position = await db.admin.startScavenge();
  await until('every node is through', async () => {
    const members = await db.admin.scavengeStatus();
    return (
      members.length === size &&
      members.every((member) => member.reachable && member.state === 'done' && member.point >= position)
    );
  });
}

async function fill(db: FactstoreClient): Promise<bigint> {
  let position = 0n;
  for (const stream of ['kept-1', 'gone', 'kept-2']) {
    const events = Array.from({ length: 10 }, (_, n) => ({ type: 'Happened', data: { n } }));
    ({ position } = await db.append(stream, events));
  }
  return position;
}

/** The count of each partition on one node, once it is there. */
async function countsOn(n: number, name: string, atLeast: bigint): Promise<Record<string, number>> {
  const db = await (nodes as TestNodes).client(n);
  return until(`node ${n} answers`, async () => {
    const counts: Record<string, number> = {};
    try {
      for await (const { partition, state } of db.projections.partitions(name, { atLeast })) {
        if (!partition.startsWith('$')) counts[partition] = (state as { count: number }).count;
      }
      return counts;
    } catch (error) {
      if (['NOT_READY', 'BEHIND', 'NOT_FOUND'].includes((error as { code: string }).code)) return undefined;
      throw error;
    }
  });
}

async function loseStates(n: number): Promise<void> {
  await nodes?.stopNode(n);
  await rm(join((nodes as TestNodes).data(n), 'projections'), { recursive: true });
  await startNode(n);
}

/** Programs that process nothing until the gate is open, or ten a second where it is slow. */
function gated() {
  const gate = deferred<'open' | 'slow'>();
  const openGated = async (source: string): Promise<Program> => {
    const program = await openSmallProgram(source);
    const process: Program['process'] = async (events, load) => {
      if ((await gate.promise) === 'open') return program.process(events, load);
      await new Promise((done) => setTimeout(done, 100));
      return program.process(events.slice(0, 1), load);
    };
    return { description: program.description, memoryBytes: 0, process, close: () => program.close() };
  };
  return { gate, openGated };
}

const WHOLE = { 'kept-1': 10, gone: 10, 'kept-2': 10 };
const LEFT = { 'kept-1': 10, gone: 5, 'kept-2': 10 };

describe('a state whose events a scavenge has erased', () => {
  test('P1: is fetched by a node that lost it, and goes on from there as on the others', async () => {
    const db = await start(3);
    await db.projections.create('by-stream', BY_STREAM);
    await fill(db);
    for (const n of [0, 1, 2]) expect(await countsOn(n, 'by-stream', 30n)).toMatchObject(WHOLE);
    await eraseSome(db, 3);
    await loseStates(2);
    const { position } = await db.append('gone', [{ type: 'Happened', data: {} }]);
    for (const n of [0, 1, 2]) expect(await countsOn(n, 'by-stream', position)).toMatchObject({ ...WHOLE, gone: 11 });
    // It is the same generation everywhere: nothing was begun anew.
    const { active } = await db.projections.get('by-stream');
    expect(active?.generation).toBe(0n);
  });

  test('P1: is fetched by a node that joins later', async () => {
    const db = await start(3);
    await db.projections.create('by-stream', BY_STREAM);
    await fill(db);
    await eraseSome(db, 3);
    const n = (await nodes?.addNode({}, { openProgram: openSmallProgram })) as number;
    const { position } = await db.append('gone', [{ type: 'Happened', data: {} }]);
    expect(await countsOn(n, 'by-stream', position)).toMatchObject({ ...WHOLE, gone: 11 });
  });

  test('P1: that no node has any more is begun anew by a fact, once, and is the same everywhere', async () => {
    const db = await start(3);
    await db.projections.create('by-stream', BY_STREAM);
    await fill(db);
    await countsOn(0, 'by-stream', 30n);
    await eraseSome(db, 3);
    for (const n of [0, 1, 2]) await nodes?.stopNode(n);
    for (const n of [0, 1, 2]) {
      await rm(join((nodes as TestNodes).data(n), 'projections'), { recursive: true });
    }
    await Promise.all([0, 1, 2].map(startNode));
    await nodes?.leader();
    const again = await (nodes as TestNodes).client();
    const { position } = await again.append('kept-1', [{ type: 'Happened', data: {} }]);
    const { active, facts } = await until('it was begun anew', async () => {
      const projection = await again.projections.get('by-stream');
      return projection.active?.generation !== 0n ? { active: projection.active, facts: projection } : undefined;
    });
    expect(active?.generation).toBe(1n);
    expect(facts.building).toBeUndefined();
    for (const n of [0, 1, 2])
      expect(await countsOn(n, 'by-stream', position)).toMatchObject({ ...LEFT, 'kept-1': 11 });
  });

  test('P1: a lone node that lost it begins it anew, and says so in words until then', async () => {
    const db = await start(1);
    await db.projections.create('by-stream', BY_STREAM);
    await fill(db);
    await eraseSome(db, 1);
    await loseStates(0);
    const again = await (nodes as TestNodes).client();
    const { position } = await again.append('kept-1', [{ type: 'Happened', data: {} }]);
    expect(await countsOn(0, 'by-stream', position)).toMatchObject({ ...LEFT, 'kept-1': 11 });
  });

  test('P1: a projection that was created behind the scavenge is built from what it left', async () => {
    const db = await start(3);
    await fill(db);
    await db.streams.erase('gone', { from: 0n, to: 5n });
    await db.admin.startScavenge();
    // At once: some nodes have erased it by now, and others have not.
    await db.projections.create('by-stream', BY_STREAM);
    const { position } = await db.append('kept-1', [{ type: 'Happened', data: {} }]);
    for (const n of [0, 1, 2])
      expect(await countsOn(n, 'by-stream', position)).toMatchObject({ ...LEFT, 'kept-1': 11 });
  });

  test('P1: a restart goes on with the state of a projection to which nothing was said lately', async () => {
    nodes = await TestNodes.start(1);
    const db = await nodes.client();
    await db.projections.create(
      'kept',
      "fromStream('kept-1').when({ $init: () => ({ count: 0 }), $any(s) { s.count++ } })",
    );
    await fill(db);
    await eraseSome(db, 1);
    await nodes.stopNode(0);
    await nodes.startNode(0);
    const again = await nodes.client();
    const { position } = await again.append('kept-1', [{ type: 'Happened', data: {} }]);
    expect(await countsOn(0, 'kept', position)).toEqual({ '': 11 });
    expect((await again.projections.get('kept')).active?.generation).toBe(0n);
  });

  test('P1: is seen by a projection that lags: the node erases nothing before it has passed the scavenge point', async () => {
    const { gate, openGated } = gated();
    nodes = await TestNodes.prepare(1);
    await nodes.startNode(0, {}, { openProgram: openGated });
    await nodes.leader();
    const db = await nodes.client();
    await db.projections.create('by-stream', BY_STREAM);
    await fill(db);
    await db.streams.erase('gone', { from: 0n, to: 5n });
    await db.admin.startScavenge();
    await until('the scavenge has begun', async () => {
      const [member] = await db.admin.scavengeStatus();
      return member?.reachable && member.to > 0n;
    });
    const { position } = await db.append('kept-1', [{ type: 'Happened', data: {} }]);
    expect(await db.admin.scavengeStatus()).toMatchObject([{ state: 'running', through: 0n }]);
    gate.resolve('open');
    expect(await countsOn(0, 'by-stream', position)).toMatchObject({ ...WHOLE, 'kept-1': 11 });
    await until('it is through', async () => {
      const [member] = await db.admin.scavengeStatus();
      return member?.reachable && member.state === 'done';
    });
  });

  test('P1: is not given up where nodes are restarted before they have erased anything', async () => {
    const [before, after] = [gated(), gated()];
    nodes = await TestNodes.prepare(3);
    const all = [0, 1, 2];
    await Promise.all(all.map((n) => nodes?.startNode(n, {}, { openProgram: before.openGated })));
    await nodes.leader();
    const db = await nodes.client();
    await db.projections.create('by-stream', BY_STREAM);
    await fill(db);
    await db.streams.erase('gone', { from: 0n, to: 5n });
    await db.admin.startScavenge();
    await until('all nodes wait for the projection', async () => {
      const members = await db.admin.scavengeStatus();
      return members.every((member) => member.reachable && member.to > 0n && member.through === 0n);
    });
    // A node ends when the batch is processed that is under way.
    before.gate.resolve('slow');
    await Promise.all(all.map((n) => nodes?.stopNode(n)));
    await Promise.all(all.map((n) => nodes?.startNode(n, {}, { openProgram: after.openGated })));
    await nodes.leader();
    after.gate.resolve('open');
    const again = await nodes.client();
    const { position } = await again.append('kept-1', [{ type: 'Happened', data: {} }]);
    for (const n of all) expect(await countsOn(n, 'by-stream', position)).toMatchObject({ ...WHOLE, 'kept-1': 11 });
    expect((await again.projections.get('by-stream')).active?.generation).toBe(0n);
  });

  test('P1: that is begun anew emits what comes, and lets the next scavenge begin', async () => {
    nodes = await TestNodes.start(1);
    const db = await nodes.client();
    await db.projections.create(
      'echo',
      "fromStream('kept-1').when({ Happened(s, e) { emit('derived', 'Derived', e.data) } })",
    );
    await fill(db);
    const derived = async (client: FactstoreClient) =>
      (
        await client
          .read('derived')
          .toArray()
          .catch(() => [])
      ).length;
    await until('all is emitted', async () => (await derived(db)) === 10);
    await eraseSome(db, 1);
    await nodes.stopNode(0);
    await rm(join(nodes.data(0), 'projections'), { recursive: true });
    await nodes.startNode(0);
    const again = await nodes.client();
    await until('it is begun anew', async () => (await again.projections.get('echo')).active?.generation === 1n);
    await again.append('kept-1', [{ type: 'Happened', data: {} }]);
    await until('what came is emitted', async () => (await derived(again)) === 11);
    await eraseSome(again, 1);
  });

  test('P1: of generations that are over is not waited for by a node that never had them', async () => {
    const db = await start(3);
    await db.projections.create('by-stream', BY_STREAM);
    await fill(db);
    for (let n = 0; n < 3; n++) await db.projections.reset('by-stream');
    await eraseSome(db, 3);
    const n = (await nodes?.addNode({}, { openProgram: openSmallProgram })) as number;
    const { position } = await db.append('gone', [{ type: 'Happened', data: {} }]);
    expect(await countsOn(n, 'by-stream', position)).toMatchObject({ ...WHOLE, gone: 11 });
    await db.admin.startScavenge();
    await until('the new node is through as well', async () => {
      const members = await db.admin.scavengeStatus();
      return members.length === 4 && members.every((member) => member.reachable && member.state === 'done');
    });
  });
});
