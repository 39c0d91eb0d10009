import { randomUUID } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { uuidBytes } from '../../src/base/bytes.ts';
import { FactstoreError } from '../../src/base/errors.ts';
import { AppendPipeline } from '../../src/client/append-pipeline.ts';
import { type ConnectOptions, conflictOf, type FactstoreClient } from '../../src/client/index.ts';
import { LeaderFinder } from '../../src/client/leader-finder.ts';
import { Nodes } from '../../src/client/nodes.ts';
import { Upcasting } from '../../src/client/upcasting.ts';
import { encodeAppendRequest } from '../../src/proto/append-request.ts';
import { REQUESTS_PER_MESSAGE_MAX } from '../../src/proto/append-stream.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { FakeCluster } from './fake-node.ts';
import { Bench, failure } from './helpers.ts';

let bench: Bench;
let cluster: FakeCluster;

beforeEach(async () => {
  bench = await Bench.start();
  cluster = bench.cluster;
});

afterEach(() => bench.stop());

const open = (options?: ConnectOptions): Promise<FactstoreClient> => bench.open(options);
const node = (index: number) => bench.node(index);
const streamOf = (index: number) => cluster.rows[index]?.stream;

describe('appending', () => {
  test('gives the places of the events as bigints', async () => {
    const db = await open();
    const first = await db.append('order-1', [{ type: 'Placed', data: { total: 12 } }], { expect: 'none' });
    expect(first).toMatchObject({ position: 1n, firstPosition: 1n, revision: 0n, repeated: false });
    const two = await db.append([
      { stream: 'order-1', expect: 0n, events: [{ type: 'A' }, { type: 'B' }] },
      { stream: 'other', expect: 'none' },
      { stream: 'order-2', events: [{ type: 'C' }] },
    ]);
    expect(two.writes).toEqual([
      { stream: 'order-1', revision: 2n },
      { stream: 'order-2', revision: 0n },
    ]);
    expect(two).toMatchObject({ firstPosition: 2n, position: 4n, revision: 0n });
    expect(two.created.getTime()).toBe(Math.floor(Number(two.createdUs) / 1000));
  });

  test('many appends share one call, and stay in the order in which they were asked', async () => {
    const db = await open({ appendsInFlightMax: 16 });
    const all = Array.from({ length: 500 }, (_, i) => db.append(`s-${i}`, [{ type: 'T', data: i }]));
    const positions = (await Promise.all(all)).map((result) => Number(result.position));
    expect(positions).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
    expect(node(0).appendCalls).toBe(1);
    expect(node(1).appendCalls).toBe(0);
  });

  test('no message holds more appends than a node takes, however small they are [C8]', async () => {
    const count = REQUESTS_PER_MESSAGE_MAX + 1;
    const db = await open({ appendsInFlightMax: 2 * count });
    const all = Array.from({ length: count }, () => db.append('s', [{ type: 'T' }]));
    const positions = (await Promise.all(all)).map((result) => Number(result.position));
    expect(positions).toEqual(Array.from({ length: count }, (_, i) => i + 1));
    expect(node(0).appendCalls).toBe(1);
  });

  test('an append over 1 MiB travels in chunks, and none passes it', async () => {
    const db = await open();
    const data = Buffer.alloc(5 << 20, 7);
    const all = await Promise.all([
      db.append('a', [{ type: 'Small' }]),
      db.append('b', [{ type: 'Large', data }]),
      db.append('c', [{ type: 'Small' }]),
    ]);
    expect(all.map((result) => result.position)).toEqual([1n, 2n, 3n]);
    const [event] = await db.read('b').toArray();
    expect(Buffer.compare(event?.dataBytes ?? Buffer.alloc(0), data)).toBe(0);
  });

  test('C8: an append over the limit is refused before it is sent', async () => {
    const db = await open();
    const error = await failure(db.append('a', [{ type: 'T', data: Buffer.alloc(18 << 20) }]));
    expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED', definite: true, details: { field: 'append' } });
  });

  test('appends beyond the bound on bytes are refused at once instead of eating memory', async () => {
    const db = await open({ appendBytesQueuedMax: 100_000 });
    node(0).onAppend = () => 'hang';
    const data = Buffer.alloc(60_000);
    const waiting = db.append('a', [{ type: 'T', data }], { timeoutMs: 300 });
    const refused = await failure(db.append('a', [{ type: 'T', data }]));
    expect(refused).toMatchObject({ code: 'OVERLOADED', definite: true });
    expect(await failure(waiting)).toMatchObject({ code: 'DEADLINE_EXCEEDED', definite: false });
  });

  test('a conflict tells what happened since, typed and in words', async () => {
    const db = await open();
    await db.append('account-7', [{ type: 'Opened' }, { type: 'Deposited', data: 5 }, { type: 'Withdrawn', data: 2 }]);
    const error = await failure(db.append('account-7', [{ type: 'Closed' }], { expect: 0n }));
    expect(error).toMatchObject({ code: 'CONFLICT', definite: true });
    expect(error.message).toBe(
      'append to "account-7" refused: expected revision 0, it is at 2 (since then: Deposited, Withdrawn). ' +
        'Nothing was written. Read it again and decide anew, or expect any.',
    );
    const conflict = conflictOf(error);
    expect(conflict).toMatchObject({ position: 3n });
    expect(conflict?.checks[0]).toMatchObject({
      stream: 'account-7',
      expect: 0n,
      actual: 'exists',
      actualRevision: 2n,
    });
    expect(conflict?.checks[0]?.events.map((event) => event.data)).toEqual([5, 2]);
  });

  test('S6: the same append id gives the first answer, with other content an error', async () => {
    const db = await open();
    const appendId = randomUUID();
    const first = await db.append('a', [{ type: 'T', id: randomUUID() }], { appendId });
    expect(first.appendId).toBe(appendId);
    expect(await failure(db.append('a', [{ type: 'T', id: randomUUID() }], { appendId }))).toMatchObject({
      code: 'APPEND_ID_REUSED',
    });
  });

  test('S6: events without ids get ones that follow from the append id', async () => {
    const db = await open();
    const appendId = 'A0000000-0000-4000-8000-000000000001';
    const id = randomUUID();
    const writes = [
      { stream: 'a', events: [{ type: 'T' }, { type: 'T', id }, { type: 'T' }] },
      { stream: 'b', events: [{ type: 'T' }] },
    ];
    const first = await db.append(writes, { appendId });
    // Whatever they follow from must stay as it is: another version repeats the appends of this one.
    const ids = async (stream: string) => (await db.read(stream).toArray()).map((event) => event.id);
    expect(await ids('a')).toEqual([
      'c9c9102d-376b-8645-b250-2021ba4d8b40',
      id,
      'c9c9102d-376b-8645-b250-2021ba4d8b42',
    ]);
    expect(await ids('b')).toEqual(['db91a089-4ec3-85eb-bc28-ddd0ca530214']);
    const another = await open();
    expect(await another.append(writes, { appendId })).toEqual({ ...first, repeated: true });
    const other = [{ type: 'U' }];
    expect(await failure(db.append('a', other, { appendId }))).toMatchObject({ code: 'APPEND_ID_REUSED' });
    await Promise.all([db.append('c', other), db.append('c', other)]);
    expect(new Set(await ids('c')).size).toBe(2);
  });

  test('S6: an append whose id the SDK made is repeated with the id that its error names', async () => {
    const db = await open({ timeoutMs: 300 });
    node(0).onAppend = () => 'lose';
    const events = () => [{ type: 'T', data: { amount: 1 } }, { type: 'T' }];
    const error = await failure(db.append('a', events()));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', definite: false });
    node(0).onAppend = () => undefined;
    const appendId = String(error.details.appendId);
    const another = await open();
    expect(await another.append('a', events(), { appendId })).toMatchObject({ repeated: true, revision: 1n });
    expect(await another.read('a').toArray()).toHaveLength(2);
  });

  test('S7: a producer finds out how far it has come', async () => {
    const db = await open();
    const appendId = randomUUID();
    const producer = { producer: 'import', previous: 0n, current: 7n };
    await db.append('a', [{ type: 'T' }], { appendId, producer });
    expect(await db.producer('import')).toEqual({ current: 7n, appendId });
    expect(await db.producer('nobody')).toEqual({ current: 0n, appendId: undefined });
  });
});

describe('what a node refuses', () => {
  test('a node that does not lead names the leader, which gets the appends in order', async () => {
    const db = await open();
    await db.append('warm', [{ type: 'T' }]);
    cluster.leader = node(1);
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => db.append(`s-${i}`, [{ type: 'T' }])));
    expect(all.map((result) => Number(result.position))).toEqual(Array.from({ length: 20 }, (_, i) => i + 2));
    expect(node(1).appendCalls).toBe(1);
  });

  test('S4: an append refused for overload is repeated before those behind it', async () => {
    const db = await open();
    let overloaded = 0;
    // From the third on, everything that was sent already is refused.
    node(0).onAppend = (index) =>
      index >= 3 && index <= 10 && ++overloaded ? new FactstoreError('OVERLOADED', 'too much') : undefined;
    const all = await Promise.all(Array.from({ length: 10 }, (_, i) => db.append(`s-${i}`, [{ type: 'T' }])));
    expect(overloaded).toBe(8);
    expect(all.map((result) => Number(result.position))).toEqual(Array.from({ length: 10 }, (_, i) => i + 1));
  });

  test('an error that no attempt can mend reaches the caller as it is, and the others go on', async () => {
    const db = await open();
    node(0).onAppend = (index) => (index === 2 ? new FactstoreError('PERMISSION_DENIED', 'not yours') : undefined);
    const all = await Promise.allSettled([1, 2, 3].map(() => db.append('a', [{ type: 'T' }])));
    expect(all.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(all[1]).toMatchObject({ reason: { code: 'PERMISSION_DENIED', message: 'not yours' } });
  });

  test('without a leader an append waits, and then says certainly that nothing was written', async () => {
    const db = await open();
    cluster.leader = undefined;
    const error = await failure(db.append('a', [{ type: 'T' }], { timeoutMs: 400 }));
    expect(error).toMatchObject({ code: 'NO_LEADER', definite: true });
    expect(error.message).toMatch(/^no leader: .*Nothing was written\.$/);
  });

  test('a leader found in time takes the append', async () => {
    const db = await open();
    cluster.leader = undefined;
    const append = db.append('a', [{ type: 'T' }], { timeoutMs: 5_000 });
    const unsettled = await Promise.race([
      append.then(() => false),
      new Promise((wake) => setTimeout(wake, 200, true)),
    ]);
    expect(unsettled).toBe(true);
    cluster.leader = node(1);
    expect(await append).toMatchObject({ position: 1n });
  });
});

describe('finding the leader', () => {
  describe('leaves no listeners behind', () => {
    const warnings: Error[] = [];
    const warned = (warning: Error) => void warnings.push(warning);
    beforeEach(() => {
      warnings.length = 0;
      process.on('warning', warned);
    });
    afterEach(() => {
      process.off('warning', warned);
    });

    test('in a search among many nodes', async () => {
      const many = await Bench.start(12);
      try {
        const db = await many.open();
        await db.append('a', [{ type: 'T' }]);
        await db.cluster.status();
        expect(warnings).toEqual([]);
      } finally {
        await many.stop();
      }
    });

    test('where many calls at once share a signal of the whole program', async () => {
      const db = await open();
      const { signal } = new AbortController();
      const each = Array.from({ length: 20 }, (_, i) => i);
      await Promise.all(each.map(() => db.append('a', [{ type: 'T' }], { signal })));
      await Promise.all(each.map(() => db.read('a', { signal }).toArray()));
      await Promise.all(each.map(() => db.head({ signal })));
      expect(warnings).toEqual([]);
      expect(getEventListeners(signal, 'abort')).toEqual([]);
    });

    test('when it is long, and followers take appends for a leader that nobody reaches', async () => {
      cluster.leader = node(1);
      node(1).advertised = '127.0.0.1:1';
      const db = await bench.open({}, node(0));
      node(0).onAppend = () => new FactstoreError('LEADERSHIP_LOST', 'the leader cannot be reached');
      const append = db.append('a', [{ type: 'T' }]);
      await expect.poll(() => node(0).appendCalls, { timeout: 10_000 }).toBeGreaterThan(15);
      node(0).onAppend = () => undefined;
      expect(await append).toMatchObject({ position: 1n });
      expect(warnings).toEqual([]);
    });
  });

  test('where its own address does not work from here, a follower forwards', async () => {
    cluster.leader = node(1);
    node(1).advertised = '127.0.0.1:1';
    const db = await bench.open({}, node(0));
    expect(await db.append('a', [{ type: 'T' }])).toMatchObject({ position: 1n });
    expect([node(0).appendCalls, node(1).appendCalls]).toEqual([1, 0]);
  });

  test('a node that hangs does not hold up the search', async () => {
    const db = await open();
    await db.append('a', [{ type: 'T' }]);
    node(0).onAppend = () => new FactstoreError('LEADERSHIP_LOST', 'another one leads');
    node(0).mute = true;
    const append = db.append('a', [{ type: 'T' }]);
    await expect.poll(() => cluster.attempts.length).toBe(2);
    cluster.leader = node(1);
    const begun = performance.now();
    expect(await append).toMatchObject({ position: 2n });
    expect(performance.now() - begun).toBeLessThan(1_800);
  });
});

describe('losing the leader', () => {
  test('S8: what was not answered is repeated with its id and its bytes, in order, and happens once', async () => {
    const db = await open();
    await db.append('warm', [{ type: 'T' }]);
    // All fifty share a message. Nine of them are applied (the tenth append of all is the ninth of these), then the node
    // dies, and all their answers with it; the others were never judged.
    node(0).onAppend = (index) => (index === 10 ? 'drop' : undefined);
    const all = Array.from({ length: 50 }, (_, i) => db.append(`s-${i}`, [{ type: 'T', data: i }]));
    await expect.poll(() => cluster.leader).toBeUndefined();
    cluster.leader = node(1);
    const results = await Promise.all(all);
    expect(results.map((result) => Number(result.position))).toEqual(Array.from({ length: 50 }, (_, i) => i + 2));
    expect(cluster.rows.length).toBe(51);
    expect(results.filter((result) => result.repeated)).toHaveLength(9);
    const repeats = cluster.attempts.filter((attempt) => attempt.node === 'n2');
    expect(repeats.every((attempt) => attempt.ageMs >= 1)).toBe(true);
    expect(streamOf(50)).toBe('s-49');
  });

  test('S8: when the time is over before anyone can tell, the error is not definite', async () => {
    const db = await open();
    node(0).onAppend = () => 'drop';
    const error = await failure(db.append('a', [{ type: 'T' }], { timeoutMs: 500 }));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', definite: false });
    expect(error.details.appendId).toMatch(/^[0-9a-f-]{36}$/);
    expect(error.message).toContain('may have been written');
  });

  test('a cluster that is gone is named node by node', async () => {
    const db = await open();
    for (const each of cluster.nodes) each.kill();
    await failure(db.append('a', [{ type: 'T' }], { timeoutMs: 100 }));
    const error = await failure(db.append('a', [{ type: 'T' }], { timeoutMs: 400 }));
    expect(error).toMatchObject({ code: 'UNREACHABLE', definite: true });
    for (const each of cluster.nodes) expect(error.message).toContain(`${each.address} (connection`);
    expect(error.message).toContain('Nothing was written.');
  });
});

describe('giving up', () => {
  test('an abort before sending is definite, after it is not', async () => {
    const db = await open();
    const early = await failure(db.append('a', [{ type: 'T' }], { signal: AbortSignal.abort() }));
    expect(early).toMatchObject({ code: 'CANCELLED', definite: true });
    node(0).onAppend = () => 'hang';
    const stop = new AbortController();
    const late = db.append('a', [{ type: 'T' }], { signal: stop.signal });
    await expect.poll(() => cluster.attempts.length).toBe(1);
    stop.abort();
    expect(await failure(late)).toMatchObject({ code: 'CANCELLED', definite: false });
  });

  test('S8: an append that was given up is repeated with the id that its error names', async () => {
    const db = await open();
    node(0).onAppend = () => 'lose';
    const stop = new AbortController();
    const given = [
      db.append('a', [{ type: 'T' }], { signal: stop.signal }),
      db.streams.truncate('a', 1, { signal: stop.signal }),
    ].map(failure);
    await expect.poll(() => cluster.attempts.length).toBe(2);
    stop.abort();
    node(0).onAppend = () => undefined;
    const errors = await Promise.all(given);
    for (const error of errors) {
      const appendId = String(error.details.appendId);
      expect(error).toMatchObject({ code: 'CANCELLED', definite: false });
      expect(error.message).toContain(`repeating it with its append id ${appendId} is safe`);
    }
    const idOf = (index: number) => String(errors[index]?.details.appendId);
    expect(await db.append('a', [{ type: 'T' }], { appendId: idOf(0) })).toMatchObject({ repeated: true });
    expect(await db.streams.truncate('a', 1, { appendId: idOf(1) })).toMatchObject({ repeated: true });
  });

  test('S8: an append that its client was closed over names its id', async () => {
    const clock = systemClock;
    const nodes = new Nodes([node(0).address], clock);
    const limits = { messages: 8, bytes: 1 << 20, queuedBytes: 1 << 20 };
    const pipeline = new AppendPipeline(new LeaderFinder(nodes, clock), clock, limits, new Upcasting(undefined));
    node(0).onAppend = () => 'lose';
    const appendId = randomUUID();
    const request = encodeAppendRequest({ appendId: uuidBytes(appendId) as Uint8Array, writes: [] });
    const lost = failure(pipeline.append({ request, appendId, what: 'append', timeoutMs: 60_000, signal: undefined }));
    await expect.poll(() => cluster.attempts.length).toBe(1);
    pipeline.close();
    expect(await lost).toMatchObject({ code: 'CANCELLED', definite: false, details: { appendId } });
    nodes.close();
  });

  test('close waits for answers, and refuses what comes later', async () => {
    const db = await open();
    const waiting = db.append('a', [{ type: 'T' }]);
    await db.close();
    expect(await waiting).toMatchObject({ position: 1n });
    expect(await failure(db.append('a', [{ type: 'T' }]))).toMatchObject({ code: 'CANCELLED', definite: true });
  });

  test('a bad argument is named', async () => {
    const db = await open();
    const bad = async (work: () => Promise<unknown>) => (await failure(work())).details.field;
    expect(await bad(() => db.append(7 as never, []))).toBe('writes');
    expect(await bad(() => db.append('a', [{ type: 'T', id: 'x' }]))).toBe('events[0].id');
    expect(await bad(() => db.append('a', [{ type: 'T', data: 1n }]))).toBe('events[0].data');
    expect(await bad(() => db.append('a', [{ type: 'T' }], { expect: 2n ** 63n }))).toBe('expect');
    expect(await bad(() => db.append('a', [{ type: 'T' }], { expect: 'maybe' as never }))).toBe('expect');
    expect(await bad(() => db.append('a', [{ type: 'T' }], { appendId: 'x' }))).toBe('appendId');
    expect(await bad(() => db.append([{ stream: 'a' }, { stream: 'b', expect: -1n }]))).toBe('writes[1].expect');
  });
});
