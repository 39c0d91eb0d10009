import { expect, onTestFinished, test } from 'vitest';
import { verifyDirectory } from '../../src/ops/verify.ts';
import { run } from '../cli/harness.ts';
import { TestNodes } from '../support/test-node.ts';

/** The directory of a stopped node that has a few entries. */
async function stopped(): Promise<string> {
  const nodes = await TestNodes.start(1);
  onTestFinished(() => nodes.dispose());
  const client = await nodes.client();
  for (let n = 0; n < 5; n++) await client.append('s', [{ type: 'Counted', data: { n } }]);
  await nodes.stopNode(0);
  return nodes.data(0);
}

test('a check of a directory that is interrupted ends at once, without a word, and leaves the directory free', async () => {
  const directory = await stopped();
  const interrupted = { code: 130, out: '', err: '' };
  expect(await run(['verify', directory], { signal: AbortSignal.abort() })).toEqual(interrupted);
  const within = new AbortController();
  const turns: number[] = [];
  const check = verifyDirectory(
    directory,
    (checked) => {
      turns.push(checked);
      within.abort();
    },
    within.signal,
  );
  await expect(check).rejects.toThrow('aborted');
  expect(turns).toHaveLength(1);
  expect(await run(['verify', directory, '--json'])).toMatchObject({ code: 0, err: '' });
});
