import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { EventRead, EventShape, FactstoreClient, RecordedEvent } from '../../src/client/index.ts';
import { Bench, failure, numbered, stillness } from './helpers.ts';

let bench: Bench;
let db: FactstoreClient;

beforeEach(async () => {
  bench = await Bench.start();
  db = await bench.open();
});

afterEach(() => bench.stop());

const data = (events: readonly RecordedEvent[]) => events.map((event) => event.data);

describe('reading', () => {
  test('a stream, forwards, backwards, from a place, limited', async () => {
    await db.append('a', numbered(0, 10));
    await db.append('b', numbered(10, 12));
    expect(data(await db.read('a').toArray())).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(data(await db.read('a', { from: 7n }).toArray())).toEqual([7, 8, 9]);
    expect(data(await db.read('a', { backwards: true, limit: 4 }).toArray())).toEqual([9, 8, 7, 6]);
    expect(data(await db.read('a', { backwards: true, from: 1n }).toArray())).toEqual([1, 0]);
    expect(data(await db.readAll({ after: 9n }).toArray())).toEqual([9, 10, 11]);
    expect(data(await db.readAll({ from: 11n }).toArray())).toEqual([10, 11]);
    const seen: bigint[] = [];
    for await (const event of db.read('b')) seen.push(event.position);
    expect(seen).toEqual([11n, 12n]);
  });

  test('S10: a stream without events reads as nothing and still tells its state', async () => {
    await db.append('a', numbered(0, 2));
    const read = db.read('nothing');
    expect(await read.start()).toEqual({ head: 2n, state: 'none', revision: -1n });
    expect(await read.toArray()).toEqual([]);
    const other = db.read('a');
    expect(await other.start()).toEqual({ head: 2n, state: 'exists', revision: 1n });
    expect(data(await other.toArray())).toEqual([0, 1]);
  });

  test('a read gives its events once, and refuses to give nothing the second time', async () => {
    await db.append('a', numbered(0, 5));
    const read = db.read('a');
    expect(data(await read.toArray())).toEqual([0, 1, 2, 3, 4]);
    const error = await failure(read.toArray());
    expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', definite: true });
    expect(error.message).toContain('a read gives them once');
    expect(await failure(read.batches().next())).toMatchObject({ code: 'FAILED_PRECONDITION' });
    expect(await read.start()).toMatchObject({ head: 5n });
  });

  test('a read whose start failed ends in that failure, and does not read as nothing', async () => {
    await db.append('a', numbered(0, 5));
    const ended = AbortSignal.abort();
    const read = db.read('a', { signal: ended });
    const error = await failure(read.start());
    expect(error).toMatchObject({ code: 'CANCELLED' });
    expect(await failure(read.toArray())).toBe(error);
    expect(await failure(read.start())).toBe(error);
  });

  test('two that ask at once what a read sees are told the same, and take none of its events', async () => {
    await db.append('a', numbered(0, 5));
    const read = db.read('a');
    const [one, two] = await Promise.all([read.start(), read.start()]);
    expect(two).toEqual(one);
    expect(data(await read.toArray())).toEqual([0, 1, 2, 3, 4]);
  });

  describe('that is only asked what it sees', () => {
    const large = Array.from({ length: 1_000 }, () => ({ type: 'T', data: Buffer.alloc(12_000) }));

    beforeEach(async () => {
      bench.node(0).readBatch = 10;
      await db.append('a', large);
    });

    test('leaves no call open, and gives its events later all the same, each once', async () => {
      const reads = Array.from({ length: 100 }, () => db.read('a'));
      for (const read of reads) expect(await read.start()).toMatchObject({ head: 1_000n, revision: 999n });
      await expect.poll(() => bench.node(0).openReads).toBe(0);
      await db.append('a', numbered(0, 1));
      const revisions = async (read: EventRead<EventShape>) =>
        (await read.toArray()).map(({ revision }) => Number(revision));
      const whole = Array.from(large, (_, n) => n);
      expect(await revisions(reads[0] as EventRead<EventShape>)).toEqual(whole);
      const backwards = db.read('a', { backwards: true });
      const limited = db.read('a', { from: 990n, limit: 10 });
      for (const read of [backwards, limited]) await read.start();
      await expect.poll(() => bench.node(0).openReads).toBe(0);
      expect(await revisions(backwards)).toEqual([1_000, ...whole.reverse()]);
      const asked = bench.node(0).reads.length;
      expect(await revisions(limited)).toEqual(Array.from({ length: 10 }, (_, n) => 990 + n));
      expect(bench.node(0).reads).toHaveLength(asked);
    });

    test('and gives its events at once needs no second call', async () => {
      const read = db.read('a');
      await read.start();
      expect(await read.toArray()).toHaveLength(1_000);
      expect(bench.node(0).reads).toHaveLength(1);
    });
  });

  test('an event gives what was appended', async () => {
    await db.append('a', [
      { type: 'J', data: { a: 1 }, metadata: { cause: 'x' }, tags: ['k:v'], schemaVersion: 3 },
      { type: 'B', data: Uint8Array.of(1, 2) },
      { type: 'X', data: 'text', contentType: 'text/plain' },
      { type: 'N' },
    ]);
    const [json, bytes, text, nothing] = await db.read('a').toArray();
    expect(json).toMatchObject({ stream: 'a', revision: 0n, position: 1n, type: 'J', tags: ['k:v'], schemaVersion: 3 });
    expect(json?.data).toEqual({ a: 1 });
    expect(json?.metadata).toEqual({ cause: 'x' });
    expect(json?.contentType).toBe('application/json');
    expect(json?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(json?.created.getTime()).toBe(Math.floor(Number(json?.createdUs) / 1000));
    expect(Uint8Array.from(bytes?.data as Uint8Array)).toEqual(Uint8Array.of(1, 2));
    expect(bytes?.contentType).toBe('application/octet-stream');
    expect(Buffer.from(text?.data as Uint8Array).toString()).toBe('text');
    expect([nothing?.data, nothing?.metadata, nothing?.schemaVersion]).toEqual([undefined, undefined, 1]);
  });

  test('JSON that is none fails at the access and not before', async () => {
    await db.append('a', [{ type: 'T', data: Buffer.from('{"a":'), contentType: 'application/vnd.x+json' }]);
    const [event] = await db.read('a').toArray();
    expect(Buffer.from(event?.dataBytes ?? []).toString()).toBe('{"a":');
    expect(() => event?.data).toThrow(/data of the T at position 1 \(revision 0 of "a"\) is not JSON/);
  });

  test('Q1: another node goes on behind the last event, and no further than the first head', async () => {
    await db.append('a', numbered(0, 10));
    bench.node(0).failReadAfter = 6;
    const got: unknown[] = [];
    for await (const event of db.read('a')) {
      got.push(event.data);
      if (got.length === 1) await db.append('a', numbered(100, 110));
    }
    expect(got).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(bench.node(1).reads[0]).toMatchObject({
      start: { kind: 'revision', revision: 6 },
      consistency: { kind: 'atLeast', position: 10 },
    });
    bench.node(1).failReadAfter = 3;
    expect(data(await db.readAll({ backwards: true, limit: 5 }).toArray())).toEqual([109, 108, 107, 106, 105]);
  });

  test('Q1: a node that has found nothing yet says what it sees, and goes on', async () => {
    await db.append('a', numbered(0, 5));
    bench.node(0).quietMessages = 4;
    const read = db.read('a', { limit: 4 });
    expect(await read.start()).toEqual({ head: 5n, state: 'exists', revision: 4n });
    const batches: unknown[][] = [];
    for await (const batch of read.batches()) batches.push(data(batch));
    expect(batches).toEqual([[0, 1, 2], [3]]);
    expect(data(await db.readAll({ backwards: true }).toArray())).toEqual([4, 3, 2, 1, 0]);
    expect([bench.node(0).reads.length, bench.node(1).reads.length]).toEqual([2, 0]);
  });

  const LATER = new Date(4_000_000_000_000);
  const ONE_STREAM = { streams: ['a'] };
  test.each<[string, (options: { backwards: true; limit: number }) => EventRead<EventShape>]>([
    ['all', (options) => db.readAll(options)],
    ['all from a position', (options) => db.readAll({ ...options, from: 99n })],
    ['all from a time', (options) => db.readAll({ ...options, fromTime: LATER })],
    ['a stream', (options) => db.read('a', options)],
    ['a stream from a revision', (options) => db.read('a', { ...options, from: 99n })],
    ['a stream from a time', (options) => db.read('a', { ...options, fromTime: LATER })],
    ['a query from a revision', (options) => db.query(ONE_STREAM, { ...options, fromRevision: 99n })],
  ])('backwards, another node does not begin beyond the first head: %s [Q1]', async (_, begin) => {
    await db.append('a', numbered(0, 5));
    Object.assign(bench.node(0), { quietMessages: 1, failReadAfter: 0 });
    const read = begin({ backwards: true, limit: 4 });
    expect((await read.start()).head).toBe(5n);
    await db.append('a', numbered(5, 7));
    expect(data(await read.toArray())).toEqual([4, 3, 2, 1]);
    expect(bench.node(1).reads).toHaveLength(1);
  });

  test('Q4: a read that is not linearizable reads at least what was seen', async () => {
    const ask = async (client: FactstoreClient, consistency: 'local' | { atLeast: bigint } | undefined) => {
      await client.read('a', { consistency }).toArray();
      return bench.node(0).reads.at(-1)?.consistency;
    };
    expect(await ask(db, 'local')).toEqual({ kind: 'local' });
    await db.append('a', numbered(0, 5));
    expect(await ask(db, 'local')).toEqual({ kind: 'atLeast', position: 5 });
    expect(await ask(db, { atLeast: 2n })).toEqual({ kind: 'atLeast', position: 5 });
    expect(await ask(db, { atLeast: 9n })).toEqual({ kind: 'atLeast', position: 9 });
    expect(await ask(db, undefined)).toEqual({ kind: 'linearizable' });
  });

  test('a consumer that stops taking stops the node', async () => {
    const node = bench.node(0);
    node.readBatch = 10;
    await db.append(
      'a',
      Array.from({ length: 1_000 }, () => ({ type: 'T', data: Buffer.alloc(12_000) })),
    );
    const batches = db.read('a').batches();
    await batches.next();
    // Long enough for the node to have sent everything if nothing held it back.
    await expect.poll(() => node.written).toBeGreaterThan(5);
    await stillness(() => node.written);
    expect(node.written).toBeLessThan(90);
    let rest = 10;
    for await (const batch of batches) rest += batch.length;
    expect(rest).toBe(1_000);
  });

  test('leaving a loop, and an abort, end the call', async () => {
    await db.append('a', numbered(0, 50));
    for await (const _ of db.read('a')) break;
    const stop = new AbortController();
    const read = async () => {
      for await (const _ of db.read('a', { signal: stop.signal })) stop.abort();
    };
    expect(await failure(read())).toMatchObject({ code: 'CANCELLED' });
  });

  test('a bad argument is named', async () => {
    expect(() => db.read('a', { limit: 0 })).toThrow(/limit: is 0/);
    expect(() => db.read('a', { from: -1n })).toThrow(/from: -1 is below 0/);
    expect(() => db.read('a', { from: 2n ** 63n })).toThrow(/from: .* is above/);
    expect(() => db.readAll({ from: 1n, after: 2n })).toThrow(/give one of/);
  });
});

describe('looking up', () => {
  test('a stream, the head, a stream that is not there', async () => {
    await db.append('a', numbered(0, 3));
    expect(await db.streams.get('a')).toMatchObject({ state: 'exists', headRevision: 2n, count: 3n, lastPosition: 3n });
    expect(await db.head()).toBe(3n);
    expect(await failure(db.streams.get('b'))).toMatchObject({
      code: 'NOT_FOUND',
      message: 'stream "b" has no events',
    });
  });

  test('the cluster, with the members that do not answer', async () => {
    bench.node(1).kill();
    const status = await db.cluster.status();
    expect(status).toMatchObject({ clusterId: bench.cluster.id, leader: 'n1' });
    expect(status.members[0]).toMatchObject({ nodeId: 'n1', reachable: true, role: 'leader', head: 0n, lag: 0n });
    expect(status.members[1]).toMatchObject({ nodeId: 'n2', reachable: false, voter: true });
    expect(status.members[1]).toHaveProperty('unreachable', expect.stringMatching(/connection (refused|lost)/));
  });

  test('leadership is handed over by the one that leads', async () => {
    expect(await db.cluster.transferLeadership('n2')).toBe('n2');
    expect(await db.append('a', numbered(0, 1))).toMatchObject({ position: 1n });
    expect(await db.cluster.transferLeadership('n1')).toBe('n1');
  });
});
