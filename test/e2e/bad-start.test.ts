import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeOptions } from '../../src/config/load.ts';
import { startNode } from '../../src/node.ts';
import { freePorts } from '../support/ports.ts';
import { runCli } from '../support/run-cli.ts';
import { TestNodes } from '../support/test-node.ts';

describe('a start that cannot be', () => {
  let folder: string;
  let nodes: TestNodes;
  let taken: Server;
  const quiet = { logLevel: 'silent', diskReserveBytes: 0, ballastBytes: 0 };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'factstore-bad-start-'));
    nodes = await TestNodes.start(1);
    taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
  });
  afterAll(async () => {
    taken.close();
    await nodes.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  const options = async (more: Record<string, unknown>) => {
    const [port, peerPort] = await freePorts(2);
    return nodeOptions({
      ...quiet,
      data: join(folder, 'data'),
      listen: `127.0.0.1:${port}`,
      peerListen: `127.0.0.1:${peerPort}`,
      ...more,
    });
  };
  const refused = async (more: Record<string, unknown>, ...texts: string[]) => {
    const attempt = startNode(await options(more));
    await expect(attempt).rejects.toThrow(texts[0]);
    for (const text of texts) await expect(attempt).rejects.toThrow(text);
  };
  /** Whatever stood in the way: once it is gone, the same directory starts, and serves. */
  const startsAgain = async (more: Record<string, unknown> = {}) => {
    const node = await startNode(await options(more));
    expect(node.role).toBe('leader');
    await node.stop();
  };

  it('says that the client port is in use, and which flag chooses another', async () => {
    const { port } = taken.address() as { port: number };
    await refused({ listen: `127.0.0.1:${port}` }, `127.0.0.1:${port} is in use by another process`, '--listen');
    await startsAgain();
  });

  it('says that the peer port is in use, and which flag chooses another', async () => {
    const { port } = taken.address() as { port: number };
    await refused({ peerListen: `127.0.0.1:${port}` }, `127.0.0.1:${port}`, 'in use', '--peer-listen');
    await startsAgain();
  });

  it('says that the data directory is in use', async () => {
    await refused({ data: nodes.data(0) }, nodes.data(0), 'in use');
    const db = await nodes.client();
    await db.append('still', [{ type: 'Here', data: 1 }]);
  });

  it('says that the data directory is of another node', async () => {
    await startsAgain();
    await refused({ nodeId: 'n9' }, 'n1', 'n9');
    await startsAgain();
  });

  it('says that the data directory is of a newer version', async () => {
    const data = join(folder, 'newer');
    await startsAgain({ data });
    const path = join(data, 'identity.json');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace(/"format":\s*\d+/, '"format": 99'));
    await refused({ data }, path.replace(/identity\.json$/, ''), '99');
    await writeFile(path, text);
    await startsAgain({ data });
  });

  it.skipIf(process.getuid?.() === 0)('says that the data directory cannot be written', async () => {
    const data = join(folder, 'read-only');
    await startsAgain({ data });
    await chmod(data, 0o500);
    await refused({ data }, data, 'permission');
    await chmod(data, 0o700);
    await startsAgain({ data });
  });

  it('says that a file stands where the data directory should be', async () => {
    const data = join(folder, 'a-file');
    await writeFile(data, 'mine');
    await refused({ data }, data);
    expect(await readFile(data, 'utf8')).toBe('mine');
  });

  it('names a bad key and a bad flag on the command line, with exit code 2', async () => {
    const file = join(folder, 'factstore.yaml');
    await writeFile(file, 'electionTimeout: 5\n');
    const [key, flag, command] = await Promise.all([
      runCli(['serve', '--config', file]),
      runCli(['serve', '--liste', '127.0.0.1:1']),
      runCli(['sreve']),
    ]);
    expect(key).toMatchObject({ code: 2, stdout: '' });
    expect(key.stderr).toContain(`unknown key "electionTimeout" in ${file}:1; did you mean electionTimeoutMs?`);
    expect(flag).toMatchObject({ code: 2, stdout: '' });
    expect(flag.stderr).toMatch(/unknown option '--liste'[\s\S]*--listen/);
    expect(command.code).toBe(2);
    expect(command.stderr).toMatch(/unknown command 'sreve'[\s\S]*serve/);
  });
});
