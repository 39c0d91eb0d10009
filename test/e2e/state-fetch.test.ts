import { describe, expect, test } from 'vitest';
import {
  BY_STREAM,
  countsOn,
  dropStates,
  eraseSome,
  fill,
  LEFT,
  loseStates,
  start,
  WHOLE,
} from '../projection/scavenged.ts';
import { openSmallProgram } from '../projection/small-program.ts';
import { until } from '../support/wait.ts';

describe('a state whose events a scavenge has erased', () => {
  test('P1: is fetched by a node that lost it, and goes on from there as on the others', async () => {
    const { nodes, db } = await start(3);
    await db.projections.create('by-stream', BY_STREAM);
    await fill(db);
    for (const n of [0, 1, 2]) expect(await countsOn(nodes, n, 'by-stream', 30n)).toMatchObject(WHOLE);
    await eraseSome(db, 3);
    await loseStates(nodes, 2);
    const { position } = await db.append('gone', [{ type: 'Happened', data: {} }]);
    for (const n of [0, 1, 2])
      expect(await countsOn(nodes, n, 'by-stream', position)).toMatchObject({ ...WHOLE, gone: 11 });
    // It is the same generation everywhere: nothing was begun anew.
    const { active } = await db.projections.get('by-stream');
    expect(active?.generation).toBe(0n);
  });

  test('P1: is fetched by a node that joins later', async () => {
    const { nodes, db } = await start(3);
    await db.projections.create('by-stream', BY_STREAM);
    await fill(db);
    await eraseSome(db, 3);
    const n = await nodes.addNode({}, { openProgram: openSmallProgram });
    const { position } = await db.append('gone', [{ type: 'Happened', data: {} }]);
    expect(await countsOn(nodes, n, 'by-stream', position)).toMatchObject({ ...WHOLE, gone: 11 });
  });

  test('P1: that no node has any more is begun anew by a fact, once, and is the same everywhere', async () => {
    const { nodes, db } = await start(3);
    await db.projections.create('by-stream', BY_STREAM);
    await fill(db);
    await countsOn(nodes, 0, 'by-stream', 30n);
    await eraseSome(db, 3);
    for (const n of [0, 1, 2]) await dropStates(nodes, n);
    await Promise.all([0, 1, 2].map((n) => nodes.startNode(n, {}, { openProgram: openSmallProgram })));
    await nodes.leader();
    const again = await nodes.client();
    const { position } = await again.append('kept-1', [{ type: 'Happened', data: {} }]);
    const { active, facts } = await until('it was begun anew', async () => {
      const projection = await again.projections.get('by-stream');
      return projection.active?.generation !== 0n ? { active: projection.active, facts: projection } : undefined;
    });
    expect(active?.generation).toBe(1n);
    expect(facts.building).toBeUndefined();
    for (const n of [0, 1, 2])
      expect(await countsOn(nodes, n, 'by-stream', position)).toMatchObject({ ...LEFT, 'kept-1': 11 });
  });

  test('P1: a projection that was created behind the scavenge is built from what it left', async () => {
    const { nodes, db } = await start(3);
    await fill(db);
    await db.streams.erase('gone', { from: 0n, to: 5n });
    await db.admin.startScavenge();
    // At once: some nodes have erased it by now, and others have not.
    await db.projections.create('by-stream', BY_STREAM);
    const { position } = await db.append('kept-1', [{ type: 'Happened', data: {} }]);
    for (const n of [0, 1, 2])
      expect(await countsOn(nodes, n, 'by-stream', position)).toMatchObject({ ...LEFT, 'kept-1': 11 });
  });

  test('P1: of generations that are over is not waited for by a node that never had them', async () => {
    const { nodes, db } = await start(3);
    await db.projections.create('by-stream', BY_STREAM);
    await fill(db);
    for (let n = 0; n < 3; n++) await db.projections.reset('by-stream');
    await eraseSome(db, 3);
    const n = await nodes.addNode({}, { openProgram: openSmallProgram });
    const { position } = await db.append('gone', [{ type: 'Happened', data: {} }]);
    expect(await countsOn(nodes, n, 'by-stream', position)).toMatchObject({ ...WHOLE, gone: 11 });
    await db.admin.startScavenge();
    await until('the new node is through as well', async () => {
      const members = await db.admin.scavengeStatus();
      return members.length === 4 && members.every((member) => member.reachable && member.state === 'done');
    });
  });
});
