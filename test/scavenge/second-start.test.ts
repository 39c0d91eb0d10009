import { describe, expect, test } from 'vitest';
import { SCAVENGE_STARTED, SCAVENGE_STOPPED } from '../../src/model/scavenge-fact.ts';
import { decodeScavengeProgress, encodeScavengeProgress, SCAVENGE_KEY } from '../../src/storage/scavenge-row.ts';
import type { Store } from '../../src/storage/store.ts';
import { MemoryStore, turn } from '../storage/index/memory-store.ts';
import { SmallNode, Time } from './small-node.ts';

/** A store that knows how many ranges of its keys were rewritten to their end. */
class Tables extends MemoryStore {
  rewritten = 0;
  /** Done while a range is being rewritten. */
  meanwhile: (() => Promise<void>) | undefined;

  override async compact(...[, , , rest]: Partial<Parameters<Store['compact']>>): Promise<boolean> {
    await this.meanwhile?.();
    if (!(await rest?.(1))) return false;
    this.rewritten++;
    return true;
  }
}

class Bench {
  readonly time = new Time();
  readonly log = new Tables();
  readonly index = new Tables();
  readonly node = new SmallNode({
    time: this.time,
    logTables: this.log,
    indexTables: this.index,
    bytesPerSecond: 1e9,
    turnEntries: 1,
  });

  /** Whether the tables of the log, and those of types and tags, were rewritten to their end. */
  get rewritten(): readonly boolean[] {
    return [this.log.rewritten >= 1, this.index.rewritten >= 2];
  }

  async progress() {
    const row = await this.log.get(SCAVENGE_KEY);
    return row && decodeScavengeProgress(row);
  }
}

/** Calls it the first time only. */
function once(run: () => Promise<void>): () => Promise<void> {
  let called = false;
  return async () => {
    if (called) return;
    called = true;
    await run();
  };
}

describe('a scavenge that is started before an earlier one is through', () => {
  const PLACES: readonly [string, (bench: Bench, run: () => Promise<void>) => void][] = [
    [
      'while that erases',
      ({ time }, run) => {
        time.onTurn = async () => {
          await run();
          await turn();
        };
      },
    ],
    [
      'while that rewrites the tables of the log',
      ({ log }, run) => {
        log.meanwhile = run;
      },
    ],
    [
      'while that rewrites the tables of the index',
      ({ index }, run) => {
        index.meanwhile = run;
      },
    ],
  ];

  test.each(PLACES)('%s rewrites all tables before it is done [R2]', async (_, at) => {
    const bench = new Bench();
    const { node } = bench;
    await node.open();
    const again = once(() => node.say(SCAVENGE_STARTED));
    at(bench, again);
    await node.say(SCAVENGE_STARTED);
    await node.through();
    expect(node.status).toMatchObject({ state: 'done', point: 4 });
    expect(bench.rewritten).toEqual([true, true]);
  });

  test.each(PLACES)('%s rewrites them also after a restart [R2]', async (_, at) => {
    const bench = new Bench();
    const { node } = bench;
    await node.open();
    const again = once(async () => {
      await node.say(SCAVENGE_STOPPED);
      await node.say(SCAVENGE_STARTED);
      void node.stop();
    });
    at(bench, again);
    await node.say(SCAVENGE_STARTED);
    await expect.poll(() => node.status.point).toBe(5);
    await node.stop();
    expect(node.status.state).toBe('running');
    bench.log.rewritten = bench.index.rewritten = 0;
    await node.open();
    await node.through();
    expect(node.status).toMatchObject({ state: 'done', point: 5 });
    expect(bench.rewritten).toEqual([true, true]);
  });
});

test('a scavenge of which the tables were not rewritten, for it was stopped, leaves that to the next one [R2]', async () => {
  const bench = new Bench();
  const { node } = bench;
  await node.open();
  bench.index.meanwhile = once(() => node.say(SCAVENGE_STOPPED));
  await node.say(SCAVENGE_STARTED);
  await node.through();
  expect(node.status.state).toBe('stopped');
  await node.stop();
  await node.open();
  await node.say(SCAVENGE_STARTED);
  await node.through();
  expect(node.status).toMatchObject({ state: 'done', events: 0 });
  expect(bench.rewritten).toEqual([true, true]);
});

test('a scavenge that finds nothing to erase rewrites no tables, unless it is not known that none owe it [R2]', async () => {
  const bench = new Bench();
  const { node, log, index } = bench;
  const scavenge = async () => {
    log.rewritten = index.rewritten = 0;
    await node.say(SCAVENGE_STARTED);
    await node.through();
    expect(node.status.state).toBe('done');
    return [log.rewritten, index.rewritten];
  };
  await node.open();
  expect(await scavenge()).toEqual([1, 2]);
  expect(await bench.progress()).toMatchObject({ events: 1, owesRewrite: false });
  expect(await scavenge()).toEqual([0, 0]);
  // A log that was mended has no such row, and the index beside it is the old one.
  log.poke(SCAVENGE_KEY, undefined);
  await node.stop();
  await node.open();
  await node.through();
  expect(node.status.events).toBe(0);
  expect(log.rewritten).toBe(1);
  expect(index.rewritten).toBe(2);
});

test('a restart, which comes to the last scavenge only by and by, runs no earlier one again [R2]', async () => {
  const logTables = new Tables();
  const parts = { time: new Time(), logTables, indexTables: new Tables(), bytesPerSecond: 1e9, blockEvents: 3 };
  const node = new SmallNode(parts);
  await node.open();
  for (const point of [3, 4]) {
    await node.say(SCAVENGE_STARTED);
    await node.through();
    expect(node.status).toMatchObject({ state: 'done', point });
  }
  await node.sealed();
  await node.stop();
  const row = await logTables.get(SCAVENGE_KEY);
  // As if it had left the earlier one for the last, and was at that when it was stopped.
  const left = { point: 4, doneTo: 0, through: 1, events: 0, bytes: 0, owesRewrite: true };
  logTables.poke(SCAVENGE_KEY, encodeScavengeProgress(left));
  await node.open(async () => {
    for (let turns = 0; turns < 100; turns++) await turn();
    expect(decodeScavengeProgress((await logTables.get(SCAVENGE_KEY)) as Buffer)).toEqual(left);
  });
  await node.through();
  expect(node.status).toMatchObject({ state: 'done', point: 4, events: 0 });
  expect(await logTables.get(SCAVENGE_KEY)).toEqual(row);
});

describe('a stop of a scavenge', () => {
  const [START, STOP] = [SCAVENGE_STARTED, SCAVENGE_STOPPED] as const;

  test.each<[string, (typeof START | typeof STOP)[]]>([
    ['and it alone', [START, START, STOP]],
    ['also where it is said twice', [START, START, STOP, STOP]],
    ['also behind another one that was stopped', [START, START, STOP, START, STOP]],
  ])('has a node that was away do the one before it, which the others have done, %s [R2]', async (_, words) => {
    const bench = new Bench();
    const { node } = bench;
    await node.open();
    await node.say(...words);
    await node.through();
    expect(node.status).toMatchObject({ state: 'done', point: 3, events: 1 });
    expect(await bench.progress()).toMatchObject({ doneTo: 3 });
  });

  test('ends one on a node that was away, where there was none before it that was not stopped [R2]', async () => {
    const bench = new Bench();
    const { node } = bench;
    await node.open();
    await node.say(START, STOP, START, STOP);
    await node.through();
    expect(node.status).toMatchObject({ state: 'stopped', events: 0 });
  });

  test('has a node that is started with it do the one before it [R2]', async () => {
    const parts = { time: new Time(), logTables: new Tables(), indexTables: new Tables(), bytesPerSecond: 1e9 };
    const node = new SmallNode({ ...parts, blockEvents: 1 });
    await node.open();
    await node.stop();
    await node.say(START, START, STOP, START, STOP);
    await node.sealed();
    await node.open();
    await node.through();
    expect(node.status).toMatchObject({ state: 'done', point: 3, events: 1 });
  });

  test('has a node go back to the one before it that it had left for it [R2]', async () => {
    const bench = new Bench();
    const { node, time } = bench;
    await node.open();
    let turns = 0;
    time.onTurn = async () => {
      turns++;
      // In the first turn of the one, and of the other.
      if (turns === 1) await node.say(START);
      if (turns === 3) await node.say(STOP);
      await turn();
    };
    await node.say(START);
    await node.through();
    expect(await bench.progress()).toMatchObject({ point: 4, doneTo: 3, owesRewrite: false });
    expect(node.status).toMatchObject({ state: 'stopped', point: 4 });
    expect(bench.rewritten).toEqual([true, true]);
  });

  test('leaves nothing to be done where the one before it was done already [R2]', async () => {
    const bench = new Bench();
    const { node, time } = bench;
    await node.open();
    await node.say(START);
    await node.through();
    time.onTurn = once(() => node.say(STOP));
    await node.say(START);
    await node.through();
    expect(node.status).toMatchObject({ state: 'stopped', point: 4 });
    expect(await bench.progress()).toMatchObject({ point: 3, doneTo: 3 });
  });
});
