import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFailed, onTestFinished } from 'vitest';
import { connect, type FactstoreClient } from '../../src/client/index.ts';
import { ContinuousAppends } from '../container/continuous-appends.ts';
import { until } from '../support/wait.ts';
import { cannotRender, type Overlay } from './manifests.ts';
import { Pods } from './pods.ts';

const reason = cannotRender();

async function started(overlay: Overlay): Promise<{ pods: Pods; client: FactstoreClient }> {
  const pods = await Pods.start(overlay);
  onTestFailed(() => console.error(pods.output.slice(-40).join('\n')));
  onTestFinished(() => pods.dispose());
  const client = await connect(pods.url);
  onTestFinished(() => client.close());
  return { pods, client };
}

/** Resolves once the pods with the ordinals below `count` are the members, and all of them vote. */
function members(client: FactstoreClient, count: number): Promise<true> {
  const expected = Array.from({ length: count }, (_, ordinal) => `factstore-${ordinal}`).join(' ');
  const have = async () => {
    const { members } = await client.cluster.status();
    return members.every(({ voter, reachable }) => voter && reachable) && members.map(({ nodeId }) => nodeId).join(' ');
  };
  return until(`${expected} vote`, async () => (await have()) === expected || undefined, 30_000);
}

async function directoryOf(client: FactstoreClient, nodeId: string): Promise<string> {
  const { members } = await client.cluster.status();
  return members.find((member) => member.nodeId === nodeId)?.directoryId ?? '';
}

describe.skipIf(reason !== undefined)(`pods of the manifests${reason ? ` (not rendered: ${reason})` : ''}`, () => {
  it('join when three are scaled to five, are removed before they stop, and come back on their old volumes', async () => {
    const { pods, client } = await started('three');
    await members(client, 3);
    const appends = new ContinuousAppends(client, 'throughout');
    await pods.scale(5);
    await members(client, 5);
    const former = await directoryOf(client, 'factstore-4');

    await pods.scale(3);
    // They are gone, and so are their members, without anybody's doing.
    await members(client, 3);
    expect(existsSync(join(pods.volume(4), 'removed.json'))).toBe(true);

    await pods.scale(5);
    await members(client, 5);
    expect(await directoryOf(client, 'factstore-4')).not.toBe(former);
    expect(existsSync(join(pods.volume(4), 'removed.json'))).toBe(false);

    expect(await appends.stop()).toEqual([]);
    expect(appends.count).toBeGreaterThan(100);
    expect(await appends.written()).toEqual(appends.expected());
  }, 120_000);

  it('join on a volume whose pod was scaled away before it had joined, and was noted to be removed from no cluster', async () => {
    const { pods, client } = await started('single');
    await members(client, 1);
    mkdirSync(pods.volume(1), { recursive: true });
    writeFileSync(join(pods.volume(1), 'removed.json'), JSON.stringify({ clusterId: null }));
    await pods.scale(2);
    await members(client, 2);
    expect(existsSync(join(pods.volume(1), 'removed.json'))).toBe(false);
  }, 60_000);

  it('say what to do where the cluster that has removed them is another one by now', async () => {
    const { pods, client } = await started('single');
    await members(client, 1);
    const { clusterId } = await client.cluster.status();
    mkdirSync(pods.volume(1), { recursive: true });
    writeFileSync(join(pods.volume(1), 'removed.json'), JSON.stringify({ clusterId: randomUUID() }));
    await pods.scale(2);
    const told = /^factstore-1 .*cluster (\S+) answers.*factstore recover.*delete the volume claim of factstore-1/;
    const other = await until('it is told', () => pods.output.map((line) => told.exec(line)?.[1]).find(Boolean));
    expect(other).toBe(clusterId);
    expect(existsSync(join(pods.volume(1), 'removed.json'))).toBe(true);
  }, 60_000);

  it('stop without a complaint where they are alone, and there is nobody to take over', async () => {
    const { pods, client } = await started('single');
    await members(client, 1);
    await pods.restart(0);
    await members(client, 1);
    expect(pods.output).not.toContain('FailedPreStopHook factstore-0');
  }, 60_000);

  it('grow from one, and none that restarts, loses its volume or pauses is taken for one that is scaled away', async () => {
    const { pods, client } = await started('single');
    await members(client, 1);
    await pods.scale(3);
    await members(client, 3);
    await client.append('kept', [{ type: 'Kept', data: {} }]);
    const before = await directoryOf(client, 'factstore-2');
    for (const ordinal of [0, 2]) {
      await pods.restart(ordinal);
      await members(client, 3);
    }
    expect(await directoryOf(client, 'factstore-2')).toBe(before);

    await pods.loseVolume(2);
    await until('another one is in its place', async () => (await directoryOf(client, 'factstore-2')) !== before);
    await members(client, 3);

    // To none and back is a pause of the whole cluster, whose members stay.
    await pods.scale(0);
    await pods.scale(3);
    await members(client, 3);

    // The founder stays; the two others go at the same time.
    await pods.scale(1);
    await members(client, 1);
    expect(await client.read('kept').toArray()).toHaveLength(1);
  }, 120_000);

  it('join the others where the only founder has lost its volume, and found nothing beside them', async () => {
    const { pods, client } = await started('single');
    await members(client, 1);
    await pods.scale(3);
    await members(client, 3);
    await client.append('kept', [{ type: 'Kept', data: {} }]);
    const before = await directoryOf(client, 'factstore-0');
    await pods.loseVolume(0);
    await until('another one is in its place', async () => (await directoryOf(client, 'factstore-0')) !== before);
    await members(client, 3);
    expect(pods.output.filter((line) => line.includes('"founding.proposed"'))).toHaveLength(1);
    // With a volume that says where it belongs it needs nobody to start.
    await pods.restart(0);
    await members(client, 3);
    const own = await connect(pods.urlOf(0));
    onTestFinished(() => own.close());
    expect(await own.read('kept').toArray()).toHaveLength(1);
  }, 120_000);

  it('say so where Kubernetes does not tell whether they are scaled away, and leave their members in place', async () => {
    const { pods, client } = await started('three');
    await members(client, 3);
    pods.answers = false;
    await pods.scale(2);
    expect(pods.output).toContain('FailedPreStopHook factstore-2');
    expect(pods.output.join('\n')).toContain('remove its member: factstore cluster remove factstore-2');
    const { members: left } = await client.cluster.status();
    expect(left.map(({ nodeId }) => nodeId)).toContain('factstore-2');
    await client.cluster.remove('factstore-2', { timeoutMs: 30_000 });
    await members(client, 2);
    // Nothing on its volume says so, but the others do.
    await pods.scale(3);
    const told = /^factstore-2 .* was removed from this cluster and is not a member any more/;
    await until('the member that was removed by hand is told', () => pods.output.some((line) => told.test(line)));
  }, 120_000);

  it('take over the overlay of five from that of three, and go back', async () => {
    const { pods, client } = await started('three');
    await members(client, 3);
    const appends = new ContinuousAppends(client, 'throughout');
    await pods.apply('five');
    await members(client, 5);
    await pods.apply('three');
    await members(client, 3);
    expect(await appends.stop()).toEqual([]);
    expect(await appends.written()).toEqual(appends.expected());
  }, 120_000);
});
