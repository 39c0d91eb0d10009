import { spawnSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type FactstoreClient, FactstoreError } from '../../src/client/index.ts';
import { ProcessCluster, type ProcessNode } from '../support/process-cluster.ts';
import { until } from '../support/wait.ts';

const MIB = 1 << 20;
/** Eight write buffers of LevelDB, the least that a node keeps in reserve. */
const RESERVED = ['--disk-reserve-bytes', '128 MiB', '--ballast-bytes', '8 MiB'];

/** A disk of its own for a node that does not run yet; false: this process may not mount any. */
function mountDisk({ data }: ProcessNode, mebibytes: number): boolean {
  mkdirSync(data, { recursive: true });
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', data]).status !== 0) return false;
  // Before the cluster removes its directories.
  onTestFinished(() => {
    spawnSync('umount', ['--lazy', data]);
  });
  return true;
}

/** Leaves so much of a node's disk free. */
function fillDisk({ data }: ProcessNode, freeBytes: number): void {
  const block = Buffer.alloc(MIB);
  const free = () => {
    const { bavail, bsize } = statfsSync(data);
    return bavail * bsize;
  };
  for (let n = 0; free() > freeBytes; n++) {
    try {
      writeFileSync(join(data, `filler-${n}`), block.subarray(0, Math.min(MIB, free() - freeBytes)));
    } catch {
      return;
    }
  }
}

function emptyDisk({ data }: ProcessNode): void {
  for (let n = 0; n < 1_000; n++) rmSync(join(data, `filler-${n}`), { force: true });
}

async function connected(cluster: ProcessCluster): Promise<FactstoreClient> {
  const client = await cluster.client();
  onTestFinished(() => client.close());
  return client;
}

/** Attempts with the same id are one append: the fate of one whose time runs out while the disk is full is open. */
function append(client: FactstoreClient, stream: string, timeoutMs = 10_000, appendId: string = randomUUID()) {
  return client.append(stream, [{ type: 'Counted', data: {} }], { timeoutMs, appendId });
}

/** Nodes with small disks, of which the test ends first. */
async function start(size: number, mebibytes: number, flags: readonly string[]): Promise<ProcessCluster | undefined> {
  const cluster = await ProcessCluster.prepare(size, flags);
  onTestFinished(() => cluster.dispose());
  if (!cluster.nodes.every((node) => mountDisk(node, mebibytes))) return undefined;
  cluster.startAll();
  return cluster;
}

const PARTITIONS = 600;
/** With it what is made at once is of some 200 events. */
const PADDING = { padding: 'x'.repeat(5_000) };
/** Takes a while, and 12 KiB for each partition, of which LevelDB can compress little. */
const LARGE_STATES = `
  fromAll().partitionBy(({ data }) => String(data.partition)).when({
    $init: () => ({ text: '' }),
    Seen: (state, { data }) => {
      const parts = [];
      for (let n = 0, x = data.partition + 1; n < 2000; n++) {
        x = (x * 48271) % 2147483647;
        parts.push(x.toString(36));
      }
      return { text: parts.join('') };
    },
  });
`;
const UNMOUNTABLE = 'this process may not mount file systems';

describe('a node whose disk gets full', () => {
  test('reads on, refuses appends and says why, and goes on by itself when there is space [D1]', async ({ skip }) => {
    const cluster = await start(1, 300, RESERVED);
    if (!cluster) return skip(UNMOUNTABLE);
    const [node] = cluster.nodes as [ProcessNode];
    const client = await connected(cluster);
    await append(client, 'a');
    fillDisk(node, 100 * MIB);
    // What was judged before is written, and answered, once there is space.
    await until('it has noticed', async () => {
      const [member] = (await client.cluster.status()).members;
      return member?.reachable && /nearly full/.test(member.notReady);
    });
    const id = randomUUID();
    const refused = await until('an append is refused', async () => {
      const error = await append(client, 'a', 1_000, id).catch((thrown: FactstoreError) => thrown);
      return error instanceof FactstoreError && error.code !== 'DEADLINE_EXCEEDED' && error;
    });
    expect(refused).toMatchObject({
      code: 'DISK_RESERVE',
      definite: true,
      message: expect.stringMatching(/short of disk space.*Nothing was written/),
    });
    const before = await client.read('a').toArray();
    emptyDisk(node);
    await until('appends are taken again', () => append(client, 'a', 2_000, id));
    expect((await client.read('a').toArray()).length).toBe(before.length + 1);
  });

  test('while a projection is built runs on, reads, says what the projection waits for, and builds it once there is space [D1]', async ({
    skip,
  }) => {
    const cluster = await start(1, 250, RESERVED);
    if (!cluster) return skip(UNMOUNTABLE);
    const [node] = cluster.nodes as [ProcessNode];
    const client = await connected(cluster);
    const seen = Array.from({ length: PARTITIONS }, (_, partition) => ({
      type: 'Seen',
      data: { partition, ...PADDING },
    }));
    await client.append('a', seen);
    await client.projections.create('large', LARGE_STATES);
    const status = async () => (await client.projections.get('large')).active;
    await until('a part is built', async () => ((await status())?.checkpoint ?? 0n) > 0n);
    fillDisk(node, 100 * MIB);
    const waits = await until('it waits', async () => (await status())?.waitsFor);
    expect(waits).toMatch(/disk of this node is nearly full/);
    expect(await client.read('a', { consistency: 'local' }).toArray()).toHaveLength(PARTITIONS);
    const whole = { atLeast: BigInt(PARTITIONS), timeoutMs: 500 };
    await expect(client.projections.state('large', '0', whole)).rejects.toThrow(/nearly full/);
    expect(node.running).toBe(true);
    emptyDisk(node);
    await until('it is built', async () => (await status())?.lag === 0n);
    await append(client, 'b');
  });

  test('is started on it after it was killed, reads, and goes on by itself when there is space [D1]', async ({
    skip,
  }) => {
    const cluster = await start(1, 300, RESERVED);
    if (!cluster) return skip(UNMOUNTABLE);
    const [node] = cluster.nodes as [ProcessNode];
    const before = await connected(cluster);
    // The commit index becomes durable with the next write.
    for (let n = 0; n < 5; n++) await append(before, 'a');
    await node.end('SIGKILL');
    fillDisk(node, 0);
    node.start();
    const client = await connected(cluster);
    const shown = await until('it reads', () => client.read('a', { consistency: 'local' }).toArray());
    expect(shown.length).toBeGreaterThanOrEqual(4);
    await expect(append(client, 'a', 2_000)).rejects.toMatchObject({
      definite: true,
      message: expect.stringMatching(/full|leader/),
    });
    expect(node.output.join('\n')).toContain('disk.ballast');
    emptyDisk(node);
    await until('appends are taken again', () => append(client, 'a', 2_000));
    expect(node.running).toBe(true);
  });

  test('hands leadership to one that has room, and appends go on [D1]', async ({ skip }) => {
    const cluster = await start(3, 300, RESERVED);
    if (!cluster) return skip(UNMOUNTABLE);
    const client = await connected(cluster);
    const leaderOf = async () => (await client.cluster.status()).leader;
    const full = await cluster.leader(leaderOf);
    await append(client, 'a');
    fillDisk(full, 100 * MIB);
    await until('another one leads', async () => {
      const leader = await leaderOf();
      return leader !== undefined && leader !== full.id;
    });
    for (let n = 0; n < 20; n++) await append(client, 'a');
    emptyDisk(full);
    await until('it has caught up by itself', async () => {
      const { members } = await client.cluster.status();
      return members.every(
        (member) => member.reachable && member.lag === 0n && member.persistedIndex === member.commitIndex,
      );
    });
    expect(full.running).toBe(true);
  });

  test('and that keeps no reserve ends at the first write that fails, and has lost nothing when it starts again [D1]', async ({
    skip,
  }) => {
    const cluster = await start(1, 24, ['--disk-reserve-bytes', '0', '--ballast-bytes', '1 MiB']);
    if (!cluster) return skip(UNMOUNTABLE);
    const [node] = cluster.nodes as [ProcessNode];
    const client = await connected(cluster);
    // Nothing that LevelDB could compress.
    const data = { text: randomBytes(400_000).toString('base64') };
    let acknowledged = 0;
    await until('the disk is full', async () => {
      await client.append('a', [{ type: 'Large', data }], { timeoutMs: 3_000 }).then(
        () => acknowledged++,
        () => undefined,
      );
      return !node.running;
    });
    expect(node.output.join('\n')).toMatch(/node\.failed.*(must end and start anew|[Nn]o space left)/);
    spawnSync('mount', ['-o', 'remount,size=200m', node.data]);
    node.start();
    const again = await connected(cluster);
    const read = await until('it reads', () => again.read('a').toArray());
    expect(read.length).toBeGreaterThanOrEqual(acknowledged);
    expect(acknowledged).toBeGreaterThan(10);
    await append(again, 'b');
  });
});
