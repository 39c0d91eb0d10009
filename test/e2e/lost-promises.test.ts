import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { FactstoreClient, ReachableMember } from '../../src/client/index.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

let nodes: TestNodes;
afterEach(() => nodes.dispose());

async function fill(client: FactstoreClient, appends: number): Promise<void> {
  const numbers = Array.from({ length: appends }, (_, i) => i);
  await Promise.all(numbers.map((i) => client.append(`s-${i % 10}`, [{ type: 'Counted', data: { i } }])));
}

async function memberOf(client: FactstoreClient, nodeId: string): Promise<ReachableMember | undefined> {
  const { members } = await client.cluster.status();
  const member = members.find((one) => one.nodeId === nodeId && one.voter);
  return member?.reachable && member.notReady === '' ? member : undefined;
}

describe('a node that may have forgotten a promise', () => {
  test.each([
    ['its promise file is gone', (data: string) => rm(join(data, 'promise'))],
    ['its log is gone', (data: string) => rm(join(data, 'log'), { recursive: true })],
    ['its log cannot be opened', (data: string) => writeFile(join(data, 'log', 'CURRENT'), '')],
    ['its write-ahead file is cut off', (data: string) => cutWriteAheadFile(data)],
  ])('comes back as another member, since %s, and its former self is kept [D7]', async (_, damage) => {
    nodes = await TestNodes.start(3, { shutdownTimeoutMs: 1_000 });
    const client = await nodes.client();
    await fill(client, 100);
    const n = await nodes.follower();
    const before = await until('it votes', () => memberOf(client, `n${n + 1}`));
    await nodes.stopNode(n);
    await damage(nodes.data(n));
    await nodes.startNode(n);
    const after = await until('it votes again', () => memberOf(client, `n${n + 1}`));
    expect(after.directoryId).not.toBe(before.directoryId);
    await until('its former self is a member no more', async () => {
      const { members } = await client.cluster.status();
      return members.map(({ nodeId }) => nodeId).join() === 'n1,n2,n3';
    });
    expect(await readdir(nodes.data(n))).toContain(`former-${before.directoryId}`);
    expect(await readdir(nodes.data(n))).not.toContain('return.json');
    await fill(client, 10);
    await nodes.stopNode(n);
    await nodes.startNode(n);
    const again = await until('it is the same member when it is started again', () => memberOf(client, `n${n + 1}`));
    expect(again.directoryId).toBe(after.directoryId);
  });

  test('founds no other cluster, not even where all of them have lost theirs [D7]', async () => {
    nodes = await TestNodes.start(3, { shutdownTimeoutMs: 1_000 });
    await fill(await nodes.client(), 20);
    for (const n of [0, 1, 2]) await nodes.stopNode(n);
    for (const n of [0, 1]) await rm(join(nodes.data(n), 'promise'));
    // This one was emptied: it alone does not know that there is a cluster.
    await rm(nodes.data(2), { recursive: true });
    await Promise.all([0, 1, 2].map((n) => nodes.startNode(n)));
    await until('they wait for the cluster that they were of', () =>
      [0, 1].every((n) => /coming back as a new member.*cannot join/.test(nodes.node(n).role)),
    );
    expect(nodes.node(2).role).not.toMatch(/leader|follower/);
    for (const n of [0, 1]) {
      const kept = (await readdir(nodes.data(n))).filter((name) => name.startsWith('former-'));
      expect(await readdir(join(nodes.data(n), kept[0] as string))).toContain('log');
    }
  });

  test('and is the only voter refuses to start, names the ways out, and changes nothing [D7]', async () => {
    nodes = await TestNodes.start(1);
    await fill(await nodes.client(), 20);
    await nodes.stopNode(0);
    await writeFile(join(nodes.data(0), 'log', 'CURRENT'), '');
    const before = await readdir(nodes.data(0));
    await expect(nodes.startNode(0)).rejects.toThrow(/log cannot be opened.*Ways out/);
    expect(await readdir(nodes.data(0))).toEqual(before);
  });
});

async function cutWriteAheadFile(data: string): Promise<void> {
  const log = join(data, 'log');
  const names = (await readdir(log)).filter((name) => name.endsWith('.log'));
  await Promise.all(names.map((name) => writeFile(join(log, name), '')));
}
