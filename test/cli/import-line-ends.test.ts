import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { sourceLines } from '../../src/cli/import-source.ts';
import { uuidTextOfDigest } from '../../src/cli/uuid.ts';
import { jsonLines, run } from './harness.ts';
import { MemoryStore } from './memory-store.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest();
const nameOf = (text: string) => `import:${sha256(text).toString('hex')}`;
const idOf = (text: string) => uuidTextOfDigest(sha256(text));

/** The lines of an import, each with this end. */
function text(numbers: readonly number[], end: string): string {
  const line = (data: number) => JSON.stringify({ writes: [{ stream: 's', events: [{ type: 'Counted', data }] }] });
  return numbers.map((number) => `${line(number)}${end}`).join('');
}

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);
const dataOf = (store: MemoryStore) => store.events.map((event) => JSON.parse(Buffer.from(event.data).toString()));

/** Imports a text long after whatever was imported before, and gives the counts. */
async function importText(store: MemoryStore, stdin: string, ...argv: string[]): Promise<unknown> {
  store.forgetAppendIds();
  const { out, err } = await run(['import', '-', '--json', ...argv], { store, stdin });
  return err === '' ? jsonLines(out)[0] : err;
}

describe.each([
  ['LF', '\n'],
  ['CRLF', '\r\n'],
])('the import of a file with %s, whose last line had no end yet', (_name, end) => {
  test.each([
    [1, []],
    [2, []],
    [3, []],
    [1, ['--id', 'nightly']],
    [2, ['--id', 'nightly']],
  ])('finds it again once it has one, and adds only what is new (%i lines, %j) [S7]', async (count, argv) => {
    const store = new MemoryStore();
    const unterminated = text(upTo(count), end).slice(0, -end.length);
    expect(await importText(store, unterminated, ...argv)).toMatchObject({ appended: count });
    // Once more as it is, then with the end that it lacked, then with more lines, and with more behind these.
    for (const [grown, appended] of [
      [unterminated, 0],
      [text(upTo(count), end), 0],
      [text(upTo(count + 2), end).slice(0, -end.length), 2],
      [text(upTo(count + 5), end), 3],
      [text(upTo(count + 5), end), 0],
    ] as const) {
      expect(await importText(store, grown, ...argv)).toMatchObject({ appended });
    }
    expect(dataOf(store)).toEqual(upTo(count + 5));
    expect(store.cursors.size).toBe(1);
  });

  test('grows by its end in two pieces', async () => {
    const store = new MemoryStore();
    const whole = text([0], end);
    for (let length = text([0], '').length; length <= whole.length; length++) {
      await importText(store, whole.slice(0, length));
    }
    expect(await importText(store, text(upTo(3), end))).toMatchObject({ appended: 2, alreadyThere: 1 });
    expect(dataOf(store)).toEqual(upTo(3));
  });

  test('refuses it once it has become another line', async () => {
    for (const count of [1, 2]) {
      const store = new MemoryStore();
      await importText(store, text(upTo(count), end).slice(0, -end.length), '--id', 'nightly');
      const other = text([...upTo(count - 1), 7, 8], end);
      expect(await importText(store, other, '--id', 'nightly')).toContain('A source may grow, not change');
      expect(dataOf(store)).toEqual(upTo(count));
    }
  });
});

describe('the import of a file with CRLF', () => {
  const [before, after] = [text(upTo(2), '\r\n'), text(upTo(4), '\r\n')];

  test('has append ids made from all bytes, and the name that it had before its first line had an end [S7]', async () => {
    const store = new MemoryStore();
    await importText(store, before);
    expect([...store.cursors]).toEqual([[nameOf(text([0], '\n')), { current: 2n, appendId: idOf(before) }]]);
    expect(store.events[0]?.appendId).toBe(idOf(text([0], '\r\n')));
  });

  test('goes on under the name made from its first line with its end, where it was begun under that', async () => {
    const name = nameOf(text([0], '\r\n'));
    const store = new MemoryStore();
    await importText(store, before, '--id', name);
    expect(await importText(store, after)).toMatchObject({ appended: 2, alreadyThere: 2, producer: name });
    expect(dataOf(store)).toEqual(upTo(4));
    expect(store.cursors.size).toBe(1);
  });

  test('goes on under that name also where its first line was appended under both', async () => {
    const name = nameOf(text([0], '\r\n'));
    const store = new MemoryStore();
    await importText(store, text([0], ''));
    await importText(store, before, '--id', name);
    expect(await importText(store, after)).toMatchObject({ appended: 2, alreadyThere: 2, producer: name });
  });

  test('is refused where it was imported with LF, and the other way round', async () => {
    for (const [first, second] of [
      ['\n', '\r\n'],
      ['\r\n', '\n'],
    ] as const) {
      const store = new MemoryStore();
      await importText(store, text(upTo(2), first));
      expect(await importText(store, text(upTo(4), second))).toContain('A source may grow, not change');
      expect(dataOf(store)).toEqual(upTo(2));
    }
  });
});

test('a source tells of each line the digest that it has, and the one that it had before it had an end', async () => {
  async function* bytes() {
    yield Buffer.from('a\nb\r\n\r\nc');
  }
  const told: string[][] = [];
  for await (const line of sourceLines(bytes())) {
    told.push([line.digest(), line.unterminatedDigest()].map((digest) => Buffer.from(digest).toString('hex')));
  }
  const expected = [
    ['a\n', 'a\n'],
    ['a\nb\r\n', 'a\nb\n'],
    ['a\nb\r\n\r\n', 'a\nb\r\n\n'],
    ['a\nb\r\n\r\nc\n', 'a\nb\r\n\r\nc\n'],
  ];
  expect(told).toEqual(expected.map((each) => each.map((digested) => sha256(digested).toString('hex'))));
});
