import { expect, it } from 'vitest';
import { memberStatus } from '../../src/node/status.ts';
import type { PeerNetwork } from '../../src/peer/peer-network.ts';
import { anAppend, ReplicaCluster, type ReplicaNode } from '../support/replica-cluster.ts';

/** What a node of the cluster answers when it is asked for its status. */
function statusOf(cluster: ReplicaCluster, node: ReplicaNode) {
  const members = cluster.ids.map((id) => ({
    memberId: id,
    nodeId: id,
    directoryId: new Uint8Array(16),
    address: `${id}:2113`,
    peerAddress: `${id}:2114`,
    voter: true,
  }));
  const network = { status: () => ({ reachable: true, reason: '' }) } as unknown as PeerNetwork;
  const { replica, id: self } = node;
  return memberStatus({
    replica,
    network,
    self,
    members,
    clusterId: new Uint8Array(16),
    chainHash: new Uint8Array(32),
    facts: { level: 1, known: 1 },
    notReady: '',
  });
}

it('a status shows nothing of what is on disks but not committed [S13]', async () => {
  const cluster = await ReplicaCluster.start(5);
  const leader = await cluster.leader();
  const [acknowledges, ...others] = cluster.followers(leader);
  await cluster.settled(leader.append(anAppend('a', ['A'])));
  await cluster.time.run(500);
  const { commitIndex } = statusOf(cluster, leader);
  for (const node of others) node.disk.hold();

  const open = leader.append(anAppend('a', ['B']));
  const progress = () => leader.replica.status().progress.find(({ id }) => id === acknowledges!.id)!;
  await cluster.time.until('two of five disks have it', () => progress().match > Number(commitIndex));
  for (const node of [leader, acknowledges!]) {
    expect(node.replica.status().persisted).toBeGreaterThan(Number(commitIndex));
    const status = statusOf(cluster, node);
    const told = [status.commitIndex, status.persistedIndex, ...(status.members ?? []).map((one) => one.matchIndex)];
    expect(Math.max(...told.map(Number))).toBe(commitIndex);
  }

  for (const node of others) node.disk.release();
  await cluster.settled(open);
  await cluster.time.run(500);
  const after = statusOf(cluster, leader);
  expect(after.persistedIndex).toBe(Number(commitIndex) + 1);
  expect(after.members?.map((one) => one.matchIndex)).toEqual(Array(5).fill(after.persistedIndex));
});
