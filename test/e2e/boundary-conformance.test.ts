import { afterAll, beforeAll, describe, it } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import { type Cluster, isConsistent, isMonotonic, isParallel } from '../support/boundary-conformance.ts';
import { ProcessCluster } from '../support/process-cluster.ts';
import { TestNodes } from '../support/test-node.ts';

function conforms(cluster: () => Cluster): void {
  it('hold: what was accepted had no match since its author read, and what was refused had one [S4, S8]', async () => {
    await isConsistent(cluster(), 12);
  });

  it('are read monotonically: no earlier part of the log ever changes [Q1]', async () => {
    await isMonotonic(cluster(), 25);
  });

  it('that are disjoint never conflict [S4, S8]', async () => {
    await isParallel(cluster(), 15);
  });
}

for (const size of [1, 3]) {
  describe(`consistency boundaries on ${size === 1 ? 'one node' : 'three nodes'}`, () => {
    let nodes: TestNodes;
    let clients: FactstoreClient[];

    beforeAll(async () => {
      nodes = await TestNodes.start(size);
      clients = await Promise.all(Array.from({ length: size }, (_, n) => nodes.client(n)));
    });
    afterAll(() => nodes.dispose());

    conforms(() => ({ clients, seed: size }));
  });
}

describe('consistency boundaries on three nodes whose leader is killed in the middle', () => {
  let cluster: ProcessCluster;
  let clients: FactstoreClient[];

  beforeAll(async () => {
    cluster = await ProcessCluster.prepare(3);
    cluster.startAll();
    clients = await Promise.all(Array.from({ length: 3 }, () => cluster.client()));
  });
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await cluster.dispose();
  });

  const disturb = async () => {
    const leader = await cluster.leader(async () => (await clients[0]?.cluster.status())?.leader);
    await leader.end('SIGKILL');
    leader.start();
  };

  conforms(() => ({ clients, seed: 7, disturb }));
});
