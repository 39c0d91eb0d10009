import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Nodes } from '../../src/client/nodes.ts';
import { watchProjection } from '../../src/client/projection-watch.ts';
import { Seen, type Session } from '../../src/client/session.ts';
import { Subscription } from '../../src/client/subscribe.ts';
import { Turns } from '../../src/client/turns.ts';
import { Upcasting } from '../../src/client/upcasting.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { Bench, failure } from './helpers.ts';

/** Time passes where somebody sleeps, or where a test says so; gRPC has its own, which is the machine's. */
class SkippedTime {
  nowMs = 0;
  readonly clock: Clock = {
    ...systemClock,
    monotonicMs: () => this.nowMs,
    sleep: async (ms) => {
      this.nowMs += ms;
    },
  };
}

let bench: Bench;
let time: SkippedTime;
let session: Session;

beforeEach(async () => {
  bench = await Bench.start();
  time = new SkippedTime();
  const { clock } = time;
  session = {
    nodes: new Nodes(
      bench.cluster.nodes.map((node) => node.address),
      clock,
    ),
    clock,
    seen: new Seen(),
    turns: new Turns(clock),
    timeoutMs: 30_000,
    upcasting: new Upcasting(undefined),
    closing: new AbortController().signal,
  };
});

afterEach(async () => {
  session.nodes.close();
  await bench.stop();
});

const FOUND = { done: false, value: { kind: 'caughtUp', position: 0n } };

describe('a subscription with a time to reconnect', () => {
  test('goes on at another node after any silence: the time begins when a node is lost', async () => {
    const subscription = new Subscription(session, { all: true, fromNow: true, reconnectTimeoutMs: 8_000 });
    expect(await subscription.next()).toEqual(FOUND);
    time.nowMs += 9_000;
    bench.node(0).kill();
    expect(await subscription.next()).toEqual(FOUND);
    expect(bench.node(1).subscriptions).toHaveLength(1);
    await subscription.return();
  });

  test('looks for a node for that long after it has lost all of them, and no longer', async () => {
    const subscription = new Subscription(session, { all: true, fromNow: true, reconnectTimeoutMs: 8_000 });
    expect(await subscription.next()).toEqual(FOUND);
    time.nowMs += 9_000;
    await bench.cluster.stop();
    expect(await failure(subscription.next())).toMatchObject({ code: 'UNREACHABLE' });
    // The wait before one more attempt, half a second at most, would have ended behind it.
    expect(time.nowMs - 9_000).toBeGreaterThan(7_500);
    expect(time.nowMs - 9_000).toBeLessThanOrEqual(8_000);
  });

  test('looks for its first node no longer than that', async () => {
    await bench.cluster.stop();
    const subscription = new Subscription(session, { all: true, reconnectTimeoutMs: 2_000 });
    expect(await failure(subscription.next())).toMatchObject({ code: 'UNREACHABLE' });
    expect(time.nowMs).toBeGreaterThan(1_500);
    expect(time.nowMs).toBeLessThanOrEqual(2_000);
  });
});

describe('without a time to reconnect', () => {
  /** Longer than a timer can wait. */
  const SILENCE_MS = 2 ** 31;

  test('a subscription goes on after a silence of weeks', async () => {
    const subscription = new Subscription(session, { all: true, fromNow: true });
    expect(await subscription.next()).toEqual(FOUND);
    time.nowMs += SILENCE_MS;
    bench.node(0).kill();
    expect(await subscription.next()).toEqual(FOUND);
    await subscription.return();
  });

  test('a watch of a projection goes on after a silence of weeks', async () => {
    const stop = new AbortController();
    const watch = watchProjection(session, { name: 'totals' }, stop, ({ partition }) => partition);
    expect(await watch.next()).toEqual({ done: false, value: 'told by n1' });
    time.nowMs += SILENCE_MS;
    bench.node(0).kill();
    expect(await watch.next()).toEqual({ done: false, value: 'told by n2' });
    stop.abort();
    expect(await watch.next()).toEqual({ done: true, value: undefined });
  });
});
