import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import type { Histogram } from 'hdr-histogram-js';
import type { FactstoreClient } from '../src/client/index.ts';
import { ProcessCluster } from '../test/support/process-cluster.ts';
import { until } from '../test/support/wait.ts';
import { sdk } from './factstore/program.ts';
import { latencies, latencyOf } from './harness/result.ts';
import { onEnd } from './support/cleanup.ts';
import { describeMachine, load } from './support/machine.ts';
import { spread } from './support/statistics.ts';

const HELP = `npm run bench -- projection-appends [options]

  --rate N        appends a second, of one event each (2000)
  --seconds N     how long each measurement takes (10)
  --warm-up N     the same load before each of them, not counted (5)
  --heat N        the same load before the first of them, without and with projections, not counted (20)
  --rounds N      measurements without and with projections, in turn (5)`;

const PROJECTIONS = {
  count: 'fromAll().when({ $init: () => ({ count: 0 }), $any(s) { s.count++ } })',
  sum: 'fromAll().when({ $init: () => ({ sum: 0 }), $any(s, e) { s.sum += e.data.amount } })',
  'by-stream': 'fromAll().foreachStream().when({ $init: () => ({ sum: 0 }), $any(s, e) { s.sum += e.data.amount } })',
  'by-customer':
    'fromAll().partitionBy((e) => e.data.customer).when({ $init: () => ({ sum: 0 }), $any(s, e) { s.sum += e.data.amount } })',
  'one-type': "fromQuery({ types: ['Type3'] }).when({ $init: () => ({ count: 0 }), Type3(s) { s.count++ } })",
};
const STREAMS = 1_000;
/** What a change of the projections left behind gets this long to calm down. */
const PAUSE_MS = 1_000;
/** Of issue 7. */
const TIMES_MAX = 1.5;

/**
 * `npm run bench -- projection-appends`: what five projections on the followers cost an append at a fixed rate. The leader
 * is told not to run any. Latency is counted from when an append was due, so that a stall is seen by all that it kept waiting.
 */
export async function projectionAppendsSuite(args: readonly string[]): Promise<void> {
  const text = { type: 'string' } as const;
  const help = { type: 'boolean', short: 'h' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { rate: text, seconds: text, 'warm-up': text, heat: text, rounds: text, help },
  });
  if (values.help) return console.log(HELP);
  const [rate, seconds, rounds] = [values.rate ?? 2_000, values.seconds ?? 10, values.rounds ?? 5].map(Number);
  const [warmUp, heat] = [Number(values['warm-up'] ?? 5), Number(values.heat ?? 20)];
  const p99 = async (all: Histogram) => {
    // Sandboxes that were just started compile their code meanwhile.
    await measure(client, rate as number, warmUp);
    const measured = await measure(client, rate as number, seconds as number);
    all.add(measured);
    return latencyOf(measured).p99;
  };
  const client = await cluster();
  for (const [name, source] of Object.entries(PROJECTIONS)) await client.projections.create(name, source);
  // Nodes that were just started compile their code for the first half minute, which takes a third of their time.
  await measure(client, rate as number, heat);
  await switchAll(client, 'disable');
  await measure(client, rate as number, heat);
  const without: number[] = [];
  const withFive: number[] = [];
  const [allWithout, allWithFive] = [latencies(), latencies()];
  for (let round = 0; round < (rounds as number); round++) {
    await switchAll(client, 'disable');
    without.push(await p99(allWithout));
    await switchAll(client, 'enable');
    withFive.push(await p99(allWithFive));
    const [before, after] = [without.at(-1) as number, withFive.at(-1) as number];
    console.log(
      `  p99 without ${before.toFixed(2)} ms, with ${after.toFixed(2)} ms, ${(after / before).toFixed(2)} x, load ${load()}`,
    );
  }
  const ratios = spread(withFive.map((p99, n) => p99 / (without[n] as number)));
  const [plain, five] = [spread(without), spread(withFive)];
  console.log(
    `  median: ${plain.median.toFixed(2)} ms and ${five.median.toFixed(2)} ms, ${ratios.median.toFixed(2)} x ` +
      `(${ratios.min.toFixed(2)} - ${ratios.max.toFixed(2)}); at most ${TIMES_MAX} x: ${ratios.median <= TIMES_MAX ? 'held' : 'ABOVE'}`,
  );
  const [plainOfAll, fiveOfAll] = [latencyOf(allWithout).p99, latencyOf(allWithFive).p99];
  console.log(
    `  of all rounds together: ${plainOfAll.toFixed(2)} ms and ${fiveOfAll.toFixed(2)} ms, ${(fiveOfAll / plainOfAll).toFixed(2)} x`,
  );
  console.log(`  ${JSON.stringify(await describeMachine(tmpdir()))}`);
}

/** Three nodes, of which n1 leads and runs no projections. */
async function cluster(): Promise<FactstoreClient> {
  const processes = await ProcessCluster.prepare(3);
  onEnd(() => processes.dispose());
  for (const node of processes.nodes) node.start({ FACTSTORE_PROJECTIONS: String(node.id !== 'n1') });
  const client = await sdk.connect(processes.url, { connectTimeoutMs: 20_000 });
  onEnd(() => client.close());
  await until('n1 leads', async () => {
    const { members } = await client.cluster.status();
    const leader = members.find((member) => member.reachable && member.role === 'leader');
    if (leader?.nodeId === 'n1') return true;
    if (leader) await client.cluster.transferLeadership('n1');
    return false;
  });
  return client;
}

async function switchAll(client: FactstoreClient, verb: 'enable' | 'disable'): Promise<void> {
  for (const name of Object.keys(PROJECTIONS)) {
    await client.projections[verb](name);
    if (verb === 'disable') continue;
    await until('the followers have caught up', async () => {
      const members = await client.projections.status(name);
      const progress = members.flatMap((member) =>
        'info' in member && member.info.active ? [member.info.active] : [],
      );
      return progress.length === 2 && progress.every(({ lag }) => lag < 1_000n);
    });
  }
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

/** The latencies, in microseconds. */
async function measure(client: FactstoreClient, rate: number, seconds: number): Promise<Histogram> {
  const measured = latencies();
  const begun = performance.now();
  const open = new Set<Promise<void>>();
  for (let n = 0; n < rate * seconds; ) {
    const due = Math.min(rate * seconds, Math.floor(((performance.now() - begun) * rate) / 1000));
    for (; n < due; n++) {
      const dueMs = begun + (n * 1000) / rate;
      const appended = append(client, n).then(() => {
        measured.recordValue(Math.max(1, Math.round((performance.now() - dueMs) * 1000)));
        open.delete(appended);
      });
      open.add(appended);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(open);
  return measured;
}

async function append(client: FactstoreClient, n: number): Promise<void> {
  const data = { amount: n % 100, currency: 'EUR', customer: `customer-${n % 100_000}`, note: 'not looked at' };
  await client.append(`account-${n % STREAMS}`, [{ type: `Type${n % 10}`, data }]);
}
