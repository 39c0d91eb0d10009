import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { Bench, failure } from './helpers.ts';

const ID = '5b0a1c1e-3d44-4c6f-9f0f-6f3f0a0f9d10';

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.start(1);
});
afterEach(() => bench.stop());

describe('the start of a scavenge', () => {
  test('S8: that was answered indefinitely once, and in time not again, may have been written', async () => {
    const answers = [new FactstoreError('LEADERSHIP_LOST', 'its fate is open'), undefined];
    bench.node(0).onChange = () => {
      const answer = answers.shift();
      if (!answer) bench.cluster.leader = undefined;
      return answer ?? 'hang';
    };
    const client = await bench.open();
    const error = await failure(client.admin.startScavenge({ appendId: ID, timeoutMs: 700 }));
    expect(error).toMatchObject({ definite: false, details: { appendId: ID } });
    expect(error.message).toMatch(
      new RegExp(`It may have been written; repeating it with its append id ${ID} is safe`),
    );
  });

  test.each([
    ['FAILED_PRECONDITION', 'one is running'],
    ['NO_LEADER', 'an election is under way'],
  ] as const)('S8: that was refused with %s alone was certainly not written', async (code, text) => {
    bench.node(0).onChange = () => new FactstoreError(code, text);
    const client = await bench.open();
    const error = await failure(client.admin.startScavenge({ appendId: ID, timeoutMs: 300 }));
    expect(error).toMatchObject({ code, definite: true, message: text });
  });
});
