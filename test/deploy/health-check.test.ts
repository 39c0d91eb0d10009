import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../deploy/health-check.mjs', import.meta.url));
const LOOPBACKS = Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address));

/** What the health check of a container says whose node is told to listen there. */
function check(listen: string): Promise<{ ok: boolean; said: string }> {
  const env = { FACTSTORE_LISTEN: listen };
  return new Promise((resolve) => {
    execFile(process.execPath, [SCRIPT], { env }, (error, stdout) => resolve({ ok: error === null, said: stdout }));
  });
}

describe.skipIf(process.platform !== 'linux')("a container's health check", () => {
  let node: Server | undefined;
  afterEach(() => {
    node?.close();
  });

  /** Answers as a node does, at that address alone; gives the port. */
  async function listen(host: string, ready = true): Promise<number> {
    node = createServer((request, response) => {
      response.writeHead(request.url === '/readyz' && ready ? 200 : 503).end(ready ? 'ready\n' : 'not ready: why\n');
    });
    node.listen(0, host);
    await once(node, 'listening');
    return (node.address() as AddressInfo).port;
  }

  it.each([
    ['127.0.0.2', '127.0.0.2'],
    ['127.0.0.1', '127.0.0.1'],
    ['0.0.0.0', '127.0.0.1'],
    ['[::]', '127.0.0.1'],
    ['[::1]', '::1'],
  ])('of a node that listens on %s asks %s', async (told, host) => {
    if (isIPv6(host) && !LOOPBACKS.includes(host)) return;
    const port = await listen(host);
    expect(await check(`${told}:${port}`)).toEqual({ ok: true, said: 'ready\n' });
  });

  it('fails with the reason of a node that is not ready, and with the address of one that does not answer', async () => {
    const port = await listen('127.0.0.2', false);
    expect(await check(`127.0.0.2:${port}`)).toEqual({ ok: false, said: 'not ready: why\n' });
    const { ok, said } = await check(`127.0.0.3:${port}`);
    expect(ok).toBe(false);
    expect(said).toContain(`127.0.0.3:${port}`);
  });
});
