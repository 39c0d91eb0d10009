import { describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.ts';
import { type ListRequest, listStreams } from '../../../src/database/stream-list.ts';
import { categoryOf } from '../../../src/model/stream.ts';
import type { Creation } from '../../../src/storage/index/created-names.ts';
import { EventIndex } from '../../../src/storage/index/event-index.ts';
import { EventReader } from '../../../src/storage/index/event-reader.ts';
import type { StreamInBlock } from '../../../src/storage/index/open-block.ts';
import { type NameRange, streamNames } from '../../../src/storage/index/stream-names.ts';
import { feed, LogFixture } from './log-fixture.ts';
import { MemoryStore, turn } from './memory-store.ts';

const BEGINNINGS = ['a', 'ab', 'a-', 'a-b', 'ü', 'ü-', '𝄞', '𝄞-', '\uffee', '\ue000', 'order-', '$$a', '$'];

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

describe('lists of streams by name', () => {
  for (const [seed, blockEvents] of [8, 64, 700, 10_000].entries()) {
    it(`are in the order of their bytes, page by page, in blocks of ${blockEvents} [D10] [Q1]`, async () => {
      const prng = new Prng(seed + 1);
      const log = new LogFixture();
      for (let n = 0; n < 1_500; n++) {
        const stream = `${BEGINNINGS[prng.between(0, BEGINNINGS.length)]}${prng.between(0, 300)}`;
        log.append({ writes: [{ stream, events: [{ type: 'T' }] }] });
      }
      const index = await EventIndex.open(new MemoryStore(), log.chainAt, { blockEvents, hashSeed: prng.next() });
      await feed(index, log, 1_000);
      const early = index.view();
      await feed(index, log);
      await index.idle();
      for (const view of [early, index.view()]) {
        const all = [...new Set(log.events.slice(0, view.head).map(({ stream }) => stream))].sort(byBytes);
        const ofPrefix = (prefix: string) => all.filter((name) => name.startsWith(prefix));
        const wanted: [NameRange, readonly string[]][] = [
          [{ kind: 'user' }, all.filter((name) => !name.startsWith('$'))],
          [{ kind: 'category', category: 'a' }, all.filter((name) => categoryOf(name) === 'a')],
        ];
        for (const prefix of ['a', '𝄞', '\uffee', '$', 'order-1'])
          wanted.push([{ kind: 'prefix', prefix }, ofPrefix(prefix)]);
        for (const [range, expected] of wanted) {
          for (const limit of [1, 7, 2_000]) {
            const found: string[] = [];
            for (let page: readonly Creation[] | undefined; page === undefined || page.length === limit; ) {
              page = await streamNames(view, { range, after: found.at(-1) ?? '', limit, yieldTurn: turn });
              found.push(...page.map(({ stream }) => stream));
              if (limit === 1 && found.length === 20) break;
            }
            expect(found).toEqual(limit === 1 ? expected.slice(0, 20) : expected);
          }
        }
      }
    });
  }

  it('look at a bounded number of names in memory in a turn, in any order [C3]', async () => {
    const log = new LogFixture();
    for (let n = 0; n < 16_000; n++) log.append({ writes: [{ stream: `s-${n}`, events: [{ type: 'T' }] }] });
    const index = await EventIndex.open(new MemoryStore(), log.chainAt, { blockEvents: 16_384 });
    await feed(index, log);
    const view = index.view();
    let [looked, most] = [0, 0];
    /** Counts what is taken from it. */
    class CountingStreams extends Map<string, StreamInBlock> {
      override *values(): Generator<StreamInBlock, undefined> {
        for (const stream of super.values()) {
          most = Math.max(most, ++looked);
          yield stream;
        }
        return undefined;
      }
    }
    for (const block of view.blocks) Object.assign(block, { streams: new CountingStreams(block.streams) });
    const yieldTurn = async () => {
      looked = 0;
    };
    const reader = new EventReader({ log, yieldTurn });
    const asked: ListRequest = {
      which: { kind: 'user' },
      order: 'name',
      after: '',
      limit: 10,
      deleted: false,
      consistency: { kind: 'local' },
    };
    for (const request of [asked, { ...asked, which: { kind: 'prefix', prefix: 's-1' }, order: 'creation' } as const]) {
      looked = most = 0;
      const { streams } = await listStreams(view, reader, request);
      expect(streams).toHaveLength(10);
      expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThanOrEqual(2_048);
    }
  });
});
