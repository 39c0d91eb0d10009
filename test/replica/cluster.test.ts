import { describe, expect, it } from 'vitest';
import { anAppend, ReplicaCluster } from '../support/replica-cluster.ts';

describe('a cluster on virtual time', () => {
  it('appends on the leader and shows it everywhere', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    const outcome = await cluster.settled(leader.append(anAppend('a-1', ['A', 'B'])));
    expect(outcome).toMatchObject({ kind: 'appended', position: 2 });
    await cluster.time.run(200);
    for (const node of cluster.nodes)
      expect(await cluster.settled(node.types('a-1', 'linearizable'))).toEqual(['A', 'B']);
  });
});
