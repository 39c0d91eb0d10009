import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROGRAM } from '../support/process-cluster.ts';
import { TestNodes } from '../support/test-node.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Block {
  readonly language: string;
  readonly exit: number;
  readonly text: string;
}

/** The fenced blocks of the README that are part of the tour, in order. */
function tourBlocks(readme: string): Block[] {
  return [...readme.matchAll(/^```(\w+) tour(?: exit=(\d+))?\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1] ?? '',
    exit: Number(match[2] ?? 0),
    text: match[3] ?? '',
  }));
}

describe('the tour of the README', async () => {
  const blocks = tourBlocks(await readFile(join(ROOT, 'README.md'), 'utf8'));
  let nodes: TestNodes;
  let folder: string;
  const environment = () => ({
    ...process.env,
    FACTSTORE_URL: nodes.url,
    PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
  });

  beforeAll(async () => {
    nodes = await TestNodes.start(1);
    folder = await mkdtemp(join(tmpdir(), 'factstore-tour-'));
    await mkdir(join(folder, 'bin'));
    await mkdir(join(folder, 'node_modules'));
    await symlink(ROOT, join(folder, 'node_modules', 'factstore'));
    // `npx` looks the program up in the network when it is not installed; here it stands for the built one.
    await writeFile(join(folder, 'bin', 'npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${PROGRAM}" "$@"\n`);
    await chmod(join(folder, 'bin', 'npx'), 0o755);
  });
  afterAll(async () => {
    await nodes.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  const run = (file: string, args: string[]) =>
    new Promise<{ code: number; output: string }>((resolve) => {
      execFile(file, args, { cwd: folder, env: environment() }, (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, output: stdout + stderr });
      });
    });

  it('has blocks of both kinds', () => {
    expect(new Set(blocks.map((block) => block.language))).toEqual(new Set(['sh', 'ts']));
  });

  for (const [n, block] of blocks.entries()) {
    if (block.language === 'sh') {
      for (const command of block.text.split('\n').filter((line) => line !== '')) {
        it(`runs: ${command}`, async () => {
          const { code, output } = await run('bash', ['-o', 'pipefail', '-c', command]);
          expect(code, output).toBe(block.exit);
          expect(output).not.toBe('');
        });
      }
    } else {
      it(`runs the program of block ${n + 1}`, async () => {
        await writeFile(join(folder, 'tour.mts'), block.text);
        const { code, output } = await run(join(ROOT, 'node_modules', '.bin', 'tsx'), ['tour.mts']);
        expect(code, output).toBe(0);
        expect(output).toContain('Withdrawn');
      });
    }
  }

  it('leaves what it says: an import that is repeated adds nothing', async () => {
    const { output } = await run('bash', ['-c', 'npx factstore import events.ndjson --json']);
    expect(JSON.parse(output)).toMatchObject({ appended: 0, alreadyThere: 1 });
  });
});
