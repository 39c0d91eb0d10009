import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectStore } from '../../src/cli/connect.ts';
import { type PendingAppend, timeoutError } from '../../src/client/pending-append.ts';
import { Bench } from '../client/helpers.ts';
import { jsonLines, run } from './harness.ts';
import { MemoryStore } from './memory-store.ts';

let bench: Bench;

beforeEach(async () => {
  bench = await Bench.start(1);
});

afterEach(() => bench.stop());

/** A command that is interrupted once its append has reached a node that does not answer. */
async function interrupted(...argv: readonly string[]) {
  const interrupt = new AbortController();
  bench.node(0).onAppend = () => 'lose';
  const { attempts } = bench.cluster;
  const before = attempts.length;
  const result = run([...argv, '--url', bench.cluster.url()], { connect: connectStore, signal: interrupt.signal });
  await expect.poll(() => attempts.length).toBe(before + 1);
  interrupt.abort();
  bench.node(0).onAppend = () => undefined;
  return result;
}

describe('an append whose fate is open', () => {
  test.each([
    ['append', ['append', 'a', '--type', 'T']],
    ['a change of a stream', ['streams', 'delete', 'a']],
  ])('S8: %s that is interrupted tells the id with which its repeat is safe', async (_name, argv) => {
    const { code, out, err } = await interrupted(...argv);
    expect({ code, out }).toEqual({ code: 130, out: '' });
    expect(err).toMatch(/^error: .* was cancelled\. It may have been written; repeating the command with --append-id /);
    const [appendId = ''] = /[0-9a-f-]{36}/.exec(err) ?? [];
    const again = [...argv, '--append-id', appendId, '--json', '--url', bench.cluster.url()];
    const repeat = await run(again, { connect: connectStore });
    expect(repeat).toMatchObject({ code: 0, err: '' });
    expect(jsonLines(repeat.out)).toMatchObject([{ repeated: true }]);
  });

  test('S8: the start of a scavenge that is interrupted tells it, too', async () => {
    const interrupt = new AbortController();
    const { scavengeIds } = bench.cluster;
    bench.node(0).onChange = () => 'hang';
    const argv = ['scavenge', 'start', '--url', bench.cluster.url()];
    const result = run(argv, { connect: connectStore, signal: interrupt.signal });
    await expect.poll(() => scavengeIds.length).toBe(1);
    interrupt.abort();
    const [appendId = ''] = scavengeIds;
    const advice = `It may have been written; repeating the command with --append-id ${appendId} is safe.`;
    expect(await result).toEqual({
      code: 130,
      out: '',
      err: `error: the start of a scavenge was cancelled. ${advice}\n`,
    });
    bench.node(0).onChange = () => undefined;
    expect(await run([...argv, '--append-id', appendId], { connect: connectStore })).toMatchObject({
      code: 0,
      err: '',
    });
    expect(scavengeIds).toEqual([appendId, appendId]);
  });

  test('S8: programs are told in one JSON object', async () => {
    const { code, err } = await interrupted('append', 'a', '--type', 'T', '--json');
    expect(code).toBe(130);
    expect(jsonLines(err)).toMatchObject([
      {
        error: { code: 'CANCELLED', definite: false, details: { appendId: expect.stringMatching(/^[0-9a-f-]{36}$/) } },
      },
    ]);
  });

  test('S8: one that was not answered in time tells it, too', async () => {
    const store = new MemoryStore();
    const appendId = randomUUID();
    const append = { what: 'append to "a"', appendId, timeoutMs: 30_000, uncertain: true, inFlight: false };
    store.beforeAppend = () => {
      throw timeoutError({ ...append, lastError: undefined } as PendingAppend);
    };
    const { code, err } = await run(['append', 'a', '--type', 'T'], { store });
    expect(code).toBe(1);
    expect(err).toBe(
      'error: append to "a" was not answered within 30 s. It may have been written; ' +
        `repeating the command with --append-id ${appendId} is safe.\n`,
    );
  });
});
