import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../src/client/index.ts';
import { freePorts } from '../support/ports.ts';
import { until } from '../support/wait.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const execute = promisify(execFile);

const PROGRAM = `
import { connect, type FactstoreClient } from 'factstore';
type OrderEvent = { type: 'OrderPlaced'; data: { total: number } } | { type: 'OrderPaid'; data: { by: string } };
export async function place(db: FactstoreClient): Promise<bigint> {
  const { position } = await db.append<OrderEvent>('order-1', [{ type: 'OrderPlaced', data: { total: 12 } }]);
  for await (const event of db.read<OrderEvent>('order-1')) {
    if (event.type === 'OrderPlaced') event.data.total.toFixed(2);
    // @ts-expect-error: a paid order has no total
    if (event.type === 'OrderPaid') event.data.total.toFixed(2);
  }
  // @ts-expect-error: the total is a number
  await db.append<OrderEvent>('order-1', [{ type: 'OrderPlaced', data: { total: 'twelve' } }]);
  return position;
}
await place(await connect('factstore://127.0.0.1:2113'));
`;

const PROJECTION_TEST = `
import { type TestedProjection, testProjection } from 'factstore/testing';
const source = "fromAll().when({ $init: () => ({ sum: 0 }), Paid(s, e) { s.sum += e.data.amount; emit('sums', 'Sum', s) } })";
const tested: TestedProjection = await testProjection(source, [{ stream: 'order-1', type: 'Paid', data: { amount: 12 } }]);
// @ts-expect-error: an event has a type
await testProjection(source, [{ stream: 'order-1' }]).catch(() => undefined);
console.log(JSON.stringify([tested.state, tested.emissions.map(({ stream, data }) => [stream, data])]));
`;

describe('the packed package', () => {
  let folder: string;
  let node: ChildProcess | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'factstore-package-'));
    const { stdout } = await execute('npm', ['pack', '--ignore-scripts', '--pack-destination', folder, '--json'], {
      cwd: ROOT,
    });
    const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('['))) as [{ filename: string }];
    await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }));
    await execute('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', `./${filename}`], { cwd: folder });
  }, 120_000);
  afterAll(async () => {
    if (node && node.exitCode === null) {
      node.kill('SIGKILL');
      await once(node, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  });

  it('runs a node with `npx factstore serve` that stops when it is asked to', async () => {
    const [port, peerPort] = await freePorts(2);
    const flags = [
      '--listen',
      `127.0.0.1:${port}`,
      '--peer-listen',
      `127.0.0.1:${peerPort}`,
      '--disk-reserve-bytes',
      '0',
    ];
    node = spawn(join(folder, 'node_modules', '.bin', 'factstore'), ['serve', ...flags, '--ballast-bytes', '0'], {
      cwd: folder,
      stdio: 'ignore',
    });
    const db = await until('the node answers', () => connect(`factstore://127.0.0.1:${port}`));
    const { position } = await db.append('order-1', [{ type: 'OrderPlaced', data: {} }]);
    expect(position).toBe(1n);
    await db.close();
    node.kill('SIGTERM');
    const [code] = (await once(node, 'exit')) as [number | null];
    expect(code).toBe(0);
  }, 60_000);

  it('tests projections for its users, without a node, and ends by itself', async () => {
    await writeFile(join(folder, 'projection.mts'), PROJECTION_TEST);
    const { stdout } = await execute(join(ROOT, 'node_modules', '.bin', 'tsx'), ['projection.mts'], { cwd: folder });
    expect(JSON.parse(stdout)).toEqual([{ sum: 12 }, [['sums', { sum: 12 }]]]);
  }, 60_000);

  it('has types that hold a program to its events', async () => {
    await writeFile(join(folder, 'app.ts'), PROGRAM);
    await writeFile(join(folder, 'projection.mts'), PROJECTION_TEST);
    const options = {
      module: 'nodenext',
      target: 'es2023',
      lib: ['es2023'],
      strict: true,
      noEmit: true,
      skipLibCheck: true,
    };
    const types = { types: ['node'], typeRoots: [join(ROOT, 'node_modules', '@types')] };
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...options, ...types }, include: ['app.ts', 'projection.mts'] }),
    );
    const compiler = join(ROOT, 'node_modules', '.bin', 'tsc');
    const result = await execute(compiler, ['-p', folder]).then(
      () => '',
      (error: { stdout: string }) => error.stdout,
    );
    expect(result).toBe('');
  }, 60_000);
});
