import { afterEach, describe, it } from 'vitest';
import { connect, type FactstoreClient } from '../../src/client/index.ts';
import { isConsistent, isMonotonic, isParallel } from '../support/boundary-conformance.ts';
import { ProcessCluster } from '../support/process-cluster.ts';
import { TestNodes } from '../support/test-node.ts';

let nodes: TestNodes | undefined;
let processes: ProcessCluster | undefined;
let own: FactstoreClient[] = [];

afterEach(async () => {
  await Promise.all(own.map((client) => client.close()));
  await nodes?.dispose();
  await processes?.dispose();
  own = [];
  nodes = processes = undefined;
});

for (const size of [1, 3]) {
  describe(`consistency boundaries on ${size === 1 ? 'one node' : 'three nodes'}`, () => {
    const start = async () => {
      // Small blocks are not to be had here; the index's own tests have them.
      nodes = await TestNodes.start(size);
      const clients = await Promise.all(Array.from({ length: size }, (_, n) => (nodes as TestNodes).client(n)));
      return { clients, seed: size };
    };

    it('hold: what was accepted had no match since its author read, and what was refused had one [S4]', async () => {
      await isConsistent(await start(), 25);
    });

    it('are read monotonically: no earlier part of the log ever changes [Q1]', async () => {
      await isMonotonic(await start(), 60);
    });

    it('that are disjoint never conflict [S4]', async () => {
      await isParallel(await start(), 25);
    });
  });
}

describe('consistency boundaries on three nodes whose leader is killed in the middle', () => {
  const start = async () => {
    const cluster = await ProcessCluster.prepare(3);
    processes = cluster;
    cluster.startAll();
    own = await Promise.all(Array.from({ length: 3 }, () => connect(cluster.url, { connectTimeoutMs: 20_000 })));
    const leaderOf = async () => (await own[0]?.cluster.status())?.leader;
    await cluster.leader(leaderOf);
    const disturb = async () => {
      const leader = await cluster.leader(leaderOf);
      await leader.end('SIGKILL');
      leader.start();
    };
    return { clients: own, seed: 7, disturb };
  };

  it('hold: what was accepted had no match since its author read, and what was refused had one [S4, S8]', async () => {
    await isConsistent(await start(), 25);
  });

  it('are read monotonically: no earlier part of the log ever changes [Q1]', async () => {
    await isMonotonic(await start(), 60);
  });

  it('that are disjoint never conflict [S4, S8]', async () => {
    await isParallel(await start(), 25);
  });
});
