import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { connect } from '../../src/client/index.ts';
import { linkSignals } from '../../src/client/session.ts';
import { parseUrl } from '../../src/client/url.ts';
import { Bench, failure } from './helpers.ts';

test('a URL names one node or more, with 2113 as the port unless it says otherwise', () => {
  expect(parseUrl('factstore://a:1,b,[::1]:2115/')).toEqual(['a:1', 'b:2113', '[::1]:2115']);
  for (const bad of [
    '',
    'http://a',
    'factstore://',
    'factstore://a:0',
    'factstore://a:99999',
    'factstore://a b',
    'a:1',
  ]) {
    expect(() => parseUrl(bad)).toThrow(/url: /);
  }
});

test('connecting fails with the name of each node and why', async () => {
  const bench = await Bench.start();
  const url = bench.cluster.url();
  await bench.stop();
  const error = await failure(connect(url, { connectTimeoutMs: 200 }));
  expect(error).toMatchObject({ code: 'UNREACHABLE', definite: true });
  const [first, second] = bench.cluster.nodes.map((node) => node.address);
  expect(error.message).toBe(
    `cannot reach any node of the cluster: ${first} (connection refused), ${second} (connection refused)`,
  );
});

test('one reachable node is enough, and it names the others', async () => {
  const bench = await Bench.start(3);
  bench.cluster.leader = bench.node(2);
  const db = await bench.open({}, bench.node(0));
  expect(await db.append('a', [{ type: 'T' }])).toMatchObject({ position: 1n });
  // It was named by the other. Where it took long to answer (GRACE_MS), the first append went by way of that one.
  const appends = async () => {
    await db.append('a', [{ type: 'T' }]);
    return bench.node(2).appendCalls;
  };
  await expect.poll(appends, { timeout: 10_000 }).toBe(1);
  await bench.stop();
});

test('a port that speaks something else is named as such', async () => {
  const other = createServer((_, answer) => answer.end('hello')).listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const error = await failure(connect(`factstore://127.0.0.1:${port}`, { connectTimeoutMs: 300 }));
  expect(error).toMatchObject({ code: 'UNREACHABLE' });
  expect(error.message).toContain(`127.0.0.1:${port} (`);
  other.close();
  other.closeAllConnections();
});

test('the client disposes of itself, and waits for its appends', async () => {
  const bench = await Bench.start(1);
  let append: Promise<unknown>;
  {
    await using db = await connect(bench.cluster.url());
    append = db.append('a', [{ type: 'T' }]);
  }
  expect(await append).toMatchObject({ position: 1n });
  await bench.stop();
});

test('a linked signal is aborted with the first of its sources, and leaves no listener behind', () => {
  const [a, b] = [new AbortController(), new AbortController()];
  const link = linkSignals(a.signal, undefined, b.signal);
  b.abort('why');
  expect([link.signal.aborted, link.signal.reason]).toEqual([true, 'why']);
  const other = linkSignals(a.signal, new AbortController().signal);
  other.unlink();
  a.abort();
  expect(other.signal.aborted).toBe(false);
  expect(linkSignals(a.signal).signal).toBe(a.signal);
  expect(linkSignals(new AbortController().signal, a.signal).signal.aborted).toBe(true);
  link.unlink();
});
