import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { PeerMemory } from '../../src/storage/peer-memory.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'factstore-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

const never = (error: unknown) => {
  throw error;
};

type Members = Record<string, { incarnation: number; acknowledged: number }>;

/** What a node has written down of a member. */
async function writtenOf(data: string, nodeId: string): Promise<Members[string] | undefined> {
  const text = await readFile(join(data, 'peers.json'), 'utf8');
  const { members } = JSON.parse(text) as { members: Members };
  return Object.entries(members).find(([id]) => id.startsWith(`${nodeId}/`))?.[1];
}

it('the incarnations seen of other members outlive a restart, and never fall [D9]', async () => {
  const path = await directory();
  const memory = await PeerMemory.open(path, never);
  for (const incarnation of [3, 7, 5]) memory.raiseIncarnation('n2/x', incarnation);
  memory.raiseIncarnation('n3/y', 1);
  await memory.close();
  const again = await PeerMemory.open(path, never);
  expect([again.incarnation('n2/x'), again.incarnation('n3/y'), again.incarnation('n4/z')]).toEqual([7, 1, 0]);
});

it('what other members acknowledged outlives a restart, and never falls [D9]', async () => {
  const path = await directory();
  const memory = await PeerMemory.open(path, never);
  memory.raiseIncarnation('n2/x', 3);
  for (const index of [10, 70, 50]) memory.remember(new Map([['n2/x', index]]));
  memory.remember(new Map([['n3/y', 5]]));
  await memory.close();
  const again = await PeerMemory.open(path, never);
  expect([again.acknowledged('n2/x'), again.acknowledged('n3/y'), again.acknowledged('n4/z')]).toEqual([70, 5, 0]);
  expect(again.incarnation('n2/x')).toBe(3);
});

it('what cannot be written down is told with the name of the file [D1]', async () => {
  const path = await directory();
  const errors: unknown[] = [];
  const memory = await PeerMemory.open(path, (error) => errors.push(error));
  await rm(path, { recursive: true });
  memory.raiseIncarnation('n2/x', 3);
  await memory.close();
  expect(errors).toMatchObject([{ code: 'INTERNAL', message: expect.stringContaining(join(path, 'peers.json')) }]);
});

it('a member is held to what was known a round ago, for its greeting may be a moment old [D9]', async () => {
  const memory = await PeerMemory.open(await directory(), never);
  const seen = [10, 20, 20].map((index) => {
    memory.remember(new Map([['n2/x', index]]));
    return memory.acknowledged('n2/x');
  });
  expect(seen).toEqual([0, 10, 20]);
  await memory.close();
});

it.each([
  '{"format":1,"members":{"n2/x":{"incarnation":"seven","acknowledged":1}}}',
  '{"format":1,"members":{"n2/x":{"incarnation":7}}}',
  '{"format":2,"members":{}}',
  '{"form',
])('a memory that cannot be understood stops the start and says what to do: %s [D9]', async (text) => {
  const path = await directory();
  await writeFile(join(path, 'peers.json'), text);
  await expect(PeerMemory.open(path, never)).rejects.toMatchObject({ code: 'DATA_LOSS' });
});

it('a node writes down which start of its peers it has seen [D9]', async () => {
  const nodes = await TestNodes.start(3);
  onTestFinished(() => nodes.dispose());
  const follower = await nodes.follower();
  await nodes.stopNode(follower);
  await nodes.startNode(follower);
  const leader = await nodes.leader();
  await until('the second start was seen', async () => {
    return (await writtenOf(nodes.data(leader), `n${follower + 1}`))?.incarnation === 2;
  });
});

it('a member that comes back with less than it acknowledged is refused by all, after a restart of all too [D9]', async () => {
  const nodes = await TestNodes.start(3);
  onTestFinished(() => nodes.dispose());
  const client = await nodes.client();
  await client.append('a', [{ type: 'A', data: {} }]);
  const member = await nodes.follower();
  const others = [0, 1, 2].filter((n) => n !== member);
  const nodeId = `n${member + 1}`;
  await nodes.stopNode(member);
  const copy = join(await directory(), 'copy');
  await cp(nodes.data(member), copy, { recursive: true });
  const appended = 20;
  await nodes.startNode(member);
  for (let n = 0; n < appended; n++) await client.append('a', [{ type: 'B', data: { n } }]);
  for (const other of others) {
    await until('all know what it acknowledged', async () => {
      return ((await writtenOf(nodes.data(other), nodeId))?.acknowledged ?? 0) > appended;
    });
  }
  for (const n of [0, 1, 2]) await nodes.stopNode(n);
  await rm(nodes.data(member), { recursive: true });
  await cp(copy, nodes.data(member), { recursive: true });
  // The copy counts its next start as the lost directory counted its last: by incarnation alone it would pass.
  await Promise.all([0, 1, 2].map((n) => nodes.startNode(n)));

  const again = await nodes.client();
  await again.append('a', [{ type: 'C', data: {} }]);
  const own = await nodes.client(member);
  const reason = await until('it is told why', async () => {
    const status = await own.cluster.status();
    const found = status.members.find((one) => one.nodeId === nodeId);
    const notReady = found?.reachable ? found.notReady : '';
    return /acknowledged everything up to entry/.test(notReady) ? notReady : undefined;
  });
  for (const other of others) expect(reason).toMatch(new RegExp(`n${other + 1}: the log of ${nodeId}/`));
  const { members } = await again.cluster.status();
  const behind = members.find((one) => one.nodeId === nodeId);
  expect(behind?.reachable && behind.role !== 'leader' && Number(behind.head) <= 1).toBe(true);
});
