import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.ts';
import { EventIndex } from '../../../src/storage/index/event-index.ts';
import { verifyIndex } from '../../../src/storage/index/verify-index.ts';
import { LevelStore } from '../../../src/storage/level-store.ts';
import type { Store } from '../../../src/storage/store.ts';
import { collect, feed, LogFixture } from './log-fixture.ts';
import { turn } from './memory-store.ts';
import { checkLookups, checkView } from './model-checks.ts';

const LEVEL = { writeBufferBytes: 1 << 20, tableBytes: 2 << 20, cacheBytes: 1 << 20 };
const STREAMS = Array.from({ length: 40 }, (_, i) => `order-${i}`);

describe('the index on LevelDB', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'factstore-index-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const open = (name = 'index') => LevelStore.open(join(directory, name), LEVEL);

  function bigLog(entries: number): LogFixture {
    const log = new LogFixture();
    const prng = new Prng(5);
    for (let i = 0; i < entries; i++) {
      const stream = STREAMS[prng.between(0, STREAMS.length)]!;
      const events = Array.from({ length: prng.between(1, 20) }, (_, e) => ({ type: `T${e % 3}`, tags: [`t:${e}`] }));
      log.append({
        writes: [
          { stream, events },
          { stream: 'long-one', events: [{ type: 'T' }] },
        ],
        ...(i % 9 === 0 && { producer: { producer: 'import', previous: i, current: i + 9 } }),
      });
    }
    return log;
  }

  it('answers as the log does, before and after a restart, and is the same when built again [D5] [S2] [Q1]', async () => {
    const log = bigLog(600);
    const prng = new Prng(9);
    const options = { blockEvents: 512, cachedStreams: 10 };
    const first = await open();
    const index = await EventIndex.open(first, log.chainAt, options);
    await feed(index, log, 300);
    const held = index.view();
    await feed(index, log);
    await index.idle();
    expect(index.sealedBlocks).toBe(Math.floor(log.events.length / 512));
    for (let i = 0; i < 10; i++) {
      await checkView(held, log, prng, STREAMS);
      await checkView(index.view(), log, prng, STREAMS);
      await checkLookups(index, log, prng, STREAMS, ['import', 'none'], turn);
    }
    await first.close();
    const second = await open();
    const again = await EventIndex.open(second, log.chainAt, options);
    expect(again.sealedBlocks).toBe(index.sealedBlocks);
    await feed(again, log);
    for (let i = 0; i < 10; i++) {
      await checkView(again.view(), log, prng, STREAMS);
      await checkLookups(again, log, prng, STREAMS, ['import', 'none'], turn);
    }
    const third = await open('rebuilt');
    const rebuilt = await EventIndex.open(third, log.chainAt, options);
    await feed(rebuilt, log);
    await rebuilt.idle();
    expect(await dump(third)).toEqual(await dump(second));
    expect((await verifyIndex(second)).damages).toEqual([]);
    await second.close();
    await third.close();
  });

  it('reads from the middle of a long stream, and finds a revision by position, in a few seeks [Q1]', async () => {
    const log = bigLog(1200);
    const store = await open();
    const index = await EventIndex.open(store, log.chainAt, { blockEvents: 64 });
    await feed(index, log);
    await index.idle();
    let seeks = 0;
    let rows = 0;
    const counting: Store = {
      get: (key) => store.get(key),
      getMany: (keys) => store.getMany(keys),
      write: (operations, sync) => store.write(operations, sync),
      compact: (from, to, signal, rest) => store.compact(from, to, signal, rest),
      close: () => store.close(),
      scan: (range) => {
        seeks++;
        const scan = store.scan(range);
        return {
          close: () => scan.close(),
          next: async (count) => {
            const found = await scan.next(count);
            rows += found.length;
            return found;
          },
        };
      },
    };
    const reopened = await EventIndex.open(counting, log.chainAt, { blockEvents: 64 });
    await feed(reopened, log);
    const view = reopened.view();
    for (const revision of [0, 600]) {
      seeks = 0;
      rows = 0;
      const places = view.streamPlaces('long-one', { fromRevision: revision });
      expect((await places.next()).value).toMatchObject({ revision });
      await places.return(undefined);
      expect([seeks, rows]).toEqual([1, 1]);
    }
    seeks = 0;
    const event = log.events.find(({ stream, revision }) => stream === 'long-one' && revision === 700)!;
    expect(await view.revisionAfterPosition('long-one', event.position - 1)).toBe(700);
    expect(seeks).toBeLessThan(12);
    expect((await collect(view.streamPlaces('long-one'))).flatMap((batch) => batch.positions)).toHaveLength(1200);
    await store.close();
  });
});

async function dump(store: Store): Promise<string[]> {
  const scan = store.scan({});
  const all: string[] = [];
  for (;;) {
    const rows = await scan.next(1000);
    if (rows.length === 0) break;
    for (const [key, value] of rows) all.push(`${key.toString('hex')} ${value.toString('hex')}`);
  }
  await scan.close();
  return all;
}
