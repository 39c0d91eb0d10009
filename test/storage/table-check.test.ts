import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { LevelStore } from '../../src/storage/level-store.ts';
import { TableCheck } from '../../src/storage/table-check.ts';
import { SMALL } from './support.ts';

const noPause = async () => undefined;
const rowKey = (n: number) => Buffer.from(`${n < 500 ? 'a' : 'b'}-${String(n).padStart(5, '0')}`);

/** A database of two tables, one of keys that begin with "a" and one of those with "b". */
async function aDatabase(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'factstore-tables-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const random = new Prng(9);
  // So that nothing is compressed, and keys stand in the file as they are.
  const value = () => Buffer.from(Array.from({ length: 60 }, () => random.between(0, 256)));
  for (const from of [0, 500]) {
    const store = await LevelStore.open(directory, SMALL);
    const keys = Array.from({ length: 500 }, (_, n) => rowKey(from + n));
    await store.write(
      keys.map((key) => ({ type: 'put', key, value: value() })),
      true,
    );
    await store.compact(rowKey(from), Buffer.from('c'), new AbortController().signal);
    await store.close();
  }
  return directory;
}

function compact(store: LevelStore): Promise<boolean> {
  return store.compact(Buffer.from('a'), Buffer.from('c'), new AbortController().signal);
}

async function tablesOf(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.endsWith('.ldb')).sort();
}

/** Flips a bit of a row's key: LevelDB does not find it any more, and says nothing. */
async function hide(directory: string, key: Buffer): Promise<string> {
  for (const name of await tablesOf(directory)) {
    const bytes = await readFile(join(directory, name));
    const at = bytes.indexOf(key);
    if (at < 0) continue;
    bytes[at]! ^= 0x40;
    await writeFile(join(directory, name), bytes);
    return name;
  }
  throw new Error(`no table shows ${key}`);
}

/** The first key of a block stands there whole. */
const FIRST = rowKey(0);

it('tables that are whole are let go of', async () => {
  const directory = await aDatabase();
  const before = await tablesOf(directory);
  expect(before.length).toBeGreaterThanOrEqual(1);
  const check = await TableCheck.hold(directory);
  expect(await tablesOf(join(directory, 'check'))).toEqual(before);
  await check.run(noPause);
  expect(existsSync(join(directory, 'check'))).toBe(false);
  expect(await tablesOf(directory)).toEqual(before);
});

it('there is nothing to check of a database that is not there yet', async () => {
  const directory = join(tmpdir(), 'factstore-never-was');
  await (await TableCheck.hold(directory)).run(noPause);
  expect(existsSync(directory)).toBe(false);
});

it('a row that LevelDB has lost is missed, though its compaction gave the damage a checksum that is right [D7]', async () => {
  const directory = await aDatabase();
  await hide(directory, FIRST);
  const check = await TableCheck.hold(directory);
  const store = await LevelStore.open(directory, SMALL);
  expect(await store.get(FIRST)).toBeUndefined();
  await store.write([{ type: 'put', key: rowKey(250), value: Buffer.alloc(9) }], true);
  await compact(store);
  await store.close();
  await expect(check.run(noPause)).rejects.toMatchObject({ code: 'DATA_LOSS' });
});

it('a check that a crash has ended is done by the next one, of the tables that there were [D7]', async () => {
  const directory = await aDatabase();
  const damaged = await hide(directory, FIRST);
  await TableCheck.hold(directory);
  const store = await LevelStore.open(directory, SMALL);
  await store.write([{ type: 'put', key: rowKey(250), value: Buffer.alloc(9) }], true);
  await compact(store);
  await store.close();
  expect(await tablesOf(directory)).not.toContain(damaged);
  await expect((await TableCheck.hold(directory)).run(noPause)).rejects.toThrow(damaged);
});

it('tables with rows from a key on can be checked before the others', async () => {
  const directory = await aDatabase();
  const tables = await tablesOf(directory);
  expect(tables.length).toBeGreaterThanOrEqual(2);
  await hide(directory, FIRST);
  const check = await TableCheck.hold(directory);
  await check.run(noPause, Buffer.from('b-'));
  expect((await tablesOf(join(directory, 'check'))).length).toBeLessThan(tables.length);
  await expect(check.run(noPause)).rejects.toMatchObject({ code: 'DATA_LOSS' });
});

it('a check that is stopped leaves what it has not come to', async () => {
  const directory = await aDatabase();
  const check = await TableCheck.hold(directory);
  check.stop();
  await expect(check.run(noPause)).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(await tablesOf(join(directory, 'check'))).toEqual(await tablesOf(directory));
});

it('where tables cannot be held, they are checked where they are, at once', async () => {
  const directory = await aDatabase();
  await writeFile(join(directory, 'check'), '');
  await hide(directory, FIRST);
  const check = await TableCheck.hold(directory);
  expect(check.holds).toBe(false);
  await expect(check.run(noPause)).rejects.toMatchObject({ code: 'DATA_LOSS' });
  expect(await tablesOf(directory)).not.toHaveLength(0);
});

it('what a compaction leaves half written when it ends is no table, and raises no alarm', async () => {
  const directory = await aDatabase();
  await writeFile(join(directory, '999998.ldb'), '');
  await writeFile(join(directory, '999999.ldb'), Buffer.alloc(5_000, 7));
  for (const check of [await TableCheck.hold(directory), await TableCheck.inPlace(directory)]) await check.run(noPause);
  expect(existsSync(join(directory, 'check'))).toBe(false);
});

it('a database that is closed in the middle of compactions raises no alarm, nor does one that is at work', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'factstore-tables-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const random = new Prng(4);
  const noise = Buffer.from(Array.from({ length: 1 << 16 }, () => random.between(0, 256)));
  const some = (bytes: number) => {
    const from = random.between(0, noise.length - bytes);
    return noise.subarray(from, from + bytes);
  };
  const row = () => ({ type: 'put' as const, key: some(16), value: some(1_000) });
  for (let life = 0; life < 4; life++) {
    await (await TableCheck.hold(directory)).run(noPause);
    const store = await LevelStore.open(directory, { writeBufferBytes: 1 << 20, tableBytes: 2 << 20, cacheBytes: 0 });
    for (let batch = 0; batch < 400; batch++) {
      await store.write(Array.from({ length: 50 }, row), false);
      if (batch % 100 === 0) await (await TableCheck.inPlace(directory)).run(noPause);
    }
    await store.close();
  }
});

it('a database without a manifest that can be read is left to LevelDB', async () => {
  const directory = await aDatabase();
  await hide(directory, FIRST);
  const [manifest] = (await readdir(directory)).filter((name) => name.startsWith('MANIFEST'));
  const path = join(directory, manifest as string);
  const whole = await readFile(path);
  const flipped = Buffer.from(whole);
  flipped[20]! ^= 1;
  await writeFile(path, flipped);
  await (await TableCheck.inPlace(directory)).run(noPause);
  await expect(LevelStore.open(directory, SMALL)).rejects.toMatchObject({ code: 'DATA_LOSS' });
  // A record that was cut while it was written does not count, and hides none before it.
  await writeFile(path, Buffer.concat([whole, whole.subarray(0, 20)]));
  await expect((await TableCheck.inPlace(directory)).run(noPause)).rejects.toMatchObject({ code: 'DATA_LOSS' });
  await writeFile(join(directory, 'CURRENT'), 'nonsense');
  await (await TableCheck.inPlace(directory)).run(noPause);
});
