import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compactionPieces, type RangeFacts } from '../../src/storage/compaction-pieces.ts';
import { LevelStore } from '../../src/storage/level-store.ts';
import type { Scan } from '../../src/storage/store.ts';
import { foundOnDisk } from '../support/disk-bytes.ts';
import { until } from '../support/wait.ts';

const key = (n: number) => Uint8Array.from([0x33, ...Buffer.from(`customer:${String(n).padStart(9, '0')}`)]);
const [BEGIN, END] = [Uint8Array.of(0x33), Uint8Array.of(0x34)];

/** Of these rows, which are in order or not. */
function factsOf(rows: readonly { readonly at: Uint8Array; readonly bytes: number }[]): RangeFacts {
  const within = (from: Uint8Array, to: Uint8Array) =>
    rows.filter(({ at }) => Buffer.compare(from, at) <= 0 && Buffer.compare(at, to) < 0);
  return {
    bytesOf: async (from, to) => within(from, to).reduce((sum, { bytes }) => sum + bytes, 0),
    edgesOf: async (from, to) => {
      const keys = within(from, to)
        .map(({ at }) => at)
        .sort(Buffer.compare);
      const [first, last] = [keys[0], keys.at(-1)];
      return first && last && [first, last];
    },
  };
}

describe('the pieces of a range of keys', () => {
  test('adjoin, cover it, and are no larger than they may be, wherever its rows lie', async () => {
    const rows = fc.uniqueArray(fc.record({ n: fc.nat(999_999_999), bytes: fc.nat(500) }), {
      selector: ({ n }) => n,
      minLength: 1,
      maxLength: 200,
    });
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 500, max: 20_000 }), async (all, bytesMax) => {
        const placed = all.map(({ n, bytes }) => ({ at: key(n), bytes }));
        const facts = factsOf(placed);
        const { bytesOf } = facts;
        const pieces = await compactionPieces(BEGIN, END, bytesMax, facts);
        expect([pieces[0]?.from, pieces.at(-1)?.to]).toEqual([BEGIN, END]);
        for (const [n, piece] of pieces.entries()) {
          if (n > 0) expect(piece.from).toEqual(pieces[n - 1]?.to);
          expect(piece.bytes).toBe(await bytesOf(piece.from, piece.to));
          expect(piece.bytes).toBeLessThanOrEqual(bytesMax);
        }
        const total = placed.reduce((sum, { bytes }) => sum + bytes, 0);
        // Two that adjoin are together more than one may be, or they would be one.
        expect(pieces.length).toBeLessThanOrEqual((2 * total) / bytesMax + 1);
      }),
      { numRuns: 50 },
    );
  });

  test('are no larger than they may be also where all keys begin alike for longer than a name is [C3]', async () => {
    const names = Array.from({ length: 1_000 }, (_, n) => `urn:factstore:example:customers:by-number:${n}`);
    const rows = names.sort().map((name) => ({ at: Uint8Array.from([0x33, ...Buffer.from(name)]), bytes: 100 }));
    const pieces = await compactionPieces(BEGIN, END, 5_000, factsOf(rows));
    expect(Math.max(...pieces.map(({ bytes }) => bytes))).toBeLessThanOrEqual(5_000);
    expect(pieces.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(100_000);
  });

  test('are not cut where they hold one key, or none', async () => {
    const one = factsOf([{ at: key(1), bytes: 1_000 }]);
    expect(await compactionPieces(BEGIN, END, 10, one)).toEqual([{ from: BEGIN, to: END, bytes: 1_000 }]);
    const none = { ...factsOf([]), bytesOf: async () => 1_000 };
    expect(await compactionPieces(BEGIN, END, 10, none)).toEqual([{ from: BEGIN, to: END, bytes: 1_000 }]);
  });
});

describe('a compaction', () => {
  let directory: string;
  let store: LevelStore;
  const { signal } = new AbortController();
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'factstore-compaction-'));
    const options = {
      writeBufferBytes: 64 << 10,
      tableBytes: 64 << 10,
      cacheBytes: 1 << 20,
      compactionBytes: 128 << 10,
    };
    store = await LevelStore.open(directory, options);
  });
  afterEach(async () => {
    await store.close();
    await rm(directory, { recursive: true });
  });

  const value = (n: number, word: string) => Buffer.concat([Buffer.from(`${word}-${n}-`), Buffer.alloc(2_000, n)]);

  /** So many rows that they do not compress into a few pieces, each of which says a word. */
  async function fill(word: string): Promise<void> {
    for (let from = 0; from < 2_000; from += 100) {
      const rows = Array.from({ length: 100 }, (_, i) => from + i);
      await store.write(
        rows.map((n) => ({ type: 'put', key: key(n * 7), value: Buffer.from(noise(value(n, word), n)) })),
        false,
      );
    }
  }

  test('goes piece by piece, keeps every row that there is, and leaves nothing of what was replaced', async () => {
    await fill('secretword');
    await fill('other');
    const told: number[] = [];
    const whole = await store.compact(BEGIN, END, signal, async (bytes) => {
      told.push(bytes);
      return true;
    });
    expect(whole).toBe(true);
    expect(told.length).toBeGreaterThan(8);
    expect(Math.max(...told)).toBeLessThanOrEqual(128 << 10);
    for (const n of [0, 1, 999, 1_999]) expect((await store.get(key(n * 7)))?.subarray(0, 6).toString()).toBe('other-');
    expect(await foundOnDisk(directory, ['secretword-1-', 'secretword-1999-'])).toEqual([]);
    expect(await foundOnDisk(directory, ['other-1-'])).toEqual(['other-1-']);
  });

  test('ends where a rest says so', async () => {
    await fill('secretword');
    let pieces = 0;
    expect(await store.compact(BEGIN, END, signal, async () => ++pieces < 3)).toBe(false);
    expect(pieces).toBe(3);
  });

  test('waits for scans that are open when it begins or ends, and leaves nothing of what only they could see [R2]', async () => {
    await fill('secretword');
    const before = await scanAt(0);
    await fill('other');
    let beforeIsOpen = true;
    const rests: { readonly beforeIsOpen: boolean }[] = [];
    let during: Scan | undefined;
    const compacted = store.compact(BEGIN, END, signal, async () => {
      rests.push({ beforeIsOpen });
      if (rests.length === 3) during = await scanAt(1_998);
      return true;
    });
    const ended = compacted.then(() => 'ended');
    await someReads();
    expect(String((await before.next(1))[0]?.[1])).toContain('secretword-1-');
    beforeIsOpen = false;
    await before.close();
    await until('it comes to its last piece', async () => {
      const { length } = rests;
      expect(await Promise.race([ended, someReads()])).toBe('read');
      return during !== undefined && rests.length === length;
    });
    await during?.close();
    expect(await compacted).toBe(true);
    expect(rests.filter(({ beforeIsOpen }) => beforeIsOpen)).toEqual([]);
    expect(await foundOnDisk(directory, ['secretword-1-', 'secretword-999-', 'secretword-1999-'])).toEqual([]);
  });

  test('ends while it waits for a scan where its signal says so', async () => {
    await fill('secretword');
    const scan = await scanAt(0);
    const stop = new AbortController();
    const compacted = store.compact(BEGIN, END, stop.signal);
    stop.abort();
    expect(await compacted).toBe(false);
    await scan.close();
  });

  /** Takes longer than it takes to rewrite a piece. */
  async function someReads(): Promise<string> {
    for (let n = 0; n < 2_000; n++) await store.get(key(n * 7));
    return 'read';
  }

  /** A scan that has read the row before the one that it reads next. */
  async function scanAt(n: number): Promise<Scan> {
    const scan = store.scan({ from: key(n * 7) });
    await scan.next(1);
    return scan;
  }
});

/** The beginning as it is, and behind it bytes that do not compress. */
function noise(bytes: Buffer, seed: number): Buffer {
  let state = seed + 1;
  for (let at = 20; at < bytes.length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = state >>> 16;
  }
  return bytes;
}
