import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { conflictOf, type FactstoreClient, type NewEvent, type RecordedEvent } from '../../src/client/index.ts';
import { deferred } from '../../src/runtime/deferred.ts';
import { Bench, failure } from './helpers.ts';

type AccountEvent =
  | { type: 'Opened'; data: { owner: string } }
  | { type: 'Deposited'; data: { amount: number } }
  | { type: 'Blob'; data: Uint8Array };

let bench: Bench;
let db: FactstoreClient;

beforeEach(async () => {
  bench = await Bench.start(1);
  db = await bench.open();
});

afterEach(() => bench.stop());

const deposit = (amount: number): NewEvent<AccountEvent> => ({ type: 'Deposited', data: { amount } });

function balance(events: readonly RecordedEvent<AccountEvent>[]): number {
  return events.reduce((sum, event) => sum + (event.type === 'Deposited' ? event.data.amount : 0), 0);
}

describe('update', () => {
  test('reads, decides, appends with what was read as the condition', async () => {
    const opened = await db.update<AccountEvent>('account-1', (events, { revision }) => {
      expect([events.length, revision]).toEqual([0, -1n]);
      return [{ type: 'Opened', data: { owner: 'Ada' } }];
    });
    expect(opened).toMatchObject({ revision: 0n });
    await db.update<AccountEvent>('account-1', async (events) => [deposit(balance(events) + 5)]);
    const last = await db.update<AccountEvent>('account-1', (events) => [deposit(balance(events) * 2)]);
    expect(last).toMatchObject({ revision: 2n });
  });

  test('nothing to do appends nothing', async () => {
    expect(await db.update('a', () => [])).toBeUndefined();
    expect(await db.update('a', () => undefined)).toBeUndefined();
    expect(bench.cluster.rows).toHaveLength(0);
  });

  test('decides anew, with what others wrote, until it holds', async () => {
    const seen: number[] = [];
    const result = await db.update<AccountEvent>('a', async (events, { attempt }) => {
      seen.push(events.length);
      if (attempt < 3) await db.append<AccountEvent>('a', [deposit(1), deposit(1)]);
      return [deposit(balance(events))];
    });
    expect(seen).toEqual([0, 2, 4]);
    expect(result).toMatchObject({ revision: 4n });
    // What the conflict told was enough: the stream was read once.
    expect(bench.node(0).reads).toHaveLength(1);
    expect((await db.read<AccountEvent>('a').toArray()).at(-1)?.data).toEqual({ amount: 4 });
  });

  test('rivals of one client take turns once they have met, and each decides twice at most', async () => {
    const attempts: number[] = [];
    const allHaveRead = deferred<void>();
    const updates = Array.from({ length: 6 }, () =>
      db.update<AccountEvent>('a', async (events, { attempt }) => {
        if (attempts.push(attempt) === 6) allHaveRead.resolve();
        await allHaveRead.promise;
        return [deposit(balance(events) + 1)];
      }),
    );
    await Promise.all(updates);
    // All have read the same, one of them holds, and the others go one after another from then on.
    expect(attempts).toHaveLength(6 + 5);
    expect(Math.max(...attempts)).toBe(2);
    const amounts = (await db.read<AccountEvent>('a').toArray()).map(({ data }) => data);
    expect(amounts).toEqual(Array.from({ length: 6 }, (_, n) => ({ amount: 2 ** n })));
  });

  test('an update that comes while others take turns waits for its own', async () => {
    const attempts: number[] = [];
    let later: Promise<unknown> | undefined;
    await db.update<AccountEvent>('a', async (_, { attempt }) => {
      if (attempt === 1) await db.append<AccountEvent>('a', [deposit(1)]);
      later ??=
        attempt === 2
          ? db.update<AccountEvent>('a', (events, again) => {
              attempts.push(again.attempt);
              return [deposit(balance(events))];
            })
          : undefined;
      return [deposit(1)];
    });
    expect(await later).toMatchObject({ revision: 2n });
    expect(attempts).toEqual([1]);
  });

  test('reads again where the conflict does not tell everything', async () => {
    const result = await db.update<AccountEvent>('a', async (events, { attempt }) => {
      if (attempt === 1)
        await db.append<AccountEvent>(
          'a',
          Array.from({ length: 30 }, () => deposit(1)),
        );
      return [deposit(balance(events))];
    });
    expect(result).toMatchObject({ revision: 30n });
    expect(bench.node(0).reads).toHaveLength(2);
  });

  test('reads again where the conflict says that it does not tell everything, though no event is missing [R1]', async () => {
    bench.cluster.hidesMeanwhile = true;
    await db.append<AccountEvent>('a', [deposit(1)]);
    await db.update<AccountEvent>('a', async (events, { attempt }) => {
      if (attempt === 1) await db.append<AccountEvent>('a', [deposit(1)]);
      return [deposit(balance(events))];
    });
    expect(bench.node(0).reads).toHaveLength(2);
  });

  test('S8: concurrent updates all count, each once', async () => {
    const others = await Promise.all([db, await bench.open(), await bench.open()]);
    const work = others.flatMap((client) =>
      Array.from({ length: 4 }, () =>
        client.update<AccountEvent>('a', (events) => [deposit(events.length)], { attemptsMax: 100 }),
      ),
    );
    await Promise.all(work);
    const amounts = (await db.read<AccountEvent>('a').toArray()).map((event) => event.data);
    expect(amounts).toEqual(Array.from({ length: 12 }, (_, amount) => ({ amount })));
  });

  test('gives up after so many attempts, with the last conflict', async () => {
    const decide = async () => {
      await db.append('a', [{ type: 'Other' }]);
      return [{ type: 'Mine' }];
    };
    const error = await failure(db.update('a', decide, { attemptsMax: 3 }));
    expect(error).toMatchObject({ code: 'CONFLICT', definite: true, details: { attempts: 3 } });
    expect(error.message).toContain('update of "a" gave up: decided 3 times');
    expect(conflictOf(error)?.checks[0]?.events.map((event) => event.type)).toEqual(['Other']);
  });

  test('what decide throws comes through', async () => {
    const refuse = () => {
      throw new RangeError('no money');
    };
    await expect(db.update('a', refuse)).rejects.toThrow(RangeError);
  });

  test('S8: a conflict that decide throws is its own: it comes through, and is no reason to decide anew', async () => {
    await db.append('other', [{ type: 'Rival', data: 7 }]);
    let decisions = 0;
    const thrown: unknown[] = [];
    const decide = async () => {
      if (++decisions > 1) return [{ type: 'T' }];
      return db.append('other', [{ type: 'T' }], { expect: 'none' }).then(
        () => [],
        (error: unknown) => {
          thrown.push(error);
          throw error;
        },
      );
    };
    const error = await failure(db.update('a', decide));
    expect(error).toBe(thrown[0]);
    expect(conflictOf(error)?.checks[0]?.stream).toBe('other');
    expect([decisions, bench.cluster.heads.get('a')]).toEqual([1, undefined]);
  });

  test('S8: after an unknown outcome it does not decide again', async () => {
    bench.node(0).onAppend = () => 'hang';
    let decisions = 0;
    const decide = () => {
      decisions++;
      return [{ type: 'T' }];
    };
    const error = await failure(db.update('a', decide, { timeoutMs: 300 }));
    expect(error).toBeInstanceOf(FactstoreError);
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', definite: false });
    expect(decisions).toBe(1);
  });
});

test('types: a wrong event does not compile', () => {
  const check = (client: FactstoreClient) => {
    void client.append<AccountEvent>('a', [{ type: 'Deposited', data: { amount: 1 }, tags: ['a:b'] }]);
    // @ts-expect-error: an amount is a number.
    void client.append<AccountEvent>('a', [{ type: 'Deposited', data: { amount: '1' } }]);
    // @ts-expect-error: there is no such type.
    void client.append<AccountEvent>('a', [{ type: 'Withdrawn', data: { amount: 1 } }]);
    // @ts-expect-error: the data is missing.
    void client.append<AccountEvent>('a', [{ type: 'Deposited' }]);
    // @ts-expect-error: the data of another type.
    void client.append<AccountEvent>('a', [{ type: 'Opened', data: { amount: 1 } }]);
    // @ts-expect-error: there is no such option.
    void client.append<AccountEvent>('a', [], { expected: 'none' });
    // @ts-expect-error: revisions are bigints.
    void client.append<AccountEvent>('a', [], { expect: 4 });
    // @ts-expect-error: what is decided is checked too.
    void client.update<AccountEvent>('a', () => [{ type: 'Deposited', data: { amount: '1' } }]);
    // @ts-expect-error: nor in many writes.
    void client.append<AccountEvent>([{ stream: 'a', events: [{ type: 'Deposited', data: 1 }] }]);
    void client.append('a', [{ type: 'Anything', data: [1, { b: 2 }] }]);
  };
  expectTypeOf(check).toBeFunction();
  type Event = RecordedEvent<AccountEvent>;
  expectTypeOf<Event['type']>().toEqualTypeOf<'Opened' | 'Deposited' | 'Blob'>();
  expectTypeOf<Extract<Event, { type: 'Deposited' }>['data']>().toEqualTypeOf<{ amount: number }>();
  expectTypeOf<Event['position']>().toEqualTypeOf<bigint>();
  expectTypeOf<RecordedEvent['data']>().toEqualTypeOf<unknown>();
});
