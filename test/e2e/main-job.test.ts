import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  defaultHistory,
  importLines,
  OWN_REPOSITORY,
  replay,
  SHARED_HISTORY,
} from '../../bench/datasets/git-history.ts';
import type { FactstoreClient, ReachableMember } from '../../src/client/index.ts';
import { ProcessCluster } from '../support/process-cluster.ts';
import { runCli } from '../support/run-cli.ts';
import { until } from '../support/wait.ts';

/**
 * The main job on real input: three real processes import a git history; the leader is killed half way. The truth is
 * known from outside: the paths that exist after the last commit.
 */
describe('three nodes importing a git history', () => {
  let cluster: ProcessCluster;
  let client: FactstoreClient;
  let folder: string;
  let file: string;
  const expected = { commits: 0, events: 0, paths: [] as string[] };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'factstore-history-'));
    file = join(folder, 'history.ndjson');
    const lines: string[] = [];
    for await (const line of importLines(defaultHistory())) lines.push(line);
    await writeFile(file, lines.map((line) => (line.endsWith('\n') ? line : `${line}\n`)).join(''));
    expected.commits = lines.length;
    for (const line of lines) {
      const { writes } = JSON.parse(line) as { writes: { events: unknown[] }[] };
      for (const write of writes) expected.events += write.events.length;
    }
    expected.paths = await livePaths();
    cluster = await ProcessCluster.prepare(3);
    cluster.startAll();
    client = await cluster.client();
  }, 60_000);

  afterAll(async () => {
    await client?.close();
    await cluster?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  const reachable = async () =>
    (await client.cluster.status()).members.filter((member): member is ReachableMember => member.reachable);
  const leader = () =>
    cluster.leader(
      async () => (await reachable()).find((member) => member.role === 'leader' && member.notReady === '')?.nodeId,
    );
  const converged = () =>
    until(
      'all three nodes have applied the same',
      async () => {
        const members = await reachable();
        const [first] = members;
        if (members.length !== 3 || !first) return false;
        if (
          members.some(
            (member) => member.appliedIndex !== first.appliedIndex || member.commitIndex !== first.appliedIndex,
          )
        )
          return false;
        return members;
      },
      60_000,
    );

  async function checkEveryNode(): Promise<void> {
    const members = await converged();
    expect(new Set(members.map((member) => member.chainHash)).size).toBe(1);
    for (const node of cluster.nodes) {
      const own = await node.client();
      try {
        await checkNode(own, expected);
      } finally {
        await own.close();
      }
    }
  }

  it('lose nothing when the leader is killed half way', async () => {
    const first = await leader();
    const half = Math.floor(expected.events / 2);
    const importing = runCli(['import', file, '--json', '--url', cluster.url]);
    await until(
      'half of it is imported',
      async () => (await client.head({ consistency: 'local' })) >= BigInt(half),
      60_000,
    );
    await first.end('SIGKILL');
    const result = await importing;
    expect(result.stderr).toBe('');
    expect(result.code).toBe(0);
    expect(JSON.parse(result.stdout)).toMatchObject({ appended: expected.commits, alreadyThere: 0 });
    first.start();
    await checkEveryNode();
  }, 180_000);

  it('still have it all after all three were killed at once', async () => {
    await Promise.all(cluster.nodes.map((node) => node.end('SIGKILL')));
    cluster.startAll();
    await leader();
    await checkEveryNode();
  }, 120_000);

  it('change nothing when the same file is imported again', async () => {
    const before = await client.head();
    const result = await runCli(['import', file, '--json', '--url', cluster.url]);
    expect(JSON.parse(result.stdout)).toMatchObject({ appended: 0, alreadyThere: expected.commits });
    expect(await client.head()).toBe(before);
  }, 60_000);
});

async function checkNode(client: FactstoreClient, expected: { events: number; paths: string[] }): Promise<void> {
  const next = new Map<string, bigint>();
  const events: { type: string; data: unknown }[] = [];
  let position = 0n;
  for await (const event of client.readAll({ userEvents: true })) {
    expect(event.position).toBe(++position);
    const revision = next.get(event.stream) ?? 0n;
    expect(event.revision).toBe(revision);
    next.set(event.stream, revision + 1n);
    events.push({ type: event.type, data: event.data });
  }
  expect(events.length).toBe(expected.events);
  expect(replay(events)).toEqual(expected.paths);
}

async function livePaths(): Promise<string[]> {
  if (existsSync(SHARED_HISTORY)) {
    const list = fileURLToPath(new URL('../../../shared/data/git-history.files.txt', import.meta.url));
    return (await readFile(list, 'utf8')).split('\n').filter((path) => path !== '');
  }
  const names = execFileSync('git', ['-C', OWN_REPOSITORY, 'ls-tree', '-r', '-z', '--name-only', 'HEAD'], {
    encoding: 'utf8',
  });
  return names
    .split('\0')
    .filter((path) => path !== '')
    .sort();
}
