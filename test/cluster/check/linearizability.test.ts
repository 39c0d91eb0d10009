import { describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.ts';
import type { Expected } from '../history.ts';
import { type Call, checkLinearizable } from './linearizability.ts';
import { type StreamInput, StreamModel } from './stream-model.ts';

const verdict = (calls: readonly Call<StreamInput>[], stepsMax?: number) =>
  checkLinearizable(new StreamModel(), calls, stepsMax).kind;

function call(invokedMs: number, returnedMs: number, input: StreamInput): Call<StreamInput> {
  return { invokedMs, returnedMs, input };
}

const appended = (event: number, revision: number, expectState: Expected = 'any'): StreamInput => ({
  kind: 'appended',
  expect: expectState,
  events: [event],
  revision,
});
const maybe = (event: number): StreamInput => ({ kind: 'appended', expect: 'any', events: [event] });
const read = (...last: number[]): StreamInput => ({ kind: 'read', revision: last.length - 1, last });
const conflict = (expectState: Expected, revision: number): StreamInput => ({
  kind: 'conflict',
  expect: expectState,
  revision,
});

describe('the search for a linearization', () => {
  it('takes operations one after another', () => {
    expect(verdict([call(0, 1, appended(1, 0)), call(2, 3, read(1)), call(4, 5, appended(2, 1, 0))])).toBe(
      'linearizable',
    );
  });

  it('takes nothing at all', () => {
    expect(verdict([])).toBe('linearizable');
  });

  it('refuses a read that misses what was acknowledged before it', () => {
    expect(verdict([call(0, 1, appended(1, 0)), call(2, 3, read())])).toBe('violation');
  });

  it('takes a read beside an append with and without it', () => {
    for (const seen of [read(), read(1)])
      expect(verdict([call(0, 3, appended(1, 0)), call(1, 2, seen)])).toBe('linearizable');
  });

  it('refuses two reads beside an append of which the later one sees less', () => {
    const calls = (first: StreamInput, second: StreamInput) => [
      call(0, 9, appended(1, 0)),
      call(1, 2, first),
      call(3, 4, second),
    ];
    expect(verdict(calls(read(), read(1)))).toBe('linearizable');
    expect(verdict(calls(read(1), read()))).toBe('violation');
  });

  it('orders concurrent appends by the revisions that they were given', () => {
    expect(verdict([call(0, 9, appended(1, 1)), call(0, 9, appended(2, 0)), call(10, 11, read(2, 1))])).toBe(
      'linearizable',
    );
    expect(verdict([call(0, 9, appended(1, 1)), call(0, 9, appended(2, 0)), call(10, 11, read(1, 2))])).toBe(
      'violation',
    );
  });

  it('refuses two appends with the same revision', () => {
    expect(verdict([call(0, 9, appended(1, 0, 'none')), call(0, 9, appended(2, 0, 'none'))])).toBe('violation');
  });

  it('refuses an event that is there twice', () => {
    expect(verdict([call(0, 1, appended(1, 0)), call(2, 3, read(1, 1))])).toBe('violation');
  });

  it('lets an operation without an answer happen late, or never', () => {
    const open = call(0, Number.POSITIVE_INFINITY, maybe(1));
    expect(verdict([open, call(5, 6, read()), call(7, 8, read(1))])).toBe('linearizable');
    expect(verdict([open, call(5, 6, read()), call(7, 8, read())])).toBe('linearizable');
    expect(verdict([open, call(5, 6, read(1)), call(7, 8, read())])).toBe('violation');
  });

  it('does not let an operation without an answer happen before it was asked for', () => {
    expect(verdict([call(0, 1, read(1)), call(5, Number.POSITIVE_INFINITY, maybe(1))])).toBe('violation');
  });

  it('takes a conflict only where the expectation does not hold [S5]', () => {
    expect(verdict([call(0, 1, appended(1, 0)), call(2, 3, conflict('none', 0))])).toBe('linearizable');
    expect(verdict([call(0, 1, appended(1, 0)), call(2, 3, conflict(0, 0))])).toBe('violation');
    // Told on a state that was over, or that never was.
    expect(verdict([call(0, 1, appended(1, 0)), call(2, 3, appended(2, 1)), call(4, 5, conflict(7, 0))])).toBe(
      'violation',
    );
  });

  it('names the operation that nothing explains', () => {
    const wrong = call(4, 5, read());
    const calls = [call(0, 1, appended(1, 0)), call(2, 3, read(1)), wrong, call(6, 7, appended(2, 1))];
    expect(checkLinearizable(new StreamModel(), calls)).toEqual({ kind: 'violation', stuck: wrong });
  });

  it('gives up beyond its budget and says so', () => {
    const calls = Array.from({ length: 12 }, (_, n) => call(0, 100, maybe(n + 1)));
    expect(verdict([...calls, call(101, 102, read(99))], 1_000)).toBe('undecided');
  });

  it('remembers where it has been: many concurrent operations without an effect cost no more than their number squared', () => {
    const checks = Array.from({ length: 300 }, () => call(0, 10, { kind: 'held', expect: 'none' } as const));
    expect(verdict([...checks, call(0, 10, appended(1, 0)), call(11, 12, read(1))], 100_000)).toBe('linearizable');
  });
});

/** A history that a single stream gave: each operation takes effect at one moment between question and answer. */
function goodHistory(seed: number, size: number, concurrent: number): Call<StreamInput>[] {
  const random = new Prng(seed);
  const stream: number[] = [];
  const calls: Call<StreamInput>[] = [];
  for (let n = 0; n < size; n++) {
    const at = n * 10;
    const times = [at - random.between(0, concurrent * 10), at + random.between(0, concurrent * 10)] as const;
    const kind = random.between(0, 10);
    if (kind < 5) {
      stream.push(n);
      const open = random.between(0, 10) === 0;
      calls.push(
        call(times[0], open ? Number.POSITIVE_INFINITY : times[1], open ? maybe(n) : appended(n, stream.length - 1)),
      );
    } else if (kind < 7) calls.push(call(...times, conflict(stream.length + 5, stream.length - 1)));
    else
      calls.push(
        call(...times, { kind: 'read', revision: stream.length - 1, last: stream.slice(-random.between(1, 20)) }),
      );
  }
  return calls;
}

describe('random histories of one stream', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('are linearizable as they were made, seed %i', (seed) => {
    expect(verdict(goodHistory(seed, 1_000, 6), 1_000_000)).toBe('linearizable');
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'are not once a read has missed an event that was acknowledged before, seed %i',
    (seed) => {
      const calls = goodHistory(seed, 400, 4);
      const seen = calls.findLastIndex(({ input }) => input.kind === 'read');
      const { input, invokedMs } = calls[seen] as Call<StreamInput>;
      if (input.kind !== 'read') throw new Error('the history has no read');
      // It shows the stream as it was 30 events before.
      const stale: StreamInput = { kind: 'read', revision: input.revision - 30, last: [] };
      calls[seen] = call(invokedMs, invokedMs + 1, stale);
      expect(verdict(calls, 1_000_000)).toBe('violation');
    },
  );
});
