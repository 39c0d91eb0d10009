import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultHistory, importLines } from '../../bench/datasets/git-history.ts';
import { connect, type FactstoreClient, type ReachableMember } from '../../src/client/index.ts';
import { runCli } from '../support/run-cli.ts';
import { until } from '../support/wait.ts';
import { ComposeCluster, NODES, type NodeId } from './compose-cluster.ts';
import { ContinuousAppends } from './continuous-appends.ts';

/** The cluster of docker-compose.yml, as somebody has it who types `docker compose up`, through its published ports. */
describe('the cluster of docker-compose.yml', () => {
  let cluster: ComposeCluster;
  let db: FactstoreClient;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'factstore-container-'));
    cluster = await ComposeCluster.start();
    db = await connect(cluster.url);
  }, 240_000);
  afterAll(async () => {
    await db?.close();
    await cluster?.dispose();
    await rm(folder, { recursive: true, force: true });
  }, 120_000);

  const reachable = async () =>
    (await db.cluster.status()).members.filter((member): member is ReachableMember => member.reachable);
  const leader = () =>
    until('a node leads', async () => {
      const found = (await reachable()).find((member) => member.role === 'leader' && member.notReady === '');
      return found?.nodeId as NodeId | undefined;
    });
  const agreed = () =>
    until('all three agree', async () => {
      const members = await reachable();
      const places = new Set(members.map((member) => `${member.appliedIndex} ${member.chainHash}`));
      return members.length === NODES.length && places.size === 1;
    });
  const worked = (appends: ContinuousAppends, more: number) => {
    const before = appends.count;
    return until(`${more} more appends are acknowledged`, () => appends.count >= before + more, 60_000);
  };
  const nothingLost = async (appends: ContinuousAppends) => {
    await agreed();
    expect(await appends.written()).toEqual(appends.expected());
  };

  it('imports a real history through its published ports, and gives it back', async () => {
    const lines: string[] = [];
    for await (const line of importLines(defaultHistory())) lines.push(line.trimEnd());
    const file = join(folder, 'history.ndjson');
    await writeFile(file, `${lines.join('\n')}\n`);
    const imported = await runCli(['import', file, '--json', '--url', cluster.url]);
    expect(imported.stderr).toBe('');
    expect(imported.code).toBe(0);
    const ids = (line: string) =>
      (JSON.parse(line) as { writes: { events: { id: string }[] }[] }).writes.flatMap(({ events }) =>
        events.map(({ id }) => id),
      );
    const exported = await runCli(['export', '--all', '--url', cluster.url]);
    expect(exported.code).toBe(0);
    expect(exported.stdout.trimEnd().split('\n').flatMap(ids)).toEqual(lines.flatMap(ids));
    await agreed();
  }, 180_000);

  it('tells addresses that are right for the host and within the network', async () => {
    const within = await cluster.factstore('n1', 'cluster', 'status', '--json', '--url', 'factstore://n2:2113,n3:2113');
    expect(within.split('\n')).toHaveLength(NODES.length);
    const addresses = new Set((await reachable()).map((member) => `factstore://${member.address}`));
    expect([...addresses].sort()).toEqual(
      cluster.url
        .split(/,/)
        .map((a) => `factstore://${a.replace(/^.*\//, '')}`)
        .sort(),
    );
    await cluster.factstore('n1', 'append', 'within', '--type', 'T', '--url', 'factstore://n2:2113,n3:2113');
    expect(await db.read('within').toArray()).toHaveLength(1);
  });

  it.each([
    ['its container is killed', 'kill', 'restart'],
    ['it is cut off from the network', 'disconnect', 'join'],
  ] as const)(
    'loses nothing when the leader is lost because %s, and takes it back',
    async (_, lose, bringBack) => {
      const appends = new ContinuousAppends(db, lose);
      await worked(appends, 200);
      const node = await leader();
      await cluster[lose](node);
      await worked(appends, 200);
      expect(await leader()).not.toBe(node);
      await cluster[bringBack](node);
      await cluster.healthy(node);
      await worked(appends, 200);
      expect(await appends.stop()).toEqual([]);
      await nothingLost(appends);
    },
    120_000,
  );

  it('takes a node back whose volume was wiped: as another member, which receives the log and then votes [D7]', async () => {
    const appends = new ContinuousAppends(db, 'wiped');
    await worked(appends, 200);
    const node = await leader();
    const before = (await reachable()).find((member) => member.nodeId === node);
    await cluster.wipe(node);
    const after = await until('it votes', async () =>
      (await reachable()).find((member) => member.nodeId === node && member.voter),
    );
    expect(after.directoryId).not.toBe(before?.directoryId);
    await worked(appends, 200);
    expect(await appends.stop()).toEqual([]);
    await nothingLost(appends);
  }, 120_000);

  it('hands leadership over when a container is stopped, and ends in time', async () => {
    const node = await leader();
    expect(await cluster.stop(node)).toBe(0);
    expect(await leader()).not.toBe(node);
    await cluster.restart(node);
    await cluster.healthy(node);
  }, 60_000);

  it('hands leadership over before a stop where it leads, and lets it be where another one does', async () => {
    const node = await leader();
    await cluster.preStop(node);
    const next = await leader();
    expect(next).not.toBe(node);
    await cluster.preStop(node);
    expect(await leader()).toBe(next);
  }, 60_000);

  it('is rolled onto a rebuilt image, node by node, without one append that fails', async () => {
    await cluster.buildAnew();
    const appends = new ContinuousAppends(db, 'rolled');
    await worked(appends, 200);
    for (const node of NODES) {
      await cluster.roll(node);
      expect(await cluster.revision(node)).toBe('rebuilt');
      await worked(appends, 100);
    }
    expect(await appends.stop()).toEqual([]);
    await nothingLost(appends);
  }, 240_000);
});
