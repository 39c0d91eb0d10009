import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { uuidBytes } from '../../src/base/bytes.ts';
import type { FactstoreClient, ReachableMember } from '../../src/client/index.ts';
import { formatAddress } from '../../src/config/values.ts';
import { Recovery } from '../../src/ops/recover.ts';
import { verifyDirectory } from '../../src/ops/verify.ts';
import { encodeMembership, membershipIn } from '../../src/peer/membership-codec.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type Identity, readIdentity } from '../../src/storage/identity.ts';
import { LevelStore } from '../../src/storage/level-store.ts';
import { PromiseFile } from '../../src/storage/promise-file.ts';
import { RAFT_LOG_DATABASE, RaftLog } from '../../src/storage/raft-log.ts';
import { type EntryRecord, genesisChain, sealMembership } from '../../src/storage/record.ts';
import { writeRecoveryNote } from '../../src/storage/recovery-note.ts';
import { jsonLines, openPipe, run } from '../cli/harness.ts';
import { runCli } from '../support/run-cli.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

/** Three nodes that have three events, of which only the first is left: the disks of the others may be there still. */
async function majorityLost(): Promise<{ nodes: TestNodes; data: string; clusterId: string }> {
  const nodes = await TestNodes.start(3, { shutdownTimeoutMs: 500 });
  onTestFinished(() => nodes.dispose());
  const client = await nodes.client();
  for (let n = 0; n < 3; n++) await client.append('s', [{ type: 'Counted', data: { n } }]);
  await client.read('s', { consistency: 'linearizable' }).toArray();
  const { clusterId } = await client.cluster.status();
  await until('n1 has them all', async () => {
    const { members } = await client.cluster.status();
    return members.every((member) => member.reachable && member.head === 3n) || undefined;
  });
  for (const n of [2, 1, 0]) await nodes.stopNode(n);
  return { nodes, data: nodes.data(0), clusterId };
}

async function numbers(client: FactstoreClient): Promise<unknown[]> {
  return (await client.read('s').toArray()).map(({ data }) => (data as { n: number }).n);
}

function reachable(members: readonly { nodeId: string }[], nodeId: string): ReachableMember {
  return members.find((member) => member.nodeId === nodeId) as ReachableMember;
}

async function identityOf(data: string): Promise<Identity> {
  return (await readIdentity(join(data, 'identity.json'))) as Identity;
}

async function verified(data: string): Promise<number> {
  const { damages, entries } = await verifyDirectory(data, () => undefined);
  expect(damages).toEqual([]);
  return entries;
}

describe('factstore recover', () => {
  it('says what is known and what may be lost, and changes nothing unless the right cluster is named', async () => {
    const { nodes, data, clusterId } = await majorityLost();
    const before = await identityOf(data);
    const asked = await run(['recover', data], { stdin: 'yes\n' });
    expect(asked).toMatchObject({ code: 1, err: 'error: yes is not the id of the cluster. Nothing was changed\n' });
    expect(asked.out).toMatch(/of the others: n2 \(connection refused .*\), n3 \(connection refused/);
    expect(asked.out).toMatch(/its last entry {3}\d+, of term \d+, of 20\d\d-/);
    expect(asked.out).toMatch(/its last event {3}position 3\n/);
    expect(asked.out).toMatch(/What may be lost: whatever n2, n3 acknowledged without n1, after entry \d+/);
    expect(asked.out).toContain(`To give up cluster ${clusterId}, type its id:`);
    expect((await run(['recover', data])).err).toMatch(/no cluster id was given. Nothing was changed/);
    expect((await run(['recover', data, '--json', '--give-up', 'x'])).code).toBe(1);
    const interrupt = new AbortController();
    const stdin = openPipe(clusterId.slice(0, 4), () => interrupt.abort());
    expect(await run(['recover', data], { stdin, signal: interrupt.signal })).toMatchObject({ code: 130, err: '' });
    expect(await identityOf(data)).toEqual(before);
    // It is the member that it was.
    for (const n of [0, 1]) await nodes.startNode(n);
    await nodes.leader();
    expect(await numbers(await nodes.client())).toEqual([0, 1, 2]);
  });

  it('makes the node the only voter of a new cluster that goes on with its history, and grows again by --join [R3]', async () => {
    const { nodes, data, clusterId } = await majorityLost();
    const entries = await verified(data);
    const done = await run(['recover', data], { stdin: `${clusterId}\n` });
    const { clusterId: later } = await identityOf(data);
    expect(done).toMatchObject({ code: 0, err: '' });
    expect(done.out).toContain(`n1 is the only voter of cluster ${later}, which goes on from position 3`);
    expect(await verified(data)).toBe(entries + 1);

    await nodes.startNode(0);
    const client = await nodes.client(0);
    await client.append('s', [{ type: 'Counted', data: { n: 3 } }], { timeoutMs: 20_000 });
    await nodes.addNode();
    await nodes.addNode();
    const status = await until('three vote', async () => {
      const now = await client.cluster.status();
      return now.members.filter(({ voter }) => voter).length === 3 ? now : undefined;
    });
    expect([status.clusterId, status.members.map(({ nodeId }) => nodeId)]).toEqual([later, ['n1', 'n4', 'n5']]);
    const told = async () => (await client.read('$membership').toArray()).length > 0 || undefined;
    await until('a fact tells of the members', told);
    await nodes.stopNode(0);
    const rest = await nodes.client(3);
    await rest.append('s', [{ type: 'Counted', data: { n: 4 } }], { timeoutMs: 20_000 });
    expect(await numbers(rest)).toEqual([0, 1, 2, 3, 4]);
    // A restart of all finds the same cluster, also on those that came later.
    for (const n of [3, 4]) await nodes.stopNode(n);
    for (const n of [0, 3, 4]) await nodes.startNode(n);
    await nodes.leader();
    expect(await numbers(await nodes.client(4))).toEqual([0, 1, 2, 3, 4]);
    for (const n of [0, 3, 4]) await nodes.stopNode(n);
    for (const n of [0, 3, 4]) await verified(nodes.data(n));
  });

  it('leaves old members behind, which are refused with the reason, and come in with an empty directory [R3]', async () => {
    const { nodes, data, clusterId } = await majorityLost();
    await run(['recover', data, '--give-up', clusterId]);
    await nodes.startNode(0);
    await nodes.startNode(1);
    const old = await nodes.client(1);
    const told = await until(
      'the old member knows',
      async () => {
        const { notReady } = reachable((await old.cluster.status()).members, 'n2');
        return /was given up/.test(notReady) ? notReady : undefined;
      },
      20_000,
    );
    expect(told).toMatch(
      new RegExp(
        `n2/.* belongs to cluster ${clusterId}, which was given up .* goes on from its position 3\\. .*empty its data directory`,
      ),
    );
    const client = await nodes.client(0);
    await client.append('s', [{ type: 'Counted', data: { n: 3 } }]);
    const { members } = await client.cluster.status();
    expect(members.filter(({ voter }) => voter).map(({ nodeId }) => nodeId)).toEqual(['n1']);
    await expect(client.cluster.add(formatAddress(nodes.node(1).peerAddress))).rejects.toThrow(/was given up/);
    await nodes.stopNode(1);
    await rm(nodes.data(1), { recursive: true });
    await nodes.startNode(1);
    await until('it votes', async () => {
      const now = await client.cluster.status();
      return now.members.filter((member) => member.voter && member.reachable).length === 2 || undefined;
    });
    expect(await numbers(await nodes.client(1))).toEqual([0, 1, 2, 3]);
  });

  it('keeps the old members that come back together apart: they are the old cluster, and never merge, nor do their clients [R3]', async () => {
    const { nodes, data, clusterId } = await majorityLost();
    await run(['recover', data, '--give-up', clusterId]);
    for (const n of [1, 2]) await nodes.startNode(n);
    const old = await nodes.client(1);
    await old.append('s', [{ type: 'Counted', data: { n: 'old' } }], { timeoutMs: 20_000 });
    await nodes.startNode(0);
    const client = await nodes.client(0);
    await client.append('s', [{ type: 'Counted', data: { n: 'new' } }], { timeoutMs: 20_000 });
    await old.append('s', [{ type: 'Counted', data: { n: 'old' } }], { timeoutMs: 20_000 });
    expect([await numbers(client), await numbers(old)]).toEqual([
      [0, 1, 2, 'new'],
      [0, 1, 2, 'old', 'old'],
    ]);
    const later = (await client.cluster.status()).clusterId;
    const refused = await nodes.client().catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'FAILED_PRECONDITION', definite: true });
    for (const id of [clusterId, later]) expect(String(refused)).toContain(`${id} (`);
    // One of before stays with its cluster, and says why it goes no further.
    for (const n of [1, 2]) await nodes.stopNode(n);
    const append = old.append('s', [{ type: 'Counted', data: { n: 'astray' } }], { timeoutMs: 2_000 });
    await expect(append).rejects.toThrow(
      `belongs to cluster ${later}, and this client is connected to cluster ${clusterId}`,
    );
    expect(await numbers(client)).toEqual([0, 1, 2, 'new']);
  });

  it('lets consumers go on up to the position that was taken over, and refuses those that come from beyond it [R3]', async () => {
    const { nodes, data, clusterId } = await majorityLost();
    await run(['recover', data, '--give-up', clusterId]);
    await nodes.startNode(0);
    const client = await nodes.client(0);
    for (const n of ['new', 'newer'])
      await client.append('s', [{ type: 'Counted', data: { n } }], { timeoutMs: 20_000 });
    const next = async (after: bigint) => {
      const subscription = client.subscribe({ stream: 's', after, lineage: clusterId });
      const { value } = await subscription.next();
      const { lineage } = subscription;
      await subscription.return();
      return { n: value?.kind === 'event' && (value.event.data as { n: unknown }).n, lineage };
    };
    const { clusterId: later } = await client.cluster.status();
    expect(await next(2n)).toEqual({ n: 2, lineage: later });
    expect(await next(3n)).toEqual({ n: 'new', lineage: later });
    await expect(next(4n)).rejects.toMatchObject({
      code: 'OUT_OF_RANGE',
      message: `after: position 4 is of cluster ${clusterId}, and cluster ${later} has gone on from that one's position 3, without what stood behind it. Take back what was made of that, and begin behind 3.`,
    });
    const told = await runCli(['subscribe', 's', '--after', '4', '--lineage', clusterId, '--url', nodes.url]);
    expect(told).toMatchObject({ code: 1, stderr: expect.stringContaining("has gone on from that one's position 3") });
  });

  it.each(['before the log', 'before the identity', 'at its very end'])(
    'goes on where it was interrupted, %s',
    async (where) => {
      const { nodes, data, clusterId } = await majorityLost();
      const file = join(data, 'identity.json');
      const before = await readFile(file);
      const note = {
        clusterId: '00000000-0000-4000-8000-00000000000c',
        directoryId: '00000000-0000-4000-8000-00000000000d',
      };
      await writeRecoveryNote(data, note);
      let entries = (await verified(data)) + 1;
      if (where !== 'before the log') {
        await run(['recover', data]);
        entries = await verified(data);
        await writeRecoveryNote(data, note);
        if (where === 'before the identity') await writeFile(file, before);
      }
      await expect(nodes.startNode(0)).rejects.toThrow(/was interrupted: run factstore recover .* again/);
      const [, done] = jsonLines((await run(['recover', data, '--json'])).out);
      expect(done).toEqual({ recovered: { clusterId: note.clusterId, nodeId: 'n1', lastPosition: 3 } });
      expect(await identityOf(data)).toMatchObject({ ...note, foundedAs: clusterId });
      expect(await verified(data)).toBe(entries);
      await nodes.startNode(0);
      expect(await numbers(await nodes.client(0))).toEqual([0, 1, 2]);
    },
  );

  it('can be needed again: the cluster that goes on loses its majority, too [R3]', async () => {
    const { nodes, data, clusterId } = await majorityLost();
    await run(['recover', data, '--give-up', clusterId]);
    await nodes.startNode(0);
    const second = (await identityOf(data)).clusterId as string;
    await nodes.addNode();
    const client = await nodes.client(0);
    await until('n4 votes', async () => {
      const { members } = await client.cluster.status();
      return members.filter(({ voter }) => voter).length === 2 || undefined;
    });
    await nodes.stopNode(0);
    await nodes.stopNode(3);
    expect((await run(['recover', nodes.data(3), '--give-up', second])).code).toBe(0);
    const third = await identityOf(nodes.data(3));
    expect(third).toMatchObject({ foundedAs: clusterId });
    await nodes.startNode(3, { join: undefined });
    expect(await numbers(await nodes.client(3))).toEqual([0, 1, 2]);
    // Both that were left behind are recognised: the founded one, and the one that went on from it.
    for (const n of [0, 1]) {
      await nodes.startNode(n, { cluster: undefined, join: formatAddress(nodes.node(3).peerAddress) });
      const left = await nodes.client(n);
      await until(
        `n${n + 1} knows`,
        async () =>
          /was given up/.test(reachable((await left.cluster.status()).members, `n${n + 1}`).notReady) || undefined,
        20_000,
      );
    }
  });
});

/** Writes a change of the members into the log of a stopped node, which was never heard to be committed. */
async function proposeTo(data: string, voters: readonly string[]): Promise<void> {
  const { clusterId } = await identityOf(data);
  const promises = await PromiseFile.open(join(data, 'promise'));
  const store = await LevelStore.open(join(data, 'log'), RAFT_LOG_DATABASE);
  const genesis = genesisChain(uuidBytes(clusterId ?? '') as Uint8Array);
  const log = await RaftLog.open(store, { path: data, promises, genesis, incarnation: 1 });
  const { members, lineage } = membershipIn(log.memberships.at(-1) as EntryRecord);
  const kept = new Map([...members].filter(([, { nodeId }]) => voters.includes(nodeId)));
  const none = new Set<string>();
  const to = { voters: [new Set(kept.keys()), none] as const, learners: none, learnersNext: none };
  const entry = sealMembership(log.hardState.term, log.end, encodeMembership(to, kept, lineage));
  await log.write({ truncateAfter: undefined, records: [entry], hardState: log.hardState });
  await log.close();
  await promises.close();
}

describe('a change of the members that may have come into force, or not', () => {
  it.each([
    { members: 2, left: 1, to: ['n2'], what: 'would leave this node alone, which needs the other to know' },
    { members: 3, left: 2, to: ['n1', 'n2'], what: 'would remove this node, and the others are lost' },
  ])('is no reason to refuse: it $what [R3]', async ({ members, left, to }) => {
    const nodes = await TestNodes.start(members);
    onTestFinished(() => nodes.dispose());
    const client = await nodes.client();
    await client.append('s', [{ type: 'Counted', data: { n: 0 } }]);
    const { clusterId } = await client.cluster.status();
    for (let n = 0; n < members; n++) await nodes.stopNode(n);
    const data = nodes.data(left);
    await proposeTo(data, to);
    const done = await run(['recover', data, '--give-up', clusterId]);
    expect(done).toMatchObject({ code: 0, err: '' });
    expect(done.out).toContain(`whose voters are ${members === 2 ? 'n1, n2' : 'n1, n2, n3'}; of the others: n1 (`);
    await nodes.startNode(left);
    const own = await nodes.client(left);
    await own.append('s', [{ type: 'Counted', data: { n: 1 } }], { timeoutMs: 20_000 });
    const status = await own.cluster.status();
    expect(status.members.map(({ peerAddress }) => peerAddress)).toEqual([formatAddress(nodes.node(left).peerAddress)]);
  });
});

describe('there is nothing to recover', () => {
  const refused = (path: string, why: RegExp) =>
    expect(Recovery.open(path, systemClock, new AbortController().signal)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: expect.stringMatching(why),
    });

  it('where a majority answers, where the node runs, and where it was removed', async () => {
    const nodes = await TestNodes.start(3);
    onTestFinished(() => nodes.dispose());
    await refused(nodes.data(0), /is in use by/);
    const client = await nodes.client();
    await client.cluster.remove('n3');
    const facts = await until('n3 knows', async () => {
      const { members } = await (await nodes.client(2)).cluster.status();
      return /removed/.test(reachable(members, 'n3').notReady) || undefined;
    });
    expect(facts).toBe(true);
    await nodes.stopNode(2);
    await refused(nodes.data(2), /is that of n3, which is no member of its cluster any more/);
    await nodes.startNode(2);
  });

  it('where the others answer, who are a majority with it', async () => {
    const nodes = await TestNodes.start(3);
    onTestFinished(() => nodes.dispose());
    await nodes.stopNode(0);
    await refused(nodes.data(0), /has its majority: n2, n3 answer, so start n1 instead. Nothing is lost/);
  });

  it('where it is the only voter, has no cluster, or is no data directory', async () => {
    const nodes = await TestNodes.start(1);
    onTestFinished(() => nodes.dispose());
    await nodes.stopNode(0);
    await refused(nodes.data(0), /the only voter of its cluster, which needs nobody else: start it/);
    await refused(join(nodes.data(0), 'log'), /is not a data directory/);
  });
});
