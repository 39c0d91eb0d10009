import { describe, expect, it } from 'vitest';
import { anAppend, ReplicaCluster, type ReplicaNode } from '../support/replica-cluster.ts';

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

  it('applies on a follower from its disk what has left memory while its index held it up [C3]', async () => {
    const cluster = await ReplicaCluster.start(3, { tailBytesMax: 2_000 });
    const leader = await cluster.leader();
    const [follower] = cluster.followers(leader) as [ReplicaNode];
    const { appliedIndex } = follower.replica;
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    follower.index.ready = () => held;
    const read: number[] = [];
    const { log } = follower;
    const readLog = log.read.bind(log);
    log.read = (from, to, bytesMax) => {
      read.push(from);
      return readLog(from, to, bytesMax);
    };
    for (let n = 0; n < 50; n++) await cluster.settled(leader.append(anAppend(`a-${n % 3}`, ['A'])));
    await cluster.time.run(200);
    expect(follower.replica.status()).toMatchObject({ applied: appliedIndex, persisted: leader.log.lastIndex });
    release();
    const level = () => follower.replica.appliedIndex === leader.replica.appliedIndex;
    await cluster.time.until('the follower has applied everything', level);
    expect(read).not.toEqual([]);
    expect(await cluster.settled(follower.types())).toHaveLength(50);
    expect(follower.failures).toEqual([]);
  });
});
