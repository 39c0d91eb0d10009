import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from 'vitest';
import type { DecideOnQuery, FactstoreClient, RecordedEvent } from '../../src/client/index.ts';
import { deferred } from '../../src/runtime/deferred.ts';
import { Bench, failure } from './helpers.ts';

type NameEvent = { type: 'Named'; data: { name: string } } | { type: 'Freed'; data: { name: string } };

let bench: Bench;
let db: FactstoreClient;

beforeEach(async () => {
  bench = await Bench.start(1);
  db = await bench.open();
});

afterEach(() => bench.stop());

const QUERY = { tags: ['name:ada'] };

const named = (stream: string, name = 'ada') => ({
  stream,
  events: [{ type: 'Named' as const, data: { name }, tags: [`name:${name}`] }],
});

describe('decide', () => {
  test('reads what matches, decides, and appends if nothing that matches has come since', async () => {
    await db.append([named('a'), named('b', 'bob')]);
    const result = await db.decide<NameEvent>(QUERY, (events, { position, attempt }) => {
      expect(events.map(({ stream }) => stream)).toEqual(['a']);
      expect([position, attempt]).toEqual([2n, 1]);
      return [named('c'), named('d')];
    });
    expect(result?.writes).toMatchObject([{ stream: 'c' }, { stream: 'd' }]);
  });

  test('nothing to do appends nothing', async () => {
    expect(await db.decide(QUERY, () => [])).toBeUndefined();
    expect(await db.decide(QUERY, async () => undefined)).toBeUndefined();
    expect(bench.cluster.rows).toHaveLength(0);
  });

  test('S8: a conflict that the function throws is its own: it comes through, and is no reason to decide anew', async () => {
    await db.append([named('a')]);
    let decided = 0;
    const error = await failure(
      db.decide<NameEvent>({ tags: ['name:bob'] }, async () => {
        if (++decided > 1) return [named('b', 'bob')];
        await db.append([{ ...named('a'), expect: 'none' }]);
        return undefined;
      }),
    );
    expect(error).toMatchObject({ code: 'CONFLICT', details: { checks: [{ stream: 'a', expect: 'none' }] } });
    expect(error.details).not.toHaveProperty('attempts');
    expect([decided, bench.cluster.rows.length]).toEqual([1, 1]);
  });

  test('is not disturbed by what does not match', async () => {
    let decided = 0;
    await db.decide<NameEvent>(QUERY, async () => {
      decided++;
      await db.append([named('b', 'bob')]);
      return [named('a')];
    });
    expect(decided).toBe(1);
  });

  test('decides anew on what has come, without another read where the conflict tells it all', async () => {
    const seen: string[][] = [];
    await db.decide<NameEvent>(QUERY, async (events, { attempt }) => {
      seen.push(events.map(({ stream }) => stream));
      if (attempt < 3) await db.append([named(`rival-${attempt}`)]);
      return [named('a')];
    });
    expect(seen).toEqual([[], ['rival-1'], ['rival-1', 'rival-2']]);
    expect(bench.node(0).reads).toHaveLength(1);
  });

  test('rivals of one client take turns once they have met; one that begins meanwhile does not wait', async () => {
    const attempts: number[] = [];
    const allHaveRead = deferred<void>();
    let free: Promise<unknown> | undefined;
    const decisions = Array.from({ length: 6 }, (_, n) =>
      db.decide<NameEvent>(QUERY, async (_, { attempt }) => {
        if (attempts.push(attempt) === 6) allHaveRead.resolve();
        await allHaveRead.promise;
        // What it appends does not match, so it is no rival.
        if (attempt === 2) free ??= db.decide<NameEvent>(QUERY, () => [named('free', 'bob')]);
        await free;
        return [named(`s-${n}`)];
      }),
    );
    await Promise.all(decisions);
    expect(await free).toBeDefined();
    expect(attempts).toHaveLength(6 + 5);
    expect(Math.max(...attempts)).toBe(2);
  });

  test('reads again where the conflict does not tell everything', async () => {
    const counts: number[] = [];
    await db.decide<NameEvent>(QUERY, async (events, { attempt }) => {
      counts.push(events.length);
      if (attempt === 1) for (let n = 0; n < 20; n++) await db.append([named(`rival-${n}`)]);
      return [named('a')];
    });
    expect(counts).toEqual([0, 20]);
    expect(bench.node(0).reads).toHaveLength(2);
  });

  test('decides anew where a stream was not as expected', async () => {
    let revision: bigint | undefined;
    const result = await db.decide<NameEvent>(QUERY, async (_, { attempt }) => {
      if (attempt === 1) await db.append([named('a', 'bob')]);
      else revision = (await db.read('a').start()).revision;
      return [{ ...named('a'), expect: revision ?? 'none' }];
    });
    expect(result?.revision).toBe(1n);
    // What matched may be hidden by now: the conflict tells nothing of it. The third read is that of the test itself.
    expect(bench.node(0).reads).toHaveLength(3);
  });

  test('gives up after so many decisions, and says what was last in the way', async () => {
    const error = await failure(
      db.decide<NameEvent>(
        QUERY,
        async (_, { attempt }) => {
          await db.append([named(`rival-${attempt}`)]);
          return [named('a')];
        },
        { attemptsMax: 4 },
      ),
    );
    expect(error).toMatchObject({ code: 'CONFLICT', definite: true, details: { attempts: 4 } });
    expect(error.message).toMatch(/^decision on a query gave up: decided 4 times.*condition 0 does not hold/);
  });

  test('ends with the time that it has', async () => {
    const rival = async (_: unknown, { attempt }: { attempt: number }) => {
      await db.append([named(`rival-${attempt}`)]);
      return [named('a')];
    };
    const error = await failure(db.decide<NameEvent>(QUERY, rival, { attemptsMax: 10_000, timeoutMs: 300 }));
    // Its time may be over while it waits for the next decision, or within an append.
    expect(['CONFLICT', 'DEADLINE_EXCEEDED']).toContain(error.code);
  });

  test('ends in what the decision throws', async () => {
    const thrown = new Error('no');
    await expect(db.decide(QUERY, () => Promise.reject(thrown))).rejects.toBe(thrown);
    expect(await failure(db.decide({}, () => []))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await failure(db.decide(QUERY, () => [], { attemptsMax: 0 }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('S8: decisions at once all count, each once, and each on the ones before', async () => {
    const count = (events: readonly RecordedEvent<NameEvent>[]) => events.length;
    await Promise.all(
      Array.from({ length: 20 }, () => db.decide<NameEvent>(QUERY, (events) => [named(`n-${count(events)}`)])),
    );
    const streams = new Set(bench.cluster.rows.map(({ stream }) => stream));
    expect(streams.size).toBe(20);
  });

  test('S8: after an unknown outcome it does not decide again', async () => {
    bench.node(0).onAppend = () => 'hang';
    let decided = 0;
    const decide = () => {
      decided++;
      return [named('a')];
    };
    const error = await failure(db.decide<NameEvent>(QUERY, decide, { timeoutMs: 300 }));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', definite: false });
    expect(decided).toBe(1);
  });

  test('types hold what is read and what is written', () => {
    const right = (events: readonly RecordedEvent<NameEvent>[]) => (events.length > 0 ? [] : [named('a')]);
    expectTypeOf(right).toExtend<DecideOnQuery<NameEvent>>();
    const wrong = () => [{ stream: 'a', events: [{ type: 'Named' as const, data: { nom: 'x' } }] }];
    expectTypeOf(wrong).not.toExtend<DecideOnQuery<NameEvent>>();
  });
});
