import { describe, expect, test } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import type { Program } from '../../src/projection/program.ts';
import { deferred } from '../../src/runtime/deferred.ts';
import type { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';
import { BY_STREAM, countsOn, eraseSome, fill, LEFT, loseStates, start, WHOLE } from './scavenged.ts';
import { openSmallProgram } from './small-program.ts';

type Gated = ReturnType<typeof gated>;

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

/** Starts a scavenge that waits for a projection which does not move. */
async function startWaiting(db: FactstoreClient): Promise<void> {
  await db.admin.startScavenge();
  await until('the scavenge waits', async () => {
    const [member] = await db.admin.scavengeStatus();
    return member?.reachable && member.state === 'running' && member.to > 0n && member.through === 0n;
  });
}

/** The node stops in the middle of its projection, and goes on with it in another life. */
async function restarted(nodes: TestNodes, before: Gated, after: Gated): Promise<FactstoreClient> {
  // A node ends when the batch is processed that is under way.
  before.gate.resolve('slow');
  await nodes.stopNode(0);
  await nodes.startNode(0, {}, { openProgram: after.openGated });
  await nodes.leader();
  after.gate.resolve('open');
  return nodes.client();
}

describe('a state whose events a scavenge has erased, on a lone node', () => {
  test('P1: a lone node that lost it begins it anew', async () => {
    const { nodes, db } = await start(1);
    await db.projections.create('by-stream', BY_STREAM);
    await fill(db);
    await eraseSome(db, 1);
    await loseStates(nodes, 0);
    const again = await nodes.client();
    const { position } = await again.append('kept-1', [{ type: 'Happened', data: {} }]);
    expect(await countsOn(nodes, 0, 'by-stream', position)).toMatchObject({ ...LEFT, 'kept-1': 11 });
    expect((await again.projections.get('by-stream')).active?.generation).toBe(1n);
  });

  test('P1: a lone node that lost it begins nothing anew while an update is being built, which takes over', async () => {
    const update = gated();
    const openProgram = (source: string) =>
      source.includes('update') ? update.openGated(source) : openSmallProgram(source);
    const { nodes, db } = await start(1, { openProgram });
    await db.projections.create('by-stream', BY_STREAM);
    await fill(db);
    await eraseSome(db, 1);
    const { generation } = await db.projections.update('by-stream', `/* update */ ${BY_STREAM}`);
    await loseStates(nodes, 0, { openProgram });
    const again = await nodes.client();
    await until('no node is known to have the state', async () => {
      const [member] = await again.projections.status('by-stream');
      return member && 'info' in member && member.info.active?.waitsFor?.includes('no node has its state');
    });
    expect(await again.projections.get('by-stream')).toMatchObject({
      active: { generation: 0n },
      building: { generation },
    });
    update.gate.resolve('open');
    const { position } = await again.append('kept-1', [{ type: 'Happened', data: {} }]);
    expect(await countsOn(nodes, 0, 'by-stream', position)).toMatchObject({ ...LEFT, 'kept-1': 11 });
    await until('the update has taken over', async () => {
      const { active } = await again.projections.get('by-stream');
      return active?.generation === generation;
    });
  });

  test('P1: a restart goes on with the state of a projection to which nothing was said lately', async () => {
    const { nodes, db } = await start(1, {});
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
    const { nodes, db } = await start(1, { openProgram: openGated });
    await db.projections.create('by-stream', BY_STREAM);
    await fill(db);
    await db.streams.erase('gone', { from: 0n, to: 5n });
    await startWaiting(db);
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
    const { nodes, db } = await start(1, { openProgram: before.openGated });
    await db.projections.create('by-stream', BY_STREAM);
    await fill(db);
    await db.streams.erase('gone', { from: 0n, to: 5n });
    await startWaiting(db);
    const again = await restarted(nodes, before, after);
    const { position } = await again.append('kept-1', [{ type: 'Happened', data: {} }]);
    expect(await countsOn(nodes, 0, 'by-stream', position)).toMatchObject({ ...WHOLE, 'kept-1': 11 });
    expect((await again.projections.get('by-stream')).active?.generation).toBe(0n);
  });

  test('P1: is built on after a restart, where what an earlier scavenge had erased is all that its log lacks', async () => {
    const [before, after] = [gated(), gated()];
    const { nodes, db } = await start(1, { openProgram: before.openGated });
    await fill(db);
    await eraseSome(db, 1);
    await db.projections.create('by-stream', BY_STREAM);
    await db.streams.erase('kept-2', { from: 0n, to: 3n });
    await startWaiting(db);
    const again = await restarted(nodes, before, after);
    const { position } = await again.append('kept-1', [{ type: 'Happened', data: {} }]);
    expect(await countsOn(nodes, 0, 'by-stream', position)).toMatchObject({ ...LEFT, 'kept-1': 11 });
    expect((await again.projections.get('by-stream')).active?.generation).toBe(0n);
  });

  test('P1: that is begun anew emits what comes, and lets the next scavenge begin', async () => {
    const { nodes, db } = await start(1, {});
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
    await loseStates(nodes, 0, {});
    const again = await nodes.client();
    await until('it is begun anew', async () => (await again.projections.get('echo')).active?.generation === 1n);
    await again.append('kept-1', [{ type: 'Happened', data: {} }]);
    await until('what came is emitted', async () => (await derived(again)) === 11);
    await eraseSome(again, 1);
  });
});
