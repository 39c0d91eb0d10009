import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePorts } from '../support/ports.ts';
import { ProcessCluster, type ProcessNode } from '../support/process-cluster.ts';
import { runCli } from '../support/run-cli.ts';

const SCRIPT = fileURLToPath(new URL('../../deploy/local-cluster.mjs', import.meta.url));

/** `npm run cluster`, in a process group of its own, as a terminal gives it one. */
describe('the cluster of one terminal', () => {
  let lone: ProcessCluster;
  let script: ChildProcess | undefined;
  let said = '';

  const start = (port: number) => {
    const args = [SCRIPT, '--port', String(port), '--data', `${lone.directory}/three`];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (said += part));
    script = child;
    return child;
  };

  beforeEach(async () => {
    said = '';
    lone = await ProcessCluster.prepare(1);
  });
  afterEach(async () => {
    if (script?.exitCode === null && script.signalCode === null) {
      script.kill('SIGTERM');
      await once(script, 'exit');
    }
    await lone.dispose();
  });

  it('starts nothing where a node has one of its ports, which the others would join', async () => {
    const [node] = lone.nodes as [ProcessNode];
    const { port } = new URL(`http://${node.address}`);
    lone.startAll();
    await node.serving();
    const [code] = await once(start(Number(port)), 'close');
    expect(said).toContain(`${node.address} (EADDRINUSE)`);
    expect(said).toContain('--port');
    expect(said).not.toContain('n2 |');
    expect(code).toBe(1);
    const { stdout } = await runCli(['cluster', 'status', '--json', '--url', node.url]);
    expect(stdout.trim().split('\n')).toHaveLength(1);
  });

  it('ends as a whole where one ends before the three of them serve', async () => {
    const [port] = (await freePorts(1)) as [number];
    const child = start(port);
    await shown(/n2 \| clients .*, process (\d+)\n/, child).then(([, pid]) => process.kill(Number(pid), 'SIGKILL'));
    const [code] = await once(child, 'close');
    expect(code).toBe(1);
    for (const id of ['n1', 'n2', 'n3']) expect(said).toContain(`${id} | ended`);
  });

  it.each([1, 2])(
    'stops each node in order at a Ctrl-C that is told %d times: by the terminal, and by npm',
    async (times) => {
      const [port] = (await freePorts(1)) as [number];
      const child = start(port);
      await Promise.all(['n1', 'n2', 'n3'].map((id) => shown(new RegExp(`${id} \\| \\{"started"`), child)));
      for (let n = 0; n < times; n++) process.kill(-(child.pid as number), 'SIGINT');
      await once(child, 'close');
      for (const id of ['n1', 'n2', 'n3']) expect(said).toContain(`${id} | ended (0)`);
      expect(child.exitCode).toBe(0);
    },
  );

  it('ends its nodes where its terminal is closed', async () => {
    const [port] = (await freePorts(1)) as [number];
    const child = start(port);
    await shown(/n3 \| clients/, child);
    process.kill(-(child.pid as number), 'SIGHUP');
    await once(child, 'close');
    for (const id of ['n1', 'n2', 'n3']) expect(said).toContain(`${id} | ended`);
  });

  const shown = (pattern: RegExp, child: ChildProcess) =>
    new Promise<RegExpMatchArray>((resolve, reject) => {
      const look = () => {
        const match = said.match(pattern);
        if (match) resolve(match);
      };
      child.stdout?.on('data', look);
      child.once('close', () => reject(new Error(`it ended:\n${said}`)));
    });
});
