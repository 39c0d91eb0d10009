import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { FactstoreClient } from '../src/client/index.ts';
import { ProcessCluster } from '../test/support/process-cluster.ts';
import { sdk } from './factstore/program.ts';
import { startEcho } from './raw/echo.ts';
import { CUSTOMERS, eventData, runSandbox, sandboxEvents } from './raw/sandbox.ts';
import { onEnd } from './support/cleanup.ts';
import { describeMachine, load } from './support/machine.ts';
import { Payloads } from './support/payload.ts';
import { type Spread, spread } from './support/statistics.ts';

const HELP = `npm run bench -- projection [options]

  --events N      events in the store (500000)
  --rounds N      rounds (3): each builds every projection anew
  --queries N     state queries a round, one after another, on the idle node (5000)
  --out FILE      the JSON file (bench/results/DATE-projection.json); "none" writes none`;

const EVENTS_PER_APPEND = 500;
const APPENDS_IN_FLIGHT = 32;
const STREAMS = 1_000;
const CATCH_UP_MS = 300_000;
/** What the sandbox alone is given, as the node does: a batch at a time. */
const SANDBOX_EVENTS = 100_000;
const SANDBOX_BATCH = 1_000;

const PROJECTIONS = [
  { name: 'count', source: 'fromAll().when({ $init: () => ({ count: 0 }), $any(s) { s.count++ } })' },
  {
    name: 'sum-of-a-field',
    source: 'fromAll().when({ $init: () => ({ sum: 0 }), $any(s, e) { s.sum += e.data.amount } })',
  },
  {
    name: 'sum-by-stream',
    source: 'fromAll().foreachStream().when({ $init: () => ({ sum: 0 }), $any(s, e) { s.sum += e.data.amount } })',
  },
  {
    name: 'sum-by-customer',
    source:
      'fromAll().partitionBy((e) => e.data.customer).when({ $init: () => ({ sum: 0 }), $any(s, e) { s.sum += e.data.amount } })',
  },
];

/** `npm run bench -- projection`: how fast one node of the built program catches up, one projection at a time. */
export async function projectionSuite(args: readonly string[]): Promise<void> {
  const text = { type: 'string' } as const;
  const help = { type: 'boolean', short: 'h' } as const;
  const options = { events: text, rounds: text, queries: text, out: text, help };
  const { values } = parseArgs({ args: [...args], options });
  if (values.help) return console.log(HELP);
  const total = Number(values.events ?? 500_000);
  const rounds = Number(values.rounds ?? 3);
  const processes = await ProcessCluster.prepare(1);
  onEnd(() => processes.dispose());
  processes.startAll();
  const client = await sdk.connect(processes.url, { connectTimeoutMs: 20_000 });
  onEnd(() => client.close());
  await fill(client, total);
  const figures = await catchUps(client, total, rounds);
  const queries = await stateQueries(client, Number(values.queries ?? 5_000), rounds);
  const report = { suite: 'projection', machine: await describeMachine(tmpdir()), events: total, figures, queries };
  const standard = `results/${new Date().toISOString().slice(0, 10)}-projection.json`;
  const out = values.out ?? fileURLToPath(new URL(standard, import.meta.url));
  if (out === 'none') return;
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify(report, undefined, 2)}\n`);
  console.log(`\nwritten to ${out}`);
}

/** Rounds are interleaved, and the sandbox alone has its turn beside each projection that the node builds. */
async function catchUps(client: FactstoreClient, total: number, rounds: number) {
  const events = sandboxEvents(SANDBOX_EVENTS);
  const rates = PROJECTIONS.map((projection) => ({ ...projection, node: [] as number[], sandbox: [] as number[] }));
  for (let round = 1; round <= rounds; round++) {
    for (const { name, source, node, sandbox } of rates) {
      const begun = performance.now();
      await client.projections.create(`${name}-${round}`, source);
      await caughtUp(client, `${name}-${round}`, BigInt(total));
      node.push((1000 * total) / (performance.now() - begun));
      sandbox.push((await runSandbox(source, events, SANDBOX_BATCH)).eventsPerSecond);
    }
  }
  return rates.map(({ name, source, node, sandbox }) => {
    const figure = { name, source, eventsPerSecond: spread(node), sandboxAlone: spread(sandbox) };
    const rate = (s: Spread) => `${whole(s.median)} (${whole(s.min)}–${whole(s.max)})`;
    const { eventsPerSecond, sandboxAlone } = figure;
    console.log(
      `  ${name.padEnd(18)}${rate(eventsPerSecond)} events/s, sandbox alone ${rate(sandboxAlone)}, load ${load()}`,
    );
    return figure;
  });
}

/** Queries of one partition after another, and calls that a server answers with next to nothing, in turn; the first round warms up. */
async function stateQueries(client: FactstoreClient, count: number, rounds: number) {
  const call = (await startEcho(onEnd)).unary(new Payloads(1));
  const echoed = () => new Promise<void>((done, failed) => call((error) => (error ? failed(error) : done()), 0));
  const queried = (n: number) =>
    client.projections.state(`sum-by-customer-${rounds}`, `customer-${(n * 7_919) % CUSTOMERS}`);
  const state = { median: [] as number[], p99: [] as number[] };
  const grpcJsAlone = { median: [] as number[], p99: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    for (const [into, work] of [
      [state, queried],
      [grpcJsAlone, echoed],
    ] as const) {
      const times = await timed(count, work);
      if (round === 0) continue;
      into.median.push(times[Math.floor(count / 2)] as number);
      into.p99.push(times[Math.floor(count * 0.99)] as number);
    }
  }
  const spreads = (of: typeof state) => ({ medianMs: spread(of.median), p99Ms: spread(of.p99) });
  const figures = { state: spreads(state), grpcJsAlone: spreads(grpcJsAlone) };
  for (const [name, { medianMs, p99Ms }] of Object.entries(figures)) {
    const [least, most] = [p99Ms.min.toFixed(2), p99Ms.max.toFixed(2)];
    console.log(
      `  ${name.padEnd(18)}median ${medianMs.median.toFixed(2)} ms, p99 ${p99Ms.median.toFixed(2)} (${least}–${most}) ms`,
    );
  }
  return figures;
}

const whole = (rate: number) => Math.round(rate).toLocaleString('en');

/** Milliseconds of each, in order of their size. */
async function timed(count: number, work: (n: number) => Promise<unknown>): Promise<readonly number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const begun = performance.now();
    await work(n);
    times.push(performance.now() - begun);
  }
  return times.sort((a, b) => a - b);
}

async function fill(client: FactstoreClient, total: number): Promise<void> {
  let next = 0;
  const writer = async () => {
    while (next < total) {
      const first = next;
      next = Math.min(total, next + EVENTS_PER_APPEND);
      const events = Array.from({ length: next - first }, (_, i) => {
        const n = first + i;
        return { type: `Type${n % 10}`, data: eventData(n) };
      });
      await client.append(`account-${(first / EVENTS_PER_APPEND) % STREAMS}`, events);
    }
  };
  await Promise.all(Array.from({ length: APPENDS_IN_FLIGHT }, writer));
}

/** Waiting is the node's: the answer comes as soon as the state includes the position. */
async function caughtUp(client: FactstoreClient, name: string, position: bigint): Promise<void> {
  const until = performance.now() + CATCH_UP_MS;
  for (;;) {
    try {
      for await (const _ of client.projections.partitions(name, { atLeast: position, limit: 1 })) return;
    } catch (error) {
      const { active } = await client.projections.get(name);
      if (active?.fault || performance.now() > until) throw error;
    }
  }
}
