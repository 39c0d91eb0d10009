import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EtcdCluster, etcdVersion, HOW_TO_GET_ETCD } from './etcd/cluster.ts';
import { checkEncoding } from './etcd/kv.ts';
import { FactstoreCluster } from './factstore/cluster.ts';
import { type FailoverResult, measureFailover } from './factstore/failover.ts';
import { sdkAppend, sdkReadAll, UnaryClient } from './factstore/loads.ts';
import { onEnd } from './support/cleanup.ts';
import { drive, type Measured, type Operation } from './support/load.ts';
import { describeMachine, load } from './support/machine.ts';
import type { BenchOptions } from './support/options.ts';
import { Payloads } from './support/payload.ts';
import { Profiler } from './support/profile.ts';
import { type Figure, type Floor, judge, type Report, reportText } from './support/report.ts';

const EVENTS_PER_APPEND = 100;
/** What the last measurement left behind (writes, compactions) gets this long to calm down. */
const PAUSE_MS = 500;

/** The floors of issue 2. */
const FLOORS: readonly Floor[] = [
  { figure: 'unary × 64', against: 'etcd put × 64', times: 0.8 },
  { figure: 'sdk × 64', against: 'etcd put × 64', times: 2 },
  { figure: 'sdk 100 events × 16', against: 'etcd txn of 100 × 16', times: 2.5 },
];

interface Measurement {
  readonly name: string;
  readonly system: 'factstore' | 'etcd';
  run(): Promise<Measured>;
}

interface Pids {
  readonly pids: readonly (number | undefined)[];
}

type Closed = (name: string, servers: Pids, operation: Operation, inFlight: number, units?: number) => Measurement;

/** `npm run bench -- append`: appends beside etcd's puts and transactions, reading everything, and failover. */
export async function appendSuite(options: BenchOptions): Promise<void> {
  const startedAt = new Date().toISOString();
  checkEncoding();
  const payloads = new Payloads(options.seed);
  const machine = await describeMachine(tmpdir());
  const plain = (name: string) => name.replaceAll('×', 'x');
  const wanted = (name: string) =>
    options.only.length === 0 || options.only.some((part) => plain(name).includes(plain(part)));
  const profiler = options.profile === undefined ? undefined : new Profiler(options.profile);
  const version = options.etcd === 'none' ? undefined : etcdVersion(options.etcd);
  if (options.etcd !== 'none' && version === undefined) {
    console.error(
      `There is no etcd here (${options.etcd}): factstore is measured alone. To have it: ${HOW_TO_GET_ETCD}`,
    );
  }

  const closed: Closed = (name, servers, operation, inFlight, unitsPerOperation = 1) => ({
    name,
    system: name.startsWith('etcd') ? 'etcd' : 'factstore',
    run: () =>
      drive(operation, {
        inFlight,
        warmUpMs: options.warmUpSeconds * 1000,
        measureMs: options.seconds * 1000,
        unitsPerOperation,
        serverPids: servers.pids,
      }),
  });
  const [own, other] = [FACTSTORE_NAMES.some(wanted), version !== undefined && ETCD_NAMES.some(wanted)];
  const factstore = own ? await factstoreMeasurements(payloads, options.seconds, closed) : undefined;
  const etcd = other ? await etcdMeasurements(options.etcd, payloads, closed) : [];
  const measurements = interleave(factstore?.measurements ?? [], etcd).filter(({ name }) => wanted(name));

  const loadAverages: number[] = [];
  const figures: Figure[] = measurements.map(({ name }) => ({ name, rounds: [] }));
  for (let round = 1 - options.heat; round <= options.rounds && measurements.length > 0; round++) {
    const counts = round > 0;
    if (counts) loadAverages.push(load());
    const name = counts ? `round ${round} of ${options.rounds}` : 'heating up';
    console.error(`${name}, load average ${load().toFixed(1)}`);
    for (const [i, { name, system, run }] of measurements.entries()) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      const leader = system === 'factstore' ? await factstore?.cluster.leader() : undefined;
      const file = `${round}-${name.replaceAll(/[^a-z0-9]+/g, '-')}`;
      const measured = await (profiler && counts && leader && factstore
        ? profiler.during(file, factstore.cluster.processes.nodes, leader, run)
        : run());
      console.error(`  ${name.padEnd(24)} ${Math.round(measured.rate).toLocaleString('en-US').padStart(10)} a second`);
      if (counts) figures[i]?.rounds.push(measured);
    }
  }
  await factstore?.cluster.dispose();

  let failover: FailoverResult | undefined;
  if (wanted('failover') && options.kills > 0) {
    failover = await measureFailover(payloads, options.kills, (text) => console.error(`  failover: ${text}`));
  }
  loadAverages.push(load());
  const { rounds, heat, seconds, warmUpSeconds, seed } = options;
  const settings = {
    rounds,
    heat,
    seconds,
    warmUpSeconds,
    seed,
    payloadBytes: 256,
    deflateRatio: payloads.ratio.toFixed(2),
  };
  const floors = judge(FLOORS, figures);
  const report = { suite: 'append', startedAt, machine, etcdVersion: version, settings, loadAverages, figures, floors };
  publish({ ...report, failover }, options.out);
}

const FACTSTORE_NAMES = [
  ...['unary × 1', 'unary × 64', 'sdk × 1', 'sdk × 64', 'sdk × 256', 'sdk 100 events × 16'],
  ...['read all, sdk', 'read all, wire'],
];
const ETCD_NAMES = ['etcd put × 1', 'etcd put × 64', 'etcd txn of 100 × 16'];

async function factstoreMeasurements(
  payloads: Payloads,
  seconds: number,
  closed: Closed,
): Promise<{ cluster: FactstoreCluster; measurements: Measurement[] }> {
  const cluster = await FactstoreCluster.start();
  const { client } = cluster;
  const unary = new UnaryClient((await cluster.leader()).address, payloads);
  onEnd(() => unary.close());
  const single = sdkAppend(client, payloads, 1);
  const hundred = sdkAppend(client, payloads, EVENTS_PER_APPEND);
  const measurements: Measurement[] = [
    closed('unary × 1', cluster, unary.append, 1),
    closed('unary × 64', cluster, unary.append, 64),
    closed('sdk 100 events × 16', cluster, hundred, 16, EVENTS_PER_APPEND),
    closed('sdk × 64', cluster, single, 64),
    closed('sdk × 1', cluster, single, 1),
    closed('sdk × 256', cluster, single, 256),
    { name: 'read all, sdk', system: 'factstore', run: () => sdkReadAll(client, seconds) },
    { name: 'read all, wire', system: 'factstore', run: () => unary.readAll(seconds) },
  ];
  return { cluster, measurements };
}

async function etcdMeasurements(program: string, payloads: Payloads, closed: Closed): Promise<Measurement[]> {
  const cluster = await EtcdCluster.start(program);
  const client = await cluster.leader();
  onEnd(() => client.close());
  const put: Operation = (done) => client.put({ key: payloads.stream(), value: payloads.payload().json }, done);
  const transaction: Operation = (done) => {
    const keys = payloads.distinctStreams(EVENTS_PER_APPEND);
    client.putAll(
      keys.map((key) => ({ key, value: payloads.payload().json })),
      done,
    );
  };
  return [
    closed('etcd put × 1', cluster, put, 1),
    closed('etcd put × 64', cluster, put, 64),
    closed('etcd txn of 100 × 16', cluster, transaction, 16, EVENTS_PER_APPEND),
  ];
}

/** One of each in turn, as long as there are both. */
function interleave(first: readonly Measurement[], second: readonly Measurement[]): Measurement[] {
  const longest = Math.max(first.length, second.length);
  return Array.from({ length: longest }, (_, i) => [...first.slice(i, i + 1), ...second.slice(i, i + 1)]).flat();
}

function publish(report: Report, out: string | undefined): void {
  console.log(`\n${reportText(report)}`);
  if (out === 'none') return;
  const stamp = report.startedAt.slice(0, 16).replace(':', '');
  const path = out ?? fileURLToPath(new URL(`results/${stamp}-${report.suite}.json`, import.meta.url));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
  console.log(`\nwritten to ${path}`);
}
