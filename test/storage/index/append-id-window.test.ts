import { describe, expect, it, vi } from 'vitest';
import { AppendIdWindow } from '../../../src/storage/index/append-id-window.ts';
import { EventIndex } from '../../../src/storage/index/event-index.ts';
import { blockOfKey, Kind } from '../../../src/storage/index/keys.ts';
import { feed, LogFixture, uuid } from './log-fixture.ts';
import { MemoryStore } from './memory-store.ts';

describe('the window of append ids', () => {
  it('finds each of the last ids and answers nothing for others [S6]', () => {
    const window = new AppendIdWindow({ idsMin: 1000, idsMax: 1e6, timeUs: 0 }, 1, 64);
    for (let i = 1; i <= 5000; i++) {
      window.add(uuid(i), 0, i * 2, i);
      if (i % 500 !== 0) continue;
      for (let back = 0; back < Math.min(i, 1000); back++)
        expect(window.find(uuid(i - back))).toContain((i - back) * 2);
    }
    for (let i = 6000; i < 7000; i++) expect(window.find(uuid(i))).toEqual([]);
  });

  it('keeps at least so many ids, and forgets those beyond them [S6]', () => {
    const window = new AppendIdWindow({ idsMin: 1000, idsMax: 1e6, timeUs: 0 }, 1, 64);
    for (let i = 1; i <= 5000; i++) window.add(uuid(i), 0, i, i);
    expect(window.size).toBeGreaterThanOrEqual(1000);
    expect(window.size).toBeLessThanOrEqual(1000 + 2 * 64);
    expect(window.find(uuid(1))).toEqual([]);
  });

  it('keeps ids for at least so much time, however many there are [S6]', () => {
    const window = new AppendIdWindow({ idsMin: 10, idsMax: 1e6, timeUs: 2000 }, 1, 64);
    for (let i = 1; i <= 5000; i++) window.add(uuid(i), 0, i, i);
    for (let i = 3000; i <= 5000; i++) expect(window.find(uuid(i))).toEqual([i]);
    expect(window.find(uuid(1))).toEqual([]);
  });

  it('keeps no more than so many ids for their time, which may stand still, and at least these [S6]', () => {
    const window = new AppendIdWindow({ idsMin: 10, idsMax: 2000, timeUs: 60_000_000 }, 1, 64);
    for (let i = 1; i <= 20_000; i++) window.add(uuid(i), 0, i, 1);
    for (let i = 18_001; i <= 20_000; i++) expect(window.find(uuid(i))).toEqual([i]);
    // What it forgets at once is an eighth of it.
    expect(window.size).toBeLessThanOrEqual(2000 * 1.3);
    expect(window.find(uuid(1))).toEqual([]);
  });

  it('asks about as few segments, however many ids it holds [S6]', () => {
    const window = new AppendIdWindow({ idsMin: 40_000, idsMax: 40_000, timeUs: 0 }, 1, 64);
    let most = 0;
    for (let i = 1; i <= 400_000; i++) {
      window.add(uuid(i), 0, i, 1);
      most = Math.max(most, window.segmentCount);
    }
    expect(window.segmentCount).toBeLessThanOrEqual(17);
    // While it grows there are eight of each size: 40,000 are 625 times 64.
    expect(most).toBeLessThanOrEqual(8 * 8);
    for (let i = 360_001; i <= 400_000; i += 100) expect(window.find(uuid(i))).toContain(i);
  });

  it('names every entry that may have an id that was used again [S6]', () => {
    const window = new AppendIdWindow({ idsMin: 1000, idsMax: 1e6, timeUs: 0 }, 1, 64);
    window.add(uuid(7), 0, 10, 1);
    window.add(uuid(8), 0, 11, 1);
    window.add(uuid(7), 0, 12, 1);
    expect([...window.find(uuid(7))].sort()).toEqual([10, 12]);
  });

  it('is the same after a restart, from the rows of the sealed blocks and the log behind them [S6]', async () => {
    const log = new LogFixture();
    const store = new MemoryStore();
    const options = { blockEvents: 16, appendIdsMin: 100, appendIdWindowUs: 50_000 };
    const first = await EventIndex.open(store, log.chainAt, options);
    for (let i = 0; i < 400; i++) log.append({ writes: [{ stream: `s-${i % 7}`, events: [{ type: 'T' }] }] });
    await feed(first, log);
    await first.idle();
    const second = await EventIndex.open(store, log.chainAt, options);
    await feed(second, log);
    for (const { id, logIndex } of log.ids.slice(-100)) expect(second.findAppendId(id)).toEqual([logIndex]);
    expect(second.findAppendId(log.ids[0]!.id)).toEqual([]);
  });

  it('is not made to forget by jumps of log time, neither while it runs nor at a restart [S6]', async () => {
    const log = new LogFixture();
    const store = new MemoryStore();
    const second = 1_000_000;
    const limits = { appendIdsMin: 1, appendIdWindowUs: 60 * second, appendIdsAtOnce: 8 };
    const options = { ...limits, blockEvents: 16, appendIdGapMaxUs: second };
    const index = await EventIndex.open(store, log.chainAt, options);
    const append = (afterUs: number) => log.append({ writes: [{ stream: 's', events: [{ type: 'T' }] }], afterUs });
    // Half a minute of appends, in which the clock jumps by ten minutes ten times.
    for (let i = 0; i < 300; i++) append(i % 30 === 29 ? 600 * second : second / 10);
    await feed(index, log);
    await index.idle();
    const again = await EventIndex.open(store, log.chainAt, options);
    await feed(again, log);
    for (const { id, logIndex } of log.ids) {
      expect(index.findAppendId(id)).toEqual([logIndex]);
      expect(again.findAppendId(id)).toEqual([logIndex]);
    }
    // Time that does pass has them forgotten, here and at a restart alike.
    for (let i = 0; i < 900; i++) append(second / 10);
    await feed(again, log);
    await again.idle();
    const third = await EventIndex.open(store, log.chainAt, options);
    await feed(third, log);
    for (const one of [again, third]) {
      expect(one.findAppendId(log.ids[0]!.id)).toEqual([]);
      for (const { id, logIndex } of log.ids.slice(-600)) expect(one.findAppendId(id)).toEqual([logIndex]);
    }
  });

  it('is bounded by number where log time stands still, at a restart as well [S6]', async () => {
    const log = new LogFixture();
    const store = new MemoryStore();
    const limits = { appendIdsMin: 1, appendIdsMax: 100, appendIdWindowUs: 60_000_000, appendIdsAtOnce: 8 };
    const options = { ...limits, blockEvents: 16 };
    const first = await EventIndex.open(store, log.chainAt, options);
    for (let i = 0; i < 400; i++) log.append({ writes: [{ stream: 's', events: [{ type: 'T' }] }], afterUs: 0 });
    await feed(first, log);
    await first.idle();
    const scan = vi.spyOn(store, 'scan');
    const second = await EventIndex.open(store, log.chainAt, options);
    const keys = scan.mock.calls.flatMap(([{ from }]) => (from?.[0] === Kind.appendIds ? [from] : []));
    // Of 25 blocks of 16 ids, the last seven hold a hundred.
    expect(keys.map(blockOfKey)).toEqual([18]);
    await feed(second, log);
    for (const index of [first, second]) {
      for (const { id, logIndex } of log.ids.slice(-100)) expect(index.findAppendId(id)).toEqual([logIndex]);
      for (const { id } of log.ids.slice(0, 200)) expect(index.findAppendId(id)).toEqual([]);
    }
  });

  it('reaches back over log time after a restart, too [S6]', async () => {
    const log = new LogFixture();
    const store = new MemoryStore();
    const options = { blockEvents: 16, appendIdsMin: 1, appendIdWindowUs: 300_000 };
    const first = await EventIndex.open(store, log.chainAt, options);
    for (let i = 0; i < 400; i++) log.append({ writes: [{ stream: 's', events: [{ type: 'T' }] }] });
    await feed(first, log);
    await first.idle();
    const second = await EventIndex.open(store, log.chainAt, options);
    await feed(second, log);
    for (const { id, logIndex } of log.ids.slice(-300)) expect(second.findAppendId(id)).toEqual([logIndex]);
  });
});
