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
  {
    what: 'read everything, appends of 100, beside grpc-js alone with the same messages',
    figure: 'everything, appends of 100, wire',
    against: 'everything, appends of 100, grpc-js alone',
    least: 0.7,
  },
  {
    what: 'read everything, single appends, beside the same',
    figure: 'everything, single appends, wire',
    against: 'everything, single appends, grpc-js alone',
    least: 0.4,
  },
  {
    what: 'read everything beside etcd, events and keys as they come',
    figure: 'everything, appends of 100, wire',
    against: 'etcd range of everything',
    least: 3,
  },
  {
    what: 'linearizable read of one event at the leader',
    figure: 'one event, linearizable, leader × 64',
    against: 'etcd range of one key, linearizable × 64',
    least: 1,
  },
  {
    what: 'linearizable read of one event at a follower',
    figure: 'one event, linearizable, follower × 64',
    against: 'etcd range of one key, linearizable × 64',
    least: 1,
  },
  {
    what: 'subscription latency, commit to delivery, p99 in ms',
    figure: 'subscribers: 10, 2,000 events a second',
    reading: 'p99',
    most: 15,
  },
  { what: 'failover gap, median', figure: 'failover gap', most: 1_500 },
  { what: 'failover gap, the longest', figure: 'failover gap', of: 'max', most: 3_000 },
  { what: 'index rebuild, appends of 100', figure: 'index rebuild, appends of 100', least: 100_000 },
  {
    what: 'index rebuild, single appends, beside rows of LevelDB alone',
    figure: 'index rebuild, single appends',
    against: 'leveldb alone, synced batches of 100',
    least: 0.5,
  },
  {
    what: 'start of a node with all events beside one that is nearly empty',
    figure: 'start of a node, all events',
    against: 'start of a node, nearly empty',
    most: 1.5,
  },
  { what: 'start of a node with all events, ms', figure: 'start of a node, all events', most: 3_000 },
  {
    what: 'appends of one event with all events beside nearly empty',
    figure: 'sdk × 64, all events',
    against: 'sdk × 64, nearly empty',
    least: 0.8,
  },
  {
    what: 'appends of 100 with all events beside nearly empty',
    figure: 'sdk 100 events × 16, all events',
    against: 'sdk 100 events × 16, nearly empty',
    least: 0.8,
  },
  {
    what: 'RssAnon of the largest node there, MiB',
    figure: 'sdk 100 events × 16, all events',
    reading: 'rssAnonMiB',
    most: 400,
  },
  { what: 'bytes on disk for an event of 256', figure: 'disk an event, compacted, all events', most: 512 },
];
