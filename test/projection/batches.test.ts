import { afterEach, expect, test } from 'vitest';
import type { Program } from '../../src/projection/program.ts';
import { TestNodes } from '../support/test-node.ts';
import { openSmallProgram } from './small-program.ts';

let nodes: TestNodes | undefined;
/** When the programs were given each batch of events, and of how many. */
let batches: { readonly ms: number; readonly events: number }[] = [];

afterEach(async () => {
  await nodes?.dispose();
  nodes = undefined;
  batches = [];
});

async function openProgram(source: string): Promise<Program> {
  const program = await openSmallProgram(source);
  const process: Program['process'] = (events, load) => {
    batches.push({ ms: performance.now(), events: events.length });
    return program.process(events, load);
  };
  return { description: program.description, memoryBytes: 0, process, close: () => program.close() };
}

async function start() {
  nodes = await TestNodes.prepare(1);
  await nodes.startNode(0, {}, { openProgram });
  const db = await nodes.client();
  await db.projections.create('count', '{ handle: (state = 0) => state + 1 }');
  return db;
}

test('at the head of the log events are taken together, a batch every 50 ms at the soonest', async () => {
  const db = await start();
  for (let n = 0; n < 300; n++) await db.append('a', [{ type: 'Happened' }]);
  const position = await db.head();
  // Nobody has waited for a state so far.
  const [first, last] = [batches[0]?.ms ?? 0, batches.at(-1)?.ms ?? 0];
  expect(batches.length).toBeGreaterThan(0);
  expect(batches.length).toBeLessThanOrEqual((last - first) / 50 + 2);
  expect((await db.projections.state('count', '', { atLeast: position })).state).toBe(300);
  expect(batches.reduce((sum, { events }) => sum + events, 0)).toBe(300);
});

test('who waits for a state does not wait for a batch to fill', async () => {
  const db = await start();
  for (let n = 1; n <= 40; n++) {
    const { position } = await db.append('a', [{ type: 'Happened' }]);
    expect((await db.projections.state('count', '', { atLeast: position })).state).toBe(n);
  }
  const gaps = batches.slice(1).map(({ ms }, n) => ms - (batches[n]?.ms ?? 0));
  // Otherwise not one of them could be: each would have waited for the rest of 50 ms.
  expect(Math.min(...gaps)).toBeLessThan(40);
});

test('who waits in vain for a state leaves nothing behind that waits for the next event', async () => {
  const db = await start();
  const { position } = await db.append('a', [{ type: 'Happened' }]);
  await db.projections.state('count', '', { atLeast: position });
  const warnings: string[] = [];
  const warned = ({ name }: Error) => warnings.push(name);
  process.on('warning', warned);
  try {
    // Node warns of the eleventh listener of a signal.
    for (let n = 0; n < 20; n++) {
      const ahead = db.projections.state('count', '', { atLeast: position + 100n, signal: AbortSignal.timeout(15) });
      await expect(ahead).rejects.toMatchObject({ code: 'CANCELLED' });
    }
  } finally {
    process.off('warning', warned);
  }
  expect(warnings).toEqual([]);
});
