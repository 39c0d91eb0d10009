import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { IncarnationFile } from '../../src/storage/incarnations.ts';
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

it('the incarnations seen of other members outlive a restart, and never fall [D9]', async () => {
  const path = await directory();
  const file = await IncarnationFile.open(path, never);
  for (const incarnation of [3, 7, 5]) file.raise('n2/x', incarnation);
  file.raise('n3/y', 1);
  await file.close();
  const again = await IncarnationFile.open(path, never);
  expect([again.highest('n2/x'), again.highest('n3/y'), again.highest('n4/z')]).toEqual([7, 1, 0]);
});

it('a file of incarnations that cannot be understood stops the start and says what to do [D9]', async () => {
  const path = await directory();
  await writeFile(join(path, 'incarnations.json'), '{"format":1,"members":{"n2/x":"seven"}}');
  await expect(IncarnationFile.open(path, never)).rejects.toMatchObject({ code: 'DATA_LOSS' });
});

it('a node writes down which start of its peers it has seen [D9]', async () => {
  const nodes = await TestNodes.start(3);
  onTestFinished(() => nodes.dispose());
  const follower = await nodes.follower();
  await nodes.stopNode(follower);
  await nodes.startNode(follower);
  const leader = await nodes.leader();
  await until('the second start was seen', async () => {
    const text = await readFile(join(nodes.data(leader), 'incarnations.json'), 'utf8');
    const { members } = JSON.parse(text) as { members: Record<string, number> };
    return Object.entries(members).some(([id, seen]) => id.startsWith(`n${follower + 1}/`) && seen === 2);
  });
});
