import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeSlot,
  encodeSlot,
  NOTHING_PROMISED,
  type Promised,
  PromiseFile,
  SLOT_BYTES,
  SLOTS,
  type SlotBytes,
} from '../../src/storage/promise-file.ts';
import { failure, temporaryDirectory } from './support.ts';

const promise = (lastIndex: number): Promised => ({
  incarnation: 3,
  term: 7,
  vote: 'n2/0f9e',
  lastIndex,
  chain: Buffer.alloc(32, lastIndex),
});

async function created(): Promise<string> {
  const path = join(await temporaryDirectory(), 'promise');
  await PromiseFile.create(path);
  return path;
}

/** What a node that is started now would find. */
async function reopened(path: string): Promise<Promised> {
  const file = await PromiseFile.open(path);
  await file.close();
  return file.read();
}

/** The bytes of a promise file whose syncs end when the test says so. */
class UnsyncedSlots implements SlotBytes {
  readonly now = Buffer.alloc(SLOTS * SLOT_BYTES);
  private durable: Buffer;
  private end: (() => void) | undefined;

  constructor() {
    encodeSlot(this.now, 1, NOTHING_PROMISED);
    this.durable = Buffer.from(this.now);
  }

  write(from: Buffer, length: number, offset: number): number {
    return from.copy(this.now, offset, 0, length);
  }

  async sync(): Promise<void> {
    const reached = Buffer.from(this.now);
    await new Promise<void>((resolve) => (this.end = resolve));
    this.durable = reached;
  }

  /** Lets the sync that is under way, or is about to begin, come to its end. */
  async endSync(): Promise<void> {
    await new Promise(setImmediate);
    this.end?.();
    this.end = undefined;
    await new Promise(setImmediate);
  }

  async close(): Promise<void> {}

  /** What may be there after a power failure: of each page that is not synced, the old one, the new one or a torn one. */
  tears(): Buffer[] {
    let all = [Buffer.from(this.now)];
    for (let slot = 0; slot < SLOTS; slot++) {
      const [from, to] = [slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES];
      if (this.durable.subarray(from, to).equals(this.now.subarray(from, to))) continue;
      all = all.flatMap((bytes) =>
        [from, from + 20, to].map((cut) => {
          const torn = Buffer.from(bytes);
          this.durable.copy(torn, cut, cut, to);
          return torn;
        }),
      );
    }
    return all;
  }
}

describe('the promise file', () => {
  test('a new one promises nothing [D2]', async () => {
    expect(await reopened(await created())).toEqual({ ...NOTHING_PROMISED, chain: Buffer.alloc(32) });
  });

  test('the last promise is there after the process died without a word [D2]', async () => {
    const path = await created();
    const file = await PromiseFile.open(path);
    for (let i = 1; i <= 50; i++) {
      file.write(promise(i));
      if (i % 7 === 0) await file.sync();
      expect(await reopened(path)).toEqual(promise(i));
    }
    await file.close();
  });

  test('a torn write of one slot leaves the promise before the last sync [D2]', async () => {
    const path = await created();
    let file = await PromiseFile.open(path);
    for (let round = 1; round <= 6; round++) {
      const synced = promise(10 * round);
      file.write(synced);
      await file.sync();
      if (round > 2) {
        await file.close();
        file = await PromiseFile.open(path);
      }
      const before = await readFile(path);
      file.write(promise(10 * round + 1));
      file.write(promise(10 * round + 2));
      const after = await readFile(path);
      const changed = before.findIndex((byte, i) => byte !== after[i]);
      const slotAt = changed - (changed % SLOT_BYTES);
      for (let cut = 16; cut < 90; cut++) {
        const torn = Buffer.from(after);
        before.copy(torn, slotAt + cut, slotAt + cut, slotAt + SLOT_BYTES);
        if (torn.equals(after)) continue;
        const copy = `${path}.torn`;
        await writeFile(copy, torn);
        const found = await reopened(copy);
        expect(found.lastIndex).toBe(synced.lastIndex);
      }
    }
    await file.close();
  });

  test('power that fails during a sync leaves a promise, whatever it tears of what was not synced [D2]', async () => {
    const disk = new UnsyncedSlots();
    const file = PromiseFile.over(disk, disk.now, 'promise');
    for (let round = 1; round <= 7; round++) {
      file.write(promise(10 * round));
      const syncing = file.sync();
      await new Promise(setImmediate);
      file.write(promise(10 * round + 1));
      const next = file.sync();
      file.write(promise(10 * round + 2));
      for (const torn of disk.tears()) {
        const found = PromiseFile.over(disk, torn, 'promise').read();
        expect(found.lastIndex).toBeGreaterThanOrEqual(Math.max(0, 10 * (round - 1)));
      }
      await disk.endSync();
      await syncing;
      for (const torn of disk.tears()) {
        const found = PromiseFile.over(disk, torn, 'promise').read();
        expect(found.lastIndex).toBeGreaterThanOrEqual(10 * round);
      }
      await disk.endSync();
      await next;
      const last = file.sync();
      await disk.endSync();
      await last;
    }
  });

  test('one of an earlier version, with two slots, is taken on', async () => {
    const bytes = Buffer.alloc(2 * SLOT_BYTES);
    encodeSlot(bytes, 5, promise(8));
    encodeSlot(bytes.subarray(SLOT_BYTES), 6, promise(9));
    const path = await created();
    await writeFile(path, bytes);
    expect(await reopened(path)).toEqual(promise(9));
    const file = await PromiseFile.open(path);
    for (let index = 10; index < 20; index++) {
      file.write(promise(index));
      await file.sync();
      expect(await reopened(path)).toEqual(promise(index));
    }
    await file.close();
  });

  test('a vote can take up to 512 bytes and no more', async () => {
    const path = await created();
    const file = await PromiseFile.open(path);
    const vote = 'é'.repeat(256);
    file.write({ ...promise(1), vote });
    expect((await reopened(path)).vote).toBe(vote);
    file.write({ ...promise(2), vote: undefined });
    expect((await reopened(path)).vote).toBeUndefined();
    expect(() => file.write({ ...promise(3), vote: `${vote}x` })).toThrow('513 bytes');
    await file.close();
  });

  test('one that is missing, empty or damaged in all slots is refused with what to do [D2]', async () => {
    const path = await created();
    const missing = await failure(PromiseFile.open(`${path}x`));
    expect(missing.code).toBe('DATA_LOSS');
    expect(missing.message).toContain('cannot be opened');
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(2 * SLOT_BYTES), Buffer.alloc(2 * SLOT_BYTES, 0xff)]) {
      await writeFile(path, bytes);
      const error = await failure(PromiseFile.open(path));
      expect(error.code).toBe('DATA_LOSS');
      expect(error.message).toContain(path);
      expect(error.message).toContain('Ways out');
    }
  });
});

const place = fc.maxSafeNat();
const promises = fc.record({
  incarnation: place,
  term: place,
  vote: fc.option(fc.string({ minLength: 1, maxLength: 128, unit: 'binary' }), { nil: undefined }),
  lastIndex: place,
  chain: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
});

describe('a slot of the promise file', () => {
  test('gives back every promise that was written', () => {
    fc.assert(
      fc.property(promises, place, (wanted, sequence) => {
        const slot = Buffer.alloc(SLOT_BYTES, 0xaa);
        encodeSlot(slot, sequence, wanted);
        expect(decodeSlot(slot)).toEqual({ sequence, promise: wanted });
      }),
    );
  });

  test('a flipped bit anywhere in it is noticed [D2]', () => {
    fc.assert(
      fc.property(promises, fc.nat(), (wanted, at) => {
        const slot = Buffer.alloc(SLOT_BYTES);
        const bits = encodeSlot(slot, 5, wanted) * 8;
        const bit = at % bits;
        slot[bit >> 3] = (slot[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(typeof decodeSlot(slot)).toBe('string');
      }),
    );
  });

  test('arbitrary bytes are never taken for one, and never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), fc.boolean(), (bytes, magic) => {
        const slot = Buffer.from(bytes);
        if (magic && slot.length > 4) slot.write('PRM1', 0, 'latin1');
        expect(typeof decodeSlot(slot)).toBe('string');
      }),
    );
  });
});
