import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EtcdCluster, etcd } from '../etcd/cluster.ts';
import { type FactstoreCluster, startFactstore } from '../factstore/cluster.ts';
import { fill, plainEvent, type Section } from '../factstore/fill.ts';
import { sdkScan, WireClient } from '../factstore/loads.ts';
import type { Bench } from '../harness/bench.ts';
import { type Operation, promised } from '../harness/load.ts';
import type { Scan } from '../harness/scan.ts';
import { type Fixture, type Group, load, type Scenario, type System, scanned } from '../harness/scenario.ts';
import type { Process } from '../harness/usage.ts';
import { type Echo, echo } from '../raw/echo.ts';

const BATCH = 100;
const SHORT_EVENTS = 10;
const IN_FLIGHT = 64;
const SHORT_IN_FLIGHT = 16;

/** Prime: what is read one after the other does not stand side by side. */
const STRIDE = 7_919;

interface Sizes {
  /** Events of appends of 100, of single appends, and of one long stream; and short streams. */
  readonly batched: number;
  readonly single: number;
  readonly long: number;
  readonly short: number;
}

/** Single appends go around all streams, so that each has an event. */
const SIZES: Sizes = { batched: 200_000, single: 50_000, long: 100_000, short: 10_000 };
const QUICK: Sizes = { batched: 4_000, single: 1_000, long: 2_000, short: 200 };

/** Three nodes with events of every shape. */
interface Library extends System {
  readonly cluster: FactstoreCluster;
  readonly batched: Section;
  readonly single: Section;
  readonly long: Section;
  readonly short: Section;
}

const library: Fixture<Library> = {
  system: 'factstore',
  start: async (bench) => {
    const cluster = await startFactstore(bench, 3);
    const { client } = cluster;
    const { batched, single, long, short } = bench.options.quick ? QUICK : SIZES;
    const { payloads } = bench;
    const event = plainEvent(payloads);
    const untagged = () => ({ type: 'Deposited', data: payloads.payload().data });
    const perStream = SHORT_EVENTS;
    return {
      cluster,
      batched: await fill(client, {
        events: batched,
        perAppend: BATCH,
        stream: account(payloads.streams, BATCH),
        event,
      }),
      single: await fill(client, {
        events: single,
        perAppend: 1,
        stream: account(payloads.streams, 1),
        event: untagged,
      }),
      long: await fill(client, { events: long, perAppend: BATCH, stream: () => 'long', event: untagged }),
      short: await fill(client, {
        events: short * perStream,
        perAppend: perStream,
        stream: (n) => shortStream(n / perStream),
        event: untagged,
      }),
      get servers(): readonly Process[] {
        return cluster.servers;
      },
    };
  },
};

/** etcd with as many keys as there are events in appends of 100. */
const keys: Fixture<System & { readonly cluster: EtcdCluster; readonly count: number }> = {
  system: 'etcd',
  start: async (bench) => {
    const cluster = await bench.use(etcd);
    const count = (bench.options.quick ? QUICK : SIZES).batched;
    const { payloads } = bench;
    for (let n = 0; n < count; n += BATCH) {
      const pairs = Array.from({ length: BATCH }, (_, i) => ({ key: keyOf(n + i), value: payloads.payload().json }));
      await new Promise<void>((resolve, reject) =>
        cluster.client.putAll(pairs, (error) => (error ? reject(error) : resolve())),
      );
    }
    return { cluster, count, servers: cluster.servers };
  },
};

const EVERYTHING: readonly Scenario[] = (['batched', 'single'] as const).flatMap((part) => {
  const what = part === 'batched' ? 'everything, appends of 100' : 'everything, single appends';
  const expected = (store: Library) => store[part].events;
  return [
    scanned({
      name: `${what}, sdk`,
      on: library,
      expected,
      scan: ({ cluster: { client }, ...all }) => sdkPart(client, all[part]),
    }),
    scanned({
      name: `${what}, wire`,
      on: library,
      expected,
      scan: async (store, bench) => (await wire(store, bench)).scan(partOf(store[part])),
    }),
    scanned({
      name: `${what}, grpc-js alone`,
      on: replay(part),
      expected: ({ section }) => section.events,
      scan: ({ scan }) => scan,
    }),
  ];
});

const SHAPES: readonly Scenario[] = [
  scanned({
    name: 'etcd range of everything',
    on: keys,
    unit: 'keys/s',
    expected: ({ count }) => count,
    scan:
      ({ cluster }) =>
      () =>
        cluster.client.rangeAll(),
  }),
  scanned({
    name: 'everything, backwards, sdk',
    on: library,
    expected: ({ batched }) => batched.events,
    scan: ({ cluster: { client }, batched }) => {
      const last = batched.from + BigInt(batched.events - 1);
      return sdkScan(() => client.readAll({ from: last, backwards: true, limit: batched.events }));
    },
  }),
  scanned({
    name: 'one long stream, sdk',
    on: library,
    expected: ({ long }) => long.events,
    scan: ({ cluster: { client } }) => sdkScan(() => client.read('long')),
  }),
  load({
    name: `short streams, sdk × ${SHORT_IN_FLIGHT}`,
    on: library,
    shape: { inFlight: SHORT_IN_FLIGHT },
    units: SHORT_EVENTS,
    operation: readShort,
  }),
  scanned({
    name: 'one type of ten, sdk',
    on: library,
    expected: ({ batched }) => batched.events / 10,
    scan: ({ cluster: { client } }) => sdkScan(() => client.query({ types: ['Type3'] })),
  }),
  scanned({
    name: 'a tag of one event in a hundred, sdk',
    on: library,
    expected: ({ batched }) => batched.events / 100,
    scan: ({ cluster: { client } }) => sdkScan(() => client.query({ tags: ['marked'] })),
  }),
];

const ONE: readonly Scenario[] = [
  readOne('leader', 'linearizable'),
  readOne('follower', 'linearizable'),
  range('linearizable'),
  readOne('leader', 'local'),
  range('serializable'),
];

/** Reads of everything and of parts, and of one event at a time, beside etcd's ranges and grpc-js alone. */
export const reads: Group = {
  name: 'read',
  scenarios: () => [...EVERYTHING, ...SHAPES, ...ONE],
};

function readOne(role: 'leader' | 'follower', consistency: 'linearizable' | 'local'): Scenario {
  return load({
    name: `one event, ${consistency}, ${role} × ${IN_FLIGHT}`,
    on: library,
    shape: { inFlight: IN_FLIGHT },
    unit: 'reads/s',
    operation: async (store, bench) => (await wire(store, bench, role)).readOne(bench.payloads, consistency),
  });
}

function range(consistency: 'linearizable' | 'serializable'): Scenario {
  return load({
    name: `etcd range of one key, ${consistency} × ${IN_FLIGHT}`,
    on: keys,
    shape: { inFlight: IN_FLIGHT },
    unit: 'reads/s',
    operation: ({ cluster, count }): Operation => {
      let next = 0;
      return (done) => cluster.client.get(keyOf((next++ * STRIDE) % count), consistency === 'serializable', done);
    },
  });
}

/** Reads whole short streams, one after the other. */
function readShort({ cluster: { client }, short }: Library): Operation {
  const streams = short.events / SHORT_EVENTS;
  let next = 0;
  return promised(async () => {
    const events = await client.read(shortStream((next++ * STRIDE) % streams)).toArray();
    if (events.length !== SHORT_EVENTS) throw new Error(`a stream of ${events.length} events`);
  });
}

/** The messages in which a node answers a read, from a server that does nothing else. */
function replay(part: 'batched' | 'single'): Fixture<System & { readonly scan: Scan; readonly section: Section }> {
  return {
    system: 'raw',
    start: async (bench) => {
      const store = await bench.use(library);
      const server: Echo = await bench.use(echo);
      const directory = await mkdtemp(join(tmpdir(), 'factstore-bench-replay-'));
      bench.onEnd(() => rm(directory, { recursive: true, force: true }));
      const path = join(directory, part);
      const counts = await (await wire(store, bench)).save(partOf(store[part]), path);
      return { scan: server.file(path, counts), section: store[part], servers: server.servers };
    },
  };
}

async function wire({ cluster }: Library, bench: Bench, role: 'leader' | 'follower' = 'leader'): Promise<WireClient> {
  const client = new WireClient((await cluster[role]()).address);
  bench.onEnd(() => client.close());
  return client;
}

function partOf({ from, events }: Section) {
  return { start: { kind: 'position', position: Number(from) }, limit: events } as const;
}

function sdkPart(client: FactstoreCluster['client'], { from, events }: Section): Scan {
  return sdkScan(() => client.readAll({ from, limit: events }));
}

function account(streams: readonly string[], perAppend: number): (n: number) => string {
  return (n) => streams[(n / perAppend) % streams.length] as string;
}

function shortStream(n: number): string {
  return `short-${n}`;
}

function keyOf(n: number): string {
  return `event-${String(n).padStart(9, '0')}`;
}
