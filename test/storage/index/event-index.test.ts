import { describe, expect, it } from 'vitest';
import { InvariantViolation } from '../../../src/base/assert.ts';
import { Prng } from '../../../src/base/prng.ts';
import { EntryType } from '../../../src/raft/types.ts';
import { decodeSeal, putChunk, putSeal } from '../../../src/storage/index/block-rows.ts';
import { EventIndex } from '../../../src/storage/index/event-index.ts';
import {
  appendIdsKey,
  blockNameKey,
  formatKey,
  Kind,
  locateKey,
  nameKey,
  sealKey,
  streamKey,
} from '../../../src/storage/index/keys.ts';
import type { StaleIndex } from '../../../src/storage/index/open-index.ts';
import { decodeRow, RowWriter } from '../../../src/storage/index/row-writer.ts';
import { verifyIndex } from '../../../src/storage/index/verify-index.ts';
import { EntryRecord } from '../../../src/storage/record.ts';
import type { Operation, Scan } from '../../../src/storage/store.ts';
import { collect, feed, LogFixture, uuid } from './log-fixture.ts';
import { MemoryStore, turn } from './memory-store.ts';

const one = (stream: string, count = 1) => ({
  writes: [{ stream, events: Array.from({ length: count }, () => ({ type: 'T', tags: ['x'] })) }],
});

async function indexOf(log: LogFixture, store = new MemoryStore(), options = {}) {
  const index = await EventIndex.open(store, log.chainAt, { blockEvents: 16, ...options });
  await feed(index, log);
  return { index, store };
}

/** The batches that are written to a store, which takes nothing more once they are so many. */
function recorded(store: MemoryStore, most = Number.POSITIVE_INFINITY): (readonly Operation[])[] {
  const batches: (readonly Operation[])[] = [];
  const write = store.write.bind(store);
  store.write = (operations, sync) => {
    if (batches.length === most) return new Promise(() => {});
    batches.push(operations.map((operation) => ({ ...operation })));
    return write(operations, sync);
  };
  return batches;
}

async function replayed(batches: readonly (readonly Operation[])[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  for (const batch of batches) await store.write(batch, true);
  return store;
}

describe('space on the disk', () => {
  /** An index on a disk that has space when a test says so; each wait ends with `wake`. */
  function onFullDisk() {
    const store = new MemoryStore();
    const disk = { full: true, waits: 0, wake: () => {} };
    const space = (closed: () => boolean) => {
      if (!disk.full || closed()) return undefined;
      disk.waits++;
      return new Promise<void>((resolve) => {
        disk.wake = resolve;
      });
    };
    return { store, disk, space };
  }

  it('is waited for before a block is written, and the blocks behind it wait [D1]', async () => {
    const { store, disk, space } = onFullDisk();
    const log = new LogFixture();
    const index = await EventIndex.open(store, log.chainAt, { blockEvents: 16, space });
    const opened = store.writes;
    for (let n = 0; n < 33; n++) log.append(one('a'));
    for (const record of log.records) {
      await index.prepare([record]);
      index.apply(record);
    }
    await turn();
    expect(index.head).toBe(33);
    expect(store.writes).toBe(opened);
    const ready = index.ready();
    expect(ready).toBeDefined();
    disk.full = false;
    disk.wake();
    await ready;
    await index.idle();
    expect(index.sealedBlocks).toBe(2);
  });

  it('is waited for between two pieces of a block [D1]', async () => {
    const { store, disk, space } = onFullDisk();
    disk.full = false;
    const log = new LogFixture();
    for (let n = 0; n < 16; n++) log.append(one(`s${n}`));
    const write = store.write.bind(store);
    store.write = async (operations, sync) => {
      await write(operations, sync);
      disk.full = disk.waits === 0;
    };
    const { index } = await indexOf(log, store, { space, chunk: { rows: 4, bytes: 1 << 20 } });
    for (let n = 0; n < 20; n++) await turn();
    expect(disk.waits).toBe(1);
    expect(index.sealedBlocks).toBe(0);
    disk.full = false;
    disk.wake();
    await index.idle();
    expect(index.sealedBlocks).toBe(1);
  });

  it('is waited for by names that are to be forgotten, until nobody waits for that [D1]', async () => {
    const { store, space } = onFullDisk();
    const log = new LogFixture();
    for (let n = 0; n < 17; n++) log.append(one('a'));
    const { index } = await indexOf(log, store, { space });
    const ending = new AbortController();
    const name = { kind: Kind.tag, name: Buffer.from('t'), position: 1 };
    const forgotten = index.forget([name], async () => {}, ending.signal);
    ending.abort();
    await expect(forgotten).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('applying', () => {
  it('refuses an entry that leaves a hole in the log or in positions, or goes back in time [S2]', async () => {
    const log = new LogFixture();
    log.append(one('a'));
    const { index } = await indexOf(log);
    const next = log.append(one('a'));
    const refused = (bytes: Buffer, at = next.index) => expect(() => index.apply(new EntryRecord(at, bytes)));
    const changed = (change: (bytes: Buffer) => void) => {
      const bytes = Buffer.from(next.bytes);
      change(bytes);
      return bytes;
    };
    refused(next.bytes, 3).toThrow(/log entry 3 cannot be applied: the last applied entry is 1/);
    refused(changed((bytes) => bytes.writeUInt32LE(9, 16))).toThrow(
      /first position is 9, but the last applied one is 1/,
    );
    refused(changed((bytes) => bytes.writeUInt32LE(0, 28))).toThrow(/before the entry behind which it stands/);
    refused(changed((bytes) => bytes.writeUInt8(EntryType.noop, 1))).toThrow(/of no type that has events/);
    refused(changed((bytes) => bytes.writeUInt8(7, 104))).toThrow(/its payload cannot be read/);
    await index.prepare([next]);
    index.apply(next);
    expect(index.head).toBe(2);
  });

  it('refuses an event whose revision does not follow the head of its stream [S2]', async () => {
    const log = new LogFixture();
    log.append(one('a', 3));
    const { index } = await indexOf(log);
    log.heads.set('a', 4);
    const next = log.append(one('a'));
    await index.prepare([next]);
    expect(() => index.apply(next)).toThrow(InvariantViolation);
    expect(() => index.apply(next)).toThrow(/position 4 has revision 5 of stream "a", whose next revision is 3/);
  });

  it('refuses an entry whose streams were not prepared instead of taking them for new [S2]', async () => {
    const log = new LogFixture();
    const next = log.append(one('a'));
    const index = await EventIndex.open(new MemoryStore(), log.chainAt);
    expect(() => index.apply(next)).toThrow(/stream "a" is applied without having been prepared/);
  });

  it('passes by entries without events, also of a type that it does not know [S16]', async () => {
    const log = new LogFixture();
    log.append(one('a'));
    log.createdUs += 5;
    log.noop();
    log.seal(EntryType.membership, 2, 0, Buffer.from('{}'));
    log.seal(9 as EntryType, 2, 0, Buffer.from('?'));
    const { index } = await indexOf(log);
    expect([index.appliedIndex, index.head, index.lastCreatedUs]).toEqual([4, 1, log.createdUs]);
  });

  it('keeps and indexes system facts that nobody understands [S16]', async () => {
    const log = new LogFixture();
    log.append({ writes: [{ stream: '$$a', events: [{ type: '$from-the-future', data: Buffer.from('\0\x01') }] }] });
    const { index } = await indexOf(log);
    expect((await index.lookup(['$$a'])).head('$$a').revision).toBe(0);
  });

  it('shows in an old view the end that a stream had then, also where it was the very head [Q1]', async () => {
    const log = new LogFixture();
    log.append(one('other', 15));
    log.append(one('s'));
    const { index } = await indexOf(log);
    await index.idle();
    const view = index.view();
    // Two later blocks write the stream's head anew, so that its row knows nothing of the first one.
    for (let block = 1; block <= 2; block++) log.append(one('s', 16));
    await feed(index, log);
    await index.idle();
    expect(await view.streamHead('s')).toMatchObject({ revision: 0, lastPosition: 16 });
  });

  it('in steps shows an entry to views and look-ups only once it is whole [S3] [C3]', async () => {
    const log = new LogFixture();
    log.append(one('a'));
    const { index } = await indexOf(log);
    const large = log.append(one('a', 50));
    await index.prepare([large]);
    let turns = 0;
    let lookup: unknown;
    await index.applyInSteps(
      large,
      async () => {
        turns++;
        const view = index.view();
        expect([view.head, (await view.streamHead('a')).revision, index.headOf('a')]).toEqual([1, 0, undefined]);
        expect((await collect(view.streamPlaces('a'))).flatMap((batch) => batch.positions)).toEqual([1]);
        expect(() => index.apply(log.records[1]!)).toThrow(/still being applied/);
        lookup ??= index.lookup(['a']);
      },
      10,
    );
    expect(turns).toBe(4);
    const found = await (lookup as ReturnType<EventIndex['lookup']>);
    expect([found.appliedIndex, found.head('a').revision]).toEqual([2, 50]);
  });

  it('holds the caller back while two full blocks wait to be written [C3]', async () => {
    const log = new LogFixture();
    const store = new MemoryStore();
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { index } = await indexOf(log, store);
    const write = store.write.bind(store);
    store.write = async (operations, sync) => {
      await gate;
      return write(operations, sync);
    };
    log.append(one('a', 17));
    await feed(index, log);
    expect(index.ready()).toBeUndefined();
    log.append(one('a', 17));
    await feed(index, log);
    let held = true;
    const ready = index.ready()?.then(() => {
      held = false;
    });
    await turn();
    expect(held).toBe(true);
    open();
    await ready;
    await index.idle();
    expect([held, index.sealedBlocks, index.ready()]).toEqual([false, 2, undefined]);
  });

  it('writes a block in bounded chunks [C3]', async () => {
    const log = new LogFixture();
    const store = new MemoryStore();
    const sizes: number[] = [];
    const write = store.write.bind(store);
    store.write = async (operations, sync) => {
      sizes.push(operations.length);
      return write(operations, sync);
    };
    for (let i = 0; i < 300; i++) log.append(one(`s${i}`));
    const { index } = await indexOf(log, store, { blockEvents: 300, chunk: { rows: 100, bytes: 1 << 20 } });
    await index.idle();
    // One row more than was asked for may end a chunk, and one marks it.
    expect(Math.max(...sizes)).toBeLessThanOrEqual(102);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(900);
  });

  it('syncs each chunk of a block before it seals it [D5]', async () => {
    const log = new LogFixture();
    const store = new MemoryStore();
    const synced: boolean[] = [];
    const write = store.write.bind(store);
    store.write = async (operations, sync) => {
      synced.push(sync);
      return write(operations, sync);
    };
    for (let i = 0; i < 300; i++) log.append(one(`s${i}`));
    const { index } = await indexOf(log, store, { blockEvents: 300, chunk: { rows: 100, bytes: 1 << 20 } });
    await index.idle();
    expect(index.sealedBlocks).toBe(1);
    expect(synced.length).toBeGreaterThan(5);
    expect(synced.every((sync) => sync)).toBe(true);
  });

  it('stops for good once a block could not be written [D1]', async () => {
    const log = new LogFixture();
    const store = new MemoryStore();
    const errors: unknown[] = [];
    const { index } = await indexOf(log, store, { onWriteError: (error: unknown) => errors.push(error) });
    store.failure = new Error('no space left on device');
    log.append(one('a', 16));
    await feed(index, log);
    await expect(index.idle()).rejects.toThrow('no space left');
    await expect(index.ready()).rejects.toThrow('no space left');
    expect(() => index.apply(log.append(one('a')))).toThrow('no space left');
    expect(errors).toEqual([store.failure]);
  });
});

describe('look-ups', () => {
  it('answer at once what memory knows, and stay as they are while entries are applied [S3]', async () => {
    const log = new LogFixture();
    log.append(one('a', 2));
    const { index } = await indexOf(log);
    const lookup = index.lookup(['a'], []);
    if (lookup instanceof Promise) return expect.unreachable('it has to be loaded');
    log.append(one('a'));
    await feed(index, log);
    expect([lookup.appliedIndex, lookup.head('a').revision]).toEqual([1, 1]);
    expect(() => lookup.head('b')).toThrow('was not looked up');
  });

  it('that load take what was applied, sealed and forgotten meanwhile into account [S3]', async () => {
    const log = new LogFixture();
    const store = new MemoryStore();
    const { index } = await indexOf(log, store, { cachedStreams: 1 });
    log.append(one('a', 16));
    for (let i = 0; i < 4; i++) log.append(one(`other${i}`, 4));
    await feed(index, log);
    await index.idle();
    const getMany = store.getMany.bind(store);
    store.getMany = async (keys) => {
      const rows = await getMany(keys);
      store.getMany = getMany;
      log.append(one('a', 16));
      for (let i = 0; i < 8; i++) log.append(one(`other${i}`, 4));
      await feed(index, log);
      await index.idle();
      return rows;
    };
    const lookup = await index.lookup(['a', 'other1']);
    expect([lookup.appliedIndex, lookup.head('a').revision, lookup.head('other1').revision]).toEqual([14, 31, 7]);
  });

  it('tell a producer how far it has come, over restarts, and without limit of time [S7]', async () => {
    const log = new LogFixture();
    const store = new MemoryStore();
    log.append({ ...one('a'), producer: { producer: 'import', previous: 0, current: 41 } });
    for (let i = 0; i < 50; i++) log.append(one('b'));
    const options = { appendIdsMin: 1, appendIdWindowUs: 1 };
    const first = await indexOf(log, store, options);
    await first.index.idle();
    const second = await indexOf(log, store, options);
    const cursor = (await second.index.lookup([], ['import', 'unknown'])).cursor('import');
    expect(cursor).toMatchObject({ current: 41, logIndex: 1 });
    expect(Buffer.from(cursor!.appendId).equals(uuid(1))).toBe(true);
    expect((await second.index.lookup([], ['unknown'])).cursor('unknown')).toBeUndefined();
  });
});

describe('opening', () => {
  async function sealed(options = {}) {
    const log = new LogFixture();
    for (let i = 0; i < 30; i++) log.append(one(`s-${i % 3}`, 3));
    const made = await indexOf(log, new MemoryStore(), options);
    await made.index.idle();
    return { log, ...made };
  }

  it('asks for the entries behind the newest seal again, an entry that straddles it included [D5]', async () => {
    const { log, store } = await sealed();
    const index = await EventIndex.open(store, log.chainAt, { blockEvents: 16 });
    // Five blocks are 80 positions; the 27th entry holds 79 to 81.
    expect([index.sealedBlocks, index.replayFrom, index.appliedIndex, index.head]).toEqual([5, 27, 26, 78]);
    const view = index.view();
    expect((await view.streamHead('s-2')).lastPosition).toBe(72);
    await feed(index, log);
    expect(index.head).toBe(90);
  });

  it('ignores rows of a block that was never sealed [D5]', async () => {
    const log = new LogFixture();
    const store = new MemoryStore();
    const { index } = await indexOf(log, store);
    log.append(one('a', 16));
    await feed(index, log);
    await index.idle();
    const write = store.write.bind(store);
    store.write = async (operations, sync) => {
      if (operations.some(({ key }) => key[0] === Kind.seal)) return new Promise(() => {});
      return write(operations, sync);
    };
    log.append(one('a', 8));
    log.append(one('b', 8));
    await feed(index, log);
    for (let i = 0; i < 20; i++) await turn();
    expect(await store.get(nameKey(Kind.head, 'b'))).toBeDefined();
    const again = await EventIndex.open(store.crash(new Prng(1)), log.chainAt, { blockEvents: 16 });
    expect(again.sealedBlocks).toBe(1);
    const lookup = await again.lookup(['a', 'b']);
    expect([lookup.head('a').revision, lookup.head('b').state]).toEqual([15, 'none']);
    const view = again.view();
    expect((await collect(view.streamPlaces('a'))).flatMap((batch) => batch.positions)).toHaveLength(16);
    expect(await collect(view.streamPlaces('b', { backwards: true }))).toEqual([]);
    expect((await view.streamHead('b')).state).toBe('none');
  });

  it('holds no scan open while whoever reads places is not asking for more [R2]', async () => {
    const { index, store } = await sealed();
    const open = new Set<Scan>();
    const scanOf = store.scan.bind(store);
    store.scan = (range) => {
      const scan = scanOf(range);
      open.add(scan);
      return { next: (count) => scan.next(count), close: async () => void open.delete(scan) };
    };
    const view = index.view();
    for (const places of [
      view.streamPlaces('s-1'),
      view.streamPlaces('s-1', { backwards: true }),
      view.namedPlaces(Kind.type, 'T'),
      view.namedPlaces(Kind.type, 'T', { backwards: true }),
    ]) {
      let pieces = 0;
      for await (const _ of places) {
        pieces++;
        expect(open.size).toBe(0);
      }
      expect(pieces).toBeGreaterThan(1);
    }
  });

  it('tells that the log has lost what the index knows, before it wipes anything [D8]', async () => {
    const { log, store } = await sealed();
    const before = store.dump();
    const cases: [StaleIndex, (index: number) => Promise<Uint8Array | undefined>][] = [
      [{ reason: 'beyondLog', logIndex: 27 }, async () => undefined],
      [{ reason: 'otherChain', logIndex: 27 }, async () => new Uint8Array(32)],
    ];
    for (const [wanted, chainAt] of cases) {
      const told: StaleIndex[] = [];
      const refuse = (stale: StaleIndex) => {
        told.push(stale);
        throw new Error('the log is damaged');
      };
      await expect(EventIndex.open(store, chainAt, { blockEvents: 16, onStale: refuse })).rejects.toThrow('damaged');
      expect(told).toEqual([wanted]);
      expect(store.dump()).toEqual(before);
    }
    const index = await EventIndex.open(store, cases[1]![1], { blockEvents: 16 });
    expect([index.sealedBlocks, index.replayFrom, store.dump().length]).toEqual([0, 1, 1]);
    await feed(index, log);
    await index.idle();
    expect(store.dump()).toEqual(before);
  });

  it('builds the index again for another format, another block size, damaged first rows, or when asked [D5]', async () => {
    const { log, store } = await sealed();
    const reasons: string[] = [];
    const onStale = (stale: StaleIndex) => void reasons.push(stale.reason);
    const rebuilt = async (options: object) => {
      const index = await EventIndex.open(store, log.chainAt, { blockEvents: 16, onStale, ...options });
      expect(index.replayFrom).toBe(1);
      await feed(index, log);
      await index.idle();
    };
    await rebuilt({ blockEvents: 20 });
    await rebuilt({});
    store.poke(formatKey(), Buffer.from('nonsense'));
    await rebuilt({});
    store.poke(sealKey(4), Buffer.alloc(7));
    await rebuilt({});
    await rebuilt({ rebuild: true });
    expect(reasons).toEqual(['format', 'format', 'damaged', 'damaged', 'asked']);
    expect((await verifyIndex(store)).damages).toEqual([]);
  });

  it('builds the index again where LevelDB has lost any batch of what its seals vouch for [D5]', async () => {
    const log = new LogFixture();
    for (let i = 0; i < 30; i++) log.append(one(`s-${i % 3}`, 3));
    const recording = new MemoryStore();
    const batches = recorded(recording);
    await (await indexOf(log, recording, { chunk: { rows: 5, bytes: 1 << 20 } })).index.idle();
    expect(batches.length).toBeGreaterThan(20);
    for (let lost = 0; lost < batches.length - 1; lost++) {
      const store = await replayed(batches.filter((_, n) => n !== lost));
      const reasons: string[] = [];
      const onStale = (stale: StaleIndex) => void reasons.push(stale.reason);
      const index = await EventIndex.open(store, log.chainAt, { blockEvents: 16, onStale });
      expect([lost, index.replayFrom, reasons]).toEqual([lost, 1, [lost === 0 ? 'format' : 'damaged']]);
    }
  });

  it('builds the index again where batches are lost of a block that an earlier attempt had begun in other chunks [D5]', async () => {
    const log = new LogFixture();
    for (let i = 0; i < 40; i++) log.append(one(`s-${i}`));
    const ended = new MemoryStore();
    // The node ends in the middle of the block, which it writes bit by bit.
    const before = recorded(ended, 15);
    await indexOf(log, ended, { blockEvents: 40, chunk: { rows: 3, bytes: 1 << 20 } });
    while (before.length < 15) await turn();
    const store = await replayed(before);
    const batches = recorded(store);
    await (await indexOf(log, store, { blockEvents: 40, chunk: { rows: 10, bytes: 1 << 20 } })).index.idle();
    const reasonsWithout = async (lost: (n: number) => boolean) => {
      const reasons: string[] = [];
      const onStale = (stale: StaleIndex) => void reasons.push(stale.reason);
      const damaged = await replayed([...before, ...batches.filter((_, n) => !lost(n))]);
      await EventIndex.open(damaged, log.chainAt, { blockEvents: 40, onStale });
      return reasons;
    };
    expect(await reasonsWithout(() => false)).toEqual([]);
    expect(batches.length).toBeGreaterThan(8);
    for (let from = 0; from < batches.length - 1; from++) {
      for (let to = from; to < batches.length - 1; to++) {
        expect([from, to, await reasonsWithout((n) => n >= from && n <= to)]).toEqual([from, to, ['damaged']]);
      }
    }
  });

  it('keeps an index of before chunks told their rows, unless an earlier attempt at a block hides what is lost [D5]', async () => {
    const { log, store } = await sealed();
    const opened = async () => {
      const reasons: string[] = [];
      const onStale = (stale: StaleIndex) => void reasons.push(stale.reason);
      await EventIndex.open(store, log.chainAt, { blockEvents: 16, onStale });
      return reasons;
    };
    const former = new RowWriter();
    for (let block = 0; (await store.get(sealKey(block))) !== undefined; block++) {
      const seal = decodeRow(sealKey(block), (await store.get(sealKey(block)))!, decodeSeal);
      for (let chunk = 0; chunk < seal.chunks; chunk++) putChunk(former, block, chunk, undefined);
      putSeal(former, block, { ...seal, digest: undefined });
    }
    await store.write(former.take(), true);
    expect(await opened()).toEqual([]);
    putChunk(former, 1, 99, undefined);
    await store.write(former.take(), true);
    expect(await opened()).toEqual(['damaged']);
  });

  it('finishes a wipe that a crash interrupted before it writes anything new [D5]', async () => {
    const { log, store } = await sealed();
    const write = store.write.bind(store);
    let writes = 0;
    store.write = async (operations, sync) => (writes++ < 1 ? write(operations, sync) : new Promise(() => {}));
    void EventIndex.open(store, async () => undefined, { blockEvents: 16 });
    for (let i = 0; i < 20; i++) await turn();
    const after = store.crash(new Prng(1));
    expect(after.dump().length).toBeGreaterThan(10);
    const index = await EventIndex.open(after, log.chainAt, { blockEvents: 16 });
    expect([index.replayFrom, after.dump().length]).toEqual([1, 1]);
  });
});

describe('damage', () => {
  async function damaged() {
    const log = new LogFixture();
    for (let i = 0; i < 40; i++) log.append(one(`s-${i % 3}`, 4));
    const { index, store } = await indexOf(log);
    await index.idle();
    return { log, store, index: await EventIndex.open(store, log.chainAt, { blockEvents: 16, cachedStreams: 1 }) };
  }

  it('of a row that is read ends in DATA_LOSS with the way out [D5]', async () => {
    const { store, index } = await damaged();
    const key = nameKey(Kind.head, 's-1');
    const value = Buffer.from((await store.get(key))!);
    value[20]! ^= 1;
    store.poke(key, value);
    await expect(index.lookup(['s-1'])).rejects.toThrow(/delete its index directory/);
  });

  it('by a lost head does not make its stream begin anew, for whoever appends or applies [S2, D5]', async () => {
    const { store, index } = await damaged();
    store.poke(nameKey(Kind.head, 's-1'), undefined);
    await expect(index.lookup(['s-1'])).rejects.toThrow(/"s-1" has events, but no row that tells its head/);
    await expect(index.lookup(['s-1'])).rejects.toMatchObject({ code: 'DATA_LOSS' });
    expect((await index.lookup(['new'])).head('new')).toMatchObject({ state: 'none' });
  });

  it('by a lost row of append ids is met when the index is opened: a repeat would be appended again [S6]', async () => {
    const { log, store } = await damaged();
    store.poke(appendIdsKey(3, 0), undefined);
    const opened = EventIndex.open(store, log.chainAt, { blockEvents: 16 });
    await expect(opened).rejects.toThrow(/append ids of sealed blocks are missing/);
  });

  it('by a lost row shows as a gap in its stream, and in the count of its block [D5]', async () => {
    const { store, index } = await damaged();
    expect((await verifyIndex(store)).damages).toEqual([]);
    const view = index.view();
    const rows = await collect(view.streamPlaces('s-1'));
    store.poke(streamKey('s-1', rows[1]!.revision), undefined);
    await expect(collect(view.streamPlaces('s-1'))).rejects.toThrow(/has a gap at revision/);
    await expect(collect(view.streamPlaces('s-1', { backwards: true }))).rejects.toThrow(/has a gap/);
    expect((await verifyIndex(store)).damages).toEqual([
      expect.stringMatching(/^block \d has \d+ rows, but was sealed/),
    ]);
    store.poke(locateKey(2, 0), undefined);
    await expect(view.locate(40)).rejects.toThrow(/a locating row is missing/);
  });
});

it('what an attempt at a block has left of a name that is forgotten before the next one leaves the disk [R2] [D5]', async () => {
  const log = new LogFixture();
  for (let i = 0; i < 17; i++) log.append({ writes: [{ stream: 's', events: [{ type: 'T', tags: [`tag:${i}`] }] }] });
  const ended = new MemoryStore();
  const before = recorded(ended, 15);
  await indexOf(log, ended, { chunk: { rows: 1, bytes: 1 << 20 } });
  while (before.length < 15) await turn();
  const store = await replayed(before);
  const row = blockNameKey(Kind.tag, 'tag:2', 0);
  expect(await store.get(row)).toBeDefined();
  // Not all that was applied is known to be committed yet, so the block is not full.
  const index = await EventIndex.open(store, log.chainAt, { blockEvents: 16 });
  await feed(index, log, 10);
  const erased = { kind: Kind.tag, name: Buffer.from('tag:2'), position: 3 };
  await index.forget([erased], async () => {}, new AbortController().signal);
  expect(await store.get(row)).toBeUndefined();
  for (const record of log.records.slice(10)) index.apply(record);
  await index.idle();
  expect(await store.get(sealKey(0))).toBeDefined();
  expect((await verifyIndex(store)).damages).toEqual([]);
});

it('names of a large append are forgotten in many turns, however many there are of one block [C3]', async () => {
  const log = new LogFixture();
  log.append(one('a', 40));
  const { index, store } = await indexOf(log);
  await index.idle();
  const inTurns = [0];
  const getMany = store.getMany.bind(store);
  store.getMany = (keys) => {
    inTurns[inTurns.length - 1]! += keys.length;
    return getMany(keys);
  };
  const names = Array.from({ length: 40_000 }, (_, n) => ({
    kind: Kind.tag,
    name: Buffer.from(`tag:${n}`),
    position: 1 + (n % 16),
  }));
  await index.forget(names, async () => void inTurns.push(0), new AbortController().signal);
  expect(inTurns).toEqual(Array.from({ length: 40 }, () => 1_000));
});
