import { type EtcdCluster, etcd } from '../etcd/cluster.ts';
import type { FactstoreCluster } from '../factstore/cluster.ts';
import { factstore } from '../factstore/cluster.ts';
import { sdkAppend, sdkExpecting, sdkTagged, WireClient } from '../factstore/loads.ts';
import type { Bench } from '../harness/bench.ts';
import { type Operation, promised } from '../harness/load.ts';
import { type Group, load, type Scenario } from '../harness/scenario.ts';
import { nats } from '../nats/cluster.ts';
import { Payloads } from '../support/payload.ts';
import { LIMITS } from './limits.ts';

const BATCH = 100;
const BATCHES_IN_FLIGHT = 16;
/** Batches of more events are larger: fewer are in flight. */
const LARGE_IN_FLIGHT = 4;
const WRITERS = 50;
/** Of ten operations of the mixed load. */
const READS_OF_TEN = 8;

const SINGLE: readonly Scenario[] = [1, 16, 64, 256, 1_000].flatMap((inFlight) => [
  load({ name: `unary × ${inFlight}`, on: factstore, shape: { inFlight }, operation: unary }),
  load({ name: `sdk × ${inFlight}`, on: factstore, shape: { inFlight }, operation: sdk(1) }),
  load({ name: `etcd put × ${inFlight}`, on: etcd, shape: { inFlight }, unit: 'puts/s', operation: put }),
  load({
    name: `jetstream × ${inFlight}`,
    on: nats,
    shape: { inFlight },
    unit: 'messages/s',
    operation: (cluster, { payloads }) => cluster.publish(payloads),
  }),
]);

const BATCHES: readonly Scenario[] = [
  batches(10, BATCHES_IN_FLIGHT),
  batches(BATCH, BATCHES_IN_FLIGHT),
  batches(BATCH, BATCHES_IN_FLIGHT, true),
  load({
    name: `etcd txn of ${BATCH} × ${BATCHES_IN_FLIGHT}`,
    on: etcd,
    shape: { inFlight: BATCHES_IN_FLIGHT },
    units: BATCH,
    unit: 'puts/s',
    operation: transaction,
  }),
  batches(1_000, LARGE_IN_FLIGHT),
];

const DECIDING: readonly Scenario[] = [
  load({
    name: 'sdk, tagged × 64',
    on: factstore,
    shape: { inFlight: 64 },
    operation: ({ client }, { payloads }) => sdkTagged(client, payloads, false),
  }),
  load({
    name: 'sdk, tag condition × 64',
    on: factstore,
    shape: { inFlight: 64 },
    operation: ({ client }, { payloads }) => sdkTagged(client, payloads, true),
  }),
  load({
    name: 'sdk, expected revision × 64',
    on: factstore,
    shape: { inFlight: 64 },
    operation: ({ client }, { payloads }) => sdkExpecting(client, payloads),
  }),
  load({
    name: `sdk, update of one stream × ${WRITERS}`,
    on: factstore,
    shape: { inFlight: WRITERS },
    operation: update,
  }),
  load({
    name: 'sdk, mixed 80/20 × 64',
    on: factstore,
    shape: { inFlight: 64 },
    unit: 'operations/s',
    operation: mixed,
  }),
];

const LARGE: readonly Scenario[] = [1_024, 65_536].map((bytes) =>
  load({
    name: `sdk, ${bytes / 1_024} KiB × 16`,
    on: factstore,
    shape: { inFlight: 16 },
    operation: ({ client }, { options }) => sdkAppend(client, new Payloads(options.seed, bytes), 1),
  }),
);

const PACED: readonly Scenario[] = [
  load({ name: 'sdk, 1,000 a second', on: factstore, shape: { perSecond: 1_000 }, operation: sdk(1) }),
  load({ name: 'etcd put, 1,000 a second', on: etcd, shape: { perSecond: 1_000 }, unit: 'puts/s', operation: put }),
];

/** Appends beside etcd's puts and transactions, JetStream's publishes, and what the layers below do alone. */
export const appends: Group = {
  name: 'append',
  scenarios: () => [...SINGLE, ...BATCHES, ...DECIDING, ...LARGE, ...PACED, ...LIMITS],
};

async function unary(cluster: FactstoreCluster, bench: Bench): Promise<Operation> {
  const client = new WireClient((await cluster.leader()).address);
  bench.onEnd(() => client.close());
  return client.append(bench.payloads);
}

function sdk(events: number, bytes = false): (cluster: FactstoreCluster, bench: Bench) => Operation {
  return ({ client }, { payloads }) => sdkAppend(client, payloads, events, bytes);
}

function batches(units: number, inFlight: number, bytes = false): Scenario {
  const name = `sdk ${units.toLocaleString('en')} events${bytes ? ' of bytes' : ''} × ${inFlight}`;
  return load({ name, on: factstore, shape: { inFlight }, units, operation: sdk(units, bytes) });
}

function put({ client }: EtcdCluster, { payloads }: Bench): Operation {
  return (done) => client.put({ key: payloads.stream(), value: payloads.payload().json }, done);
}

function transaction({ client }: EtcdCluster, { payloads }: Bench): Operation {
  return (done) => {
    const pairs = payloads.distinctStreams(BATCH).map((key) => ({ key, value: payloads.payload().json }));
    // All its puts are one revision.
    client.putAll(pairs, (error) => done(error, 1));
  };
}

/** Writers that read a stream, decide and append; the stream is a new one after every hundred updates, as streams are short. */
function update({ client }: FactstoreCluster, { payloads }: Bench): Operation {
  let updates = 0;
  return promised(() => {
    const stream = `contended-${process.pid}-${Math.floor(updates++ / 100)}`;
    const decide = () => [{ type: 'Deposited', data: payloads.payload().data }];
    return client.update(stream, decide, { attemptsMax: 1_000 });
  });
}

function mixed({ client }: FactstoreCluster, { payloads }: Bench): Operation {
  const append = sdkAppend(client, payloads, 1);
  let operations = 0;
  return (done, begun) => {
    if (operations++ % 10 >= READS_OF_TEN) return append(done, begun);
    const read = client.read(payloads.stream(), { backwards: true, limit: 1 });
    read.toArray().then(() => done(undefined, 0), done);
  };
}
