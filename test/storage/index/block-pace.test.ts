import { expect, it } from 'vitest';
import { BlockPace } from '../../../src/storage/index/block-pace.ts';
import type { IndexMemory } from '../../../src/storage/index/index-memory.ts';

const CHUNK = { rows: 512, bytes: 1 << 16 };

/** The pace of a block of 1,000 events while the next one fills. */
function aPace(waiting = 2) {
  const memory = { open: { filled: 0 }, blocks: Array.from({ length: waiting }) };
  let closed = false;
  let pauses = 0;
  const pause = async () => {
    pauses++;
  };
  const pace = new BlockPace(
    memory as unknown as IndexMemory,
    { blockEvents: 1_000, chunk: CHUNK, pause },
    () => closed,
  );
  return {
    pace,
    /** Whether it rests behind a chunk, during which so many events came in. */
    restsAfter: async (events: number) => {
      memory.open.filled += events;
      const before = pauses;
      await pace.rest();
      return pauses > before;
    },
    close: () => {
      closed = true;
    },
  };
}

it('a block is written bit by bit while the next one fills slowly', async () => {
  const { pace, restsAfter } = aPace();
  expect(pace.limits().rows).toBeLessThan(CHUNK.rows);
  for (let n = 0; n < 20; n++) expect(await restsAfter(20)).toBe(true);
  expect(pace.limits().bytes).toBeLessThan(CHUNK.bytes);
});

it('a block is written without rest once the next one fills fast, is half full, or is full already', async () => {
  const fast = aPace();
  expect(await fast.restsAfter(20)).toBe(true);
  expect(await fast.restsAfter(21)).toBe(false);
  expect(await fast.restsAfter(0)).toBe(false);
  expect(fast.pace.limits()).toEqual(CHUNK);
  const slow = aPace();
  for (let n = 0; n < 25; n++) expect(await slow.restsAfter(20)).toBe(true);
  expect(await slow.restsAfter(1)).toBe(false);
  const late = aPace(3);
  expect(late.pace.limits()).toEqual(CHUNK);
  expect(await late.restsAfter(0)).toBe(false);
});

it('nobody waits for a rest of an index that is closed', async () => {
  const { pace, restsAfter, close } = aPace();
  close();
  expect(pace.stopped()).toBe(true);
  expect(await restsAfter(0)).toBe(false);
});
