import { connect as openSocket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

describe('a node that is stopped', () => {
  let nodes: TestNodes | undefined;
  afterEach(() => nodes?.dispose());

  /** Milliseconds that a stop takes, of its 10 seconds of grace. */
  const stopping = async (n: number) => {
    const began = performance.now();
    await nodes!.stopNode(n);
    return performance.now() - began;
  };

  it('hands leadership over first, and does not wait for open calls that would never end [C6]', async () => {
    nodes = await TestNodes.start(3);
    const leader = await nodes.leader();
    const db = await nodes.client(leader);
    await db.append('a', [{ type: 'A', data: 1 }]);
    const following = db.subscribe({ all: true });
    await following.next();
    const ms = await stopping(leader);
    expect(ms).toBeLessThan(3_000);
    const next = await nodes.leader();
    const other = await nodes.client(next);
    await other.append('a', [{ type: 'B', data: 2 }]);
    expect(await other.read('a').toArray()).toHaveLength(2);
    await following.return();
  });

  it('ends also while nobody leads and appends are under way [C6]', async () => {
    nodes = await TestNodes.start(3);
    const leader = await nodes.leader();
    const db = await nodes.client(leader);
    await db.append('a', [{ type: 'A', data: 1 }]);
    for (let n = 0; n < 3; n++) if (n !== leader) await nodes.stopNode(n);
    const open = db.append('a', [{ type: 'B', data: 2 }], { timeoutMs: 5_000 }).catch((error: unknown) => error);
    await until('the append is under way', () => nodes!.node(leader).role !== 'leader', 5_000);
    expect(await stopping(leader)).toBeLessThan(6_000);
    expect(await open).toMatchObject({ definite: false });
  });

  it('is not held up by a connection that says nothing [C8]', async () => {
    nodes = await TestNodes.start(1, { shutdownTimeoutMs: 1_000 });
    const { host, port } = nodes.node(0).address;
    const socket = openSocket(port, host);
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('connect', resolve));
    expect(await stopping(0)).toBeLessThan(1_500);
    socket.destroy();
  });

  it('while it starts alone among three ends at once [C6]', async () => {
    nodes = await TestNodes.prepare(3);
    const starting = nodes.startNode(0);
    await starting;
    expect(await stopping(0)).toBeLessThan(1_000);
  });

  it('lets a subscription go on at another node, with each event once and in order [Q3]', async () => {
    nodes = await TestNodes.start(3);
    const follower = await nodes.follower();
    const all = await nodes.client();
    const seen: number[] = [];
    const db: FactstoreClient = await nodes.client();
    const controller = new AbortController();
    const following = (async () => {
      for await (const message of db.subscribe({ stream: 'a', signal: controller.signal })) {
        if (message.kind === 'event') seen.push(message.event.data as number);
      }
    })();
    let sent = 0;
    const send = async (to: number) => {
      while (sent < to) await all.append('a', [{ type: 'N', data: sent++ }]);
    };
    await send(50);
    await nodes.stopNode(follower);
    await send(100);
    await nodes.startNode(follower);
    const leader = await nodes.leader();
    const stopped = nodes.stopNode(leader);
    await send(150);
    await stopped;
    await until('all are delivered', () => seen.length >= 150);
    controller.abort();
    await following.catch(() => undefined);
    expect(seen).toEqual(Array.from({ length: 150 }, (_, n) => n));
  });
});
