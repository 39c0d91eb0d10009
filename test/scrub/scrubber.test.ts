import { expect, it, onTestFinished } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { Scrubber, type ScrubberPorts } from '../../src/scrub/scrubber.ts';
import type { Damage } from '../../src/storage/damage.ts';
import { EventIndex } from '../../src/storage/index/event-index.ts';
import { Kind, kindRange } from '../../src/storage/index/keys.ts';
import type { VerifyProgress } from '../../src/storage/raft-log-verify.ts';
import { eachRow } from '../../src/storage/store.ts';
import { feed, LogFixture } from '../storage/index/log-fixture.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { VirtualTime } from '../support/virtual-clock.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {}, fatal() {}, child: () => silent } as never;

async function anIndex(): Promise<MemoryStore> {
  const log = new LogFixture();
  const event = { type: 'T', tags: ['x'] };
  for (let i = 0; i < 40; i++) log.append({ writes: [{ stream: `s-${i % 3}`, events: [event, event] }] });
  const store = new MemoryStore();
  const index = await EventIndex.open(store, log.chainAt, { blockEvents: 16 });
  await feed(index, log);
  await index.idle();
  return store;
}

/** A log of so many reports, each of a thousand bytes; damaged where `damages` says. */
async function* aLog(reports: number, damages: Record<number, Damage> = {}): AsyncGenerator<VerifyProgress> {
  for (let n = 1; n <= reports; n++) {
    const damage = damages[n];
    yield { checkedTo: n, to: reports, bytes: n * 1_000, damages: damage ? [damage] : [] };
  }
}

async function aScrubber(index: MemoryStore, more: Partial<ScrubberPorts> = {}, time = new VirtualTime()) {
  const found: (Damage | FactstoreError)[] = [];
  const scrubber = new Scrubber({
    log: { verify: () => aLog(100) },
    index,
    indexTables: async () => ({ run: async () => undefined }),
    clock: time.clock(),
    logger: silent,
    bytesPerSecond: 1_000_000,
    restMs: 3_600_000,
    rowsAtRest: () => '',
    logDamaged: (damage) => found.push(damage),
    indexDamaged: (error) => found.push(error),
    ...more,
  });
  scrubber.start();
  onTestFinished(async () => {
    const stopped = scrubber.stop();
    await time.settle();
    await stopped;
  });
  const pass = (n = 1) => time.until('a pass is over', () => scrubber.progress.passes === n, 10_000_000);
  return { scrubber, time, found, pass };
}

async function loseRow(store: MemoryStore, kind: Kind): Promise<void> {
  const keys: Buffer[] = [];
  await eachRow(store, kindRange(kind), (key) => keys.push(key));
  await store.write([{ type: 'del', key: keys[1] as Buffer }], true);
}

it('a scrubber finds nothing in what is whole, and begins again after a rest', async () => {
  const { scrubber, time, found, pass } = await aScrubber(await anIndex());
  await pass();
  const { nowMs } = time;
  await pass(2);
  expect(time.nowMs - nowMs).toBeGreaterThanOrEqual(3_600_000);
  expect(found).toEqual([]);
  expect(scrubber.progress).toMatchObject({ passes: 2, damages: 0, percent: 100, at: 'nothing' });
});

it('a scrubber rests four times as long as it works, however few bytes that were', async () => {
  const time = new VirtualTime();
  const clock = time.clock();
  async function* slow(): AsyncGenerator<VerifyProgress> {
    for await (const report of aLog(100)) {
      await clock.sleep(40);
      yield report;
    }
  }
  const { pass } = await aScrubber(new MemoryStore(), { log: { verify: slow }, bytesPerSecond: 1e12 }, time);
  await pass();
  expect(time.nowMs).toBeGreaterThanOrEqual(5_000 + 100 * 40 * 5);
  expect(time.nowMs).toBeLessThan(5_000 + 101 * 40 * 5);
});

it('a scrubber finds a row that queries miss without a word [D5]', async () => {
  const store = await anIndex();
  await loseRow(store, Kind.tag);
  const { found, pass } = await aScrubber(store);
  await pass();
  expect(found).toMatchObject([
    {
      code: 'DATA_LOSS',
      details: { database: 'index' },
      message: expect.stringMatching(/^index: block 1 has \d+ rows/),
    },
  ]);
});

it('a scrubber finds a table that is damaged where no scan looks, also while rows are being changed [D5]', async () => {
  const error = new FactstoreError('DATA_LOSS', 'table 000007.ldb: the checksum of its block at 0 is wrong');
  const indexTables = async () => ({ run: () => Promise.reject(error) });
  let asked = 0;
  const { scrubber, found, pass } = await aScrubber(await anIndex(), { indexTables, rowsAtRest: () => `${asked++}` });
  await pass();
  expect(found).toMatchObject([{ code: 'DATA_LOSS', message: `index: ${error.message}` }]);
  expect(scrubber.progress.damages).toBe(1);
});

it('a scrubber leaves rows alone that are being changed, also where that began meanwhile [R2]', async () => {
  const store = await anIndex();
  await loseRow(store, Kind.tag);
  const running = await aScrubber(store, { rowsAtRest: () => undefined });
  await running.pass();
  let asked = 0;
  const begun = await aScrubber(store, { rowsAtRest: () => `${asked++}` });
  await begun.pass();
  expect([running.found, begun.found]).toEqual([[], []]);
});

it('a scrubber tells of every damaged entry of the log, and goes on [D7]', async () => {
  const damage = (index: number): Damage => ({ kind: 'belowCommit', index, text: `entry ${index}` });
  const log = { verify: () => aLog(100, { 7: damage(7), 90: damage(90) }) };
  const { scrubber, found, pass } = await aScrubber(await anIndex(), { log });
  await pass();
  expect(found).toEqual([damage(7), damage(90)]);
  expect(scrubber.progress.damages).toBe(2);
});

it('a scrubber reads no more in a second than it may [C3]', async () => {
  const { scrubber, time } = await aScrubber(await anIndex(), { bytesPerSecond: 10_000 });
  await time.run(11_000);
  const { bytes } = scrubber.progress;
  expect(bytes).toBeGreaterThan(40_000);
  expect(bytes).toBeLessThan(80_000);
  await time.run(60_000);
  expect(scrubber.progress.passes).toBe(1);
});

it('a scrubber that is stopped reads nothing more', async () => {
  const { scrubber, time } = await aScrubber(await anIndex(), { bytesPerSecond: 10_000 });
  await time.run(8_000);
  const stopped = scrubber.stop();
  await time.settle();
  await stopped;
  const { bytes } = scrubber.progress;
  await time.run(60_000);
  expect(scrubber.progress).toMatchObject({ bytes, passes: 0 });
});
