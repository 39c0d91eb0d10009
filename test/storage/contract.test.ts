import { describe, expect, test } from 'vitest';
import type { Operation, Scan, ScanRange, Store } from '../../src/storage/store.ts';
import { BENCHES } from './support.ts';

const put = (key: string, value: string): Operation => ({
  type: 'put',
  key: Buffer.from(key),
  value: Buffer.from(value),
});
const del = (key: string): Operation => ({ type: 'del', key: Buffer.from(key) });
const key = (text: string) => Buffer.from(text);

async function rest(scan: Scan, count = 100): Promise<string[]> {
  const rows: string[] = [];
  for (let some = await scan.next(count); some.length > 0; some = await scan.next(count))
    rows.push(...some.map(([k, v]) => `${k}=${v}`));
  await scan.close();
  return rows;
}

function rowsOf(store: Store, range: ScanRange = {}): Promise<string[]> {
  return rest(store.scan(range));
}

describe.each(BENCHES)('a store in %s', (_name, makeBench) => {
  async function filled(): Promise<Store> {
    const store = await (await makeBench()).openStore();
    await store.write([put('b', '2'), put('a', '1'), put('d', '4'), put('c', '3')], true);
    return store;
  }

  test('gives back what was put, and nothing for what was not', async () => {
    const store = await filled();
    expect(await store.get(key('a'))).toEqual(Buffer.from('1'));
    expect(await store.get(key('x'))).toBeUndefined();
    expect(await store.getMany([key('d'), key('x'), key('b')])).toEqual([
      Buffer.from('4'),
      undefined,
      Buffer.from('2'),
    ]);
  });

  test('does the operations of a batch in their order', async () => {
    const store = await filled();
    await store.write([del('a'), put('a', '5'), put('b', '6'), del('b'), del('not there')], false);
    expect(await rowsOf(store)).toEqual(['a=5', 'c=3', 'd=4']);
  });

  test('scans in the order of keys, from inclusive, to exclusive, both ways, up to a limit', async () => {
    const store = await filled();
    expect(await rowsOf(store)).toEqual(['a=1', 'b=2', 'c=3', 'd=4']);
    expect(await rowsOf(store, { from: key('b'), to: key('d') })).toEqual(['b=2', 'c=3']);
    expect(await rowsOf(store, { from: key('b'), to: key('d'), backwards: true })).toEqual(['c=3', 'b=2']);
    expect(await rowsOf(store, { from: key('bb'), limit: 1 })).toEqual(['c=3']);
    expect(await rowsOf(store, { backwards: true, limit: 1 })).toEqual(['d=4']);
    expect(await rowsOf(store, { from: key('e') })).toEqual([]);
    expect(await rowsOf(store, { from: key('d'), to: key('b') })).toEqual([]);
  });

  test('orders keys by their bytes, shorter ones first', async () => {
    const store = await (await makeBench()).openStore();
    const keys = ['ff', '00', '7f', '80', '0000', '0001', '00ff', 'ff00'];
    const puts = keys.map((hex): Operation => ({ type: 'put', key: Buffer.from(hex, 'hex'), value: Buffer.from(hex) }));
    await store.write(puts, true);
    const rows = await store.scan({}).next(100);
    expect(rows.map(([k]) => k.toString('hex'))).toEqual(['00', '0000', '0001', '00ff', '7f', '80', 'ff', 'ff00']);
  });

  test('shows a scan the rows as they were when it began', async () => {
    const store = await filled();
    const scan = store.scan({});
    expect(await scan.next(1)).toHaveLength(1);
    await store.write([put('bb', 'new'), del('c'), put('d', 'changed')], true);
    expect(await rest(scan, 1)).toEqual(['b=2', 'c=3', 'd=4']);
    expect(await rowsOf(store)).toEqual(['a=1', 'b=2', 'bb=new', 'd=changed']);
  });

  test('gives keys and values as Buffers', async () => {
    const store = await filled();
    const [row] = await store.scan({ limit: 1 }).next(1);
    expect(row?.every(Buffer.isBuffer)).toBe(true);
    expect(Buffer.isBuffer(await store.get(key('a')))).toBe(true);
  });

  test('takes keys and values that are no Buffers', async () => {
    const store = await (await makeBench()).openStore();
    await store.write([{ type: 'put', key: new Uint8Array([1]), value: new Uint8Array([2, 3]) }], true);
    expect(await store.get(new Uint8Array([1]))).toEqual(Buffer.from([2, 3]));
  });

  test('a batch that is written is there after it was closed and opened again', async () => {
    const bench = await makeBench();
    await (await bench.openStore()).write([put('a', '1')], true);
    expect(await rowsOf(await bench.openStore())).toEqual(['a=1']);
  });
});
