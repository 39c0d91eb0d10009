import { describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.ts';
import { EventIndex, type IndexOptions } from '../../../src/storage/index/event-index.ts';
import type { IndexView } from '../../../src/storage/index/index-view.ts';
import { feed, LogFixture, type NewEvent } from './log-fixture.ts';
import { MemoryStore, turn } from './memory-store.ts';
import { checkLookups, checkView } from './model-checks.ts';

const STREAMS = [
  'a',
  'ab',
  'a-b',
  'a-bc',
  '$$a-b',
  '$membership',
  'konto-ä',
  'konto-🦊',
  'long'.repeat(40),
  ...Array.from({ length: 12 }, (_, i) => `order-${i}`),
];
const PRODUCERS = ['import', 'import2', 'projection:x'];
const TAGS = ['t:1', 't:2', 't:12', 'ü', 'common', 'customer:7'];

describe('the index against a model of the log', () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it(`answers as the log does through appends, restarts, crashes and rebuilds, seed ${seed} [D5] [S2] [Q1]`, async () => {
      await run(new Prng(seed), 160);
    });
  }
});

async function run(prng: Prng, steps: number): Promise<void> {
  const log = new LogFixture();
  const options: IndexOptions = {
    blockEvents: [4, 16, 300][prng.between(0, 3)]!,
    cachedStreams: prng.between(1, 30),
    cachedProducers: 2,
    chunk: { rows: prng.between(1, 20), bytes: 4096 },
    hashSeed: prng.next(),
    onStale: () => expect.unreachable('the index was found stale'),
  };
  let store = slow(new MemoryStore(), prng);
  let index = await EventIndex.open(store, log.chainAt, options);
  let held: IndexView | undefined;
  for (let step = 0; step < steps; step++) {
    const what = prng.between(0, 100);
    if (what < 55) {
      randomEntry(log, prng);
      if (prng.between(0, 4) > 0) await applyAll(index, log, prng);
    } else if (what < 80) {
      await checkView(index.view(), log, prng, STREAMS);
      if (held) await checkView(held, log, prng, STREAMS);
      if (!held || prng.between(0, 4) === 0) held = index.view();
    } else if (what < 94) await checkLookups(index, log, prng, STREAMS, PRODUCERS, () => applyAll(index, log, prng));
    else {
      held = undefined;
      if (what < 97) {
        await index.close();
      } else store = slow(store.crash(prng), prng);
      index = await EventIndex.open(store, log.chainAt, options);
      expect(index.appliedIndex).toBeLessThanOrEqual(log.records.length);
      await checkView(index.view(), log, prng, STREAMS);
      if (prng.between(0, 2) === 0) await applyAll(index, log, prng);
    }
  }
  await applyAll(index, log, prng);
  await checkLookups(index, log, prng, STREAMS, PRODUCERS, turn);
  await index.idle();
  const anew = new MemoryStore();
  const rebuilt = await EventIndex.open(anew, log.chainAt, options);
  await feed(rebuilt, log);
  await rebuilt.idle();
  expect(anew.dump()).toEqual(store.dump());
}

function slow(store: MemoryStore, prng: Prng): MemoryStore {
  store.turns = () => prng.between(0, 6);
  return store;
}

async function applyAll(index: EventIndex, log: LogFixture, prng: Prng): Promise<void> {
  const records = log.records.slice(index.replayFrom - 1);
  const together = prng.between(1, 8);
  for (let from = 0; from < records.length; from += together) {
    const batch = records.slice(from, from + together);
    await index.prepare(batch);
    for (const record of batch) {
      await index.ready();
      if (prng.between(0, 3) === 0) await index.applyInSteps(record, turn, prng.between(1, 8));
      else index.apply(record);
    }
  }
}

function randomEntry(log: LogFixture, prng: Prng): void {
  if (prng.between(0, 10) === 0) {
    log.noop();
    return;
  }
  const streams = new Set(Array.from({ length: prng.between(1, 4) }, () => STREAMS[prng.between(0, STREAMS.length)]!));
  const large = prng.between(0, 12) === 0;
  const writes = [...streams].map((stream) => ({
    stream,
    events: Array.from({ length: prng.between(1, large ? 40 : 4) }, () => randomEvent(prng)),
  }));
  const producer = PRODUCERS[prng.between(0, PRODUCERS.length * 3)];
  const current = log.records.length + 1;
  const previous = producer ? (log.cursors.get(producer)?.current ?? 0) : 0;
  log.append({ writes, ...(producer && { producer: { producer, previous, current } }) });
}

function randomEvent(prng: Prng): NewEvent {
  return {
    type: `Type${prng.between(0, 3)}`,
    tags: Array.from({ length: prng.between(0, 5) }, () => TAGS[prng.between(0, TAGS.length)]!),
    data: new Uint8Array(prng.between(0, 200)),
  };
}
