import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { FactstoreClient } from '../src/client/index.ts';
import { until } from '../test/support/wait.ts';
import { FactstoreCluster } from './factstore/cluster.ts';
import { onEnd } from './support/cleanup.ts';

const HELP = `npm run bench -- steps [options]

  --rounds N      how many large appends of each kind (5)
  --only A        only the kinds whose names contain this`;

const MIB = 1 << 20;
const WARM_UP = 3;
/** After the last answer followers still write and apply. */
const CALM_MS = 1_000;

type Append = (client: FactstoreClient, n: number, bytes: Uint8Array) => Promise<unknown>;

const SHAPES: Readonly<Record<string, Append>> = {
  'one event of 16 MiB': (client, n, bytes) => client.append(`one-${n}`, [event(bytes.subarray(0, 16 * MIB - 2_000))]),
  '9,990 events of 1,600 bytes': (client, n, bytes) =>
    client.append(
      `many-${n}`,
      Array.from({ length: 9_990 }, () => event(bytes.subarray(0, 1_600))),
    ),
  '30 appends of 1 MiB': (client, n, bytes) =>
    Promise.all(Array.from({ length: 30 }, (_, k) => client.append(`mib-${n}-${k}`, [event(bytes.subarray(0, MIB))]))),
};

/** `npm run bench -- steps`: the longest steps of each node's event loop while large appends pass (rule C3). */
export async function stepsSuite(args: readonly string[]): Promise<void> {
  const text = { type: 'string' } as const;
  const help = { type: 'boolean', short: 'h' } as const;
  const { values } = parseArgs({ args: [...args], options: { rounds: text, only: text, help } });
  if (values.help) return console.log(HELP);
  const { only = '' } = values;
  const rounds = Number(values.rounds ?? 5);
  const directory = mkdtempSync(join(tmpdir(), 'factstore-steps-'));
  onEnd(() => rmSync(directory, { recursive: true, force: true }));
  // Nodes inherit both.
  process.env.NODE_OPTIONS = `--import=${new URL('support/steps-node.mjs', import.meta.url).href}`;
  process.env.BENCH_STEPS_DIR = directory;
  const cluster = await FactstoreCluster.start();
  const bytes = Uint8Array.from({ length: 16 * MIB }, (_, i) => Math.imul(i, 2_654_435_761) >>> 13);
  let n = 0;
  for (const [name, append] of Object.entries(SHAPES)) {
    if (!name.includes(only)) continue;
    for (let i = 0; i < WARM_UP; i++) await append(cluster.client, n++, bytes);
    await new Promise((resolve) => setTimeout(resolve, CALM_MS));
    signal(cluster);
    for (let i = 0; i < rounds; i++) await append(cluster.client, n++, bytes);
    await new Promise((resolve) => setTimeout(resolve, CALM_MS));
    signal(cluster);
    const leader = await cluster.leader();
    console.log(`${name}, ${rounds} times: the longest steps in ms of CPU`);
    for (const { id } of cluster.processes.nodes) {
      const steps = await written(join(directory, `steps-${id}.json`));
      const role = id === leader.id ? 'leader' : 'follower';
      console.log(`  ${id} ${role.padEnd(9)} ${steps.map((ms) => ms.toFixed(1).padStart(6)).join('')}`);
    }
  }
}

function event(data: Uint8Array) {
  return { type: 'Large', data, contentType: 'application/octet-stream' };
}

/** ProcessNode knows the signals that tests need; the watch listens to another one. */
function signal(cluster: FactstoreCluster): void {
  for (const node of cluster.processes.nodes) node.signal('SIGUSR2' as 'SIGCONT');
}

function written(path: string): Promise<number[]> {
  return until('the steps are written', async () => {
    try {
      const steps = JSON.parse(readFileSync(path, 'utf8')) as number[];
      rmSync(path);
      return steps;
    } catch {
      return undefined;
    }
  });
}
