import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import { writeDamageNote } from '../../src/storage/damage-note.ts';
import { LevelStore } from '../../src/storage/level-store.ts';
import { RAFT_LOG_DATABASE } from '../../src/storage/raft-log.ts';
import { entryKey } from '../../src/storage/raft-log-rows.ts';
import type { Operation } from '../../src/storage/store.ts';
import { logging } from '../peer/support.ts';
import { ProcessCluster, type ProcessNode } from '../support/process-cluster.ts';
import { runCli } from '../support/run-cli.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

let nodes: TestNodes | undefined;
afterEach(async () => {
  await nodes?.dispose();
  nodes = undefined;
});

/** Changes the stopped node's log as a bad disk does: LevelDB gives wrong values, or none. */
async function damage(directory: string, indexes: readonly number[]): Promise<void> {
  const store = await LevelStore.open(join(directory, 'log'), RAFT_LOG_DATABASE);
  const operations: Operation[] = [];
  for (const [i, index] of indexes.entries()) {
    const key = entryKey(index);
    const value = Buffer.from((await store.get(key)) as Buffer);
    value[value.length - 1]! ^= 4;
    operations.push(i % 2 === 0 ? { type: 'put', key, value } : { type: 'del', key });
  }
  await store.write(operations, true);
  await store.close();
}

/** The first entry that has a text in it. */
async function entryWith(directory: string, text: string): Promise<number> {
  const store = await LevelStore.open(join(directory, 'log'), RAFT_LOG_DATABASE);
  let index = 1;
  while (!(await store.get(entryKey(index)))?.includes(text)) index++;
  await store.close();
  return index;
}

async function fill(client: FactstoreClient, appends: number): Promise<void> {
  const pending: Promise<unknown>[] = [];
  for (let i = 0; i < appends; i++) pending.push(client.append(`s-${i % 10}`, [{ type: 'Counted', data: { i } }]));
  await Promise.all(pending);
  // The commit index becomes durable with the next write.
  for (let i = 0; i < 3; i++) await client.append('last', [{ type: 'Counted', data: { i } }]);
}

/** The three nodes have applied the same entries, with the same chain hash. */
async function converged(client: FactstoreClient): Promise<void> {
  const chains = await until('all nodes have applied the same', async () => {
    const { members } = await client.cluster.status();
    const applied = members.filter((member) => member.reachable);
    const same = applied.length === 3 && new Set(applied.map(({ appliedIndex }) => appliedIndex)).size === 1;
    return same && applied.map(({ chainHash }) => chainHash);
  });
  expect(new Set(chains).size).toBe(1);
}

/** A node that votes alone, stopped and with an entry lost that the check of its log at a start does not come to. */
async function stoppedWithout(
  lost: (directory: string) => Promise<number>,
  first: (client: FactstoreClient) => Promise<unknown> = async () => {},
) {
  const alone = await TestNodes.start(1, { shutdownTimeoutMs: 1_000 });
  nodes = alone;
  const before = await alone.client();
  await first(before);
  // A start reads what is not in sealed blocks of the index, up to three of 16,384 events, and verifies the last 64 MiB.
  const many = Array.from({ length: 1_000 }, (_, i) => ({ type: 'Counted', data: { i } }));
  for (let i = 0; i < 51; i++) await before.append(`s-${i}`, many);
  const large = [{ type: 'Counted', data: { text: 'x'.repeat(1_000_000) } }];
  await Promise.all(Array.from({ length: 70 }, () => before.append('large', large)));
  await alone.stopNode(0);
  await damage(alone.data(0), [await lost(alone.data(0))]);
  return alone;
}

/** The same, started. */
async function aloneWithout(index: number) {
  const alone = await stoppedWithout(async () => index);
  const { logger, lines } = logging();
  const tells = (event: string) => until(event, () => lines.find((line) => line.event === event));
  await alone.startNode(0, {}, { logger });
  return { alone, logger, lines, tells, client: await alone.client(0) };
}

function said(node: ProcessNode, event: string): boolean {
  return node.output.some((line) => line.includes(`"${event}"`));
}

describe('a node whose log is damaged below its commit index', () => {
  test('gets the damaged entries back from its peers when it starts, and tells so meanwhile [D7]', async () => {
    nodes = await TestNodes.start(3, { shutdownTimeoutMs: 1_000 });
    const client = await nodes.client();
    await fill(client, 300);
    const n = await nodes.follower();
    await nodes.stopNode(n);
    await damage(nodes.data(n), [40, 41, 42, 43, 120, 250]);
    // Nobody is there to mend it.
    const others = [0, 1, 2].filter((other) => other !== n);
    await Promise.all(others.map((other) => nodes?.stopNode(other)));
    const node = await nodes.startNode(n);
    await until('it says what it waits for', () => /repairing its log, \d+ % .*no peer has entry/.test(node.role));
    expect(node.role).toMatch(/entry (250|120|43|42|41|40): it/);
    await Promise.all(others.map((other) => nodes?.startNode(other)));
    await converged(client);
    const own = await nodes.client(n);
    let count = 0;
    for await (const event of own.readAll({ userEvents: true })) count += event.position > 0n ? 1 : 0;
    expect(count).toBe(303);
    expect(await readdir(nodes.data(n))).not.toContain('log.damaged');
    await fill(client, 10);
    await converged(client);
  });

  test('two nodes with different damage mend each other [D7]', async () => {
    nodes = await TestNodes.start(3, { shutdownTimeoutMs: 1_000 });
    const client = await nodes.client();
    await fill(client, 200);
    await Promise.all([0, 1, 2].map((n) => nodes?.stopNode(n)));
    await damage(nodes.data(0), [30, 31, 90]);
    await damage(nodes.data(1), [50, 91, 160]);
    await Promise.all([nodes.startNode(0), nodes.startNode(1)]);
    await nodes.leader();
    await nodes.startNode(2);
    await converged(client);
    await fill(client, 10);
  });

  test('that finds it while it runs hands leadership over, and mends itself without being started again [D7]', async () => {
    const cluster = await ProcessCluster.prepare(3);
    onTestFinished(() => cluster.dispose());
    cluster.startAll();
    const client = await cluster.client();
    onTestFinished(() => client.close());
    // A start verifies the last 10,000 entries.
    await fill(client, 10_200);
    const [node] = cluster.nodes as [ProcessNode];
    await node.end('SIGTERM');
    await damage(node.data, [60]);
    node.output.length = 0;
    node.start();
    const own = await node.client();
    onTestFinished(() => own.close());
    await until('the damaged entry is met', async () => {
      // Once it is gone the client goes on at another node, which has the entry.
      for await (const _ of own.readAll({ consistency: 'local' })) if (said(node, 'log.damaged')) break;
      return said(node, 'log.damaged');
    });
    await until('it is mended', () => said(node, 'log.repaired'));
    expect(node.running).toBe(true);
    await converged(client);
    expect(node.output.find((line) => line.includes('"log.repaired"'))).toContain('"fetched":1');
  });

  test('of a cluster that has grown is mended by members that came later, of whom the founding record says nothing [D6, D7]', async () => {
    nodes = await TestNodes.start(1, { shutdownTimeoutMs: 1_000 });
    const client = await nodes.client();
    await fill(client, 100);
    await nodes.addNode();
    await nodes.addNode();
    await until('three vote', async () => {
      const { members } = await client.cluster.status();
      return members.filter((member) => member.voter).length === 3;
    });
    await fill(client, 100);
    await nodes.stopNode(0);
    await damage(nodes.data(0), [40, 41]);
    await nodes.startNode(0);
    await converged(await nodes.client());
    expect(await readdir(nodes.data(0))).not.toContain('log.damaged');
  });

  test('and that votes alone serves on where a node joins that would need the damaged entry, also started anew [D7]', async () => {
    const { alone, logger, lines, tells } = await aloneWithout(10);
    await alone.addNode();
    expect((await tells('log.unsendable')).text).toMatch(/^n2\/.* waits for what this node has lost: entry 10: /);
    const client = await alone.client(0);
    await client.append('s', [{ type: 'Counted', data: {} }]);
    expect(await readdir(alone.data(0))).not.toContain('damaged.json');
    await expect(client.cluster.promote('n2')).rejects.toThrow(/n2 cannot catch up, as n1 has lost .*entry 10/);
    // One that has noted the damage, as it thought that others could mend it, finds that they cannot.
    await alone.stopNode(0);
    await writeDamageNote(alone.data(0), { kind: 'belowCommit', index: 10, text: 'entry 10: its checksum is wrong' });
    lines.length = 0;
    await alone.startNode(0, {}, { logger });
    expect((await tells('log.unmended')).text).toMatch(/goes on .* no peer has entry 10: n2: /);
    await tells('log.unsendable');
    await client.append('s', [{ type: 'Counted', data: {} }]);
    expect(lines.map(({ level }) => level)).not.toContain('fatal');
  });

  test('and that votes alone serves on where a scavenge or a projection needs the damaged entry, also started anew [D7]', async () => {
    const { alone, logger, lines, tells, client } = await aloneWithout(10);
    await client.streams.truncate('s-30', 500n);
    await client.admin.startScavenge();
    for (let starts = 0; starts < 2; starts++) {
      expect((await tells('scavenge.waits')).text).toMatch(/entry 10: its checksum is wrong/);
      await client.append('s', [{ type: 'Counted', data: {} }]);
      const [member] = await client.admin.scavengeStatus();
      expect(member).toMatchObject({ state: 'running', waitsFor: 'entry 10: its checksum is wrong' });
      lines.length = 0;
      await alone.stopNode(0);
      await alone.startNode(0, {}, { logger });
    }
    await client.admin.stopScavenge();
    await client.projections.create('counts', 'fromAll().when({ Counted: () => ({}) })');
    expect((await tells('projection.waits')).text).toMatch(/projection counts: .*entry 10: its checksum is wrong/);
    const { active } = await client.projections.get('counts');
    expect(active).toMatchObject({ state: 'catchingUp', waitsFor: expect.stringContaining('entry 10') });
    await client.append('s', [{ type: 'Counted', data: {} }]);
    expect(lines.map(({ level }) => level)).not.toContain('fatal');
  });

  test('and that votes alone refuses to start where it lacks a fact that its start needs, and names the ways out [D7]', async () => {
    const fact = (directory: string) => entryWith(directory, '$projectionCreated');
    const alone = await stoppedWithout(fact, async (client) => {
      // A start finds by a few of the first entries where the term begins: the fact is behind them.
      for (let i = 0; i < 12; i++) await client.append('s', [{ type: 'Counted', data: {} }]);
      await client.projections.create('counts', 'fromAll().when({})');
    });
    await expect(alone.startNode(0)).rejects.toThrow(/entry \d+: its checksum is wrong.*Ways out.*from a backup/);
  });

  test('and that has no peers refuses to start, and names the ways out [D7]', async () => {
    nodes = await TestNodes.start(1);
    await fill(await nodes.client(), 50);
    await nodes.stopNode(0);
    await damage(nodes.data(0), [20]);
    await expect(nodes.startNode(0)).rejects.toThrow(/entry 20: its checksum is wrong.*Ways out/);
  });
});

describe('factstore verify', () => {
  test('tells what is damaged in the directory of a stopped node, all of it, and exits with 1 [D7]', async () => {
    nodes = await TestNodes.start(1);
    await fill(await nodes.client(), 50);
    const directory = nodes.data(0);
    expect(await runCli(['verify', directory])).toMatchObject({ code: 1, stderr: expect.stringMatching(/in use by/) });
    await nodes.stopNode(0);
    const fine = await runCli(['verify', directory, '--json']);
    expect(fine.code).toBe(0);
    expect(JSON.parse(fine.stdout)).toMatchObject({ nodeId: 'n1', damages: [] });
    expect(JSON.parse(fine.stdout).entries).toBeGreaterThan(50);

    await damage(directory, [20, 33]);
    const found = await runCli(['verify', directory, '--json']);
    expect(found.code).toBe(1);
    expect(JSON.parse(found.stdout).damages).toEqual(['entry 20: its checksum is wrong', 'entry 33: it is missing']);
    expect(await runCli(['verify', directory])).toMatchObject({
      stdout: expect.stringContaining('entry 33: it is missing'),
      stderr: expect.stringContaining('is damaged, see above'),
    });
  });

  test('of a directory whose promise, identity or index is damaged says so; of no directory, too [D2]', async () => {
    nodes = await TestNodes.start(1);
    await fill(await nodes.client(), 50);
    const directory = nodes.data(0);
    await nodes.stopNode(0);
    await writeFile(join(directory, 'promise'), Buffer.alloc(100));
    const unpromised = await runCli(['verify', directory, '--json']);
    expect(JSON.parse(unpromised.stdout).damages).toEqual([expect.stringMatching(/promise/)]);
    await writeFile(join(directory, 'identity.json'), '{}');
    const nobody = await runCli(['verify', directory, '--json']);
    expect(JSON.parse(nobody.stdout).damages).toEqual([expect.stringMatching(/identity.json/)]);
    expect(await runCli(['verify', join(directory, 'nothing')])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/is not a data directory/),
    });
  });
});
