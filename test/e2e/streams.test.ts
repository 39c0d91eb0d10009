import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ChangeOptions,
  conflictOf,
  type FactstoreClient,
  FactstoreError,
  type RecordedEvent,
} from '../../src/client/index.ts';
import { TestNodes } from '../support/test-node.ts';

/** What becomes of streams. The same suite runs against one node and, through one that follows, against three. */
for (const size of [1, 3]) {
  describe(`streams in a cluster of ${size}`, () => {
    let nodes: TestNodes;
    let db: FactstoreClient;

    beforeAll(async () => {
      nodes = await TestNodes.start(size);
      db = await nodes.client(size === 1 ? 0 : await nodes.follower());
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
    const write = async (stream: string, count: number) => {
      const events = Array.from({ length: count }, (_, n) => ({ type: 'T', data: { n } }));
      return (await db.append(stream, events)).revision;
    };
    const revisions = (events: readonly RecordedEvent[]) => events.map((event) => Number(event.revision));
    const read = async (stream: string, options = {}) => revisions(await db.read(stream, options).toArray());
    const ofAll = async (stream: string) => {
      const events = await db.readAll({ userEvents: true }).toArray();
      return revisions(events.filter((event) => event.stream === stream));
    };

    it('are deleted and go on: what was there is hidden from every read, and revisions continue [R1] [S10]', async () => {
      await write('gone-1', 3);
      const deleted = await db.streams.delete('gone-1', { expect: 2n });
      expect(deleted).toMatchObject({ metadataRevision: 0n, repeated: false });
      expect(await read('gone-1')).toEqual([]);
      expect(await read('gone-1', { backwards: true })).toEqual([]);
      expect(await ofAll('gone-1')).toEqual([]);
      expect(await db.read('gone-1').start()).toMatchObject({ state: 'deleted', revision: 2n });
      expect(await db.streams.get('gone-1')).toMatchObject({ state: 'deleted', count: 0n, headRevision: 2n });
      expect(conflictOf(await error(db.append('gone-1', [{ type: 'T' }], { expect: 'exists' })))).toBeDefined();
      expect(await db.append('gone-1', [{ type: 'T' }], { expect: 'none' })).toMatchObject({ revision: 3n });
      expect(await read('gone-1')).toEqual([3]);
      expect(await ofAll('gone-1')).toEqual([3]);
      expect(await db.streams.get('gone-1')).toMatchObject({ state: 'exists', count: 1n, firstRevision: 3n });
      await db.streams.delete('gone-1');
      expect(await db.append('gone-1', [{ type: 'T' }], { expect: 3n })).toMatchObject({ revision: 4n });
    });

    it('that are tombstoned take no event and no change, for ever [S10]', async () => {
      await write('dead-1', 2);
      await db.streams.tombstone('dead-1');
      expect(await db.streams.get('dead-1')).toMatchObject({ state: 'tombstoned', count: 0n, headRevision: 1n });
      const conflict = conflictOf(await error(db.append('dead-1', [{ type: 'T' }])));
      expect(conflict?.checks).toMatchObject([
        { stream: 'dead-1', actual: 'tombstoned', actualRevision: 1n, events: [] },
      ]);
      for (const change of [
        db.streams.delete('dead-1'),
        db.streams.truncate('dead-1', 1n),
        db.streams.setMetadata('dead-1', {}),
        db.streams.tombstone('dead-1'),
      ]) {
        expect(await error(change)).toMatchObject({ code: 'FAILED_PRECONDITION', definite: true });
      }
    });

    it('hide by count and by truncation, exactly, and never show again what was hidden [R1]', async () => {
      await write('kept-1', 5);
      await db.streams.setMetadata('kept-1', { maxCount: 2, custom: { owner: 'ü' } }, { expectMetadata: 'none' });
      expect(await read('kept-1')).toEqual([3, 4]);
      expect(await read('kept-1', { from: 1n })).toEqual([3, 4]);
      expect(await read('kept-1', { backwards: true })).toEqual([4, 3]);
      expect(await read('kept-1', { backwards: true, from: 3n })).toEqual([3]);
      expect(await read('kept-1', { backwards: true, from: 2n })).toEqual([]);
      expect(await db.streams.get('kept-1')).toMatchObject({
        count: 2n,
        firstRevision: 3n,
        metadata: { maxCount: 2n, custom: { owner: 'ü' } },
        metadataRevision: 0n,
      });
      await db.streams.setMetadata('kept-1', { maxCount: 1 }, { expectMetadata: 0n });
      expect(await ofAll('kept-1')).toEqual([4]);
      await db.streams.setMetadata('kept-1', {}, { expectMetadata: 1n });
      expect(await read('kept-1')).toEqual([4]);
      await db.streams.truncate('kept-1', 1_000n);
      expect(await read('kept-1')).toEqual([]);
      expect(await db.streams.get('kept-1')).toMatchObject({ state: 'exists', count: 0n, firstRevision: 5n });
      await write('kept-1', 2);
      expect(await read('kept-1')).toEqual([5, 6]);
      await db.streams.setMetadata('kept-1', { maxCount: 0 });
      await write('kept-1', 1);
      expect(await read('kept-1')).toEqual([]);
      expect(await db.streams.get('kept-1')).toMatchObject({ state: 'exists', count: 0n, headRevision: 7n });
    });

    it('hide by age, judged by the time of the log alone [R1]', async () => {
      await write('aged-1', 2);
      await db.streams.setMetadata('aged-1', { maxAgeMs: 86_400_000 });
      expect(await read('aged-1')).toEqual([0, 1]);
      const { createdUs } = await db.append('aged-1', [{ type: 'T' }]);
      await db.streams.setMetadata('aged-1', { maxAgeMs: 1 });
      await expect
        .poll(async () => {
          await write('clock', 1);
          return read('aged-1');
        })
        .toEqual([]);
      await db.streams.setMetadata('aged-1', { maxAgeMs: 86_400_000 });
      expect(await read('aged-1')).toEqual([]);
      expect(await db.streams.get('aged-1')).toMatchObject({ count: 0n, lastAppendedUs: createdUs });
    });

    it('tell of their changes in a stream of their own, optimistic on its revision, which nobody else writes [S16]', async () => {
      await db.streams.setMetadata('told-1', { maxCount: 9 });
      expect(await db.streams.get('told-1')).toMatchObject({ state: 'none', count: 0n, metadata: { maxCount: 9n } });
      await write('told-1', 1);
      const refused = await error(db.streams.truncate('told-1', 1n, { expectMetadata: 'none' }));
      expect(conflictOf(refused)?.checks).toMatchObject([{ stream: '$$told-1', actual: 'exists', actualRevision: 0n }]);
      expect(conflictOf(await error(db.streams.delete('told-1', { expect: 7n })))?.checks).toMatchObject([
        { stream: 'told-1', actualRevision: 0n },
      ]);
      await db.streams.truncate('told-1', 1n, { expectMetadata: 0n });
      await db.streams.delete('told-1', { expect: 0n, expectMetadata: 1n });
      const facts = await db.read('$$told-1').toArray();
      expect(facts.map((fact) => [fact.type, fact.data])).toEqual([
        ['$streamMetadata', { maxCount: 9 }],
        ['$streamTruncated', { truncateBefore: 1, firstRevision: 1 }],
        ['$streamDeleted', { headRevision: 0 }],
      ]);
      expect(await error(db.append('$$told-1', [{ type: 'T' }]))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(await error(db.append('told-1', [{ type: '$streamDeleted' }]))).toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    });

    it('are changed only where no event matches, whatever the change [S4] [S11]', async () => {
      await write('bound-1', 3);
      const { position } = await db.append('orders-1', [{ type: 'Placed', tags: ['bound:1'] }]);
      const query = { tags: ['bound:1'] };
      const refusing = { conditions: [{ failIfEventsMatch: { tags: ['bound:0'] } }, { failIfEventsMatch: query }] };
      const holding = { conditions: [{ failIfEventsMatch: query, after: position }] };
      const changes: ((options: ChangeOptions) => Promise<unknown>)[] = [
        (options) => db.streams.setMetadata('bound-1', { maxCount: 2 }, options),
        (options) => db.streams.truncate('bound-1', 2n, options),
        (options) => db.streams.erase('bound-1', { from: 2n }, options),
        (options) => db.streams.delete('bound-1', options),
        (options) => db.streams.tombstone('bound-1', options),
      ];
      for (const change of changes) {
        const conflict = conflictOf(await error(change(refusing)));
        expect(conflict?.conditions).toMatchObject([{ index: 1, cut: false, events: [{ position }] }]);
        await change(holding);
      }
      expect(await read('$$bound-1')).toEqual([0, 1, 2, 3, 4]);
      // Also against what is in flight, and together with what is expected of the stream.
      const [, racing] = await Promise.all([
        db.append('orders-2', [{ type: 'Placed', tags: ['bound:1'] }]),
        error(db.streams.delete('orders-1', { ...holding, expect: 7n })),
      ]);
      expect(conflictOf(racing)).toMatchObject({
        checks: [{ stream: 'orders-1', actualRevision: 0n }],
        conditions: [{ index: 0, events: [{ stream: 'orders-2' }] }],
      });
      const beyond = { conditions: [{ failIfEventsMatch: query, after: 1_000_000n }] };
      expect(await error(db.streams.delete('orders-1', beyond))).toMatchObject({
        code: 'OUT_OF_RANGE',
        details: { field: 'conditions[0].after' },
      });
    });

    it('are changed once by a change that is repeated under its id, and not by another one [S6]', async () => {
      await write('once-1', 1);
      const appendId = randomUUID();
      const first = await db.streams.delete('once-1', { appendId });
      await write('once-1', 1);
      expect(await db.streams.delete('once-1', { appendId })).toEqual({ ...first, repeated: true });
      expect(await read('once-1')).toEqual([1]);
      expect(await error(db.streams.tombstone('once-1', { appendId }))).toMatchObject({ code: 'APPEND_ID_REUSED' });
    });

    it('are judged against what is in flight: of many deletions in one moment one is done [S3]', async () => {
      await write('race-1', 1);
      const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => db.streams.delete('race-1')));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      const pipelined = await Promise.all([
        db.append('race-1', [{ type: 'T' }], { expect: 'none' }),
        db.streams.delete('race-1'),
        db.append('race-1', [{ type: 'T' }], { expect: 'none' }),
        db.streams.tombstone('race-1', { expect: 2n }),
        error(db.append('race-1', [{ type: 'T' }])),
      ]);
      expect(pipelined[2]).toMatchObject({ revision: 2n });
      expect(pipelined[4]).toMatchObject({ code: 'CONFLICT' });
    });

    it('refuse what makes no sense, and name the field', async () => {
      await write('bad-1', 1);
      const cases: [() => Promise<unknown>, string, string][] = [
        [() => db.streams.delete('never-written'), 'NOT_FOUND', 'never-written'],
        [() => db.streams.truncate('never-written', 1n), 'NOT_FOUND', 'never-written'],
        [() => db.streams.tombstone('never-written'), 'NOT_FOUND', 'never-written'],
        [() => db.streams.truncate('bad-1', -1n), 'INVALID_ARGUMENT', 'before: -1 is below 0'],
        [() => db.streams.truncate('bad-1', 2n ** 53n), 'INVALID_ARGUMENT', 'before: 9007199254740992 is above'],
        [
          () => db.streams.setMetadata('bad-1', { maxCount: -1 }),
          'INVALID_ARGUMENT',
          'metadata.maxCount: -1 is below 0',
        ],
        [() => db.streams.setMetadata('bad-1', { maxCount: 1.5 }), 'INVALID_ARGUMENT', 'metadata.maxCount: 1.5'],
        [
          () => db.streams.setMetadata('bad-1', { maxAgeMs: 0 }),
          'INVALID_ARGUMENT',
          'change.metadata.max_age_ms: is 0',
        ],
        [
          () => db.streams.setMetadata('bad-1', { maxAgeMs: 2n ** 53n - 1n }),
          'LIMIT_EXCEEDED',
          'change.metadata.max_age_ms',
        ],
        [
          () => db.streams.setMetadata('bad-1', { custom: [] }),
          'INVALID_ARGUMENT',
          'metadata.custom: an object is expected',
        ],
        [
          () => db.streams.setMetadata('bad-1', { custom: { text: 'x'.repeat(70_000) } }),
          'LIMIT_EXCEEDED',
          'change.metadata.custom: 70011 bytes',
        ],
        [
          () => db.streams.setMetadata('bad-1', { maxcount: 1 } as object),
          'INVALID_ARGUMENT',
          'metadata.maxcount: is not known',
        ],
        [() => db.streams.setMetadata('$$bad-1', {}), 'INVALID_ARGUMENT', 'change.stream: "$$bad-1" is reserved'],
        [() => db.streams.delete(''), 'INVALID_ARGUMENT', 'change.stream: is empty'],
      ];
      for (const [attempt, code, text] of cases) {
        const refused = await error(attempt());
        expect({ code: refused.code, message: refused.message, definite: refused.definite }).toEqual({
          code,
          message: expect.stringContaining(text),
          definite: true,
        });
      }
      expect(await error(db.streams.get('never-written'))).toMatchObject({ code: 'NOT_FOUND' });
      expect(await read('$$bad-1')).toEqual([]);
    });

    it('are listed by name and by creation, of a prefix and of a category, a page at a time', async () => {
      const names = ['list-b', 'list-a', 'list', 'list!x', 'listen-1', 'other-1', 'list-ü', 'list-c'];
      for (const name of names) await write(name, 2);
      await db.streams.delete('list-c');
      const list = async (options: object) => {
        const found: string[] = [];
        for await (const { stream } of db.streams.list(options)) found.push(stream);
        return found;
      };
      expect(await list({ prefix: 'list' })).toEqual(['list', 'list!x', 'list-a', 'list-b', 'list-ü', 'listen-1']);
      expect(await list({ category: 'list' })).toEqual(['list', 'list-a', 'list-b', 'list-ü']);
      expect(await list({ category: 'list', deleted: true, limit: 4 })).toEqual(['list', 'list-a', 'list-b', 'list-c']);
      expect(await list({ category: 'list', order: 'creation' })).toEqual(['list-b', 'list-a', 'list', 'list-ü']);
      expect(await list({ prefix: 'list', order: 'creation' })).toEqual([
        'list-b',
        'list-a',
        'list',
        'list!x',
        'listen-1',
        'list-ü',
      ]);
      expect(await list({ category: 'nothing' })).toEqual([]);
      expect(await list({ prefix: '$$list' })).toEqual(['$$list-c']);
      const all = await list({});
      expect(all).toEqual(expect.arrayContaining(['other-1']));
      expect(all.filter((name) => name.startsWith('$'))).toEqual([]);
      expect(await error(list({ category: 'a-b' }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(await error(list({ prefix: '' }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    });

    it('hide from queries and conditions, too: what is hidden matches nothing [R1] [S11]', async () => {
      const tagged = (n: number) => [{ type: 'Noted', data: { n }, tags: ['asked:1'] }];
      await db.append('asked-1', tagged(1));
      await db.append('asked-2', tagged(2));
      const { position } = await db.append('asked-1', tagged(3));
      const query = { tags: ['asked:1'] };
      const found = async (options = {}) => (await db.query(query, options).toArray()).map((event) => event.data);
      expect(await found()).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
      await db.streams.setMetadata('asked-1', { maxCount: 1 });
      expect(await found()).toEqual([{ n: 2 }, { n: 3 }]);
      expect(await found({ backwards: true, limit: 1 })).toEqual([{ n: 3 }]);
      await db.streams.delete('asked-1');
      expect(await found({ backwards: true })).toEqual([{ n: 2 }]);
      const after = (at: bigint) => [{ failIfEventsMatch: query, after: at }];
      const append = (at: bigint) => db.append('asked-3', [{ type: 'T' }], { conditions: after(at) });
      await append(position - 1n);
      expect(conflictOf(await error(append(0n)))?.conditions).toHaveLength(1);
      await db.streams.tombstone('asked-2');
      expect(await append(0n)).toMatchObject({ revision: 1n });
    });

    it('are followed through deletion and beyond', async () => {
      await write('watched-1', 2);
      const seen: number[] = [];
      const ended = new AbortController();
      const following = (async () => {
        for await (const message of db.subscribe({ stream: 'watched-1', signal: ended.signal })) {
          if (message.kind === 'event') seen.push(Number(message.event.revision));
        }
      })();
      await expect.poll(() => seen).toEqual([0, 1]);
      await db.streams.delete('watched-1');
      await write('watched-1', 1);
      await expect.poll(() => seen).toEqual([0, 1, 2]);
      ended.abort();
      await following;
      const late: number[] = [];
      for await (const message of db.subscribe({ stream: 'watched-1' })) {
        if (message.kind === 'caughtUp') break;
        late.push(Number(message.event.revision));
      }
      expect(late).toEqual([2]);
    });
  });
}
