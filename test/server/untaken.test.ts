import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../src/runtime/logger.ts';
import { streaming } from '../../src/server/calls.ts';
import { UntakenBudget } from '../../src/server/untaken.ts';
import { turn } from '../storage/index/memory-store.ts';

const MESSAGE = new Uint8Array(64 << 10);
const MIB = 1 << 20;

/** A call whose client takes what is written at once, or never; `went` is told when it has ended. */
function open(handler: ReturnType<typeof streaming<object>>, reads: boolean) {
  const call = Object.assign(new EventEmitter(), {
    cancelled: false,
    request: {},
    written: 0,
    finished: false,
    write(_message: Uint8Array, taken: () => void) {
      call.written++;
      if (reads) setImmediate(taken);
      return true;
    },
    end() {
      call.finished = true;
    },
    leave() {
      call.cancelled = true;
      call.emit('cancelled');
    },
  });
  handler(call as unknown as Parameters<typeof handler>[0]);
  return call;
}

const turns = async (count: number) => {
  for (let n = 0; n < count; n++) await turn();
};

describe('subscriptions that are not read', () => {
  it('hold no more together than the room for all and a message each, and one that is read gets everything [C8]', async () => {
    const budget = new UntakenBudget(16 * MIB);
    let asked = 0;
    const endless = streaming<object>(createLogger('silent', {}), budget, async function* () {
      for (;;) {
        asked++;
        yield MESSAGE;
      }
    });
    const silent = Array.from({ length: 500 }, () => open(endless, false));
    await turns(100);
    expect(budget.used).toBeGreaterThan(16 * MIB);
    expect(budget.used).toBeLessThanOrEqual(17 * MIB + silent.length * MESSAGE.length);
    expect(budget.used).toBe(asked * MESSAGE.length);
    const some = streaming<object>(createLogger('silent', {}), budget, async function* () {
      for (let n = 0; n < 100; n++) yield MESSAGE;
    });
    const reader = open(some, true);
    await turns(300);
    expect(reader).toMatchObject({ written: 100, finished: true });
    for (const call of silent) call.leave();
    await turns(5);
    expect(budget.used).toBe(0);
  });

  it('may hold a MiB each while there is room [C8]', async () => {
    const budget = new UntakenBudget(16 * MIB);
    const endless = streaming<object>(createLogger('silent', {}), budget, async function* () {
      for (;;) yield MESSAGE;
    });
    const calls = Array.from({ length: 4 }, () => open(endless, false));
    await turns(100);
    for (const { written } of calls) expect(written).toBe(17);
  });
});
