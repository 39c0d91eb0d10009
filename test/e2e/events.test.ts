import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conflictOf, type FactstoreClient, FactstoreError, type RecordedEvent } from '../../src/client/index.ts';
import { TestNodes } from '../support/test-node.ts';

/** What applications do with events. The same suite runs against one node and against three, as a client sees them. */
for (const size of [1, 3]) {
  describe(`events in a cluster of ${size}`, () => {
    let nodes: TestNodes;
    let db: FactstoreClient;

    beforeAll(async () => {
      nodes = await TestNodes.start(size);
      // With three nodes the client talks to followers too: it is given one of them alone where that matters.
      db = await nodes.client();
    });
    afterAll(() => nodes.dispose());

    const error = async (attempt: Promise<unknown>): Promise<FactstoreError> => {
      const outcome = await attempt.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(outcome).toBeInstanceOf(FactstoreError);
      return outcome as FactstoreError;
    };
    const types = (events: readonly RecordedEvent[]) => events.map((event) => event.type);

    it('come back as they were written, with their places', async () => {
      const id = randomUUID();
      const written = {
        id,
        type: 'OrderPlaced',
        data: { total: 12, lines: ['a', 'ü', '€'] },
        metadata: { correlation: 'c-1' },
        tags: ['customer:7', 'region:eu'],
        schemaVersion: 3,
      };
      const result = await db.append('order-1', [written], { expect: 'none' });
      expect(result).toMatchObject({ revision: 0n, repeated: false });
      const [event] = await db.read('order-1').toArray();
      expect(event).toMatchObject({
        stream: 'order-1',
        revision: 0n,
        position: result.position,
        id,
        type: 'OrderPlaced',
        data: written.data,
        metadata: written.metadata,
        tags: written.tags,
        schemaVersion: 3,
        contentType: 'application/json',
      });
      expect(event?.createdUs).toBe(result.createdUs);
    });

    it('of one append stand together, in several streams, whole or not at all', async () => {
      await db.append([
        {
          stream: 'atomic-a',
          expect: 'none',
          events: [
            { type: 'A1', data: 1 },
            { type: 'A2', data: 2 },
          ],
        },
        { stream: 'atomic-b', expect: 'none', events: [{ type: 'B1', data: 3 }] },
        { stream: 'atomic-checked', expect: 'none' },
      ]);
      const refused = await error(
        db.append([
          { stream: 'atomic-c', events: [{ type: 'C1', data: 1 }] },
          { stream: 'atomic-a', expect: 0n, events: [{ type: 'A3', data: 1 }] },
        ]),
      );
      expect(refused.code).toBe('CONFLICT');
      expect(refused.definite).toBe(true);
      expect(types(await db.read('atomic-a').toArray())).toEqual(['A1', 'A2']);
      expect(await db.read('atomic-c').toArray()).toEqual([]);
    });

    it('that conflict are answered with the actual state and what happened since [S12]', async () => {
      await db.append(
        'account-7',
        ['Opened', 'Deposited', 'Withdrawn'].map((type) => ({ type, data: {} })),
      );
      const refused = await error(db.append('account-7', [{ type: 'Closed', data: {} }], { expect: 0n }));
      const conflict = conflictOf(refused);
      expect(conflict?.checks).toHaveLength(1);
      expect(conflict?.checks[0]).toMatchObject({
        stream: 'account-7',
        expect: 0n,
        actual: 'exists',
        actualRevision: 2n,
        cut: false,
      });
      expect(types(conflict?.checks[0]?.events ?? [])).toEqual(['Deposited', 'Withdrawn']);
      expect(conflict?.position).toBeGreaterThanOrEqual(conflict?.checks[0]?.events.at(-1)?.position ?? 0n);
      expect(refused.message).toContain('account-7');
    });

    it('that conflict with many are answered with the first of them and a mark [S12]', async () => {
      const many = Array.from({ length: 40 }, (_, n) => ({ type: `E${n}`, data: 'x'.repeat(100) }));
      await db.append('busy-1', many);
      const conflict = conflictOf(await error(db.append('busy-1', [{ type: 'X', data: {} }], { expect: 'none' })));
      expect(conflict?.checks[0]?.cut).toBe(true);
      expect(conflict?.checks[0]?.events.length).toBe(16);
    });

    it('are appended once, however often the same append is repeated [S6]', async () => {
      const appendId = randomUUID();
      const events = [{ id: randomUUID(), type: 'Once', data: { n: 1 } }];
      const first = await db.append('once-1', events, { appendId, expect: 'none' });
      const again = await db.append('once-1', events, { appendId, expect: 'none' });
      expect(again).toMatchObject({
        position: first.position,
        revision: first.revision,
        repeated: true,
        createdUs: first.createdUs,
      });
      const other = { appendId: randomUUID() };
      const second = [{ ...events[0]!, data: { n: 2 } }];
      const both = await Promise.all([1, 2, 3].map(() => db.append('once-1', second, other)));
      expect(both.filter((result) => !result.repeated)).toHaveLength(1);
      expect(await db.read('once-1').toArray()).toHaveLength(2);
    });

    it('without ids of their own are appended once, also where another process repeats the append [S6]', async () => {
      const other = await nodes.client();
      const one = { appendId: randomUUID(), expect: 'none' } as const;
      const events = [{ type: 'Once' }, { type: 'Twice', data: { n: 2 } }];
      const first = await db.append('once-2', events, one);
      expect(first.repeated).toBe(false);
      for (const client of [db, other])
        expect(await client.append('once-2', events, one)).toEqual({ ...first, repeated: true });
      const many = { appendId: randomUUID() };
      const writes = ['once-3', 'once-4'].map((stream) => ({ stream, events: [{ type: 'Once' }, { type: 'Once' }] }));
      const both = await db.append(writes, many);
      for (const client of [db, other]) expect(await client.append(writes, many)).toEqual({ ...both, repeated: true });
      const stored = await Promise.all(['once-2', 'once-3', 'once-4'].map((stream) => db.read(stream).toArray()));
      expect(stored.map(types)).toEqual([
        ['Once', 'Twice'],
        ['Once', 'Once'],
        ['Once', 'Once'],
      ]);
      expect(new Set(stored.flat().map(({ id }) => id)).size).toBe(6);
    });

    it('with an append id that other content used are refused [S6]', async () => {
      const appendId = randomUUID();
      await db.append('reused-1', [{ type: 'First', data: 1 }], { appendId });
      const refused = await error(db.append('reused-1', [{ type: 'Second', data: 2 }], { appendId }));
      expect(refused).toMatchObject({ code: 'APPEND_ID_REUSED', definite: true });
      expect(types(await db.read('reused-1').toArray())).toEqual(['First']);
    });

    it('of a producer are taken in order, and its cursor is told [S7]', async () => {
      const place = (previous: bigint, current: bigint) => ({ producer: { producer: `p-${size}`, previous, current } });
      const appendId = randomUUID();
      await db.append('produced-1', [{ type: 'P', data: 1 }], { ...place(0n, 1n), appendId });
      await db.append('produced-1', [{ type: 'P', data: 2 }], place(1n, 5n));
      expect(await error(db.append('produced-1', [{ type: 'P', data: 3 }], place(6n, 7n)))).toMatchObject({
        code: 'CURSOR_MISMATCH',
        definite: true,
      });
      expect(await db.append('produced-1', [{ type: 'P', data: 1 }], place(0n, 1n))).toMatchObject({ repeated: true });
      expect((await db.producer(`p-${size}`)).current).toBe(5n);
      expect((await db.producer('nobody')).current).toBe(0n);
      expect(await db.read('produced-1').toArray()).toHaveLength(2);
    });

    it('cannot be written to system streams or with system types [S16]', async () => {
      expect(await error(db.append('$settings', [{ type: 'X', data: {} }]))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        definite: true,
      });
      expect(await error(db.append('a-1', [{ type: '$X', data: {} }]))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    });

    it('are read forwards and backwards, from a revision, a position and a time, with a limit', async () => {
      const results = [];
      for (let n = 0; n < 10; n++) results.push(await db.append('range-1', [{ type: `R${n}`, data: n }]));
      const read = async (options: Parameters<FactstoreClient['read']>[1]) =>
        types(await db.read('range-1', options).toArray());
      expect(await read({ from: 7n })).toEqual(['R7', 'R8', 'R9']);
      expect(await read({ from: 2n, limit: 2 })).toEqual(['R2', 'R3']);
      expect(await read({ backwards: true, limit: 2 })).toEqual(['R9', 'R8']);
      expect(await read({ from: 1n, backwards: true })).toEqual(['R1', 'R0']);
      expect(await read({ from: 100n })).toEqual([]);
      expect(await read({ fromPosition: results[8]?.position })).toEqual(['R8', 'R9']);
      expect(await read({ fromPosition: results[1]?.position, backwards: true })).toEqual(['R1', 'R0']);
      expect(await read({ fromTime: results[9]?.createdUs })).toEqual(['R9']);
      expect(await read({ fromTime: results[0]?.createdUs, backwards: true })).toEqual(['R0']);
      const all = await db.readAll({ from: results[3]?.position, limit: 3 }).toArray();
      expect(all[0]?.type).toBe('R3');
      expect(all).toHaveLength(3);
    });

    it('of everything are contiguous in position and each stream contiguous in revision', async () => {
      const revisions = new Map<string, bigint>();
      let position = 0n;
      for await (const event of db.readAll()) {
        expect(event.position).toBe(++position);
        expect(event.revision).toBe((revisions.get(event.stream) ?? -1n) + 1n);
        revisions.set(event.stream, event.revision);
      }
      expect(position).toBe(await db.head());
      const backwards = await db.readAll({ backwards: true }).toArray();
      expect(backwards[0]?.position).toBe(position);
      expect(backwards).toHaveLength(Number(position));
    });

    it('appended while a read is under way do not show in it [Q1]', async () => {
      const batch = Array.from({ length: 500 }, (_, n) => ({ type: 'Q', data: n }));
      await db.append('snapshot-1', batch);
      const reading = db.read('snapshot-1');
      const start = await reading.start();
      await db.append('snapshot-1', batch);
      expect(start).toMatchObject({ state: 'exists', revision: 499n });
      expect(await reading.toArray()).toHaveLength(500);
    });

    it('are followed from the beginning, live, and from a checkpoint, each once and in order', async () => {
      const controller = new AbortController();
      const seen: string[] = [];
      let caughtUp = 0;
      await db.append('followed-1', [{ type: 'F0', data: 0 }]);
      const following = (async () => {
        for await (const message of db.subscribe({ stream: 'followed-1', signal: controller.signal })) {
          if (message.kind === 'caughtUp' && ++caughtUp === 1) {
            for (let n = 1; n < 5; n++) await db.append('followed-1', [{ type: `F${n}`, data: n }]);
          }
          if (message.kind === 'event') seen.push(message.event.type);
          if (seen.length === 5) controller.abort();
        }
      })();
      await following;
      expect(seen).toEqual(['F0', 'F1', 'F2', 'F3', 'F4']);
      expect(caughtUp).toBeGreaterThanOrEqual(1);
      const [, second] = await db.read('followed-1').toArray();
      const rest: string[] = [];
      for await (const message of db.subscribe({ stream: 'followed-1', after: second!.position })) {
        if (message.kind === 'event') rest.push(message.event.type);
        else break;
      }
      expect(rest).toEqual(['F2', 'F3', 'F4']);
    });

    it('behind a checkpoint beyond the head are an error, judged against the cluster', async () => {
      const subscription = db.subscribe({ all: true, after: 1_000_000n });
      expect(await error(subscription.next())).toMatchObject({ code: 'OUT_OF_RANGE' });
    });

    it('of a stream are summed up, and a stream without any is not found', async () => {
      await db.append('summed-1', [
        { type: 'A', data: 1 },
        { type: 'B', data: 2 },
      ]);
      const info = await db.streams.get('summed-1');
      expect(info).toMatchObject({ stream: 'summed-1', state: 'exists' });
      expect(await error(db.streams.get('never-1'))).toMatchObject({ code: 'NOT_FOUND' });
      expect(await db.read('never-1').toArray()).toEqual([]);
    });

    it('are decided upon by many writers at once without one lost update', async () => {
      const writers = Array.from({ length: 20 }, () =>
        db.update('counter-1', (events) => [{ type: 'Incremented', data: { to: events.length + 1 } }], {
          timeoutMs: 30_000,
        }),
      );
      await Promise.all(writers);
      const events = await db.read('counter-1').toArray();
      expect(events.map((event) => (event.data as { to: number }).to)).toEqual(
        Array.from({ length: 20 }, (_, n) => n + 1),
      );
    });

    it('larger than a message travel in chunks [C8]', async () => {
      const data = new Uint8Array(6 << 20).map((_, n) => n % 251);
      await db.append('large-1', [{ type: 'Large', data }]);
      const [event] = await db.read('large-1').toArray();
      expect(Buffer.from(event!.dataBytes).equals(Buffer.from(data))).toBe(true);
      const refused = await error(db.append('large-1', [{ type: 'TooLarge', data: new Uint8Array((16 << 20) + 1) }]));
      expect(refused.definite).toBe(true);
      expect(await db.read('large-1').toArray()).toHaveLength(1);
    });

    it('large ones at once are what each writer wrote, whatever became of those before them', async () => {
      const text = (w: number, n: number) => `${w}:${n};`.repeat(4_000 + 500 * ((w + n) % 7));
      const given: Promise<unknown>[] = [];
      const writer = async (w: number) => {
        for (let n = 0; n < 12; n++) {
          await db.append(`writer-${w}`, [{ type: 'Written', data: text(w, n) }]);
          // Refused with an answer, and given up without one: in neither case may its memory reach another's event.
          const other = { type: 'Other', data: text(w, n + 100) };
          await error(db.append(`writer-${w}`, [other], { expect: 'none' }));
          const stop = new AbortController();
          given.push(db.append(`given-up-${w}`, [other], { signal: stop.signal }).catch(() => undefined));
          stop.abort();
        }
      };
      await Promise.all(Array.from({ length: 8 }, (_, w) => writer(w)));
      await Promise.all(given);
      for (let w = 0; w < 8; w++) {
        const written = await db.read(`writer-${w}`).toArray();
        expect(written.map(({ data }) => data)).toEqual(Array.from({ length: 12 }, (_, n) => text(w, n)));
        const others = (await db.read(`given-up-${w}`).toArray()).map(({ data }) => data);
        expect(Array.from({ length: 12 }, (_, n) => text(w, n + 100))).toEqual(expect.arrayContaining(others));
      }
    });

    it('ten thousand of one append are one fact', async () => {
      const events = Array.from({ length: 10_000 }, (_, n) => ({ type: 'Many', data: n }));
      const result = await db.append('many-1', events);
      expect(result.revision).toBe(9_999n);
      let n = 0;
      for await (const event of db.read('many-1')) expect(event.data).toBe(n++);
      expect(n).toBe(10_000);
      expect(await error(db.append('many-1', [...events, events[0]!]))).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    });
  });
}
