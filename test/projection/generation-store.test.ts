import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GenerationStore, type StateBatch } from '../../src/projection/generation-store.ts';
import { purge } from '../../src/projection/purge.ts';
import { LevelStore } from '../../src/storage/level-store.ts';
import { MemoryStore } from '../support/memory-store.ts';

const bytes = (text: string) => Buffer.from(text);

function batch(position: number, more: Partial<StateBatch> = {}): StateBatch {
  return { position, emitted: 0, changed: new Map(), parked: [], outbox: new Map(), ...more };
}

function changed(...names: readonly string[]): StateBatch['changed'] {
  return new Map(names.map((name) => [name, { state: bytes(`"${name}"`), result: bytes('1') }]));
}

describe('what a generation has on the disk', () => {
  test('P5: state, checkpoint and outbox come together, and are there again', async () => {
    const store = new MemoryStore();
    const first = await GenerationStore.open(store, 'p', 0);
    expect(first.checkpoint).toEqual({ position: 0, emitted: 0, sequence: 0 });
    await first.commit(batch(7, { emitted: 5, changed: changed('a'), outbox: new Map([[5, bytes('x')]]) }), true);
    await first.commit(batch(9, { emitted: 5, parked: [{ position: 8, message: 'no' }] }), false);
    const again = await GenerationStore.open(store, 'p', 0);
    expect(again.checkpoint).toEqual({ position: 9, emitted: 5, sequence: 2 });
    expect(again.outboxRows).toBe(1);
    expect(await again.partition('a')).toEqual({ state: bytes('"a"'), result: bytes('1') });
    expect(await again.parked(10)).toEqual([{ position: 8, message: 'no' }]);
    expect(await again.outbox(0, 10)).toEqual([{ position: 5, row: bytes('x') }]);
  });

  test('P2: a row that is left out is gone, and remembered with the place that it had', async () => {
    const store = new MemoryStore();
    const first = await GenerationStore.open(store, 'p', 0);
    const outbox = new Map([5, 6].map((position) => [position, bytes('x')] as const));
    await first.commit(batch(7, { emitted: 6, outbox }), true);
    await first.leaveOut(5);
    await first.leaveOut(5);
    for (const opened of [first, await GenerationStore.open(store, 'p', 0)]) {
      expect([opened.leftOut, opened.outboxRows]).toEqual([5, 1]);
      expect(await opened.outbox(0, 10)).toEqual([{ position: 6, row: bytes('x') }]);
    }
    await first.drop();
    expect([first.leftOut, first.outboxRows]).toEqual([0, 0]);
  });

  test('P5: a batch that is missing from the middle is noticed, and the state begun anew', async () => {
    for (const lost of [1, 2, 3]) {
      const store = new MemoryStore();
      const written = await GenerationStore.open(store, 'p', 0);
      for (let n = 1; n <= 3; n++) await written.commit(batch(n * 10, { changed: changed(`p${n}`) }), false);
      await store.write([{ type: 'del', key: written.keys.journal(lost) }], true);
      const reasons: string[] = [];
      const opened = await GenerationStore.open(store, 'p', 0, (reason) => reasons.push(reason));
      expect(reasons).toEqual([`batch ${lost} is missing`]);
      expect(opened.checkpoint.position).toBe(0);
      expect((await opened.partitions('', '', 10)).rows).toEqual([]);
    }
  });

  test('P5: a state beside another log than the one that it was made from is begun anew, and not taken over', async () => {
    const [own, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const open = async (store: MemoryStore, chain: Buffer | undefined) => {
      const reasons: string[] = [];
      const opened = await GenerationStore.open(
        store,
        'p',
        0,
        (reason) => reasons.push(reason),
        async (position) => (position === 7 ? chain : undefined),
      );
      return { opened, reasons };
    };
    const store = new MemoryStore();
    await (await GenerationStore.open(store, 'p', 0)).commit(batch(7, { chain: own, changed: changed('a') }), true);
    // Where the log does not reach the position yet, nobody can tell.
    for (const chain of [own, undefined]) {
      const { opened, reasons } = await open(store, chain);
      expect(reasons).toEqual([]);
      expect(opened.checkpoint.position).toBe(7);
    }
    const { opened: given } = await open(store, own);
    const taken = await GenerationStore.open(new MemoryStore(), 'p', 0);
    await expect(taken.replace(given.copy(), async () => other)).rejects.toMatchObject({ code: 'DATA_LOSS' });
    expect(taken.checkpoint.position).toBe(0);
    expect((await taken.partitions('', '', 10)).rows).toEqual([]);
    const { opened, reasons } = await open(store, other);
    expect(reasons).toEqual([expect.stringContaining('of another history')]);
    expect(opened.checkpoint.position).toBe(0);
    expect((await opened.partitions('', '', 10)).rows).toEqual([]);
  });

  test('P2: what is emitted while the outbox is trimmed is counted', async () => {
    const generation = await GenerationStore.open(new MemoryStore(), 'p', 0);
    await generation.commit(batch(1, { outbox: new Map([[1, bytes('x')]]) }), false);
    const trimming = generation.trimOutbox(1);
    await generation.commit(batch(2, { outbox: new Map([[2, bytes('y')]]) }), false);
    await trimming;
    expect(generation.outboxRows).toBe(1);
    expect(await generation.outbox(0, 10)).toEqual([{ position: 2, row: bytes('y') }]);
  });

  test('D10: names that begin alike, generations and partitions keep apart', async () => {
    const store = new MemoryStore();
    const stores = [];
    for (const [name, generation] of [
      ['a', 0],
      ['a', 256],
      ['ab', 0],
      ['a-', 1],
    ] as const) {
      const opened = await GenerationStore.open(store, name, generation);
      await opened.commit(batch(1, { changed: changed('', 'x', 'xy', 'y', `${name}/${generation}`) }), false);
      stores.push(opened);
    }
    const [first, second] = stores;
    expect(await GenerationStore.all(store)).toHaveLength(4);
    const names = async (prefix: string, after = '') =>
      (await first!.partitions(prefix, after, 10)).rows.map(([partition]) => partition);
    expect(await names('')).toEqual(['', 'a/0', 'x', 'xy', 'y']);
    expect(await names('x')).toEqual(['x', 'xy']);
    expect(await names('x', 'x')).toEqual(['xy']);
    expect(await names('', 'x')).toEqual(['xy', 'y']);
    await first!.drop();
    expect(await GenerationStore.all(store)).toHaveLength(3);
    expect((await second!.partitions('a', '', 10)).rows.map(([partition]) => partition)).toEqual(['a/256']);
  });

  test('R2: what a dropped generation had is in no file any more', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'factstore-generation-'));
    const secret = randomBytes(24).toString('base64url');
    const holds = async () => {
      const files = await readdir(directory);
      const contents = await Promise.all(files.map((file) => readFile(join(directory, file))));
      return contents.some((content) => content.includes(secret));
    };
    const options = { writeBufferBytes: 1 << 20, tableBytes: 1 << 20, cacheBytes: 1 << 20 };
    const store = await LevelStore.open(directory, options);
    try {
      const kept = await GenerationStore.open(store, 'p', 1);
      await kept.commit(batch(1, { changed: changed('a') }), true);
      const dropped = await GenerationStore.open(store, 'p', 0);
      await dropped.commit(batch(1, { changed: changed(secret, 'b') }), true);
      expect(await holds()).toBe(true);
      const copied = kept.copy()[Symbol.asyncIterator]();
      await copied.next();
      expect(await dropped.drop()).toBe(true);
      const purged = purge(store, dropped.keys, new AbortController().signal);
      // What a copy of another generation that is on its way can still see stays for so long.
      while (!(await copied.next()).done);
      await purged;
      expect(await holds()).toBe(false);
      expect(await kept.partition('a')).toBeDefined();
    } finally {
      await store.close();
      await rm(directory, { recursive: true, force: true });
    }
  });

  test('P2: a generation that was retired is known to be so', async () => {
    const store = new MemoryStore();
    const generation = await GenerationStore.open(store, 'p', 3);
    await generation.commit(batch(1, { changed: changed('a') }), false);
    expect(await GenerationStore.isRetired(store, 'p', 3)).toBe(false);
    await generation.retire();
    expect(await GenerationStore.isRetired(store, 'p', 3)).toBe(true);
    expect(await generation.partition('a')).toBeUndefined();
  });
});
