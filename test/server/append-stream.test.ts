import { describe, expect, it } from 'vitest';
import type { AppendStreamRequest } from '../../src/proto/append-stream.ts';
import { type Deferred, deferred } from '../../src/runtime/deferred.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import type { AppendRoute } from '../../src/server/append-routing.ts';
import { type AppendStreamCall, AppendStreamSession } from '../../src/server/append-stream.ts';
import { ReceiveBudget } from '../../src/server/receive-budget.ts';
import { Traffic } from '../../src/server/traffic.ts';
import { pausableCall } from '../support/pausable-call.ts';
import { VirtualTime } from '../support/virtual-clock.ts';

/** One call, whose appends are answered when the test says so. */
function aSession(budget = new ReceiveBudget(1 << 20)) {
  const time = new VirtualTime();
  const errors: unknown[] = [];
  const call = pausableCall({ write: () => true, end: () => undefined });
  call.on('error', (error) => errors.push(error));
  const open: { readonly waitedMs: number | undefined; readonly answer: Deferred<Uint8Array> }[] = [];
  const route = {
    refusal: undefined,
    append: (_bytes: Uint8Array, _deadlineMs: number, waitedMs?: number) => {
      const answer = deferred<Uint8Array>();
      open.push({ waitedMs, answer });
      return answer.promise;
    },
  };
  const ports = { budget, clock: time.clock(), logger: createLogger('silent', {}), traffic: new Traffic() };
  new AppendStreamSession(call as unknown as AppendStreamCall, route as unknown as AppendRoute, ports, new Set());
  return {
    ...{ time, open, errors, budget },
    receive: (request: AppendStreamRequest) => call.emit('data', [request]),
    paused: () => call.isPaused(),
    answer: async (n: number) => {
      open[n]?.answer.resolve(Uint8Array.of());
      await time.run(1);
    },
  };
}

describe('a call of appends', () => {
  it('tells how long an append in chunks has waited since it was announced, which is when its age was told [S6]', async () => {
    const { time, open, receive, budget } = aSession(new ReceiveBudget(100));
    budget.take(100);
    receive({ kind: 'begin', sequence: 1, totalBytes: 10 });
    await time.run(90_000);
    budget.release(100);
    await time.run(10);
    receive({ kind: 'chunk', sequence: 1, chunk: new Uint8Array(10) });
    expect(open.map(({ waitedMs }) => waitedMs)).toEqual([90_010]);
  });

  it('tells how long what arrived has waited for others to be answered [S6]', async () => {
    const { time, open, receive, answer } = aSession(new ReceiveBudget(64 << 20));
    // As many as may be open at a time.
    for (let n = 1; n <= 1_024; n++) receive({ kind: 'append', sequence: n, append: new Uint8Array(1) });
    receive({ kind: 'append', sequence: 1_025, append: new Uint8Array(1) });
    expect(open).toHaveLength(1_024);
    await time.run(25_000);
    await answer(0);
    await time.run(1);
    expect(open.at(-1)?.waitedMs).toBeGreaterThanOrEqual(25_000);
    expect(open.at(0)?.waitedMs).toBe(0);
    expect(open).toHaveLength(1_025);
  });

  it('is read on after a short pause, and after a long one ends with what is open: the rest is older than it says [S6, C8]', async () => {
    for (const [pauseMs, error] of [
      [20_000, undefined],
      [40_000, /had no room for more of the call for 40 s/],
    ] as const) {
      const { time, open, receive, budget, paused, answer, errors } = aSession(new ReceiveBudget(100));
      receive({ kind: 'append', sequence: 1, append: new Uint8Array(10) });
      receive({ kind: 'append', sequence: 2, append: new Uint8Array(90) });
      expect(paused()).toBe(true);
      await time.run(pauseMs);
      await answer(1);
      expect([open.length, budget.used, paused(), errors]).toEqual([2, 10, error !== undefined, []]);
      await answer(0);
      expect(errors.length).toBe(error ? 1 : 0);
      if (error) expect(String(errors[0])).toMatch(error);
    }
  });

  describe('with an append in chunks', () => {
    const MIB = 1 << 20;
    const begun = async (totalBytes: number) => {
      const session = aSession(new ReceiveBudget(64 * MIB));
      session.receive({ kind: 'begin', sequence: 1, totalBytes });
      await session.time.run(1);
      expect(session.budget.used).toBe(totalBytes);
      const chunk = (bytes: number) => session.receive({ kind: 'chunk', sequence: 1, chunk: new Uint8Array(bytes) });
      return { ...session, chunk };
    };

    it('gives up the room of one that trickles, after 30 s for each MiB that was announced [C8]', async () => {
      const { time, chunk, errors, budget } = await begun(2 * MIB + 1);
      for (let n = 1; n <= 4; n++) {
        await time.run(20_000);
        chunk(1);
      }
      await time.run(9_998);
      expect([errors, budget.used]).toEqual([[], 2 * MIB + 1]);
      await time.run(1);
      expect(String(errors)).toMatch(
        /append 1 was granted room and did not come in time.*all of it within 30 s for each MiB/,
      );
      expect(budget.used).toBe(0);
    });

    it('gives up the room of one that stops [C8]', async () => {
      const { time, chunk, errors, budget } = await begun(2 * MIB);
      chunk(MIB);
      await time.run(29_999);
      expect(errors).toEqual([]);
      await time.run(1);
      expect(String(errors)).toMatch(/append 1 was granted room and did not come in time.*a chunk within 30 s/);
      expect(budget.used).toBe(0);
    });

    it('takes one whose whole chunks are each in time', async () => {
      const { time, chunk, errors, open } = await begun(3 * MIB);
      for (let n = 1; n <= 3; n++) {
        await time.run(29_990);
        chunk(MIB);
      }
      expect([open.length, errors]).toEqual([1, []]);
    });

    it('refuses an empty chunk, which would only take time [C8]', async () => {
      const { chunk, errors, budget } = await begun(MIB);
      chunk(0);
      expect(errors).toMatchObject([{ code: 3, message: expect.stringMatching(/^chunk: .*is empty/) }]);
      expect(budget.used).toBe(0);
    });
  });
});
