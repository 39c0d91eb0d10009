import { setMaxListeners } from 'node:events';
import type { FactstoreClient } from '../../src/client/index.ts';
import { until } from '../../test/support/wait.ts';
import { factstore } from '../factstore/cluster.ts';
import type { Bench } from '../harness/bench.ts';
import { drive, type Operation } from '../harness/load.ts';
import { latencies, latencyOf, type Measured } from '../harness/result.ts';
import type { Group, Scenario } from '../harness/scenario.ts';
import type { Payloads } from '../support/payload.ts';

/** Appended events a second. A hundred subscribers in one client process get as many deliveries as ten, no more. */
const RATES = [
  { subscribers: 1, perSecond: 2_000 },
  { subscribers: 10, perSecond: 2_000 },
  { subscribers: 100, perSecond: 200 },
];
const QUICK_PER_SECOND = 100;

/** How long events take to reach those who follow everything, while they are appended at a fixed rate. */
export const subscriptions: Group = {
  name: 'subscribe',
  scenarios: ({ quick }) =>
    RATES.map(
      ({ subscribers, perSecond }): Scenario => ({
        name: `subscribers: ${subscribers}, ${perSecond.toLocaleString('en')} events a second`,
        system: 'factstore',
        unit: 'deliveries/s',
        prepare: (bench) => prepare(bench, subscribers, quick ? QUICK_PER_SECOND : perSecond),
      }),
    ),
};

async function prepare(bench: Bench, subscribers: number, perSecond: number): Promise<() => Promise<Measured>> {
  const cluster = await bench.use(factstore);
  const plan = { ...bench.times, shape: { perSecond }, units: 1, servers: cluster.servers };
  return async () => {
    const deliveries = new Deliveries(subscribers, performance.now() + plan.warmUpMs);
    const stop = new AbortController();
    // Every subscriber listens to it.
    setMaxListeners(0, stop.signal);
    const following = await Promise.all(
      Array.from({ length: subscribers }, () => follow(cluster.client, stop.signal, deliveries)),
    );
    const { value, units, processes, written } = await drive(
      publisher(cluster.client, bench.payloads, deliveries),
      plan,
    );
    const expected = written * subscribers;
    await until(`all ${expected} deliveries have come`, () => deliveries.count >= expected);
    stop.abort();
    await Promise.all(following.map(({ ended }) => ended));
    if (deliveries.count !== expected) throw new Error(`${deliveries.count} deliveries, not ${expected}`);
    const fromCall = latencyOf(deliveries.fromCall);
    return {
      value: value * subscribers,
      units,
      processes,
      latencyMs: latencyOf(deliveries.fromCommit),
      also: { 'from the intended append, p50 ms': fromCall.p50, 'from the intended append, p99 ms': fromCall.p99 },
    };
  };
}

/** Resolves once the subscription has caught up; what comes afterwards is new. */
async function follow(client: FactstoreClient, signal: AbortSignal, deliveries: Deliveries) {
  const subscription = client.subscribe({ all: true, fromNow: true, signal });
  for (;;) {
    const { value, done } = await subscription.next();
    if (done) throw new Error('a subscription ended before it had caught up');
    if (value.kind === 'caughtUp') break;
  }
  const run = async () => {
    for await (const message of subscription) if (message.kind === 'event') deliveries.came(message.event.position);
  };
  // An object, because a promise in a promise would be waited for.
  return { ended: run() };
}

function publisher(client: FactstoreClient, payloads: Payloads, deliveries: Deliveries): Operation {
  return (done, begun) => {
    const event = { type: 'Deposited', data: payloads.payload().data };
    client.append(payloads.stream(), [event]).then(({ position }) => {
      deliveries.committed(position, begun);
      done();
    }, done);
  };
}

interface Commit {
  readonly atMs: number;
  readonly begunMs: number;
  open: number;
}

/** Puts deliveries and commits together: either may come first, as the client sees it. */
class Deliveries {
  /** In microseconds; 1 where the event came no later than the answer to its append. */
  readonly fromCommit = latencies();
  readonly fromCall = latencies();
  count = 0;
  private readonly subscribers: number;
  private readonly fromMs: number;
  private readonly commits = new Map<bigint, Commit>();
  private readonly early = new Map<bigint, number[]>();

  /** What was to begin before `fromMs` warms up. */
  constructor(subscribers: number, fromMs: number) {
    this.subscribers = subscribers;
    this.fromMs = fromMs;
  }

  committed(position: bigint, begunMs: number): void {
    const commit = { atMs: performance.now(), begunMs, open: this.subscribers };
    this.commits.set(position, commit);
    for (const atMs of this.early.get(position) ?? []) this.record(position, commit, atMs);
    this.early.delete(position);
  }

  came(position: bigint): void {
    this.count++;
    const now = performance.now();
    const commit = this.commits.get(position);
    if (commit) return this.record(position, commit, now);
    const early = this.early.get(position);
    if (early) early.push(now);
    else this.early.set(position, [now]);
  }

  private record(position: bigint, commit: Commit, atMs: number): void {
    if (--commit.open === 0) this.commits.delete(position);
    if (commit.begunMs < this.fromMs) return;
    this.fromCommit.recordValue(us(atMs - commit.atMs));
    this.fromCall.recordValue(us(atMs - commit.begunMs));
  }
}

function us(ms: number): number {
  return Math.max(1, Math.round(ms * 1000));
}
