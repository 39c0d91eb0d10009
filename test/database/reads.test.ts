import { describe, expect, it } from 'vitest';
import { type ReadRequest, Reads } from '../../src/database/reads.ts';
import type { Query } from '../../src/model/query.ts';
import { Watched } from '../../src/runtime/watched.ts';
import { EventIndex } from '../../src/storage/index/event-index.ts';
import { EventReader } from '../../src/storage/index/event-reader.ts';
import type { Scan, ScanRange } from '../../src/storage/store.ts';
import { follow } from '../../src/subscription/subscription.ts';
import { erased, feed, LogFixture } from '../storage/index/log-fixture.ts';
import { MemoryStore } from '../storage/index/memory-store.ts';

const query = (item: Partial<Query['items'][number]>): Query => ({
  items: [{ types: [], tags: [], categories: [], streams: [], streamPrefixes: [], ...item }],
});
const asked: ReadRequest = {
  target: { kind: 'all' },
  backwards: false,
  start: undefined,
  limit: 0,
  consistency: { kind: 'local' },
  userEvents: false,
};
const PER_ENTRY = 100;

interface Shape {
  readonly stream: string;
  readonly tags?: readonly string[];
  readonly erased?: boolean;
}

/**
 * Reads over entries of 100 events each; `turned` is called at each turn of the event loop that they leave to others,
 * which takes so many milliseconds.
 */
async function readsOver(
  shapes: readonly Shape[],
  turned: () => void,
  turnMs = 0,
  store = new MemoryStore(),
  blockEvents = 1_024,
) {
  const log = new LogFixture();
  for (const { stream, tags = [] } of shapes) {
    const events = Array.from({ length: PER_ENTRY }, () => ({ type: 'T', tags }));
    log.append({ writes: [{ stream, events }] });
  }
  const index = await EventIndex.open(store, log.chainAt, { blockEvents });
  await feed(index, log);
  await index.idle();
  for (const [n, shape] of shapes.entries()) if (shape.erased) log.records[n] = erased(log.records[n]!);
  const recent = (at: number) => log.records[at - 1];
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs };
  const yieldTurn = async () => {
    nowMs += turnMs;
    turned();
  };
  const reader = new EventReader({ log, recent, yieldTurn });
  const reads = new Reads(index, reader, { get: (at) => log.get(at), findByTime: async () => undefined }, clock);
  return { reads, head: index.head, clock };
}

describe('a read whose client has gone', () => {
  const hidden = Array<Shape>(100).fill({ stream: 'c-1', tags: ['t'], erased: true });
  const system = Array<Shape>(100).fill({ stream: '$s', tags: ['t'] });
  const reads: [string, readonly Shape[], Partial<ReadRequest>][] = [
    ['of everything', hidden, {}],
    ['of user events', system, { userEvents: true }],
    ['of a stream', hidden, { target: { kind: 'stream', stream: 'c-1' } }],
    ['of a virtual stream', hidden, { target: { kind: 'stream', stream: '$ce-c' } }],
    ['by tag', hidden, { target: { kind: 'query', query: query({ tags: ['t'] }) } }],
    ['by type, of user streams', system, { target: { kind: 'query', query: query({ types: ['T'] }) } }],
    ['of all user streams', system, { target: { kind: 'query', query: { items: [] } } }],
  ];

  it.each(reads)('ends with the turn that it is at, also where nothing shows: %s [C3]', async (_, shapes, request) => {
    for (const backwards of [false, true]) {
      for (const limit of [0, 1_000]) {
        const gone = new AbortController();
        let turns = 0;
        const store = await readsOver(shapes, () => {
          turns++;
          gone.abort();
        });
        for await (const { events } of store.reads.read({ ...asked, ...request, backwards, limit }, gone.signal)) {
          expect(events).toEqual([]);
        }
        expect(turns).toBeGreaterThan(0);
        expect(turns).toBeLessThanOrEqual(2);
      }
    }
  });

  it('ends likewise where it is a subscription [C3]', async () => {
    for (const [, shapes, { target = asked.target, userEvents = false }] of reads) {
      const gone = new AbortController();
      let turns = 0;
      const { reads: from } = await readsOver(shapes, () => {
        turns++;
        gone.abort();
      });
      for await (const { events } of from.behind({ target, userEvents }, 0, gone.signal)) expect(events).toEqual([]);
      expect(turns).toBeLessThanOrEqual(2);
    }
  });
});

describe('a query of thousands of names whose client has gone', () => {
  it.each(['read', 'behind'] as const)('ends with the look-up that it is at: %s [C3]', async (verb) => {
    const gone = new AbortController();
    let lookUps = 0;
    class LeavingStore extends MemoryStore {
      override scan(range: ScanRange): Scan {
        if (++lookUps === 100) gone.abort();
        return super.scan(range);
      }
    }
    const { reads } = await readsOver(Array(3).fill({ stream: 'c-1' }), () => {}, 0, new LeavingStore(), 64);
    lookUps = 0;
    const items = Array.from({ length: 128 }, (_, i) => {
      return query({ types: Array.from({ length: 64 }, (_, n) => `${i}.${n}`) }).items[0]!;
    });
    const target = { kind: 'query', query: { items } } as const;
    const batches =
      verb === 'read'
        ? reads.read({ ...asked, target }, gone.signal)
        : reads.behind({ target, userEvents: false }, 0, gone.signal);
    for await (const { events } of batches) expect(events).toEqual([]);
    expect(lookUps).toBeGreaterThanOrEqual(100);
    // Those that were begun with it.
    expect(lookUps).toBeLessThan(100 + 2 * 64);
  });
});

describe('a read that passes over much that does not show', () => {
  const NEVER = new AbortController().signal;
  const hidden = (shape: Shape): readonly Shape[] => [...Array(100).fill({ ...shape, erased: true }), shape];
  const system = [...Array<Shape>(100).fill({ stream: '$s' }), { stream: 'c-1' }];
  const reads: [string, readonly Shape[], Partial<ReadRequest>][] = [
    ['of everything', hidden({ stream: 'c-1' }), {}],
    ['of user events', system, { userEvents: true }],
    ['of a stream', hidden({ stream: 'c-1' }), { target: { kind: 'stream', stream: 'c-1' } }],
    ['by tag', hidden({ stream: 'c-1', tags: ['t'] }), { target: { kind: 'query', query: query({ tags: ['t'] }) } }],
  ];

  it.each(reads)('says at once what it sees, and then that it is still at it: %s [Q1]', async (_, shapes, request) => {
    for (const backwards of [false, true]) {
      const { reads: from, head, clock } = await readsOver(backwards ? shapes.toReversed() : shapes, () => {}, 300);
      const told: number[] = [];
      const found: number[] = [];
      for await (const { start, events } of from.read({ ...asked, ...request, backwards }, NEVER)) {
        expect(start?.head).toBe(told.length === 0 ? head : undefined);
        told.push(clock.monotonicMs());
        found.push(events.length);
      }
      expect(found.at(-1)).toBe(PER_ENTRY);
      expect(found.slice(0, -1).every((events) => events === 0)).toBe(true);
      // The SDK leaves a node that has said nothing after five seconds.
      expect(told.at(-1)).toBeGreaterThan(10_000);
      expect(told[0]).toBeLessThanOrEqual(300);
      for (const [n, ms] of told.entries()) expect(ms - (told[n - 1] ?? 0)).toBeLessThanOrEqual(1_000);
    }
  });

  it('sends no more messages than that takes', async () => {
    const { reads: from } = await readsOver(hidden({ stream: 'c-1' }), () => {}, 10);
    const messages: number[] = [];
    for await (const { events } of from.read(asked, NEVER)) messages.push(events.length);
    expect(messages).toEqual([0, PER_ENTRY]);
  });
});

describe('a subscription', () => {
  it.each([
    ['of user events, behind those of system streams', '$s', { kind: 'all' } as const],
    ['of a stream, behind what was erased of it', 'c-1', { kind: 'stream', stream: 'c-1' } as const],
  ])('tells every 10,000 positions how far it has looked: %s [Q3]', async (_, stream, target) => {
    const { reads, head } = await readsOver(Array(500).fill({ stream, erased: stream === 'c-1' }), () => {});
    const stop = new AbortController();
    const source = {
      head: new Watched(head),
      read: (after: number) => reads.behind({ target, userEvents: true }, after, stop.signal),
      freshHead: async () => head,
    };
    const checkpoints: number[] = [];
    for await (const { events, caughtUp, checkpoint } of follow(source, 0, stop.signal)) {
      expect(events).toEqual([]);
      checkpoints.push(checkpoint);
      if (caughtUp !== undefined) stop.abort();
    }
    expect(checkpoints).toHaveLength(5);
    for (const [n, checkpoint] of checkpoints.entries()) {
      expect(checkpoint - (checkpoints[n - 1] ?? 0)).toBeLessThanOrEqual(10_000 + 256);
    }
    expect(checkpoints.at(-1)).toBe(head);
  });
});

describe('a subscription to a quiet stream', () => {
  it('asks nothing of the store while others are appended to, and delivers what comes at last [C3]', async () => {
    let lookUps = 0;
    class CountingStore extends MemoryStore {
      override get(key: Uint8Array) {
        lookUps++;
        return super.get(key);
      }
      override getMany(keys: readonly Uint8Array[]) {
        lookUps++;
        return super.getMany(keys);
      }
      override scan(range: ScanRange): Scan {
        lookUps++;
        return super.scan(range);
      }
    }
    const log = new LogFixture();
    const event = (stream: string) => log.append({ writes: [{ stream, events: [{ type: 'T' }] }] });
    for (let n = 0; n < 100; n++) event('quiet');
    const index = await EventIndex.open(new CountingStore(), log.chainAt, { blockEvents: 64 });
    const recent = (at: number) => log.records[at - 1];
    const reader = new EventReader({ log, recent, yieldTurn: async () => {} });
    const ports = { get: (at: number) => log.get(at), findByTime: async () => undefined };
    const reads = new Reads(index, reader, ports, { monotonicMs: () => 0 });
    const target = { kind: 'stream', stream: 'quiet' } as const;
    const signal = new AbortController().signal;
    let [cursor, asked, delivered] = [0, 0, 0];
    for (let n = 0; n < 400; n++) {
      event(n % 200 === 199 ? 'quiet' : `other-${n % 7}`);
      await feed(index, log);
      lookUps = 0;
      for await (const { events, lookedTo } of reads.behind({ target, userEvents: false }, cursor, signal)) {
        delivered += events.length;
        cursor = lookedTo;
      }
      if (n > 0) asked += lookUps;
      // Where that was the last one of a block, the cursor lies at the end of what is sealed.
      await index.idle();
      expect(cursor).toBe(index.head);
      expect(delivered).toBe(100 + Math.floor((n + 1) / 200));
    }
    expect(asked).toBe(0);
  });
});
