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
  slept = () => {};
  readonly clock: Clock = {
    ...systemClock,
    monotonicMs: () => this.nowMs,
    sleep: async (ms) => {
      this.nowMs += ms;
      this.slept();
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

  /** The first node is found to be of another cluster, once nobody is connected to it any more. */
  async function loseToAnother(): Promise<void> {
    for (const node of bench.cluster.nodes) node.kill();
    bench.cluster.id = 'another';
    await bench.node(0).start();
  }

  test('a subscription ends where another cluster alone has answered for half a minute [R3]', async () => {
    const subscription = new Subscription(session, { all: true, fromNow: true });
    const { id } = bench.cluster;
    expect(await subscription.next()).toEqual(FOUND);
    await loseToAnother();
    const error = await failure(subscription.next());
    expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', definite: true });
    expect(error.message).toContain(`it belongs to cluster another, and this client is connected to cluster ${id}`);
    expect(time.nowMs).toBeGreaterThanOrEqual(30_000);
    expect(time.nowMs).toBeLessThan(31_000);
  });

  test('a subscription goes on where its own cluster is back before, each time [R3]', async () => {
    const subscription = new Subscription(session, { all: true, fromNow: true });
    const { cluster } = bench;
    const { id } = cluster;
    expect(await subscription.next()).toEqual(FOUND);
    for (let i = 0; i < 2; i++) {
      await loseToAnother();
      const backMs = time.nowMs + 20_000;
      time.slept = () => {
        if (time.nowMs >= backMs) cluster.id = id;
      };
      expect(await subscription.next()).toEqual(FOUND);
    }
    await subscription.return();
  });

  test('a subscription goes on where a node of its own cluster was there between, though it gave nothing [R3]', async () => {
    const subscription = new Subscription(session, { all: true, fromNow: true });
    const { cluster } = bench;
    const { id } = cluster;
    const own = bench.node(1);
    expect(await subscription.next()).toEqual(FOUND);
    own.silent = true;
    const next = subscription.next();
    next.catch(() => {});
    for (let i = 0; i < 2; i++) {
      const asked = own.subscriptions.length;
      const before = bench.node(0).statusCalls;
      await loseToAnother();
      time.slept = () => {
        if (bench.node(0).statusCalls === before) return;
        time.slept = () => {};
        bench.node(0).kill();
        cluster.id = id;
        void own.start();
      };
      await expect.poll(() => own.subscriptions.length).toBeGreaterThan(asked);
      time.nowMs += 40_000;
    }
    own.silent = false;
    own.kill();
    await bench.node(0).start();
    expect(await next).toEqual(FOUND);
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
