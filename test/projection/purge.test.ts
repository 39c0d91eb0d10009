import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GenerationStore } from '../../src/projection/generation-store.ts';
import { owedPurges, purge, removeGeneration } from '../../src/projection/purge.ts';
import { ProjectionRegistry } from '../../src/projection/registry.ts';
import { dropStrays, LeftStates } from '../../src/projection/strays.ts';
import { LevelStore } from '../../src/storage/level-store.ts';
import type { Operation } from '../../src/storage/store.ts';
import { logging } from '../peer/support.ts';
import { turn } from '../storage/index/memory-store.ts';
import { foundOnDisk } from '../support/disk-bytes.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { until } from '../support/wait.ts';
import { start } from './scavenged.ts';
import { openSmallProgram } from './small-program.ts';
import { spyOnStates } from './states-disk.ts';

const SMALL = { writeBufferBytes: 1 << 20, tableBytes: 1 << 20, cacheBytes: 1 << 20 };
const NEVER = new AbortController().signal;

/** A generation whose states hold a word. */
async function generationWith(word: string, store: MemoryStore | LevelStore, name: string, number: number) {
  const generation = await GenerationStore.open(store, name, number);
  const state = Buffer.from(JSON.stringify(word));
  for (const position of [1, 2]) {
    const changed = new Map([[`p${position}`, { state, result: state }]]);
    await generation.commit({ position, emitted: 0, changed, parked: [], outbox: new Map() }, true);
  }
  return generation;
}

/** A store that dies after so many writes, and one whose purges end as a test wants it. */
class TestedStore extends MemoryStore {
  writesLeft = Number.POSITIVE_INFINITY;
  duringCompaction: () => Promise<boolean> = async () => true;

  override async write(operations: readonly Operation[], sync: boolean): Promise<void> {
    if (this.writesLeft-- <= 0) throw new Error('the process was killed');
    await super.write(operations, sync);
  }

  override compact(): Promise<boolean> {
    return this.duringCompaction();
  }
}

const isGone = (directory: string) =>
  until('it is in no file', async () => (await foundOnDisk(directory, ['secretone'])).length === 0);

describe('that a purge is owed', () => {
  test('is known from before the first row is removed until all is purged [R2]', async () => {
    const store = new TestedStore();
    const { keys } = await generationWith('a', store, 'p', 7);
    await generationWith('b', store, 'p', 8);
    expect(await owedPurges(store)).toEqual([]);
    store.writesLeft = 1;
    await expect(removeGeneration(store, keys)).rejects.toThrow('killed');
    store.writesLeft = Number.POSITIVE_INFINITY;
    expect(await owedPurges(store)).toEqual([keys]);
    expect(await removeGeneration(store, keys)).toBe(true);
    // Nothing is left to remove, and yet it is owed.
    expect(await removeGeneration(store, keys)).toBe(true);
    store.duringCompaction = async () => false;
    await purge(store, keys, NEVER);
    expect(await owedPurges(store)).toEqual([keys]);
    store.duringCompaction = async () => true;
    await purge(store, keys, NEVER);
    expect(await owedPurges(store)).toEqual([]);
    expect(await removeGeneration(store, keys)).toBe(false);
    expect(await GenerationStore.all(store)).toEqual([{ name: 'p', generation: 8 }]);
  });

  test('is not forgotten where more is removed while what was removed before is purged [R2]', async () => {
    const store = new TestedStore();
    const generation = await generationWith('a', store, 'p', 0);
    await generation.drop();
    store.duringCompaction = async () => (await generationWith('b', store, 'p', 0)).drop();
    await purge(store, generation.keys, NEVER);
    expect(await owedPurges(store)).toEqual([generation.keys]);
  });

  test('is so of a state that was found damaged, or has another in its place [R2]', async () => {
    const store = new TestedStore();
    const { keys } = await generationWith('a', store, 'p', 0);
    await store.write([{ type: 'del', key: keys.journal(1) }], true);
    expect((await GenerationStore.open(store, 'p', 0)).checkpoint.position).toBe(0);
    const replaced = await generationWith('b', store, 'q', 0);
    await replaced.replace((await generationWith('c', new MemoryStore(), 'q', 0)).copy());
    expect(await owedPurges(store)).toEqual([keys, replaced.keys]);
  });
});

test('what a deleted projection had is taken from the disk though its node was stopped before it could be [R2]', async () => {
  const disk = spyOnStates();
  const { nodes, db } = await start(1);
  const says = "{ handle: () => ({ said: 'sec-ret-one'.split('-').join('') }) }";
  await db.projections.create('first', says);
  const { position } = await db.append('a', [{ type: 'Happened', data: {} }]);
  await db.projections.state('first', '', { atLeast: position });
  const store = await disk();
  // Purges wait for it; the end of the database closes it.
  await store.scan({}).next(1);
  await db.projections.delete('first');
  await until('its rows are removed', async () => (await GenerationStore.all(store)).length === 0);
  await nodes.stopNode(0);
  const directory = join(nodes.data(0), 'projections');
  expect(await foundOnDisk(directory, ['secretone'])).toEqual(['secretone']);
  await nodes.startNode(0, {}, { openProgram: openSmallProgram });
  await isGone(directory);
  await until('nothing is owed any more', async () => (await owedPurges(await disk())).length === 0);
});

test('what a node has of a projection that is no more is taken from its disk, also where it is damaged [R2]', async () => {
  const { nodes } = await start(1);
  await nodes.stopNode(0);
  const directory = join(nodes.data(0), 'projections');
  const store = await LevelStore.open(directory, SMALL);
  const { keys } = await generationWith('secretone', store, 'gone', 7);
  await store.write([{ type: 'del', key: keys.journal(1) }], true);
  await store.close();
  expect(await foundOnDisk(directory, ['secretone'])).toEqual(['secretone']);
  await nodes.startNode(0, {}, { openProgram: openSmallProgram });
  await isGone(directory);
});

describe('a node that runs no projections any more', () => {
  const RUNS_NONE = { projections: false };
  const PROGRAMS = { openProgram: openSmallProgram };

  /** Three nodes, of which the second is stopped and has a state with a word in it. */
  async function stopped() {
    const { nodes, db } = await start(3);
    const says = "{ handle: () => ({ said: 'sec-ret-one'.split('-').join('') }) }";
    await db.projections.create('first', says);
    const { position } = await db.append('a', [{ type: 'Happened', data: {} }]);
    await db.projections.state('first', '', { atLeast: position });
    const directory = join(nodes.data(1), 'projections');
    await until('the second has it', async () => (await foundOnDisk(directory, ['secretone'])).length > 0);
    await nodes.stopNode(1);
    return { nodes, db, directory };
  }

  test('removes what it had of one that is deleted, as all nodes do, and not before [R2]', async () => {
    const { nodes, db, directory } = await stopped();
    await nodes.startNode(1, RUNS_NONE, PROGRAMS);
    await db.projections.create('second', '{ handle: () => ({}) }');
    expect(await foundOnDisk(directory, ['secretone'])).toEqual(['secretone']);
    await db.projections.delete('first');
    await isGone(directory);
  });

  test('removes it also where it is deleted while the node is stopped [R2]', async () => {
    const { nodes, db, directory } = await stopped();
    await db.projections.delete('first');
    await nodes.startNode(1, RUNS_NONE, PROGRAMS);
    await isGone(directory);
  });
});

test('states of generations of which the facts are yet to be applied again are left [P1]', async () => {
  const store = new MemoryStore();
  const registry = new ProjectionRegistry();
  await generationWith('a', store, 'p', 0);
  const ports = { registry, store, logger: logging().logger };
  const left = new LeftStates({
    ...ports,
    fatal: (error) => {
      throw error;
    },
  });
  for (let turns = 0; turns < 20; turns++) await turn();
  await left.stop();
  expect(await GenerationStore.all(store)).toEqual([{ name: 'p', generation: 0 }]);
  await dropStrays(ports);
  expect(await GenerationStore.all(store)).toEqual([]);
});
