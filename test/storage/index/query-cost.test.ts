import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Query, QueryItem } from '../../../src/model/query.ts';
import { EventIndex } from '../../../src/storage/index/event-index.ts';
import { beginsWithOneOf } from '../../../src/storage/index/prefixes.ts';
import { QueryBudget } from '../../../src/storage/index/query-budget.ts';
import { queryPlaces, queryPlacesInMemory } from '../../../src/storage/index/query-places.ts';
import type { Scan, ScanRange } from '../../../src/storage/store.ts';
import { feed, LogFixture } from './log-fixture.ts';
import { MemoryStore } from './memory-store.ts';

const EMPTY_ITEM: QueryItem = { types: [], tags: [], categories: [], streams: [], streamPrefixes: [] };

const query = (items: readonly Partial<QueryItem>[]): Query => ({
  items: items.map((item) => ({ ...EMPTY_ITEM, ...item })),
});

const many = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n));

/** Counts what is asked of it. */
class CountingStore extends MemoryStore {
  scans = 0;
  open = 0;
  openMost = 0;
  rowsAskedMost = 0;

  override scan(range: ScanRange): Scan {
    const rows = super.scan(range);
    this.scans++;
    this.openMost = Math.max(this.openMost, ++this.open);
    return {
      next: (count) => {
        this.rowsAskedMost = Math.max(this.rowsAskedMost, count);
        return rows.next(count);
      },
      close: async () => {
        this.open--;
        await rows.close();
      },
    };
  }

  reset(): void {
    this.scans = this.openMost = this.rowsAskedMost = 0;
  }
}

/** A store of so many small blocks; each event is of a stream of its own. */
async function filled(events: number): Promise<{ index: EventIndex; store: CountingStore }> {
  const log = new LogFixture();
  for (let n = 0; n < events; n++) {
    log.append({ writes: [{ stream: `s-${n}`, events: [{ type: `T${n % 64}`, tags: ['t'] }] }] });
  }
  const store = new CountingStore();
  const index = await EventIndex.open(store, log.chainAt, { blockEvents: 4 });
  await feed(index, log);
  await index.idle();
  store.reset();
  return { index, store };
}

async function positions(index: EventIndex, wanted: Query, backwards = false): Promise<number[]> {
  const found: number[] = [];
  for await (const places of queryPlaces(index.view(), wanted, { backwards })) found.push(...places.positions);
  return found;
}

describe('a query of very many names', () => {
  it('looks for each name once, however often it stands there [C3]', async () => {
    const { index, store } = await filled(40);
    const once = await positions(index, query([{ types: ['T1'], streams: ['s-1', 's-2'] }]));
    const { scans } = store;
    store.reset();
    const types = many(64, () => 'T1');
    const streams = many(64, (n) => `s-${1 + (n % 2)}`);
    expect(await positions(index, query(many(128, () => ({ types, streams }))))).toEqual(once);
    expect(store.scans).toBe(scans);
  });

  it('reads ahead no more than one of few names, and begins no more than 64 scans at once [C3]', async () => {
    const { index, store } = await filled(512);
    const wanted = query(
      many(128, (i) => ({ streams: many(64, (n) => `s-${i * 64 + n}`), types: many(64, (n) => `T${n}`) })),
    );
    for (const backwards of [false, true]) {
      store.reset();
      const found = await positions(index, wanted, backwards);
      expect(found).toEqual(backwards ? many(512, (n) => 512 - n) : many(512, (n) => n + 1));
      expect(store.openMost).toBeLessThanOrEqual(64);
      // One row for each cursor would be 16,384 of them: where there are so many, none is kept.
      expect(store.rowsAskedMost).toBe(1);
    }
  });

  it('of many prefixes begins no more than 64 scans at once, and finds what one of few finds [C3]', async () => {
    const { index, store } = await filled(512);
    const prefixes = many(64, (n) => `s-${n}`);
    const found = new Set(await positions(index, query([{ streamPrefixes: prefixes }])));
    for (let n = 0; n < 512; n++) {
      if (prefixes.some((prefix) => `s-${n}`.startsWith(prefix))) expect(found.has(n + 1)).toBe(true);
    }
    expect(store.openMost).toBeLessThanOrEqual(64);
  });

  it.each([1, 3, 64, 8_192])('shares the room for names and blocks of prefixes among %i of them [C3]', (count) => {
    const items = many(Math.ceil(count / 64), (i) => [
      { terms: [], prefixes: many(Math.min(64, count - i * 64), (n) => `p${i}.${n}`) },
    ]);
    const { namesPerPrefix, windowBlocks } = new QueryBudget(items);
    expect(namesPerPrefix).toBeGreaterThan(0);
    expect(namesPerPrefix).toBeLessThanOrEqual(256);
    expect(count * namesPerPrefix).toBeLessThanOrEqual(Math.max(1_024, count));
    expect(windowBlocks).toBeGreaterThan(0);
    expect(count * windowBlocks).toBeLessThanOrEqual(Math.max(4_096, count));
  });
});

describe('a query by prefix in the block that is being filled', () => {
  it('takes a name for one that begins so as a comparison with each prefix does', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '-', '\u{e000}', '\u{1f600}'), maxLength: 5 });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), word, (prefixes, name) => {
        expect(beginsWithOneOf(prefixes)(name)).toBe(prefixes.some((prefix) => name.startsWith(prefix)));
      }),
    );
  });

  it.each([1, 100, 16_000])(
    'compares no more names than it has positions to look at, each once: %i of them [C3]',
    async (range) => {
      const log = new LogFixture();
      for (let n = 0; n < 16_000; n++) log.append({ writes: [{ stream: `s-${n}`, events: [{ type: 'T' }] }] });
      const index = await EventIndex.open(new MemoryStore(), log.chainAt, { blockEvents: 16_384 });
      await feed(index, log);
      const wanted = query([{ streamPrefixes: many(64, (n) => (n === 0 ? 's-15999' : `x${n}`)) }]);
      const compare = vi.spyOn(String.prototype, 'startsWith');
      try {
        expect(queryPlacesInMemory(index.view(), wanted, 16_001 - range)).toEqual([16_000]);
        expect(compare.mock.calls.length).toBeLessThanOrEqual(range + 64);
      } finally {
        compare.mockRestore();
      }
    },
  );

  it('compares each stream once where it has few of them [C3]', async () => {
    const log = new LogFixture();
    for (let n = 0; n < 400; n++) log.append({ writes: [{ stream: `s-${n % 4}`, events: [{ type: 'T' }] }] });
    const index = await EventIndex.open(new MemoryStore(), log.chainAt, { blockEvents: 16_384 });
    await feed(index, log);
    const compare = vi.spyOn(String.prototype, 'startsWith');
    try {
      const found = queryPlacesInMemory(index.view(), query([{ streamPrefixes: ['s-3'] }]), 1);
      expect(found).toEqual(many(100, (n) => 4 * n + 4));
      expect(compare.mock.calls.length).toBeLessThanOrEqual(4);
    } finally {
      compare.mockRestore();
    }
  });
});
