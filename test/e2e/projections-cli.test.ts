import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import { cli } from '../support/cli.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

const TOTALS = `fromCategory('order').foreachStream().when({
  $init: () => ({ total: 0 }),
  OrderPlaced: (state, event) => { state.total += event.data.total; },
  OrderCancelled: (state) => { state.total = 0; },
});`;

describe('projections on the command line', () => {
  let nodes: TestNodes;
  let db: FactstoreClient;
  let directory: string;

  beforeAll(async () => {
    nodes = await TestNodes.start(1);
    db = await nodes.client();
    directory = await mkdtemp(join(tmpdir(), 'factstore-projections-'));
    for (const [n, total] of [5, 7, 11].entries()) {
      await db.append(`order-${n + 1}`, [{ type: 'OrderPlaced', data: { total } }]);
    }
  });
  afterAll(async () => {
    await nodes.dispose();
    await rm(directory, { recursive: true, force: true });
  });

  const run = (...args: readonly string[]) => cli(['projection', ...args, '--url', nodes.url]);
  const json = async (...args: readonly string[]) => {
    const { stdout, stderr } = await run(...args, '--json');
    expect(stderr).toBe('');
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  const file = async (name: string, source: string) => {
    await writeFile(join(directory, name), source);
    return join(directory, name);
  };

  it('are created from a file, listed, and asked for their states', async () => {
    const source = await file('totals.js', TOTALS);
    const { stdout } = await run('create', 'totals', source);
    expect(stdout).toBe('totals created, at position 4, generation 0\n');
    expect(await json('state', 'totals', 'order-2', '--at-least', '4')).toMatchObject([
      { partition: 'order-2', state: { total: 7 }, result: { total: 7 }, generation: 0 },
    ]);
    expect((await run('state', 'totals', '--prefix', 'order-')).stdout).toBe(
      'order-1 {"total":5}\norder-2 {"total":7}\norder-3 {"total":11}\n',
    );
    expect((await run('result', 'totals', 'order-3')).stdout).toBe('{"total":11}\n');
    const [head, row] = (await run('list')).stdout.trim().split('\n');
    expect(head).toMatch(/^NAME +STATE +GENERATION +CHECKPOINT +LAG +EVENTS\/S +MEMORY$/);
    expect(row).toMatch(/^totals +running +0 +4 +0 +\d+ +\d\d MiB$/);
    expect((await run('status', 'totals')).stdout).toMatch(/\nn1 +running +0 +4 +0 /);
    expect(await json('status', 'totals')).toMatchObject([
      { name: 'totals', nodeId: 'n1', source: TOTALS, onError: 'fault', enabled: true, active: { state: 'running' } },
    ]);
  });

  it('say with line and column what is wrong with a source, and write nothing', async () => {
    const head = await db.head();
    const source = await file('broken.js', 'fromAll().when({\n  Happened: (state, => state,\n});');
    const { code, stderr } = await run('create', 'broken', source);
    expect(code).toBe(1);
    expect(stderr).toMatch(/line 2/);
    expect(await run('create', 'missing', join(directory, 'missing.js'))).toMatchObject({ code: 2 });
    expect(await run('create', 'totals', await file('again.js', TOTALS))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('exists already'),
    });
    expect(await run('state', 'nothing')).toMatchObject({ code: 1, stderr: expect.stringContaining('"nothing"') });
    expect(await run('state', 'totals', 'order-9')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no partition "order-9"'),
    });
    expect(await run('create', 'x', source, '--on-error', 'ignore')).toMatchObject({ code: 2 });
    expect(await db.head()).toBe(head);
  });

  it('are updated, rolled back, disabled, enabled, reset and deleted', async () => {
    await run('update', 'totals', await file('twice.js', TOTALS.replace('+= event', '+= 2 * event')));
    await until('it has taken over', async () => (await db.projections.get('totals')).active?.generation === 1n);
    expect((await run('result', 'totals', 'order-3')).stdout).toBe('{"total":22}\n');
    expect((await run('roll-back', 'totals')).stdout).toMatch(/^totals rolled back, at position \d+, generation 0\n$/);
    expect((await run('result', 'totals', 'order-3')).stdout).toBe('{"total":11}\n');
    expect((await run('disable', 'totals')).stdout).toMatch(/^totals disabled/);
    expect((await run('disable', 'totals')).stdout).toMatch(/^totals was disabled already/);
    expect((await run('list')).stdout).toMatch(/totals +disabled/);
    await run('enable', 'totals');
    const [reset] = await json('reset', 'totals');
    const fresh = ['--at-least', String(reset?.position)];
    expect((await run('result', 'totals', 'order-3', ...fresh)).stdout).toBe('{"total":11}\n');
    expect(await run('delete', 'totals')).toMatchObject({ code: 0 });
    expect((await run('list', '--json')).stdout).toBe('');
  });
});
