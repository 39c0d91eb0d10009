import { describe, expect, it } from 'vitest';
import { uuidBytes } from '../../src/base/bytes.ts';
import type { FactstoreError } from '../../src/base/errors.ts';
import { type Lineage, lineageOf, sharedUpTo } from '../../src/peer/lineage.ts';
import { anAppend, ELECTION_MS, ReplicaCluster, type ReplicaNode, typeOf } from '../support/replica-cluster.ts';

const [FOUNDED, RECOVERED, NOW, STRANGE] = [1, 2, 3, 4].map((n) => `0000000${n}-0000-4000-8000-000000000000`) as [
  string,
  string,
  string,
  string,
];
const id = (text: string) => uuidBytes(text) as Uint8Array;

/** What a node knows before its log has come to where the cluster begins, and behind that. */
const UNKNOWN: Lineage = { clusterId: id(NOW), ancestors: [] };
const KNOWN: Lineage = {
  clusterId: id(NOW),
  ancestors: [
    { clusterId: id(FOUNDED), position: 2 },
    { clusterId: id(RECOVERED), position: 4 },
  ],
};

/** The types of the events up to "caught up", or the error. */
async function taken(node: ReplicaNode, position: number, afterClusterId: string): Promise<string[] | FactstoreError> {
  const stop = new AbortController();
  const start = { kind: 'after' as const, position };
  const types: string[] = [];
  try {
    const request = { target: { kind: 'all' as const }, start, userEvents: false, afterClusterId };
    for await (const { events, caughtUp } of node.database.subscribe(request, stop.signal)) {
      types.push(...events.map(typeOf));
      if (caughtUp !== undefined) break;
    }
    return types;
  } catch (error) {
    return error as FactstoreError;
  }
}

async function sixEvents(cluster: ReplicaCluster): Promise<ReplicaNode> {
  const leader = await cluster.leader();
  for (let n = 1; n <= 6; n++) await cluster.settled(leader.append(anAppend('a', [`E${n}`])));
  return leader;
}

describe('a checkpoint of another cluster', () => {
  it('is taken up to where this one has gone on from it, and refused beyond, however much there is by now [R3]', async () => {
    const cluster = await ReplicaCluster.start(1, { lineage: () => KNOWN });
    const node = await sixEvents(cluster);
    const from = (position: number, of: string) => cluster.settled(taken(node, position, of));
    expect(await from(6, NOW)).toEqual([]);
    expect(await from(4, RECOVERED)).toEqual(['E5', 'E6']);
    expect(await from(2, FOUNDED)).toEqual(['E3', 'E4', 'E5', 'E6']);
    expect(await from(5, RECOVERED)).toMatchObject({
      code: 'OUT_OF_RANGE',
      definite: true,
      message: `after: position 5 is of cluster ${RECOVERED}, and cluster ${NOW} has gone on from that one's position 4, without what stood behind it. Take back what was made of that, and begin behind 4.`,
      details: { field: 'after', position: 5, clusterId: RECOVERED, shared: 4 },
    });
    expect(await from(3, FOUNDED)).toMatchObject({ code: 'OUT_OF_RANGE', details: { shared: 2 } });
  });

  it('of which nothing is known, or that is none, is refused, but for the beginning [R3]', async () => {
    const cluster = await ReplicaCluster.start(1, { lineage: () => KNOWN });
    const node = await sixEvents(cluster);
    expect(await cluster.settled(taken(node, 0, STRANGE))).toHaveLength(6);
    const refused = (await cluster.settled(taken(node, 1, STRANGE))) as FactstoreError;
    expect(refused).toMatchObject({ code: 'OUT_OF_RANGE', details: { shared: 0 } });
    expect(refused.message).toContain(`cluster ${NOW} does not go on from that one. Begin with the first event.`);
    expect(await cluster.settled(taken(node, 1, 'n1'))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'after_cluster_id' },
    });
  });

  it('is judged once a node that lags has come to where its cluster begins [R3]', async () => {
    let lagging: ReplicaNode | undefined;
    const lineage = () => (lagging?.replica.head.value === 6 ? KNOWN : UNKNOWN);
    const cluster = await ReplicaCluster.start(3, { lineage });
    const leader = await cluster.leader();
    [lagging] = cluster.followers(leader) as [ReplicaNode];
    cluster.cut(lagging, leader);
    await sixEvents(cluster);
    const early = taken(lagging, 4, RECOVERED);
    await cluster.time.run(ELECTION_MS / 4);
    cluster.heal();
    expect(await cluster.settled(early)).toEqual(['E5', 'E6']);
  });
});

it('what a cluster shares with one of before is the least that any later one has taken over [R3]', () => {
  const ancestors = [
    { clusterId: id(FOUNDED), position: 9 },
    { clusterId: id(RECOVERED), position: 7 },
  ];
  const lineage = { clusterId: id(NOW), ancestors };
  expect([FOUNDED, RECOVERED, STRANGE].map((one) => sharedUpTo(lineage, id(one)))).toEqual([7, 7, 0]);
});

it('a log that has come to the cluster before says nothing of what its own took over from that [R3]', () => {
  const before = { clusterId: id(RECOVERED), ancestors: [{ clusterId: id(FOUNDED), position: 2 }] };
  const lagging = lineageOf(id(NOW), before);
  expect(lagging.clusterId).toEqual(id(NOW));
  expect([FOUNDED, RECOVERED].map((one) => sharedUpTo(lagging, id(one)))).toEqual([0, 0]);
  expect(lineageOf(id(NOW), undefined)).toEqual(UNKNOWN);
  expect(lineageOf(id(NOW), KNOWN)).toEqual(KNOWN);
});
