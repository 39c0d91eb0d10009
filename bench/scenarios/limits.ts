import { load, type Scenario } from '../harness/scenario.ts';
import { disk } from '../raw/disk.ts';
import { echo } from '../raw/echo.ts';

const BATCH = 100;

export const levelBatches: Scenario = load({
  name: `leveldb alone, synced batches of ${BATCH}`,
  on: disk,
  shape: { inFlight: 1 },
  units: BATCH,
  unit: 'rows/s',
  operation: (store, { payloads }) => store.batch(payloads, BATCH),
});

/** What the layers below do when nothing is built on them. */
export const LIMITS: readonly Scenario[] = [
  load({
    name: 'grpc-js alone, unary × 64',
    on: echo,
    shape: { inFlight: 64 },
    unit: 'calls/s',
    operation: (server, { payloads }) => server.unary(payloads),
  }),
  load({
    name: 'grpc-js alone, stream × 64',
    on: echo,
    shape: { inFlight: 64 },
    unit: 'messages/s',
    operation: (server, { payloads }) => server.stream(payloads),
  }),
  levelBatches,
  load({
    name: 'fdatasync alone, 4 KiB',
    on: disk,
    shape: { inFlight: 1 },
    unit: 'syncs/s',
    operation: (store) => store.sync,
  }),
];
