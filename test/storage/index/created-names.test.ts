import { describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.ts';
import { type ListRequest, listStreams } from '../../../src/database/stream-list.ts';
import { createdStreams } from '../../../src/storage/index/created-names.ts';
import { EventIndex } from '../../../src/storage/index/event-index.ts';
import { EventReader } from '../../../src/storage/index/event-reader.ts';
import type { IndexView } from '../../../src/storage/index/index-view.ts';
import { verifyIndex } from '../../../src/storage/index/verify-index.ts';
import { collect, feed, LogFixture } from './log-fixture.ts';
import { MemoryStore, turn } from './memory-store.ts';

const BEGINNINGS = ['a', 'ab', 'a-', 'a-b', 'ü', 'ü-', '𝄞', '\uffee', 'order-', '$$a'];
const PREFIXES = [...BEGINNINGS, 'b', 'order-1', 'order-12', '$'];

/** Streams that begin at random, with events of earlier ones between them. */
function randomLog(prng: Prng, entries: number): LogFixture {
  const log = new LogFixture();
  for (let n = 0; n < entries; n++) {
    const again = prng.between(0, 3) === 0 ? log.events[prng.between(0, log.events.length)]?.stream : undefined;
    const beginning = BEGINNINGS[prng.between(0, BEGINNINGS.length)];
    log.append({ writes: [{ stream: again ?? `${beginning}${prng.between(0, 1_000)}`, events: [{ type: 'T' }] }] });
  }
  return log;
}

function begun(log: LogFixture, prefix: string, from: number, to: number) {
  return log.events
    .filter(
      ({ stream, revision, position }) =>
        revision === 0 && stream.startsWith(prefix) && position >= from && position <= to,
    )
    .map(({ stream, position }) => ({ stream, firstPosition: position }));
}

async function found(view: IndexView, prefix: string, from: number) {
  return (await collect(createdStreams(view, prefix, from, turn))).flatMap(({ creations }) => creations);
}

describe('the streams of a prefix in the order of their creation', () => {
  for (const seed of [1, 2, 3, 4]) {
    it(`are those that the log has, sealed, in memory and both, seed ${seed} [D5] [Q1]`, async () => {
      const prng = new Prng(seed);
      const log = randomLog(prng, 1_500);
      const blockEvents = [8, 64, 700, 10_000][seed % 4] as number;
      const store = new MemoryStore();
      const index = await EventIndex.open(store, log.chainAt, { blockEvents, hashSeed: prng.next() });
      await feed(index, log, 1_000);
      const early = index.view();
      await feed(index, log);
      for (const view of [early, index.view()]) {
        for (const prefix of PREFIXES) {
          const from = prng.between(0, 2) === 0 ? 1 : prng.between(1, view.head + 1);
          expect(await found(view, prefix, from), prefix).toEqual(begun(log, prefix, from, view.head));
        }
      }
      await index.idle();
      for (const prefix of PREFIXES) {
        expect(await found(early, prefix, 1), prefix).toEqual(begun(log, prefix, 1, early.head));
        expect(await found(index.view(), prefix, 1), prefix).toEqual(begun(log, prefix, 1, log.events.length));
      }
      expect((await verifyIndex(store)).damages).toEqual([]);
    });
  }

  it('are listed page by page, few or many of them, whatever comes between two pages', async () => {
    const log = new LogFixture();
    const put = (stream: string) => log.append({ writes: [{ stream, events: [{ type: 'T' }] }] });
    for (let n = 0; n < 2_500; n++) put(n % 2 === 0 ? `many-${n}` : `x${n % 300}-other`);
    for (let n = 0; n < 40; n++) put(`few-${n}`);
    const index = await EventIndex.open(new MemoryStore(), log.chainAt, { blockEvents: 128 });
    await feed(index, log);
    await index.idle();
    const reader = new EventReader({ log, yieldTurn: turn });
    const pages = async (prefix: string, limit: number) => {
      const listed: string[] = [];
      const request: ListRequest = {
        which: { kind: 'prefix', prefix },
        order: 'creation',
        after: '',
        limit,
        deleted: false,
        consistency: { kind: 'local' },
      };
      for (let after = ''; ; ) {
        const page = await listStreams(index.view(), reader, { ...request, after });
        expect(page.streams.length).toBeLessThanOrEqual(limit);
        listed.push(...page.streams.map(({ stream }) => stream));
        if (page.next === '') return listed;
        after = page.next;
        put(`${prefix}later-${listed.length}`);
        await feed(index, log);
      }
    };
    for (const [prefix, limit] of [
      ['many-', 300],
      ['few-', 7],
      ['m', 1_000],
      ['x', 64],
      ['nothing', 10],
    ] as const) {
      const listed = await pages(prefix, limit);
      expect(listed, prefix).toEqual(begun(log, prefix, 1, log.events.length).map(({ stream }) => stream));
    }
  });

  it('cost one look at a block in which streams begin, and none at any other', async () => {
    const log = new LogFixture();
    const put = (stream: string) => log.append({ writes: [{ stream, events: [{ type: 'T' }] }] });
    // Streams begin in the first 20 blocks and in the last 10, those with the prefix in one of ten of these.
    for (let n = 0; n < 20 * 64; n++) put(`s${n % 640 < 64 ? '-own' : ''}-${n}`);
    for (let n = 0; n < 400 * 64; n++) put(`s-${100 + (n % 64)}`);
    for (let n = 0; n < 10 * 64; n++) put(`t-${n}`);
    const store = new MemoryStore();
    const index = await EventIndex.open(store, log.chainAt, { blockEvents: 64 });
    await feed(index, log);
    await index.idle();
    const { scan } = store;
    let looks = 0;
    store.scan = (range) => {
      looks++;
      return scan.call(store, range);
    };
    expect(await found(index.view(), 's-own-', 1)).toHaveLength(128);
    expect(looks).toBeLessThanOrEqual(40);
  });
});
