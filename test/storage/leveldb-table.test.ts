import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { crc32c } from '../../src/storage/crc32c.ts';
import { LevelStore } from '../../src/storage/level-store.ts';
import { LevelDbTable } from '../../src/storage/leveldb-table.ts';
import { partsOf } from '../damage/leveldb-files.ts';
import { SMALL } from './support.ts';

const noPause = async () => undefined;

it('CRC-32C gives the values of RFC 3720, at every offset and length', () => {
  const of = (bytes: Uint8Array) => crc32c(bytes, 0, bytes.length).toString(16);
  expect(of(new Uint8Array(32))).toBe('8a9136aa');
  expect(of(new Uint8Array(32).fill(0xff))).toBe('62a8ab43');
  expect(of(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe('46dd794e');
  expect(of(Buffer.from('123456789'))).toBe('e3069283');
  expect(of(new Uint8Array(0))).toBe('0');
  expect(crc32c(Buffer.from('xx123456789x'), 2, 11).toString(16)).toBe('e3069283');
});

describe('a table of LevelDB', () => {
  let directory: string;
  let path: string;
  let whole: Buffer;
  const key = (n: number) => Buffer.from(`row-${String(n).padStart(5, '0')}`);

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'factstore-table-'));
    const database = join(directory, 'database');
    const store = await LevelStore.open(database, SMALL);
    const random = new Prng(3);
    // Blocks of rows that can be compressed, and of those that cannot.
    const value = (n: number) =>
      n % 400 < 200 ? Buffer.alloc(60, n) : Buffer.from(Array.from({ length: 60 }, () => random.between(0, 256)));
    await store.write(
      Array.from({ length: 800 }, (_, n) => ({ type: 'put' as const, key: key(n), value: value(n) })),
      true,
    );
    await store.compact(Buffer.from('a'), Buffer.from('z'), new AbortController().signal);
    await store.close();
    const [name] = (await readdir(database)).filter((file) => file.endsWith('.ldb'));
    whole = await readFile(join(database, name as string));
    path = join(directory, 'one.ldb');
  });
  afterAll(() => rm(directory, { recursive: true }));

  async function checked(bytes: Buffer): Promise<number> {
    await writeFile(path, bytes);
    const table = await LevelDbTable.open(path);
    let read = 0;
    try {
      await table.check(async (more) => {
        read += more;
      });
    } finally {
      await table.close();
    }
    return read;
  }

  it('is read from its first block to its last', async () => {
    expect(await checked(whole)).toBe(whole.length - 48);
  });

  it('is damaged where it is not as long as it was, or the disk does not give it', async () => {
    await writeFile(path, whole);
    await expect(LevelDbTable.open(path, 'x', whole.length + 1)).rejects.toThrow(
      `it has ${whole.length} bytes in place`,
    );
    const asDirectory = LevelDbTable.open(directory);
    await expect(asDirectory).rejects.toMatchObject({
      code: 'DATA_LOSS',
      message: expect.stringMatching(/cannot be read/),
    });
    await expect(LevelDbTable.open(join(directory, 'gone'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is found damaged wherever a bit of it is flipped [D7]', async () => {
    const { metaindexAt, indexAt, footerAt } = partsOf(whole);
    const random = new Prng(11);
    const around = [0, 1, metaindexAt - 1, metaindexAt, indexAt - 1, indexAt, indexAt + 1, footerAt - 1, footerAt];
    const anywhere = Array.from({ length: 300 }, () => random.between(0, footerAt));
    const magic = Array.from({ length: 8 }, (_, i) => whole.length - 1 - i);
    for (const at of [...around, ...anywhere, ...magic]) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 1 << random.between(0, 8);
      await expect(checked(bytes), `byte ${at} of ${whole.length}`).rejects.toMatchObject({
        code: 'DATA_LOSS',
        message: expect.stringMatching(/^table .*one\.ldb: /),
      });
    }
  });

  it('is found damaged wherever it is cut [D7]', async () => {
    const random = new Prng(5);
    const anywhere = Array.from({ length: 50 }, () => random.between(0, whole.length));
    for (const length of [0, 47, 48, whole.length - 1, ...anywhere])
      await expect(checked(whole.subarray(0, length)), `${length} bytes`).rejects.toMatchObject({ code: 'DATA_LOSS' });
  });

  it('says what is wrong with it', async () => {
    const bytes = Buffer.from(whole);
    bytes[100]! ^= 1;
    await expect(checked(bytes)).rejects.toThrow('one.ldb: the checksum of its block at 0 is wrong');
    await expect(checked(Buffer.alloc(10))).rejects.toThrow('it has 10 bytes, fewer than its footer alone');
    await expect(checked(Buffer.alloc(4_096))).rejects.toThrow('it does not end in a footer');
    await expect(checked(Buffer.concat([whole.subarray(0, 500), whole.subarray(-48)]))).rejects.toThrow(
      'its footer does not fit its length',
    );
  });

  it('is closed when it is damaged', async () => {
    await writeFile(path, Buffer.alloc(100));
    await expect(LevelDbTable.open(path)).rejects.toMatchObject({ code: 'DATA_LOSS' });
    await writeFile(path, whole);
    const table = await LevelDbTable.open(path);
    await table.check(noPause);
    await table.close();
  });
});
