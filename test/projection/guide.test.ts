import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openProgram } from '../../src/projection/program.ts';
import { cli } from '../support/cli.ts';
import { TestNodes } from '../support/test-node.ts';

const GUIDE = fileURLToPath(new URL('../../src/projection/GUIDE.md', import.meta.url));

describe('the guide to projections', async () => {
  const guide = await readFile(GUIDE, 'utf8');
  const blocks = (language: string) =>
    [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, text = '']) => text);
  const sources = blocks('js');
  let nodes: TestNodes;
  let folder: string;
  beforeAll(async () => {
    nodes = await TestNodes.start(1);
    folder = await mkdtemp(join(tmpdir(), 'factstore-guide-'));
    const [orders = '', averages = ''] = sources;
    await writeFile(join(folder, 'orders.js'), orders);
    await writeFile(join(folder, 'averages.js'), averages);
    const client = await nodes.client();
    await client.append('order-1', [{ type: 'OrderPlaced', data: { total: 12 } }]);
    await client.append('readings', [{ type: 'Read', data: { sensor: 'a', celsius: 20 } }]);
    const { stdout } = await cli(['export', '--all', '--url', nodes.url]);
    await writeFile(join(folder, 'orders.ndjson'), stdout);
  });
  afterAll(async () => {
    await nodes.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  test('has projections that are some', async () => {
    expect(sources.length).toBeGreaterThan(2);
    for (const source of sources) await (await openProgram(source)).close();
  });

  test('has commands that work one after another, as they stand there', async () => {
    const commands = blocks('sh').flatMap((block) => block.trim().split('\n'));
    expect(commands.length).toBeGreaterThan(4);
    for (const command of commands) {
      const words = command.split(' ').map((word) => (/\.(js|ndjson)$/.test(word) ? join(folder, word) : word));
      expect(words[0]).toBe('factstore');
      const url = words[2] === 'test' ? [] : ['--url', nodes.url];
      const { code, stdout, stderr } = await cli([...words.slice(1), ...url]);
      expect({ command, code, stderr }).toEqual({ command, code: 0, stderr: '' });
      expect(stdout).not.toBe('');
    }
  });
});
