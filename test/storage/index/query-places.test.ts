import { describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.ts';
import { matchesQuery, type Query, type QueryItem } from '../../../src/model/query.ts';
import { EventIndex, type IndexOptions } from '../../../src/storage/index/event-index.ts';
import { EventReader } from '../../../src/storage/index/event-reader.ts';
import type { IndexView } from '../../../src/storage/index/index-view.ts';
import { type QueryPlaces, queryPlaces, queryPlacesInMemory } from '../../../src/storage/index/query-places.ts';
import { collect, feed, LogFixture, type ModelEvent } from './log-fixture.ts';
import { MemoryStore, turn } from './memory-store.ts';

const STREAMS = ['a', 'ab', 'order-1', 'order-12', 'order-2', 'ordinal', '-x', '$$order-1', '$membership', 'konto-ä'];
const TYPES = ['A', 'B', 'Rare', '$metadata'];
const TAGS = ['t:1', 't:2', 't:12', 'ü', 'common'];
const CATEGORIES = ['a', 'order', '', '$$order', 'konto', 'nowhere'];
const PREFIXES = ['a', 'ord', 'order-', 'order-1', '-', '$', '$$o', 'konto-', 'nowhere'];

const EMPTY_ITEM: QueryItem = { types: [], tags: [], categories: [], streams: [], streamPrefixes: [] };

const query = (...items: Partial<QueryItem>[]): Query => ({ items: items.map((item) => ({ ...EMPTY_ITEM, ...item })) });

function pick(prng: Prng, from: readonly string[], most: number): string[] {
  return Array.from({ length: prng.between(0, most + 1) }, () => from[prng.between(0, from.length)] as string);
}

function randomQuery(prng: Prng): Query {
  const item = (): QueryItem => {
    const made = {
      types: pick(prng, TYPES, 2),
      tags: pick(prng, TAGS, 2),
      categories: prng.between(0, 4) === 0 ? pick(prng, CATEGORIES, 2) : [],
      streams: prng.between(0, 4) === 0 ? pick(prng, STREAMS, 2) : [],
      streamPrefixes: prng.between(0, 4) === 0 ? pick(prng, PREFIXES, 2) : [],
    };
    return Object.values(made).some((names) => names.length > 0) ? made : item();
  };
  return { items: Array.from({ length: prng.between(1, 4) }, item) };
}

function randomLog(prng: Prng, entries: number): LogFixture {
  const log = new LogFixture();
  for (let n = 0; n < entries; n++) {
    log.append({
      writes: [...new Set(pick(prng, STREAMS, 3))]
        .slice(0, 3)
        .map((stream) => ({
          stream,
          events: Array.from({ length: prng.between(1, 4) }, () => ({
            type: prng.between(0, 20) === 0 ? 'Rare' : (TYPES[prng.between(0, TYPES.length)] as string),
            tags: pick(prng, TAGS, 3),
          })),
        }))
        .concat([{ stream: 'a', events: [{ type: 'A', tags: [] }] }].filter(() => n === 0)),
    });
  }
  return log;
}

/** A scan may give fewer rows than were asked for, as LevelDB does where they are large; only none is the end. */
function sparing(store: MemoryStore, prng: Prng): MemoryStore {
  const scan = store.scan.bind(store);
  store.scan = (range) => {
    const rows = scan(range);
    return { next: (count) => rows.next(prng.between(1, count + 1)), close: () => rows.close() };
  };
  return store;
}

async function open(log: LogFixture, options: IndexOptions): Promise<EventIndex> {
  const index = await EventIndex.open(sparing(new MemoryStore(), new Prng(1)), log.chainAt, options);
  await feed(index, log);
  return index;
}

async function positionsOf(places: AsyncIterable<QueryPlaces>): Promise<number[]> {
  return (await collect(places)).flatMap(({ positions }) => positions);
}

async function check(view: IndexView, log: LogFixture, prng: Prng): Promise<void> {
  const wanted = randomQuery(prng);
  const reader = new EventReader({ log, yieldTurn: turn });
  for (const backwards of [false, true]) {
    const from = prng.between(0, 3) === 0 ? undefined : prng.between(0, view.head + 3);
    const limit = prng.between(0, 2) === 0 ? undefined : prng.between(1, 30);
    const inRange = ({ position }: ModelEvent) =>
      from === undefined || (backwards ? position <= from : position >= from);
    const events = log.events.filter((event) => event.position <= view.head && inRange(event));
    const expected = events.filter((event) => matchesQuery(wanted, event)).map((event) => event.position);
    if (backwards) expected.reverse();
    const found = await collect(reader.readQuery(view, wanted, { from, backwards, limit }));
    const positions = found.flatMap((batch) => batch.events.map((event) => event.position));
    expect(positions, JSON.stringify({ wanted, from, backwards, limit })).toEqual(expected.slice(0, limit));
  }
  const from = prng.between(1, view.head + 2);
  const inMemory = queryPlacesInMemory(view, wanted, from);
  if (from > view.sealedBlocks * view.blockEvents) {
    expect(inMemory).toEqual(await positionsOf(queryPlaces(view, wanted, { from })));
  } else expect(inMemory).toBeUndefined();
}

describe('the places of a query', () => {
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    it(`are those that the log has, sealed, in memory and both, seed ${seed} [D5] [Q1]`, async () => {
      const prng = new Prng(seed);
      const log = randomLog(prng, 150);
      const blockEvents = [4, 32, 100, 10_000][seed % 4] as number;
      const index = await open(log, { blockEvents, hashSeed: prng.next() });
      const early = index.view();
      for (let n = 0; n < 40; n++) await check(early, log, prng);
      await index.idle();
      for (let n = 0; n < 40; n++) {
        await check(early, log, prng);
        await check(index.view(), log, prng);
      }
    });
  }

  it('stay as they were when the view was taken, however much is applied later [Q1]', async () => {
    const prng = new Prng(9);
    const log = randomLog(prng, 100);
    const index = await EventIndex.open(new MemoryStore(), log.chainAt, { blockEvents: 16 });
    await feed(index, log, 50);
    const view = index.view();
    await feed(index, log);
    await index.idle();
    for (let n = 0; n < 40; n++) await check(view, log, prng);
  });

  it('of system streams are found only by a name that is the system’s [S11]', async () => {
    const log = new LogFixture();
    log.append({
      writes: [
        {
          stream: '$$a',
          events: [
            { type: '$metadata', tags: ['x'] },
            { type: 'T', tags: ['x'] },
          ],
        },
      ],
    });
    log.append({ writes: [{ stream: 'a', events: [{ type: 'T', tags: ['x'] }] }] });
    const index = await open(log, {});
    const reader = new EventReader({ log, yieldTurn: turn });
    const found = async (wanted: Query) =>
      (await collect(reader.readQuery(index.view(), wanted))).flatMap((batch) => batch.events.map((e) => e.position));
    expect(await found(query({ tags: ['x'] }))).toEqual([3]);
    expect(await found(query({ types: ['T'] }))).toEqual([3]);
    expect(await found(query({ types: ['$metadata', 'T'] }))).toEqual([1, 3]);
    expect(await found(query({ streams: ['$$a'] }))).toEqual([1, 2]);
    expect(await found(query({ streamPrefixes: ['$'], types: ['T'] }))).toEqual([2]);
    expect(await found(query({ categories: ['$$a'] }))).toEqual([1, 2]);
  });

  it('cost what the rare name has, not what the frequent one has [D5]', async () => {
    const log = new LogFixture();
    for (let n = 0; n < 400; n++) {
      const rare = n === 37 || n === 301;
      log.append({ writes: [{ stream: 'a', events: [{ type: 'T', tags: rare ? ['all', 'rare'] : ['all'] }] }] });
    }
    const index = await open(log, { blockEvents: 4 });
    await index.idle();
    expect(index.view().sealedBlocks).toBe(100);
    let rows = 0;
    const wanted = query({ tags: ['all', 'rare'], types: ['T'] });
    const spend = (more: number) => {
      rows += more;
    };
    expect(await positionsOf(queryPlaces(index.view(), wanted, { spend }))).toEqual([38, 302]);
    expect(rows).toBeLessThan(40);
  });

  it('that are never found together give a turn for each block that was compared, so that whoever reads can end [C3]', async () => {
    const log = new LogFixture();
    for (let n = 0; n < 400; n++) {
      log.append({ writes: [{ stream: 'a', events: [{ type: 'T', tags: [n % 2 ? 'odd' : 'even'] }] }] });
    }
    const index = await open(log, { blockEvents: 4 });
    await index.idle();
    const view = index.view();
    const wanted = query({ tags: ['odd', 'even'] });
    const reader = new EventReader({ log, yieldTurn: turn });
    for (const backwards of [false, true]) {
      const turns = await collect(reader.readQuery(view, wanted, { backwards }));
      for (const { events } of turns) expect(events).toEqual([]);
      // Each tells how far it has come.
      const ends = Array.from({ length: view.sealedBlocks }, (_, block) => (backwards ? block * 4 + 1 : block * 4 + 4));
      expect(turns.map(({ lookedTo }) => lookedTo)).toEqual(backwards ? ends.reverse() : ends);
    }
  });

  it('that are in no block together give turns as well, and what comes behind them is found [C3]', async () => {
    const log = new LogFixture();
    // Of each two blocks one has odd events and the other even ones.
    for (let n = 0; n < 4_000; n++) {
      const tags = n === 3_000 ? ['odd', 'even'] : [Math.floor(n / 4) % 2 ? 'odd' : 'even'];
      log.append({ writes: [{ stream: 'a', events: [{ type: 'T', tags }] }] });
    }
    const index = await open(log, { blockEvents: 4 });
    await index.idle();
    const wanted = query({ tags: ['odd', 'even'] });
    const reader = new EventReader({ log, yieldTurn: turn });
    for (const backwards of [false, true]) {
      const turns = await collect(reader.readQuery(index.view(), wanted, { backwards }));
      expect(turns.length).toBeGreaterThan(5);
      expect(turns.flatMap(({ events }) => events.map(({ position }) => position))).toEqual([3_001]);
      const looked = turns.map(({ lookedTo }) => lookedTo);
      expect(looked).toEqual([...looked].sort((a, b) => (backwards ? b - a : a - b)));
    }
  });

  it('are right where very many streams, or categories, begin so', async () => {
    const log = new LogFixture();
    for (let n = 0; n < 400; n++) log.append({ writes: [{ stream: `s${n}`, events: [{ type: 'T' }] }] });
    for (let n = 0; n < 300; n++) log.append({ writes: [{ stream: `c-x${n}`, events: [{ type: 'T' }] }] });
    log.append({ writes: [{ stream: 'c-y', events: [{ type: 'T' }] }] });
    const index = await open(log, { blockEvents: 64 });
    await index.idle();
    const prng = new Prng(3);
    const reader = new EventReader({ log, yieldTurn: turn });
    for (const prefix of ['s', 's1', 'c-', 'c-x', 'c-y', 'c-x29']) {
      for (const backwards of [false, true]) {
        const wanted = query({ streamPrefixes: [prefix], types: ['T'] }, { streamPrefixes: [prefix, 'c-y'] });
        const batches = await collect(reader.readQuery(index.view(), wanted, { backwards }));
        const streams = log.events.filter((event) => matchesQuery(wanted, event)).map((event) => event.position);
        if (backwards) streams.reverse();
        expect(batches.flatMap((batch) => batch.events.map((event) => event.position))).toEqual(streams);
      }
    }
    await check(index.view(), log, prng);
  });

  it('cost what the streams have that begin so, however many they are, and no more beside a rare name', async () => {
    const log = new LogFixture();
    // One in ten begins with c-x; one of each is rare.
    for (let n = 0; n < 4_000; n++) {
      const tags = n === 1_200 || n === 3_205 ? ['rare'] : [];
      log.append({ writes: [{ stream: n % 10 === 0 ? `c-x${n}` : `c-${n}`, events: [{ type: 'T', tags }] }] });
    }
    const index = await open(log, { blockEvents: 64 });
    await index.idle();
    const begin = log.events.filter(({ stream }) => stream.startsWith('c-x')).map(({ position }) => position);
    const cost = async (wanted: Query, range: { backwards?: boolean; from?: number }) => {
      let rows = 0;
      const spend = (more: number) => {
        rows += more;
      };
      const places = await positionsOf(queryPlaces(index.view(), wanted, { ...range, spend }));
      return { places: places.filter((place) => place <= index.view().sealedBlocks * 64), rows };
    };
    const wide = query({ streamPrefixes: ['c-x'] });
    const sealed = begin.filter((position) => position <= index.view().sealedBlocks * 64);
    for (const backwards of [false, true]) {
      const { places, rows } = await cost(wide, { backwards });
      // A few blocks are gone through as a whole before the scan has caught up.
      expect(places.filter((position) => begin.includes(position))).toEqual(backwards ? [...sealed].reverse() : sealed);
      expect(places.length).toBeLessThan(begin.length * 2 + 64);
      expect(rows).toBeLessThan(256 * 2 + begin.length * 2);
    }
    const rare = await cost(query({ streamPrefixes: ['c-x'], tags: ['rare'] }), {});
    expect(rare.places).toEqual([1_201, 3_206]);
    expect(rare.rows).toBeLessThan(256 * 2 + 100);
  });

  it('are right, and cost what the prefix has, where its streams lie in more blocks than are gathered at a time', async () => {
    const log = new LogFixture();
    // The streams of the prefix lie at the beginning, in the middle and at the end, with long stretches without them.
    const own = (n: number) => (n % 1_000 < 300 || n > 2_900) && n % 3 === 0;
    for (let n = 0; n < 3_000; n++) {
      const tags = n % 7 === 0 ? ['seventh'] : [];
      log.append({ writes: [{ stream: own(n) ? `c-x${n}` : `c-${n}`, events: [{ type: 'T', tags }] }] });
    }
    const index = await open(log, { blockEvents: 16 });
    await index.idle();
    const view = index.view();
    const sealed = view.sealedBlocks * 16;
    const queries = [
      query({ streamPrefixes: ['c-x'] }),
      query({ streamPrefixes: ['c-x'], tags: ['seventh'] }),
      query({ streamPrefixes: ['c-x', 'c-1'] }, { tags: ['seventh'], types: ['T'] }),
    ];
    for (const wanted of queries) {
      for (const { from, backwards } of [
        { from: 1, backwards: false },
        { from: sealed, backwards: true },
        { from: 1_100, backwards: false },
        { from: 2_200, backwards: true },
      ]) {
        const inRange = ({ position }: ModelEvent) =>
          backwards ? position <= from : position >= from && position <= sealed;
        const expected = log.events.filter((event) => inRange(event) && matchesQuery(wanted, event));
        const positions = expected.map(({ position }) => position);
        if (backwards) positions.reverse();
        for (const windowBlocks of [1, 5, 64, undefined]) {
          const places = await positionsOf(queryPlaces(view, wanted, { from, backwards, windowBlocks }));
          const inOrder = [...places].sort((a, b) => (backwards ? b - a : a - b));
          expect(places).toEqual(inOrder);
          // Others of the category are looked at, too, until a scan is through.
          const meant = new Set(positions);
          const told = `from ${from}, ${windowBlocks} blocks at a time`;
          expect(
            places.filter((place) => meant.has(place)),
            told,
          ).toEqual(positions);
        }
      }
    }
    let rows = 0;
    const spend = (more: number) => {
      rows += more;
    };
    const places = await positionsOf(queryPlaces(view, queries[0] as Query, { windowBlocks: 63, spend }));
    const begin = log.events.filter(({ stream }) => stream.startsWith('c-x')).length;
    // The names once, and in each of three windows their rows, and as many of the category.
    expect(rows).toBeLessThan(257 + 3 * 2 * begin);
    expect(places.filter((place) => place <= sealed).length).toBeLessThan(3 * 2 * begin);
  });
});
