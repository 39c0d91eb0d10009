import { expect, it, onTestFinished } from 'vitest';
import { connect, type FactstoreClient } from '../../src/client/index.ts';
import { ProcessCluster } from '../support/process-cluster.ts';
import { runCli } from '../support/run-cli.ts';
import { until } from '../support/wait.ts';

async function clientOf(cluster: ProcessCluster): Promise<FactstoreClient> {
  const client = await cluster.client();
  onTestFinished(() => client.close());
  return client;
}

async function voters(client: FactstoreClient): Promise<string> {
  const { members } = await client.cluster.status();
  return members
    .filter(({ voter }) => voter)
    .map(({ nodeId }) => nodeId)
    .join(' ');
}

function vote(client: FactstoreClient, expected: string): Promise<true> {
  return until(`${expected} vote`, async () => (await voters(client)) === expected || undefined, 20_000);
}

/** Appends without a pause, until it is told to stop; tells how many appends were answered. */
function keepAppending(client: FactstoreClient): () => Promise<number> {
  let over = false;
  const done = (async () => {
    let n = 0;
    for (; !over; n++) await client.append('s', [{ type: 'Counted', data: { n } }], { timeoutMs: 60_000 });
    return n;
  })();
  return () => {
    over = true;
    return done;
  };
}

it('one node grows to three and to five and shrinks to three while it is written to, each is killed once, and nothing is lost', async () => {
  const cluster = await ProcessCluster.prepare(1);
  onTestFinished(() => cluster.dispose());
  cluster.startAll();
  const first = await clientOf(cluster);
  await vote(first, 'n1');
  const { peerAddress } = (await first.cluster.status()).members[0] as { peerAddress: string };
  const stop = keepAppending(first);
  for (const expected of ['n1 n2', 'n1 n2 n3', 'n1 n2 n3 n4', 'n1 n2 n3 n4 n5']) {
    await cluster.addNode(peerAddress);
    await vote(first, expected);
  }
  // The first one goes, which led all along, and one more.
  for (const [gone, rest] of [
    ['n1', 'n2 n3 n4 n5'],
    ['n2', 'n3 n4 n5'],
  ] as const) {
    await (await clientOf(cluster)).cluster.remove(gone, { timeoutMs: 30_000 });
    await vote(await clientOf(cluster), rest);
    await cluster.node(gone).end('SIGTERM');
  }
  for (const id of ['n3', 'n4', 'n5']) {
    await cluster.node(id).end('SIGKILL');
    await first.append('other', [{ type: 'Survived', data: { id } }], { timeoutMs: 60_000 });
    cluster.node(id).start();
    const client = await clientOf(cluster);
    await until(`${id} is back`, async () => {
      const { members } = await client.cluster.status();
      return members.find(({ nodeId }) => nodeId === id)?.reachable || undefined;
    });
  }
  const appended = await stop();
  const read = await (await clientOf(cluster)).read('s').toArray();
  expect(read.map(({ data }) => data)).toEqual(Array.from({ length: appended }, (_, n) => ({ n })));
  expect(appended).toBeGreaterThan(100);
}, 120_000);

it('a node that is started at other addresses is found there by nodes that were told the old ones, and nothing is lost', async () => {
  const cluster = await ProcessCluster.prepare(3);
  onTestFinished(() => cluster.dispose());
  cluster.startAll();
  const first = await clientOf(cluster);
  await vote(first, 'n1 n2 n3');
  const stop = keepAppending(first);
  const moved = await cluster.moveNode('n3');
  const recorded = (client: FactstoreClient) =>
    until('the members have it', async () => {
      const { members } = await client.cluster.status();
      const n3 = members.find(({ nodeId }) => nodeId === 'n3');
      return (n3?.reachable && n3.peerAddress === moved.peerAddress && n3.address === moved.address) || undefined;
    });
  await recorded(await clientOf(cluster));
  // Both others are started anew, with the settings that name the old address, and one is lost: n3 is needed.
  for (const id of ['n1', 'n2']) {
    await cluster.node(id).end('SIGKILL');
    cluster.node(id).start();
    await recorded(await clientOf(cluster));
  }
  await cluster.node('n1').end('SIGKILL');
  await (await clientOf(cluster)).append('other', [{ type: 'Survived', data: {} }], { timeoutMs: 60_000 });
  const appended = await stop();
  const read = await (await clientOf(cluster)).read('s').toArray();
  expect(read.map(({ data }) => data)).toEqual(Array.from({ length: appended }, (_, n) => ({ n })));
}, 60_000);

it('two of three are lost for good: the third goes on as a new cluster, grows to three, and refuses what comes back [R3]', async () => {
  const cluster = await ProcessCluster.prepare(3);
  onTestFinished(() => cluster.dispose());
  cluster.startAll();
  const before = await clientOf(cluster);
  await vote(before, 'n1 n2 n3');
  const { clusterId } = await before.cluster.status();
  const appending = Array.from({ length: 20 }, (_, n) => before.append('s', [{ type: 'Counted', data: { n } }]));
  await Promise.all(appending);
  for (const id of ['n2', 'n3', 'n1']) await cluster.node(id).end('SIGKILL');
  const n1 = cluster.node('n1');

  expect((await runCli(['recover', n1.data], 'no\n')).code).toBe(1);
  const recovered = await runCli(['recover', n1.data], `${clusterId}\n`);
  expect([recovered.code, recovered.stderr]).toEqual([0, '']);
  expect(recovered.stdout).toMatch(/What may be lost: whatever n2, n3 acknowledged without n1/);
  n1.start();
  const alone = await n1.client();
  onTestFinished(() => alone.close());
  await alone.append('s', [{ type: 'Counted', data: { n: 20 } }], { timeoutMs: 30_000 });
  await cluster.addNode(n1.peerAddress);
  await vote(alone, 'n1 n4');
  await cluster.addNode(n1.peerAddress);
  await vote(alone, 'n1 n4 n5');

  // An old member comes back, and is left out: also of the new cluster's elections.
  cluster.node('n2').start();
  const old = await cluster.node('n2').client();
  onTestFinished(() => old.close());
  const reason = await until(
    'it is told why',
    async () => {
      const { members } = await old.cluster.status();
      const self = members.find(({ nodeId }) => nodeId === 'n2');
      return self?.reachable && /was given up/.test(self.notReady) ? self.notReady : undefined;
    },
    20_000,
  );
  expect(reason).toMatch(/goes on from its position \d+\. What n2 holds beyond that cannot be merged/);
  await n1.end('SIGKILL');
  const rest = await connect(`${cluster.node('n4').url},${cluster.node('n5').address}`);
  onTestFinished(() => rest.close());
  await rest.append('s', [{ type: 'Counted', data: { n: 21 } }], { timeoutMs: 30_000 });
  const read = await rest.read('s').toArray();
  expect(read.map(({ data }) => (data as { n: number }).n)).toEqual(Array.from({ length: 22 }, (_, n) => n));
  for (const node of cluster.nodes) await node.end('SIGTERM');
  for (const id of ['n1', 'n4', 'n5']) {
    const { code, stdout } = await runCli(['verify', cluster.node(id).data]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('nothing is damaged')]);
  }
}, 120_000);
