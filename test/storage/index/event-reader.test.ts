import { describe, expect, it } from 'vitest';
import { scanRecordedEvent } from '../../../src/model/event.ts';
import { EventIndex } from '../../../src/storage/index/event-index.ts';
import { EventReader, type ReadBatch, type ReadRange } from '../../../src/storage/index/event-reader.ts';
import { collect, erased, feed, LogFixture } from './log-fixture.ts';
import { MemoryStore } from './memory-store.ts';

async function fixture(sizes: readonly number[], dataBytes = 10, stream = (i: number) => `s-${i % 2}`) {
  const log = new LogFixture();
  const data = new Uint8Array(dataBytes);
  sizes.forEach((count, i) => {
    log.append({ writes: [{ stream: stream(i), events: Array.from({ length: count }, () => ({ type: 'T', data })) }] });
  });
  const store = new MemoryStore();
  const index = await EventIndex.open(store, log.chainAt, { blockEvents: 64 });
  await feed(index, log);
  await index.idle();
  return { log, store, index };
}

const positions = (batches: readonly ReadBatch[]) =>
  batches.flatMap((batch) => batch.events.map((event) => event.position));

describe('the event reader', () => {
  it('gives out the bytes as they stand in the log [Q1]', async () => {
    const { log, index } = await fixture([3, 2]);
    const reader = new EventReader({ log, yieldTurn: async () => {} });
    for (const batch of await collect(reader.readAll(index.view()))) {
      for (const { bytes, position, revision } of batch.events) {
        expect(scanRecordedEvent(bytes)).toMatchObject({ position, revision, type: 'T' });
      }
    }
  });

  it('never gives out what is left of an erased event, whatever is said to be visible [R1] [D4]', async () => {
    const { log, index } = await fixture([3, 2, 3]);
    const erase = (n: number, events: readonly number[]) => {
      log.records[n] = erased(log.records[n]!, events);
    };
    erase(0, [1]);
    erase(1, [0, 1]);
    const reader = new EventReader({ log, yieldTurn: async () => {} });
    const view = index.view();
    expect(view.hidesAny).toBe(false);
    const query = { items: [{ types: [], tags: [], categories: ['s'], streams: [], streamPrefixes: [] }] };
    for (const backwards of [false, true]) {
      const left = backwards ? [8, 7, 6, 3, 1] : [1, 3, 6, 7, 8];
      expect(positions(await collect(reader.readAll(view, { backwards })))).toEqual(left);
      expect(positions(await collect(reader.readStream(view, 's-0', { backwards })))).toEqual(left);
      expect(positions(await collect(reader.readStream(view, 's-1', { backwards })))).toEqual([]);
      expect(positions(await collect(reader.readQuery(view, query, { backwards })))).toEqual(left);
      expect(positions(await collect(reader.readStream(view, 's-0', { backwards, limit: 2 })))).toEqual(
        left.slice(0, 2),
      );
    }
    expect(reader.readAtOnce(view, 2)).toBeUndefined();
    const recent = (logIndex: number) => log.records[logIndex - 1];
    const quick = new EventReader({ log, recent, yieldTurn: async () => {} });
    expect([1, 2, 4].map((position) => quick.readAtOnce(view, position)?.erased)).toEqual([false, true, true]);
  });

  it('takes at most 256 events or 64 KiB a turn, and says where to go on [C3]', async () => {
    const many = await fixture([700, 300]);
    const large = await fixture([40, 40], 10_000);
    for (const { log, index } of [many, large]) {
      const reader = new EventReader({ log, yieldTurn: async () => {} });
      const view = index.view();
      for (const backwards of [false, true]) {
        const all = await collect(reader.readAll(view, { backwards }));
        const stream = await collect(reader.readStream(view, 's-0', { backwards }));
        expect(all.length).toBeGreaterThan(2);
        for (const { events, next } of [...all, ...stream]) {
          expect(events.length).toBeLessThanOrEqual(256);
          const bytes = events.reduce((sum, event) => sum + event.bytes.length, 0);
          expect(bytes).toBeLessThan((64 << 10) + 11_000);
          expect(next).not.toBeUndefined();
        }
        const first = all[0]!;
        const rest = await collect(reader.readAll(view, { from: first.next, backwards }));
        expect(positions([first, ...rest])).toEqual(positions(all));
        const own = stream[0]!;
        const ownRest = await collect(reader.readStream(view, 's-0', { from: own.next, backwards }));
        expect(positions([own, ...ownRest])).toEqual(positions(stream));
      }
    }
  });

  it('lets the event loop have its turn between batches that cost no input [C3]', async () => {
    const { log, index } = await fixture([2000]);
    let turns = 0;
    const yieldTurn = async () => void turns++;
    const reader = new EventReader({ log, yieldTurn, recent: (i) => log.records[i - 1] });
    await collect(reader.readAll(index.view()));
    expect(turns).toBeGreaterThanOrEqual(7);
    expect(log.reads).toBe(0);
    turns = 0;
    await collect(reader.readStream(index.view(), 's-0', { from: 0 }));
    expect(turns).toBeGreaterThanOrEqual(7);
    expect(log.reads).toBe(0);
  });

  it('looks for user events past many system events without holding the event loop up [C3]', async () => {
    const { log, index } = await fixture([...Array(40).fill(20), 1], 0, (i) => (i < 40 ? `$s-${i}` : 'user'));
    let turns = 0;
    const reader = new EventReader({ log, yieldTurn: async () => void turns++, recent: (i) => log.records[i - 1] });
    expect(positions(await collect(reader.readAll(index.view(), { userEvents: true })))).toEqual([801]);
    expect(turns).toBeGreaterThanOrEqual(3);
    expect(
      positions(await collect(reader.readAll(index.view(), { userEvents: true, backwards: true, limit: 1 }))),
    ).toEqual([801]);
  });

  it('finds a few events behind many hidden ones with about as many look-ups as all of them, and one at once [C3]', async () => {
    const { log, index } = await fixture(Array(201).fill(100), 0, () => 's-0');
    for (let n = 0; n < 200; n++) log.records[n] = erased(log.records[n]!);
    const reader = new EventReader({ log, yieldTurn: async () => {}, recent: (i) => log.records[i - 1] });
    const view = index.view();
    const lookUps: number[] = [];
    const counting = Object.assign(Object.create(view), {
      locateMany: (positions: readonly number[]) => {
        lookUps.push(positions.length);
        return view.locateMany(positions);
      },
    });
    const query = { items: [{ types: ['T'], tags: [], categories: [], streams: [], streamPrefixes: [] }] };
    for (const read of [
      (range: ReadRange) => reader.readQuery(counting, query, range),
      (range: ReadRange) => reader.readStream(counting, 's-0', range),
    ]) {
      const cost = async (range: ReadRange) => {
        lookUps.length = 0;
        return { found: positions(await collect(read(range))), lookUps: lookUps.length, first: lookUps[0] };
      };
      const all = await cost({});
      expect(all.found).toHaveLength(100);
      for (const limit of [1, 3]) {
        const few = await cost({ limit });
        expect(few.found).toEqual(all.found.slice(0, limit));
        // It doubles what it looks at until that is a turn, and does so once.
        expect(few.lookUps).toBeLessThanOrEqual(all.lookUps + 8);
        const next = await cost({ limit, backwards: true });
        expect(next).toEqual({ found: all.found.toReversed().slice(0, limit), lookUps: 1, first: limit });
      }
    }
  });

  it('reads an entry with many events of a stream once [C3]', async () => {
    const { log, index } = await fixture([1000]);
    const reader = new EventReader({ log, yieldTurn: async () => {} });
    await collect(reader.readStream(index.view(), 's-0'));
    expect(log.reads).toBe(1);
  });

  it('never goes beyond the head of its view, whatever is applied meanwhile [Q1]', async () => {
    const { log, index } = await fixture([300, 300, 300]);
    const reader = new EventReader({ log, yieldTurn: async () => {} });
    const view = index.view();
    const seen: number[] = [];
    for await (const batch of reader.readAll(view)) {
      seen.push(...positions([batch]));
      log.append({ writes: [{ stream: 's-0', events: [{ type: 'T' }] }] });
      await feed(index, log);
    }
    expect([seen.length, seen.at(-1), index.head > 900]).toEqual([900, 900, true]);
  });

  it('gives out nothing from beyond the head or before the first event [Q1]', async () => {
    const { log, index } = await fixture([3]);
    const reader = new EventReader({ log, yieldTurn: async () => {} });
    const view = index.view();
    expect(await collect(reader.readAll(view, { from: 4 }))).toEqual([]);
    expect(await collect(reader.readAll(view, { from: 0, backwards: true }))).toEqual([]);
    expect(positions(await collect(reader.readAll(view, { from: 99, backwards: true })))).toEqual([3, 2, 1]);
    expect(await collect(reader.readStream(view, 'never'))).toEqual([]);
    expect(await collect(reader.readStream(view, 's-0', { limit: 0 }))).toEqual([]);
  });

  it('refuses to give out an event that is not the one the index says is there [D5]', async () => {
    const { index } = await fixture([3, 3]);
    const other = (await fixture([3, 3], 10, (i) => `s-${1 - i}`)).log;
    const shifted = (await fixture([2, 4])).log;
    const reader = (log: LogFixture) => new EventReader({ log, yieldTurn: async () => {} });
    await expect(collect(reader(other).readStream(index.view(), 's-0'))).rejects.toThrow(/is not revision 0 of stream/);
    await expect(collect(reader(shifted).readStream(index.view(), 's-0'))).rejects.toThrow(
      /position 3 is not in entry 1/,
    );
    await expect(collect(reader(new LogFixture()).readAll(index.view()))).rejects.toThrow(/the raft log does not have/);
  });
});
