import { expect, test } from 'vitest';
import { SCAVENGE_STARTED } from '../../src/model/scavenge-fact.ts';
import type { Store } from '../../src/storage/store.ts';
import { MemoryStore } from '../storage/index/memory-store.ts';
import { SmallNode, Time } from './small-node.ts';

const MIB = 1 << 20;

/** A store whose ranges of keys have two pieces each, half a second of work. */
class Tables extends MemoryStore {
  readonly begun: number[] = [];
  private readonly time: Time;

  constructor(time: Time) {
    super();
    this.time = time;
  }

  override async compact(...[, , , rest]: Partial<Parameters<Store['compact']>>): Promise<boolean> {
    for (let piece = 0; piece < 2; piece++) {
      this.begun.push(this.time.nowMs);
      this.time.nowMs += 500;
      if (!(await rest?.(4 * MIB))) return false;
    }
    return true;
  }
}

test('a scavenge rewrites tables no faster than it may look through the log [R2] [C3]', async () => {
  const time = new Time();
  const [logTables, indexTables] = [new Tables(time), new Tables(time)];
  const node = new SmallNode({ time, logTables, indexTables, bytesPerSecond: 2 * MIB });
  await node.open();
  await node.say(SCAVENGE_STARTED);
  await node.through();
  expect(node.status).toMatchObject({ state: 'done', events: 1 });
  // 4 MiB take half a second of work and one and a half of rest.
  const [first = 0] = logTables.begun;
  expect(logTables.begun.map((ms) => ms - first)).toEqual([0, 2_000]);
  // Types and tags are two ranges.
  expect(indexTables.begun.map((ms) => ms - first)).toEqual([4_000, 6_000, 8_000, 10_000]);
});
