import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli } from '../support/cli.ts';
import { TestNodes } from '../support/test-node.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

describe('the guide to streams and retention', async () => {
  const guide = await readFile(join(ROOT, 'src/model/GUIDE.md'), 'utf8');
  let nodes: TestNodes;
  beforeAll(async () => {
    nodes = await TestNodes.start(1);
  });
  afterAll(() => nodes.dispose());

  it('has commands that work one after another, as they stand there', async () => {
    const commands = [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap((block) =>
      (block[1] ?? '').trim().split('\n'),
    );
    expect(commands.length).toBeGreaterThan(5);
    for (const command of commands) {
      const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
      expect(words[0]).toBe('factstore');
      const { code, stderr } = await cli([...words.slice(1), '--url', nodes.url]);
      expect({ command, code, stderr }).toEqual({ command, code: 0, stderr: '' });
    }
  });
});
