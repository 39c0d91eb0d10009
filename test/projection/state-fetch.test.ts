import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import type { Program } from '../../src/projection/program.ts';
import { deferred } from '../../src/runtime/deferred.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';
import { BY_STREAM, countsOn, eraseSome, fill, LEFT, loseStates, startSmall, WHOLE } from './scavenged.ts';
import { openSmallProgram } from './small-program.ts';

let running: TestNodes | undefined;
afterEach(async () => {
  await running?.dispose();
  running = undefined;
});

function ended(nodes: TestNodes): TestNodes {
  running = nodes;
  return nodes;
}

async function started(size: number) {
  const { nodes, db } = await startSmall(size);
  return { nodes: ended(nodes), db };
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

describe('a state whose events a scavenge has erased, on a lone node', () => {
  test('P1: a lone node that lost it begins it anew, and says so in words until then', async () => {
    const { nodes, db } = await started(1);
    await db.projections.create('by-stream', BY_STREAM);
    await fill(db);
    await eraseSome(db, 1);
    await loseStates(nodes, 0);
    const again = await nodes.client();
    const { position } = await again.append('kept-1', [{ type: 'Happened', data: {} }]);
    expect(await countsOn(nodes, 0, 'by-stream', position)).toMatchObject({ ...LEFT, 'kept-1': 11 });
    expect((await again.projections.get('by-stream')).active?.generation).toBe(1n);
  });

  test('P1: a restart goes on with the state of a projection to which nothing was said lately', async () => {
    const nodes = ended(await TestNodes.start(1));
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
    expect(await countsOn(nodes, 0, 'kept', position)).toEqual({ '': 11 });
    expect((await again.projections.get('kept')).active?.generation).toBe(0n);
  });

  test('P1: is seen by a projection that lags: the node erases nothing before it has passed the scavenge point', async () => {
    const { gate, openGated } = gated();
    const nodes = ended(await TestNodes.prepare(1));
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
    expect(await countsOn(nodes, 0, 'by-stream', position)).toMatchObject({ ...WHOLE, 'kept-1': 11 });
    await until('it is through', async () => {
      const [member] = await db.admin.scavengeStatus();
      return member?.reachable && member.state === 'done';
    });
  });

  test('P1: is not given up where a node is restarted before it has erased anything', async () => {
    const [before, after] = [gated(), gated()];
    const nodes = ended(await TestNodes.prepare(1));
    const all = [0];
    await Promise.all(all.map((n) => nodes.startNode(n, {}, { openProgram: before.openGated })));
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
    await Promise.all(all.map((n) => nodes.stopNode(n)));
    await Promise.all(all.map((n) => nodes.startNode(n, {}, { openProgram: after.openGated })));
    await nodes.leader();
    after.gate.resolve('open');
    const again = await nodes.client();
    const { position } = await again.append('kept-1', [{ type: 'Happened', data: {} }]);
    for (const n of all)
      expect(await countsOn(nodes, n, 'by-stream', position)).toMatchObject({ ...WHOLE, 'kept-1': 11 });
    expect((await again.projections.get('by-stream')).active?.generation).toBe(0n);
  });

  test('P1: is built on after a restart, where what an earlier scavenge had erased is all that its log lacks', async () => {
    const [before, after] = [gated(), gated()];
    const nodes = ended(await TestNodes.prepare(1));
    await nodes.startNode(0, {}, { openProgram: before.openGated });
    await nodes.leader();
    const db = await nodes.client();
    await fill(db);
    await eraseSome(db, 1);
    await db.projections.create('by-stream', BY_STREAM);
    await db.streams.erase('kept-2', { from: 0n, to: 3n });
    await db.admin.startScavenge();
    await until('the second scavenge waits', async () => {
      const [member] = await db.admin.scavengeStatus();
      return member?.reachable && member.state === 'running' && member.to > 0n;
    });
    before.gate.resolve('slow');
    await nodes.stopNode(0);
    await nodes.startNode(0, {}, { openProgram: after.openGated });
    await nodes.leader();
    after.gate.resolve('open');
    const again = await nodes.client();
    const { position } = await again.append('kept-1', [{ type: 'Happened', data: {} }]);
    expect(await countsOn(nodes, 0, 'by-stream', position)).toMatchObject({ ...LEFT, 'kept-1': 11 });
    expect((await again.projections.get('by-stream')).active?.generation).toBe(0n);
  });

  test('P1: that is begun anew emits what comes, and lets the next scavenge begin', async () => {
    const nodes = ended(await TestNodes.start(1));
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
});
