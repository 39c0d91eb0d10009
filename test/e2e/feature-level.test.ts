import { expect, it, onTestFinished } from 'vitest';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

/** Nodes, each of a version that knows these feature levels. */
async function versions(...known: number[]): Promise<TestNodes> {
  const nodes = await TestNodes.prepare(known.length);
  onTestFinished(() => nodes.dispose());
  await Promise.all(known.map((knownFeatureLevel, n) => nodes.startNode(n, {}, { knownFeatureLevel })));
  await nodes.leader();
  return nodes;
}

async function levels(nodes: TestNodes): Promise<number[]> {
  const { members } = await (await nodes.client()).cluster.status();
  return members.map((member) => (member.reachable ? member.featureLevel : -1));
}

it('a cluster begins at the highest feature level that all founders know [S16]', async () => {
  expect(await levels(await versions(3, 2, 4))).toEqual([2, 2, 2]);
});

it('is raised by a fact once every member has shown that it knows the level, and not before [S16]', async () => {
  const nodes = await versions(2, 2, 1);
  const { cluster } = await nodes.client();
  expect(await levels(nodes)).toEqual([1, 1, 1]);
  await expect(cluster.raiseFeatureLevel(2)).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    message: expect.stringMatching(/n3 knows levels up to 1/),
  });
  expect(await cluster.raiseFeatureLevel()).toBe(1);

  await nodes.stopNode(2);
  await until('the stop is noticed', () =>
    cluster.raiseFeatureLevel(2).catch((e: Error) => /not reachable/.test(e.message) || undefined),
  );
  await nodes.startNode(2, {}, { knownFeatureLevel: 2 });
  await until('all are connected', () =>
    cluster.raiseFeatureLevel().then(
      (level) => level === 2 || undefined,
      () => undefined,
    ),
  );
  expect(await cluster.raiseFeatureLevel(2)).toBe(2);
  await expect(cluster.raiseFeatureLevel(1)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await until('all have applied it', async () => (await levels(nodes)).every((level) => level === 2));
  const facts = await (await nodes.client()).read('$features').toArray();
  expect(facts.map(({ type, data }) => ({ type, data }))).toEqual([
    { type: '$FeatureLevelRaised', data: { level: 2 } },
  ]);
});

it('stops a node whose version does not know it, with its data as it was [S16]', async () => {
  const nodes = await versions(1);
  await nodes.stopNode(0);
  await nodes.startNode(0, {}, { knownFeatureLevel: 2 });
  const client = await nodes.client();
  expect(await client.cluster.raiseFeatureLevel()).toBe(2);
  await client.append('a', [{ type: 'A', data: {} }]);
  await nodes.stopNode(0);
  const older = await nodes.startNode(0, {}, { knownFeatureLevel: 1 });
  expect((await older.ended)?.message).toMatch(
    /at feature level 2, but this version of factstore knows levels up to 1/,
  );
  await nodes.stopNode(0);
  await nodes.startNode(0, {}, { knownFeatureLevel: 3 });
  expect(await (await nodes.client()).read('a').toArray()).toHaveLength(1);
  expect(await levels(nodes)).toEqual([2]);
});

it('keeps a member out whose version does not know it, and tells it why [S16]', async () => {
  const nodes = await versions(2, 2, 1);
  await nodes.stopNode(2);
  await nodes.startNode(2, {}, { knownFeatureLevel: 2 });
  const { cluster } = await nodes.client();
  await until('it is raised', () => cluster.raiseFeatureLevel(2).catch(() => undefined));
  await nodes.stopNode(2);
  const older = await nodes.startNode(2, {}, { knownFeatureLevel: 1 });
  const told: string[] = [];
  // It stops where it knows that the fact in its log is committed; else its peers are the first to tell it.
  void older.ended.then((error) => told.push(error?.message ?? ''));
  const own = await nodes.client(2);
  const reason = await until('it is told', async () => {
    const { members } = await own.cluster.status();
    told.push(...members.map((member) => (member.reachable ? member.notReady : '')));
    return told.find((text) => /at feature level 2, but .* knows levels up to 1/.test(text));
  });
  expect(reason).toMatch(/start (it|this node) with a (newer one|version that knows level 2)/);
});
