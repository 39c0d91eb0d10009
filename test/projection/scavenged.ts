import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import type { NodeDependencies } from '../../src/node.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';
import { openSmallProgram } from './small-program.ts';

export const BY_STREAM = `{
  partition: (event) => event.stream,
  handle: (state = { count: 0 }, { event }) => ({ count: state.count + 1, last: String(event.revision) }),
}`;

const SMALL: Partial<NodeDependencies> = { openProgram: openSmallProgram };

/** Nodes with these programs, small ones unless told, and a client of theirs; gone when the test has ended. */
export async function start(size: number, dependencies = SMALL): Promise<{ nodes: TestNodes; db: FactstoreClient }> {
  const nodes = await TestNodes.prepare(size);
  onTestFinished(() => nodes.dispose());
  await Promise.all(Array.from({ length: size }, (_, n) => nodes.startNode(n, {}, dependencies)));
  await nodes.leader();
  return { nodes, db: await nodes.client() };
}

/** Ten events in each of three streams, of which the first six of `gone` are erased everywhere. */
export async function eraseSome(db: FactstoreClient, size: number): Promise<void> {
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

export async function fill(db: FactstoreClient): Promise<bigint> {
  let position = 0n;
  for (const stream of ['kept-1', 'gone', 'kept-2']) {
    const events = Array.from({ length: 10 }, (_, n) => ({ type: 'Happened', data: { n } }));
    ({ position } = await db.append(stream, events));
  }
  return position;
}

/** The count of each partition on one node, once it is there. */
export async function countsOn(
  nodes: TestNodes,
  n: number,
  name: string,
  atLeast: bigint,
): Promise<Record<string, number>> {
  const db = await nodes.client(n);
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

/** A node stops, and its states are gone. */
export async function dropStates(nodes: TestNodes, n: number): Promise<void> {
  await nodes.stopNode(n);
  await rm(join(nodes.data(n), 'projections'), { recursive: true });
}

/** The same, and it starts again. */
export async function loseStates(nodes: TestNodes, n: number, dependencies = SMALL): Promise<void> {
  await dropStates(nodes, n);
  await nodes.startNode(n, {}, dependencies);
}

export const WHOLE = { 'kept-1': 10, gone: 10, 'kept-2': 10 };
export const LEFT = { 'kept-1': 10, gone: 5, 'kept-2': 10 };
