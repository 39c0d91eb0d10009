import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Commit } from '../../bench/datasets/git-commits.ts';
import { appendOf, defaultHistory, replay } from '../../bench/datasets/git-history.ts';
import { connect, type FactstoreClient } from '../../src/client/index.ts';
import { ProcessCluster } from '../support/process-cluster.ts';
import { runCli } from '../support/run-cli.ts';
import { until } from '../support/wait.ts';

const LIVE_FILES = `fromCategory('file').when({
  $init: () => ({ paths: {} }),
  FileAdded: (state, event) => { state.paths[event.data.path] = true; },
  FileModified: (state, event) => { state.paths[event.data.path] = true; },
  FileDeleted: (state, event) => { delete state.paths[event.data.path]; },
});`;

const COMMITS_PER_YEAR = `fromCategory('contributor').partitionBy((event) => {
  return event.streamId.slice('contributor-'.length) + ' ' + event.data.time.slice(0, 4);
}).when({
  $init: () => ({ commits: 0 }),
  CommitMade: (state) => { state.commits++; },
});`;

const BUSIEST = `fromQuery({ types: ['FileAdded', 'FileModified', 'FileDeleted'] }).when({
  $init: () => ({}),
  $any: (state, event) => {
    const slash = event.data.path.indexOf('/');
    const directory = slash < 0 ? '.' : event.data.path.slice(0, slash);
    state[directory] = (state[directory] || 0) + 1;
  },
});`;

const DELETIONS = `fromCategory('file').foreachStream().when({
  $init: () => ({ times: 0 }),
  FileDeleted: (state, event) => {
    state.times++;
    emit('deletions', 'PathDeleted', { path: event.data.path, commit: event.data.commit, times: state.times });
  },
});`;

const RESULTS = `fromCategory('file').partitionBy((event) => event.data.path.split('/')[0]).when({
  $init: () => ({ deleted: 0 }),
  FileDeleted: (state) => { state.deleted++; },
}).filterBy((state) => state.deleted > 0).outputTo('unused', 'deleted-in-{0}')`;

/**
 * Projections of a real history on three real processes, each of which is killed in turn while it is imported. What they
 * must come to is computed here, straight from the history.
 */
describe('projections of a git history on three nodes', () => {
  let cluster: ProcessCluster;
  let client: FactstoreClient;
  let folder: string;
  let file: string;
  let head = 0n;
  const expected = {
    files: [] as string[],
    perYear: new Map<string, number>(),
    directories: {} as Record<string, number>,
    deletions: [] as { path: string; commit: string; times: number }[],
    events: 0,
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'factstore-projections-'));
    file = join(folder, 'history.ndjson');
    const commits: Commit[] = [];
    for await (const commit of defaultHistory()) commits.push(commit);
    const appends = commits.map(appendOf);
    await writeFile(file, appends.map((append) => `${JSON.stringify(append)}\n`).join(''));
    const events = appends.flatMap(({ writes }) => writes.flatMap((write) => write.events));
    expected.events = events.length;
    expected.files = replay(events);
    const times = new Map<string, number>();
    for (const { contributor, time } of commits) {
      const key = `${contributor} ${time.slice(0, 4)}`;
      expected.perYear.set(key, (expected.perYear.get(key) ?? 0) + 1);
    }
    for (const { type, data } of events) {
      const { path, commit } = data as { path?: string; commit: string };
      if (path === undefined) continue;
      const directory = path.includes('/') ? path.slice(0, path.indexOf('/')) : '.';
      expected.directories[directory] = (expected.directories[directory] ?? 0) + 1;
      if (type !== 'FileDeleted') continue;
      times.set(path, (times.get(path) ?? 0) + 1);
      expected.deletions.push({ path, commit, times: times.get(path) as number });
    }
    cluster = await ProcessCluster.prepare(3);
    cluster.startAll();
    client = await cluster.client();
  }, 60_000);

  afterAll(async () => {
    await client?.close();
    await cluster?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  async function checkNode(url: string): Promise<void> {
    const own = await connect(url, { connectTimeoutMs: 60_000 });
    try {
      const fresh = { atLeast: head, timeoutMs: 60_000 };
      const files = await patiently(() => own.projections.state<{ paths: object }>('live-files', '', fresh));
      const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
      expect(Object.keys(files.state?.paths ?? {}).sort(byBytes)).toEqual(expected.files);
      expect((await patiently(() => own.projections.state('busiest', '', fresh))).state).toEqual(expected.directories);
      const perYear = await patiently(async () => {
        const rows = new Map<string, number>();
        for await (const { partition, state } of own.projections.partitions<{ commits: number }>('commits', fresh)) {
          rows.set(partition, state?.commits ?? 0);
        }
        return rows;
      });
      expect([...perYear].sort()).toEqual([...expected.perYear].sort());
    } finally {
      await own.close();
    }
  }

  /** One result for each deletion, in order, each once. */
  async function checkResults(): Promise<void> {
    const counts = new Map<string, number>();
    for (const { path } of expected.deletions) {
      const top = path.split('/')[0] as string;
      counts.set(top, (counts.get(top) ?? 0) + 1);
    }
    for (const [top, count] of counts) {
      const results = await until('all results are there', async () => {
        const events = await client.read<{ type: string; data: unknown }>(`deleted-in-${top}`).toArray();
        return events.length >= count && events;
      });
      expect(results.map(({ data }) => data)).toEqual(Array.from({ length: count }, (_, n) => ({ deleted: n + 1 })));
    }
  }

  /** A node that was killed has to come back, and to catch up. */
  function patiently<T>(ask: () => Promise<T>): Promise<T> {
    return until('the node answers', ask, 60_000);
  }

  it('P2: are right on every node, and emit each event once, though every node is killed meanwhile', async () => {
    await client.projections.create('live-files', LIVE_FILES, { timeoutMs: 30_000 });
    await client.projections.create('commits', COMMITS_PER_YEAR);
    await client.projections.create('busiest', BUSIEST);
    await client.projections.create('deletions', DELETIONS);
    await client.projections.create('results', RESULTS);
    const importing = runCli(['import', file, '--json', '--url', cluster.url]);
    const leader = () =>
      cluster.leader(async () => {
        const { members } = await client.cluster.status();
        return members.find((member) => member.reachable && member.role === 'leader' && member.notReady === '')?.nodeId;
      });
    for (const [n, node] of [...cluster.nodes, undefined, undefined].entries()) {
      const position = BigInt(Math.floor(((n + 1) * expected.events) / 7));
      await until(
        'more of it is imported',
        async () => (await client.head({ consistency: 'local' })) >= position,
        60_000,
      );
      const killed = node ?? (await leader());
      await killed.end('SIGKILL');
      killed.start();
    }
    expect(await importing).toMatchObject({ code: 0 });
    const emitted = await until(
      'everything is emitted',
      async () => {
        const events = await client.read<{ type: string; data: unknown }>('deletions').toArray();
        return events.length >= expected.deletions.length && events;
      },
      90_000,
    );
    expect(emitted.map(({ data }) => data)).toEqual(expected.deletions);
    await checkResults();
    head = await client.head();
    for (const node of cluster.nodes) await checkNode(node.url);
    expect(await client.read('deletions').toArray()).toHaveLength(expected.deletions.length);
  }, 240_000);

  it('P5: are right again after the states of a node were lost, and are built from nothing', async () => {
    const node = cluster.node('n2');
    await node.end('SIGKILL');
    await rm(join(node.data, 'projections'), { recursive: true });
    node.start();
    await checkNode(node.url);
    expect(await client.read('deletions').toArray()).toHaveLength(expected.deletions.length);
  }, 120_000);
});
