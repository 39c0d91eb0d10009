import { rm } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import type { FactstoreClient, SubscriptionMessage } from '../../src/client/index.ts';
import { formatAddress } from '../../src/config/values.ts';
import { scrape } from '../support/metrics.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

async function start(size: number): Promise<TestNodes> {
  const nodes = await TestNodes.start(size);
  onTestFinished(() => nodes.dispose());
  return nodes;
}

/** The node ids that vote, as one node tells it. */
async function voters(client: FactstoreClient): Promise<string> {
  const status = await client.cluster.status();
  return status.members
    .filter((member) => member.voter)
    .map((member) => member.nodeId)
    .join(' ');
}

function vote(client: FactstoreClient, expected: string): Promise<true> {
  return until(`${expected} vote`, async () => ((await voters(client)) === expected ? true : undefined), 20_000);
}

it('a single node grows to three while it is written to, and then survives the loss of any one of them [C7]', async () => {
  const nodes = await start(1);
  const client = await nodes.client(0);
  let stop = false;
  onTestFinished(() => {
    stop = true;
  });
  let written = 0;
  const writing = (async () => {
    while (!stop) {
      await client.append('s', [{ type: 'Counted', data: { n: written } }]);
      written += 1;
    }
  })();
  await nodes.addNode();
  await vote(client, 'n1 n2');
  await nodes.addNode();
  await vote(client, 'n1 n2 n3');
  stop = true;
  await writing;
  // The log tells of it, as of any other fact.
  const told = await until('the last change is told', async () => {
    const facts = await client.read('$membership').toArray();
    return (facts.at(-1)?.data as { voters?: unknown[] })?.voters?.length === 3 ? facts : undefined;
  });
  expect(new Set(told.map(({ type }) => type))).toEqual(new Set(['$membersChanged']));
  await nodes.stopNode(await nodes.leader());
  const rest = await nodes.client();
  await rest.append('s', [{ type: 'Counted', data: { n: written } }]);
  let read = 0;
  for await (const event of rest.read('s')) expect(event.data).toEqual({ n: read++ });
  expect(read).toBe(written + 1);
});

async function grown(): Promise<{ nodes: TestNodes; client: FactstoreClient }> {
  const nodes = await start(1);
  const client = await nodes.client(0);
  for (const expected of ['n1 n2', 'n1 n2 n3']) {
    await nodes.addNode();
    await vote(client, expected);
  }
  return { nodes, client: await nodes.client() };
}

async function countOf(client: FactstoreClient): Promise<number> {
  return (await client.read('s').toArray()).length;
}

it('a follower, then the leader, are removed, down to one, and nothing is lost', async () => {
  const { nodes, client } = await grown();
  const append = () => client.append('s', [{ type: 'Counted', data: {} }]);
  await append();
  const follower = await nodes.follower();
  expect((await client.cluster.remove(`n${follower + 1}`)).voters).not.toContain(`n${follower + 1}`);
  await append();
  const leader = await nodes.leader();
  await client.cluster.remove(`n${leader + 1}`);
  const last = [0, 1, 2].find((n) => n !== follower && n !== leader) as number;
  await until('the last one leads', () => nodes.node(last).role === 'leader' || undefined);
  await append();
  const own = await nodes.client(last);
  expect([await voters(own), await countOf(own)]).toEqual([`n${last + 1}`, 3]);
  await expect(own.cluster.remove(`n${last + 1}`)).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    message: expect.stringContaining('only voter'),
  });
  // Those that were removed still run: they say so, and disturb nobody.
  const { members } = await (await nodes.client(follower)).cluster.status();
  const removed = members.find(({ nodeId }) => nodeId === `n${follower + 1}`);
  expect(removed).toMatchObject({ notReady: expect.stringMatching(/removed/) });
  expect((await own.cluster.status()).leader).toBe(`n${last + 1}`);
});

it('a wiped directory is another member: it comes back as a learner and takes the place of its former self [D7]', async () => {
  const { nodes, client } = await grown();
  await client.append('s', [{ type: 'Counted', data: {} }]);
  const wiped = await nodes.follower();
  const before = await identityOf(client, `n${wiped + 1}`);
  await nodes.stopNode(wiped);
  await rm(nodes.data(wiped), { recursive: true });
  const others = [0, 1, 2].filter((n) => n !== wiped);
  const join = others.map((n) => formatAddress(nodes.node(n).peerAddress)).join(',');
  await nodes.startNode(wiped, { join });
  await until('it votes under its new identity', async () => {
    const now = await identityOf(client, `n${wiped + 1}`);
    return now !== before && (await voters(client)) === 'n1 n2 n3' ? true : undefined;
  });
  await nodes.stopNode(others[0] as number);
  const own = await nodes.client(wiped);
  await own.append('s', [{ type: 'Counted', data: {} }]);
  expect(await countOf(own)).toBe(2);
});

it('a wiped founder that is started as before comes back in the same way [D7]', async () => {
  const nodes = await start(3);
  const client = await nodes.client();
  await client.append('s', [{ type: 'Counted', data: {} }]);
  const before = await identityOf(client, 'n2');
  await nodes.stopNode(1);
  await rm(nodes.data(1), { recursive: true });
  await nodes.startNode(1);
  await until('it votes under its new identity', async () => {
    const now = await identityOf(client, 'n2');
    return now !== '' && now !== before && (await voters(client)) === 'n1 n2 n3' ? true : undefined;
  });
});

it('two nodes cannot have one node id, and a removed member neither serves nor comes back by itself [Q3]', async () => {
  const { nodes, client } = await grown();
  const before = await identityOf(client, 'n2');
  await expect(nodes.addNode({ nodeId: 'n2' })).rejects.toThrow(/n2 is a member already, on another data directory/);
  expect(await identityOf(client, 'n2')).toBe(before);

  await client.cluster.remove('n3');
  await nodes.stopNode(2);
  await nodes.startNode(2);
  const own = await nodes.client(2);
  await until('it says so', async () => {
    const { members } = await own.cluster.status();
    const self = members.find(({ nodeId }) => nodeId === 'n3');
    return self?.reachable && /removed/.test(self.notReady) ? true : undefined;
  });
  expect(await voters(client)).toBe('n1 n2');
  // Readiness goes, and whoever asks is sent elsewhere.
  const port = nodes.node(2).address.port;
  await until(
    'it says so to all that ask',
    async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
      return (answer.status === 503 && /was removed from this cluster/.test(await answer.text())) || undefined;
    },
    15_000,
  );
});

/** Takes what is given until this is so, and gives all that it has taken. */
async function takeUntil<T>(given: AsyncIterator<T, unknown>, enough: (taken: T) => boolean): Promise<T[]> {
  const taken: T[] = [];
  for (;;) {
    const { value, done } = await given.next();
    if (done) throw new Error('it has ended');
    taken.push(value);
    if (enough(value)) return taken;
  }
}

it('who follows a stream and a projection through a member that is removed goes on at another one, without a gap [Q3]', async () => {
  const { nodes, client } = await grown();
  const append = (n: number) => client.append('s', [{ type: 'Counted', data: { n } }]);
  const count = 'fromStream("s").when({ $init: () => ({ seen: 0 }), Counted: (state) => ({ seen: state.seen + 1 }) })';
  await client.projections.create('count', count);
  const own = await nodes.client(2);
  const subscription = own.subscribe({ stream: 's' });
  const watch = own.projections.watch<{ seen: number }>('count', { partition: '' });
  const numberOf = (message: SubscriptionMessage) =>
    message.kind === 'event' ? (message.event.data as { n: number }).n : undefined;
  const followedTo = async (n: number) => {
    const taken = await takeUntil(subscription, (message) => numberOf(message) === n);
    return taken.map(numberOf).filter((number) => number !== undefined);
  };
  const seen = (wanted: number) => takeUntil(watch, ({ state }) => state?.seen === wanted);
  await append(0);
  expect(await followedTo(0)).toEqual([0]);
  await seen(1);
  const address = formatAddress(nodes.node(2).address);
  expect((await scrape(address)).get('factstore_subscriptions')).toBe(1);

  await client.cluster.remove('n3');
  for (const n of [1, 2, 3]) await append(n);
  expect(await followedTo(3)).toEqual([1, 2, 3]);
  await seen(4);
  expect((await scrape(address)).get('factstore_subscriptions')).toBe(0);
  await append(4);
  expect(await followedTo(4)).toEqual([4]);
  await seen(5);
  await Promise.all([subscription.return(), watch.return()]);
});

it('who follows through the leader of two goes on at the other one once the leader was removed, which reads nothing any more [Q3]', async () => {
  const nodes = await start(2);
  const leader = await nodes.leader();
  const append = async (n: number) => (await nodes.client(1 - leader)).append('s', [{ type: 'Counted', data: { n } }]);
  const own = await nodes.client(leader);
  const subscription = own.subscribe({ stream: 's' });
  const followedTo = (n: number) =>
    takeUntil(subscription, (message) => message.kind === 'event' && isDeepStrictEqual(message.event.data, { n }));
  await append(0);
  await followedTo(0);
  await own.cluster.remove(`n${leader + 1}`);
  await until('the other one leads', () => nodes.node(1 - leader).role === 'leader');
  await append(1);
  await followedTo(1);
  await subscription.return();
  const { port } = nodes.node(leader).address;
  const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
  expect(await ready.text()).toMatch(/was removed from this cluster/);
});

/** The third of three nodes. */
const otherThan = (one: number, other: number) => [0, 1, 2].find((n) => n !== one && n !== other) as number;

/** What the members say of where a node is, once all of them say the same. */
function recorded(client: FactstoreClient, nodeId: string, peerAddress: string): Promise<true> {
  return until(`${nodeId} is recorded at ${peerAddress}`, async () => {
    const { members } = await client.cluster.status();
    const node = members.find((one) => one.nodeId === nodeId);
    return (node?.peerAddress === peerAddress && node.reachable) || undefined;
  });
}

it('a node that is started at other addresses tells the members, who find it there, with one of the others down [C7]', async () => {
  const nodes = await start(3);
  const moving = await nodes.follower();
  const id = `n${moving + 1}`;
  await nodes.stopNode(moving);
  const idle = await nodes.follower();
  // Nobody can commit anything now until the moved one is found.
  await nodes.stopNode(idle);
  const peerAddress = await nodes.moveNode(moving);
  const client = await nodes.client();
  await client.append('s', [{ type: 'Counted', data: {} }]);
  await recorded(client, id, peerAddress);
  await nodes.startNode(idle);
  const told = await until('the change is told', async () => {
    const facts = await client.read('$membership').toArray();
    return facts.at(-1)?.data as { addresses: Record<string, { peers: string }> } | undefined;
  });
  expect(Object.entries(told.addresses).find(([member]) => member.startsWith(id))?.[1].peers).toBe(peerAddress);
  await expect(client.cluster.move(id, formatAddress(nodes.node(idle).peerAddress))).rejects.toMatchObject({
    definite: true,
    message: expect.stringMatching(new RegExp(`answers n${idle + 1}/.*, not ${id}/`)),
  });
  expect(await client.cluster.move(id, peerAddress)).toMatchObject({ voters: ['n1', 'n2', 'n3'] });
  // Its own settings name the old address; now the two need each other.
  await nodes.stopNode(otherThan(moving, idle));
  await (await nodes.client(idle)).append('s', [{ type: 'Counted', data: {} }]);
});

it('a lone node is known by the addresses that it was started with last', async () => {
  const nodes = await start(1);
  await nodes.stopNode(0);
  const peerAddress = await nodes.moveNode(0);
  await recorded(await nodes.client(0), 'n1', peerAddress);
});

it('changes that are unsafe or impossible are refused with the reason', async () => {
  const { nodes, client } = await grown();
  const refused = (change: Promise<unknown>, reason: RegExp) =>
    expect(change).rejects.toMatchObject({ definite: true, message: expect.stringMatching(reason) });
  const { cluster } = client;
  const peerAddress = (n: number) => formatAddress(nodes.node(n).peerAddress);
  await refused(cluster.add(peerAddress(1)), /n2 at .* is a member already/);
  await refused(cluster.add('127.0.0.1:1'), /cannot reach 127.0.0.1:1: connection refused/);
  await refused(cluster.promote('n2'), /n2 is a voter already/);
  await refused(cluster.promote('n9'), /n9 is not a member of this cluster, whose members are n1, n2, n3/);
  const other = await start(1);
  await refused(cluster.add(formatAddress(other.node(0).peerAddress)), /belongs to cluster/);
  const dead = await nodes.follower();
  await nodes.stopNode(dead);
  const alive = await nodes.follower();
  await until('the loss is noticed', async () => {
    const { members } = await cluster.status();
    return members.some((member) => !member.reachable) || undefined;
  });
  await refused(cluster.remove(`n${alive + 1}`), /the cluster would stand still/);
  await refused(cluster.transferLeadership(`n${dead + 1}`), /cannot take over: it is not reachable .*Name a member/);
});

it('leadership is not handed to a learner: the refusal says what to do first [C7]', async () => {
  const nodes = await start(1);
  const client = await nodes.client(0);
  // It asks nobody to let it in: an operator adds it.
  const joining = nodes.addNode({ join: '127.0.0.1:1' });
  const { peerAddress } = await until('it has an address', async () => nodes.settings(1));
  // It is told so now, and has yet to start: from then on it asks for its vote by itself.
  const refusal = await until('it learns', async () => {
    await client.cluster.add(peerAddress);
    return client.cluster.transferLeadership('n2').catch((error: Error) => error);
  });
  expect(refusal).toMatchObject({
    definite: true,
    message: expect.stringMatching(/n2 cannot take over: it is a learner.*Promote it first/),
  });
  await client.cluster.promote('n2').catch((error: Error) => {
    expect(error.message).toMatch(/^not now: |n2 (is a voter already|has not caught up: .*try again)/);
  });
  await vote(client, 'n1 n2');
  await joining;
  expect(await client.cluster.transferLeadership('n2')).toBe('n2');
});

/** The directory id of the member that votes under a node id. */
async function identityOf(client: FactstoreClient, nodeId: string): Promise<string> {
  const { members } = await client.cluster.status();
  return members.find((one) => one.nodeId === nodeId && one.voter)?.directoryId ?? '';
}
