import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importLines, OWN_REPOSITORY } from '../../bench/datasets/git-history.ts';
import { connectStore } from '../../src/cli/connect.ts';
import { runCli } from '../../src/cli/run.ts';
import { Collected, jsonLines, type RunResult } from './harness.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

interface Running {
  readonly child: ChildProcess;
  readonly stdout: Collected;
  readonly stderr: Collected;
  /** The exit code, or the signal. */
  readonly ended: Promise<number | string | null>;
}

/** Starts the program as its users do, in a process of its own. */
function start(argv: readonly string[], env: Record<string, string> = {}): Running {
  const args = ['--import', 'tsx', MAIN, ...argv];
  const child = spawn(process.execPath, args, { cwd: OWN_REPOSITORY, env: { ...cleanEnvironment(), ...env } });
  const stdout = child.stdout.pipe(new Collected());
  const stderr = child.stderr.pipe(new Collected());
  const ended = new Promise<number | string | null>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
  return { child, stdout, stderr, ended };
}

function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FACTSTORE_')));
}

/** Resolves once the output holds a match. */
function shown({ stdout, stderr, ended }: Running, pattern: RegExp): Promise<RegExpMatchArray> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const match = stdout.text.match(pattern);
      if (match) resolve(match);
    };
    stdout.onText = look;
    look();
    ended.then((code) => reject(new Error(`it ended with ${code}: ${stdout.text}${stderr.text}`)));
  });
}

const directory = mkdtempSync(join(tmpdir(), 'factstore-cli-'));
const ANY_PORT = ['--listen', '127.0.0.1:0', '--peer-listen', '127.0.0.1:0'];
const SMALL = ['--disk-reserve-bytes', '0', '--ballast-bytes', '0', '--log-level', 'error'];

async function startNode(name: string): Promise<Running & { url: string; address: string }> {
  const data = join(directory, name);
  const node = start(['serve', '--json', '--data', data, ...ANY_PORT, ...SMALL]);
  await shown(node, /"started".*\n/);
  const [{ started }] = jsonLines(node.stdout.text) as [{ started: { listen: string } }];
  return { ...node, address: started.listen, url: `factstore://${started.listen}` };
}

/** Runs a command in this process, against a real node. */
async function run(url: string, argv: readonly string[], stdin = ''): Promise<RunResult> {
  const { Readable } = await import('node:stream');
  const [stdout, stderr] = [new Collected(), new Collected()];
  const signal = new AbortController().signal;
  const io = { stdin: Readable.from([Buffer.from(stdin)]), stdout, stderr, env: { FACTSTORE_URL: url }, signal };
  const code = await runCli(argv, io, connectStore);
  return { code, out: stdout.text, err: stderr.text };
}

describe('against a real node', () => {
  let node: Awaited<ReturnType<typeof startNode>>;

  beforeAll(async () => {
    node = await startNode('one');
  });

  afterAll(async () => {
    node.child.kill('SIGKILL');
    await node.ended;
    rmSync(directory, { recursive: true, force: true });
  });

  test('append, read, a conflict and the state of a stream are as the documentation says', async () => {
    const { url } = node;
    const append = ['append', 'order-1', '--type', 'OrderPlaced', '--data', '{"total": 12}', '--expect', 'none'];
    expect(await run(url, append)).toEqual({
      code: 0,
      out: 'OrderPlaced appended to order-1 at revision 0, position 1\n',
      err: '',
    });
    expect(await run(url, append)).toEqual({
      code: 1,
      out: '',
      err:
        'error: append to "order-1" refused: expected no event, it is at 0 (since then: OrderPlaced). ' +
        'Nothing was written. Read it again and decide anew, or pass --expect any.\n',
    });
    const [event] = jsonLines((await run(url, ['read', 'order-1', '--json'])).out);
    expect(event).toEqual({
      stream: 'order-1',
      revision: 0,
      position: 1,
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      type: 'OrderPlaced',
      data: { total: 12 },
      tags: [],
      contentType: 'application/json',
      schemaVersion: 1,
      created: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/),
    });
    expect(jsonLines((await run(url, ['streams', 'get', 'order-1', '--json'])).out)).toMatchObject([
      { state: 'exists', headRevision: 0, count: 1, lastPosition: 1 },
    ]);
    expect(await run(url, ['streams', 'get', 'nowhere'])).toMatchObject({ code: 1, out: '' });
    expect(await run(url, ['read', 'nowhere'])).toEqual({ code: 0, out: '', err: '' });
    expect((await run(url, ['cluster', 'status'])).out).toMatch(/n1 +127\.0\.0\.1:\d+ +leader/);
  });

  test.skipIf(process.platform === 'win32')(
    'an export into a file that cannot take it all fails, and tells no position',
    async () => {
      const { url } = node;
      const big = JSON.stringify('x'.repeat(300_000));
      for (const stream of ['big-1', 'big-2']) {
        expect(await run(url, ['append', stream, '--type', 'Big', '--data', big])).toMatchObject({ code: 0 });
      }
      const exported = (blocks: string) => {
        const command = `ulimit -f ${blocks}; exec "$@" > "${join(directory, 'export.ndjson')}"`;
        const args = ['-c', command, 'bash', process.execPath, '--import', 'tsx', MAIN, 'export', '--url', url];
        return spawnSync('bash', args, { cwd: OWN_REPOSITORY, env: cleanEnvironment(), encoding: 'utf8' });
      };
      // The limit, of 1,024 bytes each, lies within what is written in one piece.
      const { status, stderr } = exported('400');
      expect({ status, stderr }).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(/^cannot write to standard output: EFBIG.*\n$/),
      });
      expect(exported('unlimited')).toMatchObject({ status: 0, stderr: expect.stringContaining('up to position') });
    },
  );

  test('an append that is repeated with its id finds the first one [S6]', async () => {
    const { url } = node;
    const id = ['--append-id', randomUUID()];
    const append = ['append', 'repeated-1', '--type', 'OrderPlaced', '--data', '{"total": 12}', '--tag', 'a:1', ...id];
    const [first] = jsonLines((await run(url, [...append, '--json'])).out) as { position: number }[];
    expect(first).toMatchObject({ revision: 0, repeated: false });
    expect(jsonLines((await run(url, [...append, '--json'])).out)).toEqual([{ ...first, repeated: true }]);
    expect(await run(url, append)).toEqual({
      code: 0,
      out: `OrderPlaced had been appended before to repeated-1 at revision 0, position ${first?.position}\n`,
      err: '',
    });
    const other = await run(url, ['append', 'repeated-1', '--type', 'OrderPaid', ...id]);
    expect(other).toMatchObject({
      code: 1,
      err: expect.stringMatching(/append id .* other content|Nothing was written/),
    });
    expect(jsonLines((await run(url, ['read', 'repeated-1', '--json'])).out)).toHaveLength(1);
  });

  test('an import is taken once, goes on, and its export makes the same store elsewhere', async () => {
    const { url } = node;
    const lines: string[] = [];
    for await (const line of importLines(commits(300))) lines.push(line);
    const bad = [...lines.slice(0, 200), '{"writes": 1}\n', ...lines.slice(200)].join('');
    const stopped = await run(url, ['import', '-', '--json'], bad);
    expect(jsonLines(stopped.err)).toMatchObject([{ error: { details: { line: 201, appended: 200 } } }]);
    expect(jsonLines((await run(url, ['import', '-', '--json'], lines.join(''))).out)).toMatchObject([
      { appended: 100, alreadyThere: 200 },
    ]);
    expect((await run(url, ['import', '-'], lines.join(''))).out).toBe('0 appended, 300 already there\n');
    const exported = await run(url, ['export']);
    expect(exported.code).toBe(0);
    const other = await startNode('two');
    try {
      expect(await run(other.url, ['import', '-'], exported.out)).toMatchObject({ code: 0 });
      expect((await run(other.url, ['export'])).out).toBe(exported.out);
    } finally {
      other.child.kill('SIGKILL');
      await other.ended;
    }
  });

  test('`| head` and Ctrl-C end a command quietly', async () => {
    const env = { FACTSTORE_URL: node.url };
    const read = start(['read', '--all', '--json'], env);
    read.child.stdout?.once('data', () => read.child.stdout?.destroy());
    expect(await read.ended).toBe(0);
    expect(read.stderr.text).toBe('');
    const subscribe = start(['subscribe', '--all', '--json'], env);
    await shown(subscribe, /caughtUp/);
    subscribe.child.kill('SIGINT');
    expect(await subscribe.ended).toBe(0);
    expect(subscribe.stderr.text).toBe('');
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends what waits for a pipe that stays open', async (signal) => {
    const env = { FACTSTORE_URL: node.url };
    const append = start(['append', 'never', '--type', 'T', '--data', '-'], env);
    // More than a pipe holds: once it is taken, the command is reading.
    await new Promise((resolve) => append.child.stdin?.write(Buffer.alloc(4 << 20, 0x20), resolve));
    append.child.kill(signal);
    expect(await append.ended).toBe(130);
    expect({ out: append.stdout.text, err: append.stderr.text }).toEqual({ out: '', err: '' });
    expect((await run(node.url, ['streams', 'get', 'never'])).code).toBe(1);
    const subscription = start(['subscribe', `piped-${signal}`, '--json'], env);
    await shown(subscription, /caughtUp/);
    const imported = start(['import', '-', '--id', signal], env);
    const line = { writes: [{ stream: `piped-${signal}`, events: [{ type: 'Piped', data: {} }] }] };
    imported.child.stdin?.write(`${JSON.stringify(line)}\n{"writes": [`);
    await shown(subscription, /Piped/);
    imported.child.kill(signal);
    expect(await imported.ended).toBe(130);
    expect(imported.stdout.text).toBe('1 appended, 0 already there\n');
    expect(imported.stderr.text).toBe('');
    subscription.child.kill('SIGINT');
    expect(await subscription.ended).toBe(0);
  });

  test('a start in the same directory, or on the same port, is refused with the reason', async () => {
    const again = start(['serve', '--data', join(directory, 'one'), ...ANY_PORT, ...SMALL]);
    expect(await again.ended).toBe(1);
    expect(again.stderr.text).toMatch(/error: .*(in use|lock)/);
    const listen = ['--listen', node.address, '--peer-listen', '127.0.0.1:0'];
    const taken = start(['serve', '--data', join(directory, 'three'), ...listen, ...SMALL]);
    expect(await taken.ended).toBe(1);
    expect(taken.stderr.text).toMatch(/error: .*in use/);
  });

  test('serve shows a banner, and SIGTERM stops it gracefully', async () => {
    const other = start(['serve', '--data', join(directory, 'four'), ...ANY_PORT, ...SMALL]);
    const [, url] = await shown(other, /factstore read order-1 --url (factstore:\S+)/);
    expect(other.stdout.text).toContain(`  data     ${join(directory, 'four')}\n`);
    expect(other.stdout.text).toContain('  node     n1 (leader)\n');
    expect((await run(url ?? '', ['append', 's', '--type', 'T'])).code).toBe(0);
    other.child.kill('SIGTERM');
    expect(await other.ended).toBe(0);
    expect(other.stdout.text).toMatch(/stopping \(once more ends it at once\)\n$/);
    expect(other.stderr.text).toBe('');
  });
});

test('a cluster that is not there ends with 3', async () => {
  const { code, err } = await run('factstore://127.0.0.1:1', ['read', 's']);
  expect(code).toBe(3);
  expect(err).toMatch(/^error: cannot reach any node of the cluster: 127\.0\.0\.1:1 \(/);
});

/** A history of so many commits. */
async function* commits(count: number) {
  for (let i = 0; i < count; i++) {
    const changes = [{ status: i < 9 ? 'A' : 'M', path: `dir/file-${i % 9}` } as const];
    yield { commit: `c${i}`, time: '2026-01-02T03:04:05Z', contributor: `p${i % 3}`, changes };
  }
}
