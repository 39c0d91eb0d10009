import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { exportLine, groupIntoAppends } from '../../src/cli/export-format.ts';
import { BadLine, parseImportLine } from '../../src/cli/import-format.ts';
import { sourceLines } from '../../src/cli/import-source.ts';
import { Importer } from '../../src/cli/importer.ts';
import { uuidTextOfDigest } from '../../src/cli/uuid.ts';
import { jsonLines, run } from './harness.ts';
import { MemoryStore } from './memory-store.ts';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'factstore-import-'));
  file = join(directory, 'events.ndjson');
});

afterEach(() => rmSync(directory, { recursive: true }));

/** A line of an import. */
function line(stream: string, data: unknown, more: object = {}): string {
  return JSON.stringify({ ...more, writes: [{ stream, events: [{ type: 'Counted', data }] }] });
}

function lines(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => line(`s-${(from + i) % 7}`, from + i));
}

/** Imports texts as a file with these lines, each with its end. */
async function importLines(store: MemoryStore, texts: readonly string[], ...argv: string[]) {
  writeFileSync(file, texts.map((text) => `${text}\n`).join(''));
  return run(['import', file, '--json', ...argv], { store });
}

const dataOf = (store: MemoryStore) => store.events.map((event) => JSON.parse(Buffer.from(event.data).toString()));
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);
const sha256 = (text: string) => createHash('sha256').update(text).digest();

describe('an import', () => {
  test('appends each line once, in order, however often it is run', async () => {
    const store = new MemoryStore();
    const first = await importLines(store, lines(0, 1000));
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(jsonLines(first.out)).toMatchObject([{ appended: 1000, alreadyThere: 0 }]);
    expect(dataOf(store)).toEqual(upTo(1000));
    expect(store.inFlightMost).toBeGreaterThan(100);
    expect(store.inFlightMost).toBeLessThanOrEqual(256);
    store.forgetAppendIds();
    const second = await importLines(store, lines(0, 1000));
    expect(jsonLines(second.out)).toMatchObject([{ appended: 0, alreadyThere: 1000 }]);
    expect(store.judged).toBe(1000);
  });

  test('is known by its first line, and carries digests as append ids and line numbers as cursor', async () => {
    const store = new MemoryStore();
    const [first, second] = lines(0, 2).map((text) => `${text}\n`);
    await importLines(store, lines(0, 2));
    const name = `import:${sha256(first ?? '').toString('hex')}`;
    expect([...store.cursors.keys()]).toEqual([name]);
    expect(store.cursors.get(name)).toEqual({ current: 2n, appendId: uuidTextOfDigest(sha256(`${first}${second}`)) });
    expect(store.events[0]?.appendId).toBe(uuidTextOfDigest(sha256(first ?? '')));
  });

  test('of another source with the same first line is refused, and taken under a name of its own', async () => {
    const store = new MemoryStore();
    await importLines(store, lines(0, 3));
    const other = [...lines(0, 1), ...lines(7, 9)];
    const refused = await importLines(store, other);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('give another source another name with --id NAME');
    expect(store.events).toHaveLength(3);
  });

  test('that breaks off goes on where it was, without asking the store anew for what is there', async () => {
    const store = new MemoryStore();
    store.beforeAppend = () => {
      if (store.judged === 300) throw new FactstoreError('UNREACHABLE', 'no node answers');
    };
    const broken = await importLines(store, lines(0, 500));
    expect(broken.code).toBe(3);
    expect(jsonLines(broken.err)).toMatchObject([
      { error: { code: 'UNREACHABLE', details: { line: 301, appended: 300 } } },
    ]);
    store.beforeAppend = () => {};
    const second = await importLines(store, lines(0, 500));
    expect(jsonLines(second.out)).toMatchObject([{ appended: 200, alreadyThere: 300 }]);
    expect(dataOf(store)).toEqual(upTo(500));
  });

  test.each([
    ['a small one', 3, 9],
    ['a larger one', 1500, 2000],
    ['one of a single line', 1, 2000],
  ])('of a file that has grown adds only what is new (%s)', async (_name, before, after) => {
    const store = new MemoryStore();
    await importLines(store, lines(0, before));
    store.forgetAppendIds();
    const grown = await importLines(store, lines(0, after));
    expect(jsonLines(grown.out)).toMatchObject([{ appended: after - before, alreadyThere: before }]);
    store.forgetAppendIds();
    const again = await importLines(store, lines(0, after));
    expect(jsonLines(again.out)).toMatchObject([{ appended: 0, alreadyThere: after }]);
    expect(dataOf(store)).toEqual(upTo(after));
  });

  test('of a file whose last line had no end yet finds that line again once it has one', async () => {
    const store = new MemoryStore();
    writeFileSync(file, lines(0, 2).join('\n'));
    await run(['import', file], { store });
    store.forgetAppendIds();
    expect(jsonLines((await importLines(store, lines(0, 3))).out)).toMatchObject([{ appended: 1, alreadyThere: 2 }]);
    expect(dataOf(store)).toEqual([0, 1, 2]);
  });

  test('of a file that has changed is refused and explained, and appends nothing', async () => {
    const store = new MemoryStore();
    await importLines(store, lines(0, 1500));
    const changed = lines(0, 1600);
    changed[1400] = line('s-0', 'another');
    const result = await importLines(store, changed);
    expect(result.code).toBe(1);
    expect(jsonLines(result.err)).toMatchObject([
      {
        error: {
          code: 'FAILED_PRECONDITION',
          message: expect.stringMatching(
            /has come to line 1500, but this source differs from it .*Nothing was appended.*--id/,
          ),
        },
      },
    ]);
    const shorter = await importLines(store, lines(0, 1400));
    expect(jsonLines(shorter.err)).toMatchObject([
      { error: { message: expect.stringContaining('has only 1400 lines') } },
    ]);
    expect(store.events).toHaveLength(1500);
  });

  test('with --id has that name, whatever its first bytes are', async () => {
    const store = new MemoryStore();
    await importLines(store, lines(0, 5), '--id', 'nightly');
    expect(store.cursors.get('nightly')?.current).toBe(5n);
    expect(store.producersAsked).toEqual(['nightly']);
    expect(await importLines(store, lines(1, 9), '--id', 'nightly')).toMatchObject({ code: 1 });
  });

  test('keeps equal lines as two events, and skips blank ones', async () => {
    const store = new MemoryStore();
    const result = await importLines(store, [line('a', 1), '', line('a', 1), '  ', line('a', 1)]);
    expect(jsonLines(result.out)).toMatchObject([{ appended: 3, alreadyThere: 0 }]);
    expect(store.events).toHaveLength(3);
    expect([...store.cursors.values()][0]?.current).toBe(5n);
  });

  test('reads gzip, from a file or standard input, and nothing at all', async () => {
    const bytes = gzipSync(lines(0, 3000).join('\n'));
    const store = new MemoryStore();
    const piped = await run(['import', '-', '--json'], { store, stdin: bytes });
    expect(jsonLines(piped.out)).toMatchObject([{ appended: 3000 }]);
    writeFileSync(file, bytes);
    expect(await run(['import', file], { store })).toMatchObject({ out: '0 appended, 3000 already there\n', code: 0 });
    expect(await run(['import', '-'], { store })).toMatchObject({ out: '0 appended, 0 already there\n', code: 0 });
  });

  test('of damaged gzip says behind which line, and goes on there once it is whole', async () => {
    const bytes = gzipSync(lines(0, 3000).join('\n'));
    const store = new MemoryStore();
    const result = await run(['import', '-'], { store, stdin: bytes.subarray(0, bytes.length - 2000) });
    expect(result.code).toBe(1);
    expect(result.err).toMatch(/^error: the gzip data cannot be read behind line \d+: unexpected end of file/);
    expect(await run(['import', '-'], { store, stdin: bytes })).toMatchObject({ code: 0 });
    expect(dataOf(store)).toEqual(upTo(3000));
  });

  test('stops at the first bad line with its number and reason, and has what stands before it', async () => {
    const store = new MemoryStore();
    const bad = [...lines(0, 10), '{"writes": [{"stream": "s", "events": [{"typ": "T"}]}]}', ...lines(10, 20)];
    const result = await importLines(store, bad);
    expect(result.code).toBe(1);
    expect(jsonLines(result.err)).toMatchObject([
      { error: { code: 'INVALID_ARGUMENT', details: { line: 11, appended: 10, alreadyThere: 0 } } },
    ]);
    expect(result.err).toContain('line 11: writes[0].events[0]: unknown key \\"typ\\"; did you mean type?');
    expect(dataOf(store)).toEqual(upTo(10));
    bad[10] = line('s-3', 'mended');
    store.forgetAppendIds();
    expect(jsonLines((await importLines(store, bad)).out)).toMatchObject([{ appended: 11, alreadyThere: 10 }]);
  });

  test('stops at a line that the node refuses; nothing behind it is appended', async () => {
    const store = new MemoryStore();
    const conflicting = JSON.stringify({
      writes: [{ stream: 's-1', expect: 'none', events: [{ type: 'T', data: 1 }] }],
    });
    const result = await importLines(store, [...lines(0, 5), conflicting, ...lines(5, 300)]);
    expect(result.code).toBe(1);
    expect(jsonLines(result.err)).toMatchObject([
      { error: { code: 'CONFLICT', definite: true, details: { line: 6 } } },
    ]);
    expect(store.events).toHaveLength(5);
  });

  test('of a source that was imported under another name is refused, and says so (S6)', async () => {
    const store = new MemoryStore();
    await importLines(store, lines(0, 400), '--id', 'first');
    const result = await importLines(store, lines(0, 600), '--id', 'second');
    expect(result.code).toBe(1);
    expect(result.err).toContain('line 1: this source was imported before up to here, under another name.');
    expect(store.events).toHaveLength(400);
  });

  test('sends again in order what was refused because a line before it was late', async () => {
    const store = new MemoryStore();
    let refused = 0;
    store.beforeAppend = () => {
      // As when an append and all behind it are refused for overload, and the first is sent again too late.
      if (store.judged === 100 && refused < 50) {
        refused++;
        throw new FactstoreError('CURSOR_MISMATCH', 'refused');
      }
    };
    expect(jsonLines((await importLines(store, lines(0, 400))).out)).toMatchObject([{ appended: 400 }]);
    expect(dataOf(store)).toEqual(upTo(400));
  });

  test('beside another one with the same name gives up', async () => {
    const store = new MemoryStore();
    store.beforeAppend = () => {
      if (store.judged === 3) store.cursors.set('x', { current: 20n, appendId: undefined });
      if (store.judged >= 3) throw new FactstoreError('CURSOR_MISMATCH', 'the cursor is elsewhere');
    };
    const result = await importLines(store, lines(0, 10), '--id', 'x');
    expect(result.code).toBe(1);
    expect(result.err).toContain('another import called \\"x\\" is running');
  });

  test('that is interrupted waits for what is in flight and tells how far it came', async () => {
    const store = new MemoryStore();
    const interrupt = new AbortController();
    store.beforeAppend = () => {
      if (store.judged === 50) interrupt.abort();
    };
    writeFileSync(file, lines(0, 2000).join('\n'));
    const { code, out } = await run(['import', file, '--json'], { store, signal: interrupt.signal });
    const [report] = jsonLines(out) as { appended: number }[];
    expect(code).toBe(130);
    expect(report?.appended).toBe(store.events.length);
    expect(store.events.length).toBeLessThan(400);
    expect(jsonLines((await run(['import', file, '--json'], { store })).out)).toMatchObject([
      { alreadyThere: report?.appended },
    ]);
    expect(dataOf(store)).toEqual(upTo(2000));
  });

  test('of lines with append ids of their own uses these, and checks the one at the cursor', async () => {
    const store = new MemoryStore();
    const id = (n: number) => `00000000-0000-4000-8000-00000000000${n}`;
    const texts = [0, 1, 2].map((n) => line('a', n, { appendId: id(n) }));
    await importLines(store, texts.slice(0, 2), '--id', 'x');
    expect(store.events.map((event) => event.appendId)).toEqual([id(0), id(1)]);
    store.forgetAppendIds();
    expect(jsonLines((await importLines(store, texts, '--id', 'x')).out)).toMatchObject([{ appended: 1 }]);
    const other = [texts[0] ?? '', texts[2] ?? '', texts[1] ?? ''];
    expect(await importLines(store, other, '--id', 'x')).toMatchObject({ code: 1 });
  });

  test('gives the same event ids to the same line, so that a repeat is one down to its last byte', async () => {
    const [one, other] = [new MemoryStore(), new MemoryStore()];
    await importLines(one, lines(0, 20));
    await importLines(other, lines(0, 20));
    expect(other.events.map((event) => event.id)).toEqual(one.events.map((event) => event.id));
    expect(new Set(one.events.map((event) => event.id)).size).toBe(20);
  });
});

test('an import of a file that cannot be opened says so, also where the store takes longer to be reached', async () => {
  const socket = createServer().listen(file);
  await once(socket, 'listening');
  try {
    const connect = async () => {
      // So long that an attempt to open it that was made before this one has failed, too.
      for (let n = 0; n < 10; n++) await expect(open(file)).rejects.toThrow('ENXIO');
      return new MemoryStore();
    };
    const { code, out, err } = await run(['import', file, '--json'], { connect });
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(jsonLines(err)).toMatchObject([{ error: { message: expect.stringContaining(`open '${file}'`) } }]);
  } finally {
    socket.close();
  }
});

describe('a line of an import', () => {
  const parse = (text: string) => parseImportLine(Buffer.from(text));

  test.each([
    ['', 'is not JSON'],
    ['[]', '[] is not an object'],
    ['{}', 'writes: is missing'],
    ['{"writes": []}', 'writes: is empty'],
    ['{"writes": [1]}', 'writes[0]: 1 is not an object'],
    ['{"writes": [{}]}', 'writes[0].stream: is missing'],
    ['{"writes": [{"stream": "s", "events": [{}]}]}', 'writes[0].events[0].type: is missing'],
    ['{"writes": [{"stream": "s", "expect": -1}]}', 'writes[0].expect: -1 is none of'],
    [
      '{"writes": [{"stream": "s", "expect": "9223372036854775808"}]}',
      'writes[0].expect: "9223372036854775808" is none',
    ],
    ['{"appendId": "x", "writes": []}', 'appendId: "x" is not a UUID'],
    ['{"writes": [{"stream": "s", "events": [{"type": "T", "id": 1}]}]}', 'writes[0].events[0].id: 1 is not a UUID'],
    ['{"writes": [{"stream": "s", "events": [{"type": "T", "tags": "x"}]}]}', 'tags: "x" is not an array'],
    ['{"writes": [{"stream": "s", "events": [{"type": "T", "dataBase64": "%"}]}]}', 'dataBase64: is not base64'],
    ['{"writes": [{"stream": "s", "events": [{"type": "T", "data": 1, "dataBase64": ""}]}]}', 'has both data and'],
    ['{"writes": [{"stream": "s", "events": [{"type": "T", "schemaVersion": 0}]}]}', 'schemaVersion: 0 is not'],
    ['{"writes": [{"stream": "s", "strm": 1}]}', 'writes[0]: unknown key "strm"; did you mean stream?'],
  ])('%s is refused', (text, reason) => {
    expect(() => parse(text)).toThrow(BadLine);
    expect(() => parse(text)).toThrow(reason);
  });

  test('that is not UTF-8 is refused', () => {
    expect(() => parseImportLine(Uint8Array.of(0x7b, 0xff, 0x7d))).toThrow('is not valid UTF-8');
  });

  test('keeps data as it was written, large numbers, doubled keys and all', () => {
    const data = '{"n": 12345678901234567890, "a": 1.0, "a": "}],\\"\\\\"}';
    const { writes } = parse(`{"writes":[{"stream":"s","events":[{"type":"T","data": ${data} ,"metadata":[ 1 ]}]}]}`);
    const [event] = writes[0]?.events ?? [];
    expect(Buffer.from(event?.data ?? []).toString()).toBe(data);
    expect(Buffer.from(event?.metadata ?? []).toString()).toBe('[ 1 ]');
  });

  test('finds the data of any JSON where JSON.parse finds it', () => {
    fc.assert(
      fc.property(fc.json(), fc.json(), fc.string(), fc.constantFrom('', ' ', '\t '), (data, metadata, type, space) => {
        const event = `{${space}"type":${JSON.stringify(type)},"metadata":${metadata}${space},"data"${space}:${data}}`;
        const { writes } = parse(
          `{"writes"${space}:[{"stream":"a"},{"events":[${event},${space}${event}],"stream":"b"}]}`,
        );
        const events = writes[1]?.events ?? [];
        expect(events).toHaveLength(2);
        for (const each of events) {
          expect(Buffer.from(each.data).toString()).toBe(data);
          expect(Buffer.from(each.metadata ?? []).toString()).toBe(metadata);
          expect(each.type).toBe(type);
        }
      }),
    );
  });
});

describe('a source', () => {
  async function* inChunks(bytes: Uint8Array, size: number) {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }

  async function taken(bytes: Uint8Array, size: number) {
    const all: [number, string, string][] = [];
    for await (const each of sourceLines(inChunks(bytes, size))) {
      all.push([each.number, Buffer.from(each.bytes).toString(), Buffer.from(each.digest()).toString('hex')]);
    }
    return all;
  }

  test('has the same lines and digests however its bytes arrive, plain or compressed', async () => {
    const text = 'a\n\nbb\r\nüccc\n'.repeat(50);
    const expected = text.split('\n').slice(0, -1);
    const all = await taken(Buffer.from(text), 10_000);
    expect(all.map(([, line]) => line)).toEqual(expected);
    expect(all.map(([number]) => number)).toEqual(expected.map((_, i) => i + 1));
    expect(all[2]?.[2]).toBe(sha256('a\n\nbb\r\n').toString('hex'));
    for (const size of [1, 2, 3, 7, 100]) {
      expect(await taken(Buffer.from(text), size)).toEqual(all);
      expect(await taken(gzipSync(text), size)).toEqual(all);
    }
    expect(await taken(Buffer.from(text.trimEnd()), 100)).toEqual(all);
  });

  test('refuses a line that is too long before it has read it all', async () => {
    let read = 0;
    async function* endless() {
      for (;;) {
        read++;
        yield Buffer.alloc(1 << 20, 0x20);
      }
    }
    await expect(sourceLines(endless()).next()).rejects.toThrow('line 1: is longer than 25165824 bytes');
    expect(read).toBeLessThan(30);
  });
});

describe('an export', () => {
  const event = (stream: string, n: number, more: object = {}) => ({
    stream,
    revision: BigInt(n),
    position: BigInt(n + 1),
    id: `00000000-0000-4000-8000-00000000000${n}`,
    type: 'T',
    data: Buffer.from(`{"n":${n}}`),
    contentType: 'application/json',
    metadata: new Uint8Array(0),
    tags: [],
    schemaVersion: 1,
    createdUs: 1n,
    ...more,
  });

  async function grouped(events: ReturnType<typeof event>[]) {
    async function* all() {
      yield* events;
    }
    const groups: string[][] = [];
    for await (const group of groupIntoAppends(all())) groups.push(group.map((each) => each.stream));
    return groups;
  }

  test('puts the events of one append into one line, and without append ids each into its own', async () => {
    const [a, b] = [{ appendId: 'a' }, { appendId: 'b' }];
    expect(await grouped([event('x', 0, a), event('y', 0, a), event('x', 1, b)])).toEqual([['x', 'y'], ['x']]);
    expect(await grouped([event('x', 0), event('y', 0)])).toEqual([['x'], ['y']]);
    expect(await grouped([])).toEqual([]);
  });

  test('has append ids that are the same each time', () => {
    expect(exportLine([event('x', 0)])).toBe(exportLine([event('x', 0)]));
    const appendId = '8c5c5cd6-3f0e-4f7f-9d5e-0b7d1c7f2a11';
    expect(JSON.parse(exportLine([event('x', 0, { appendId })]))).toMatchObject({ appendId });
    expect(JSON.parse(exportLine([event('x', 0, { appendId })], 'x')).appendId).not.toBe(appendId);
  });

  test('and its import make the same store, byte for byte', async () => {
    const from = new MemoryStore();
    const bytes = (text: string) => Buffer.from(text);
    await from.append(
      [
        {
          stream: 'a',
          expect: 'any',
          events: [{ type: 'T', data: bytes('{"n": 12345678901234567890}'), tags: ['x:1', 'ü"'] }],
        },
        { stream: 'b', expect: 'any', events: [{ type: 'T', data: bytes(' {"a":\n1}\n'), schemaVersion: 3 }] },
      ],
      {},
    );
    const contentType = 'application/octet-stream';
    await from.append(
      [{ stream: 'a', expect: 0n, events: [{ type: 'Raw', data: Buffer.from([0, 255, 10]), contentType }] }],
      {},
    );
    await from.append(
      [{ stream: 'a', expect: 'any', events: [{ type: 'Bad', data: bytes('{no json'), metadata: bytes('"m"') }] }],
      {},
    );
    await from.append(
      [{ stream: 'c', expect: 'any', events: [{ type: 'Empty', data: new Uint8Array(0), contentType }] }],
      {},
    );
    for (const each of from.events) Object.assign(each, { appendId: uuidTextOfDigest(sha256(each.appendId ?? '')) });
    const first = await run(['export'], { store: from });
    expect(first).toMatchObject({
      code: 0,
      err: expect.stringContaining('5 events in 4 lines, up to position 5; system streams'),
    });
    const to = new MemoryStore();
    expect(await run(['import', '-'], { store: to, stdin: first.out })).toMatchObject({ code: 0 });
    const comparable = (store: MemoryStore) =>
      store.events.map(({ data, metadata, ...rest }) => ({ ...rest, data: [...data], metadata: [...metadata] }));
    expect(comparable(to)).toEqual(comparable(from));
    expect((await run(['export'], { store: to })).out).toBe(first.out);
  });

  test('of one stream has that stream alone', async () => {
    const store = new MemoryStore();
    await importLines(store, [line('a', 1), line('b', 2), line('a', 3)]);
    const { out, code } = await run(['export', 'a', '--json'], { store });
    expect(code).toBe(0);
    expect(jsonLines(out)).toMatchObject([{ writes: [{ stream: 'a' }] }, { writes: [{ stream: 'a' }] }]);
  });
});

test('an importer reports its progress', async () => {
  async function* bytes() {
    yield Buffer.from(lines(0, 3).join('\n'));
  }
  const seen: number[] = [];
  const store = new MemoryStore();
  await new Importer({ store, lines: sourceLines(bytes()), onProgress: (counts) => seen.push(counts.appended) }).run();
  expect(seen).toEqual([1, 2, 3]);
});
