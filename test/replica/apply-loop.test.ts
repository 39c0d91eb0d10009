import { expect, it } from 'vitest';
import { ApplyLoop } from '../../src/replica/apply-loop.ts';
import type { AppliedState } from '../../src/replica/ports.ts';
import type { EntryRecord } from '../../src/storage/record.ts';
import { EMPTY_LOG, entriesAfter } from '../storage/support.ts';
import { VirtualTime } from '../support/virtual-clock.ts';

/** A loop over ten entries in memory, each of which takes five milliseconds to apply. */
function slowLoop() {
  const records = entriesAfter(EMPTY_LOG, 10);
  const clock = new VirtualTime().clock();
  let nowMs = 0;
  let yields = 0;
  const state = {
    appliedIndex: 0,
    prepare: () => undefined,
    ready: () => undefined,
    apply(record: EntryRecord) {
      state.appliedIndex = record.index;
      nowMs += 5;
    },
  };
  const told: number[] = [];
  const loop: ApplyLoop = new ApplyLoop({
    log: { read: async () => [] },
    state: state as unknown as AppliedState,
    clock: {
      ...clock,
      monotonicMs: () => nowMs,
      yieldTurn: async () => {
        yields++;
        expect(loop.applied.value).toBe(state.appliedIndex);
      },
    },
    inMemory: (index) => records[index - 1],
    applied: (turn) => {
      expect(loop.applied.value).toBe(state.appliedIndex);
      told.push(...turn.map((record) => record.index));
    },
  });
  return { loop, told, yields: () => yields };
}

it('a batch that takes long is applied in turns, and never more is told than is applied [D8, C3]', async () => {
  const { loop, told, yields } = slowLoop();
  const failures: unknown[] = [];
  loop.start((error) => failures.push(error));
  loop.committed.raise(10);
  await loop.applied.reached(10);
  await loop.stop();
  expect(failures).toEqual([]);
  expect(told).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(yields()).toBe(4);
});

it('takes from disk no more than is committed, though the log goes on [D8]', async () => {
  const records = entriesAfter(EMPTY_LOG, 10);
  const told: number[] = [];
  const loop = new ApplyLoop({
    log: { read: async (from, to) => records.slice(from - 1, to) },
    state: {
      appliedIndex: 0,
      prepare: () => undefined,
      ready: () => undefined,
      apply: () => undefined,
    } as unknown as AppliedState,
    clock: new VirtualTime().clock(),
    inMemory: () => undefined,
    applied: (turn) => told.push(...turn.map((record) => record.index)),
  });
  loop.start((error) => expect.unreachable(String(error)));
  loop.committed.raise(4);
  await loop.applied.reached(4);
  await loop.stop();
  expect(told).toEqual([1, 2, 3, 4]);
});

it('ends though the index waits for space on the disk, which may never come [D1]', async () => {
  const loop = new ApplyLoop({
    log: { read: async () => entriesAfter(EMPTY_LOG, 1) },
    state: {
      appliedIndex: 0,
      prepare: () => undefined,
      ready: () => new Promise<void>(() => {}),
      apply: () => expect.unreachable(),
    } as unknown as AppliedState,
    clock: new VirtualTime().clock(),
    inMemory: () => undefined,
    applied: () => expect.unreachable(),
  });
  loop.start((error) => expect.unreachable(String(error)));
  loop.committed.raise(1);
  await new Promise(setImmediate);
  await loop.stop();
  expect(loop.applied.value).toBe(0);
});
