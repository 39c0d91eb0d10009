import { credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath } from 'grpc-health-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatAddress } from '../../src/config/values.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

interface HealthClient {
  check(request: { service: string }, done: (error: Error | null, answer?: { status: string }) => void): void;
  close(): void;
}

function healthClient(address: string): HealthClient {
  const { grpc } = loadPackageDefinition(loadSync(protoPath, { enums: String })) as unknown as {
    grpc: { health: { v1: { Health: new (address: string, c: object) => HealthClient } } };
  };
  return new grpc.health.v1.Health(address, credentials.createInsecure());
}

describe('the probes of a node that loses its majority', () => {
  let nodes: TestNodes;
  beforeAll(async () => {
    nodes = await TestNodes.start(3);
  });
  afterAll(() => nodes.dispose());

  it('say live throughout, and ready only while it can serve', async () => {
    const survivor = await nodes.follower();
    const address = formatAddress(nodes.node(survivor).address);
    const get = async (path: string) => {
      const response = await fetch(`http://${address}${path}`);
      return { status: response.status, text: await response.text() };
    };
    const health = healthClient(address);
    const check = (service: string) =>
      new Promise<string | undefined>((resolve, reject) =>
        health.check({ service }, (error, answer) => (error ? reject(error) : resolve(answer?.status))),
      );
    try {
      await until('the node is ready', async () => (await check('')) === 'SERVING');
      expect(await get('/readyz')).toEqual({ status: 200, text: 'ready\n' });
      expect(await check('factstore.v1.Events')).toBe('SERVING');

      const others = [0, 1, 2].filter((n) => n !== survivor);
      await Promise.all(others.map((n) => nodes.stopNode(n)));
      // The leader hands over as it stops: until nobody is seen any more, a vote under way may still make this node lead.
      const { status } = await until('the node is no longer ready', async () => {
        const answer = await get('/readyz');
        return /^not ready: no leader: n\d sees only itself/.test(answer.text) && answer;
      });
      expect(status).toBe(503);
      expect(await get('/livez')).toEqual({ status: 200, text: 'live\n' });
      await until('health says so, too', async () => (await check('')) === 'NOT_SERVING');
      expect(await check('factstore.v1.Events')).toBe('NOT_SERVING');
      // It still tells why.
      expect(await check('factstore.v1.Cluster')).toBe('SERVING');

      await nodes.startNode(others[0] as number);
      await until('the node is ready again', async () => (await check('')) === 'SERVING');
      expect((await get('/readyz')).status).toBe(200);
    } finally {
      health.close();
    }
  });

  it('answer with a sentence to a browser, and refuse what they do not know', async () => {
    const address = formatAddress(nodes.node(await nodes.leader()).address);
    const page = await fetch(`http://${address}/`);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('This is a factstore node');
    expect((await fetch(`http://${address}/nothing`)).status).toBe(404);
    expect((await fetch(`http://${address}/livez`, { method: 'POST' })).status).toBe(405);
  });
});
