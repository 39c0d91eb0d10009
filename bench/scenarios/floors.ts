import type { Floor } from '../harness/floors.ts';

/** What factstore must reach on a machine of two cores that all nodes and the client share, as ratios within one run. */
export const FLOORS: readonly Floor[] = [
  {
    what: 'append one event, 1 in flight: p50 no worse than etcd put',
    figure: 'unary × 1',
    reading: 'p50',
    against: 'etcd put × 1',
    most: 1,
  },
  { what: 'append one event, unary, 64 in flight', figure: 'unary × 64', against: 'etcd put × 64', least: 1 },
  { what: 'append one event, SDK, 64 in flight', figure: 'sdk × 64', against: 'etcd put × 64', least: 3 },
  { what: 'the same beside JetStream R3', figure: 'sdk × 64', against: 'jetstream × 64', least: 1.1 },
  { what: 'append one event, SDK, 256 in flight', figure: 'sdk × 256', against: 'etcd put × 256', least: 4 },
  { what: 'appends of 100', figure: 'sdk 100 events × 16', against: 'etcd txn of 100 × 16', least: 3.5 },
  {
    what: 'conditional append beside unconditional',
    figure: 'sdk, tag condition × 64',
    against: 'sdk, tagged × 64',
    least: 0.85,
  },
  { what: 'failover gap, median', figure: 'failover gap', most: 1_500 },
  { what: 'failover gap, the longest', figure: 'failover gap', of: 'max', most: 3_000 },
];
