import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { FactstoreClient } from '../src/client/index.ts';
import { ProcessCluster } from '../test/support/process-cluster.ts';
import { sdk } from './factstore/program.ts';
import { onEnd } from './support/cleanup.ts';
import { describeMachine, load } from './support/machine.ts';
import { spread } from './support/statistics.ts';

const HELP = `npm run bench -- projection [options]

  --events N      events in the store (500000)
  --queries N     state queries, one after another, on the idle node (5000)
  --out FILE      the JSON file (bench/results/DATE-projection.json); "none" writes none`;

const EVENTS_PER_APPEND = 500;
const APPENDS_IN_FLIGHT = 32;
const STREAMS = 1_000;
const CATCH_UP_MS = 300_000;

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
  const { values } = parseArgs({ args: [...args], options: { events: text, queries: text, out: text, help } });
  if (values.help) return console.log(HELP);
  const total = Number(values.events ?? 500_000);
  const processes = await ProcessCluster.prepare(1);
  onEnd(() => processes.dispose());
  processes.startAll();
  const client = await sdk.connect(processes.url, { connectTimeoutMs: 20_000 });
  onEnd(() => client.close());
  await fill(client, total);
  const figures = [];
  for (const { name, source } of PROJECTIONS) {
    const begun = performance.now();
    await client.projections.create(name, source);
    await caughtUp(client, name, BigInt(total));
    const seconds = (performance.now() - begun) / 1000;
    const eventsPerSecond = Math.round(total / seconds);
    figures.push({ name, source, eventsPerSecond });
    console.log(`  ${name.padEnd(20)}${eventsPerSecond.toLocaleString('en').padStart(9)} events/s, load ${load()}`);
  }
  const queries = await queried(client, Number(values.queries ?? 5_000));
  console.log(`  state of a partition: median ${queries.median.toFixed(2)} ms, p99 ${queries.p99.toFixed(2)} ms`);
  const report = { suite: 'projection', machine: await describeMachine(tmpdir()), events: total, figures, queries };
  const standard = `results/${new Date().toISOString().slice(0, 10)}-projection.json`;
  const out = values.out ?? fileURLToPath(new URL(standard, import.meta.url));
  if (out === 'none') return;
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify(report, undefined, 2)}\n`);
  console.log(`\nwritten to ${out}`);
}

async function fill(client: FactstoreClient, total: number): Promise<void> {
  let next = 0;
  const writer = async () => {
    while (next < total) {
      const first = next;
      next = Math.min(total, next + EVENTS_PER_APPEND);
      const events = Array.from({ length: next - first }, (_, i) => {
        const n = first + i;
        const data = { amount: n % 100, currency: 'EUR', customer: `customer-${n % 100_000}`, note: 'not looked at' };
        return { type: `Type${n % 10}`, data };
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

async function queried(client: FactstoreClient, count: number) {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const begun = performance.now();
    await client.projections.state('sum-by-customer', `customer-${(n * 7_919) % 100_000}`);
    times.push(performance.now() - begun);
  }
  times.sort((a, b) => a - b);
  return { ...spread(times), p99: times[Math.floor(times.length * 0.99)] as number };
}
