import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import type { ProcessNode } from '../../test/support/process-cluster.ts';
import { type FactstoreCluster, startFactstore } from '../factstore/cluster.ts';
import { sdkAppend } from '../factstore/loads.ts';
import type { Bench } from '../harness/bench.ts';
import type { BenchOptions } from '../harness/options.ts';
import { type Fixture, type Group, load, type Scenario } from '../harness/scenario.ts';
import type { Payloads } from '../support/payload.ts';

const EMPTY_EVENTS = 10_000;
const PER_APPEND = 100;
const APPENDS_IN_FLIGHT = 32;

/**
 * The same is measured on a store that has nearly nothing at first, on one with a tenth and on one with all of the events, in
 * turn: a machine that becomes slower, or a client that becomes quicker, counts for all of them.
 */
export const growth: Group = {
  name: 'growth',
  scenarios: (options) => stages(options).flatMap((events) => atStage(options, events)),
};

function stages({ events, quick }: BenchOptions): number[] {
  return quick ? [1_000, events] : [EMPTY_EVENTS, events / 10, events].filter((stage) => stage >= EMPTY_EVENTS);
}

function atStage(options: BenchOptions, events: number): Scenario[] {
  const at = stageName(options, events);
  const on: Fixture<FactstoreCluster> = {
    system: 'factstore',
    start: async (bench) => {
      const cluster = await startFactstore(bench, bench.options.nodes === 1 ? 1 : 3);
      await grow(cluster, bench, events);
      return cluster;
    },
  };
  const trial = (name: string, unit: string, measure: (cluster: FactstoreCluster) => Promise<number>): Scenario => ({
    name: `${name}, ${at}`,
    system: 'factstore',
    unit,
    prepare: async (bench) => {
      const cluster = await bench.use(on);
      return async () => ({ value: await measure(cluster), units: 1 });
    },
  });
  return [
    load({
      name: `sdk × 64, ${at}`,
      on,
      shape: { inFlight: 64 },
      operation: ({ client }, { payloads }) => sdkAppend(client, payloads, 1),
    }),
    load({
      name: `sdk 100 events × 16, ${at}`,
      on,
      shape: { inFlight: 16 },
      units: PER_APPEND,
      operation: ({ client }, { payloads }) => sdkAppend(client, payloads, PER_APPEND),
    }),
    trial('start of a node', 'ms', restarted),
    trial('disk an event, compacted', 'bytes', compacted),
  ];
}

/** The names of the first and the last stage stay the same whatever the options say: floors speak of them. */
function stageName(options: BenchOptions, events: number): string {
  const all = stages(options);
  if (events === all[0]) return 'nearly empty';
  return events === all.at(-1) ? 'all events' : 'a tenth';
}

/** Appends until the store has so many events, a few to each stream at a time, round all the streams. */
async function grow(cluster: FactstoreCluster, bench: Bench, events: number): Promise<void> {
  const { client } = cluster;
  const { options, payloads } = bench;
  const perStream = Math.max(1, Math.min(10, Math.floor(options.events / options.streams)));
  let next = await cluster.written();
  const begun = performance.now();
  const writer = async () => {
    while (next < events) {
      const first = next;
      next += PER_APPEND;
      await client.append(writes(payloads, first, perStream, options.streams));
    }
  };
  await Promise.all(Array.from({ length: APPENDS_IN_FLIGHT }, writer));
  const seconds = Math.round((performance.now() - begun) / 1000);
  console.error(` ${(await cluster.written()).toLocaleString('en')} events; the last ones took ${seconds} s`);
}

function writes(payloads: Payloads, first: number, perStream: number, streams: number) {
  return Array.from({ length: PER_APPEND / perStream }, (_, i) => ({
    stream: `s-${(first / perStream + i) % streams}`,
    events: Array.from({ length: perStream }, () => ({ type: 'Deposited', data: payloads.payload().data })),
  }));
}

/** A follower, or the only node, behind SIGKILL. */
async function restarted(cluster: FactstoreCluster): Promise<number> {
  const node = await aNode(cluster);
  const head = await cluster.written();
  await node.end('SIGKILL');
  return cluster.startedMs(node, head);
}

interface Compactable {
  compactRange(from: Buffer, to: Buffer): Promise<void>;
}

/** Log and index of a node that is stopped for it, after LevelDB has compacted them. */
async function compacted(cluster: FactstoreCluster): Promise<number> {
  const node = await aNode(cluster);
  const head = await cluster.written();
  await node.end('SIGTERM');
  let bytes = 0;
  for (const name of ['log', 'index']) {
    const path = join(node.data, name);
    const store = new Level<Buffer, Buffer>(path, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
    await store.open();
    // What the package's types leave out, because a browser has no such thing.
    await (store as unknown as Compactable).compactRange(Buffer.of(0), Buffer.alloc(16, 255));
    await store.close();
    for (const file of await readdir(path)) bytes += (await stat(join(path, file))).size;
  }
  await cluster.startedMs(node, head);
  return bytes / head;
}

async function aNode(cluster: FactstoreCluster): Promise<ProcessNode> {
  const [first] = cluster.processes.nodes;
  return first && cluster.processes.nodes.length === 1 ? first : cluster.follower();
}
