import { expect, it } from 'vitest';
import { FactstoreError } from '../../../src/base/errors.ts';
import { checkedStore } from '../../../src/storage/index/checked-store.ts';
import { blockNameKey, Kind, kindRange, nameKey, sealKey } from '../../../src/storage/index/keys.ts';
import { MemoryStore } from '../../support/memory-store.ts';

const TAG = blockNameKey(Kind.tag, 'x', 0);
const HEAD = nameKey(Kind.head, 's');

async function aStore() {
  const store = new MemoryStore();
  const row = (key: Uint8Array) => ({ type: 'put' as const, key, value: Buffer.from('v') });
  await store.write([row(TAG), row(HEAD), row(sealKey(0))], true);
  let pass: () => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const check = new Promise<void>((resolve, reject) => {
    pass = resolve;
    fail = reject;
  });
  return { checked: checkedStore(store, check), pass: () => pass(), fail: (error: Error) => fail(error) };
}

/** Whether it is settled once everything that can go on has gone on. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const seen = () => {
    settled = true;
  };
  promise.then(seen, seen);
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

it('look-ups by name wait until tables are checked, and no others [D7]', async () => {
  const { checked, pass } = await aStore();
  expect((await checked.get(HEAD))?.toString()).toBe('v');
  expect(await checked.getMany([HEAD, sealKey(0)])).toHaveLength(2);
  expect(await checked.scan(kindRange(Kind.head)).next(9)).toHaveLength(1);
  expect(await checked.scan({}).next(9)).toHaveLength(3);
  expect(await checked.scan(kindRange(Kind.stream)).next(9)).toHaveLength(0);
  const scan = checked.scan(kindRange(Kind.tag));
  const ofStreams = checked.scan({ ...kindRange(Kind.stream), unnumbered: true });
  const answers = [checked.get(TAG), checked.getMany([HEAD, TAG]), scan.next(9), ofStreams.next(9)] as const;
  expect(await Promise.all(answers.map(isSettled))).toEqual([false, false, false, false]);
  pass();
  expect((await answers[0])?.toString()).toBe('v');
  expect(await answers[1]).toHaveLength(2);
  expect(await answers[2]).toHaveLength(1);
  await scan.close();
  expect(await answers[3]).toHaveLength(0);
  await ofStreams.close();
  expect((await checked.get(TAG))?.toString()).toBe('v');
});

it('where a table is damaged, look-ups by name end in what was found, and scans can be closed [D7]', async () => {
  const { checked, fail } = await aStore();
  const scan = checked.scan(kindRange(Kind.category));
  fail(new FactstoreError('DATA_LOSS', 'table 000007.ldb: the checksum of its block at 0 is wrong'));
  await expect(scan.next(1)).rejects.toMatchObject({ code: 'DATA_LOSS' });
  await scan.close();
  await checked.scan(kindRange(Kind.type)).close();
  await expect(checked.get(TAG)).rejects.toThrow('000007.ldb');
  await expect(checked.getMany([TAG])).rejects.toThrow('000007.ldb');
  expect((await checked.get(HEAD))?.toString()).toBe('v');
});
