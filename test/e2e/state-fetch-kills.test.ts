import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { connect, type FactstoreClient } from '../../src/client/index.ts';
import { ProcessCluster, type ProcessNode } from '../support/process-cluster.ts';
import { until } from '../support/wait.ts';

let cluster: ProcessCluster | undefined;
const clients: FactstoreClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await cluster?.dispose();
});

async function clientOf(url: string): Promise<FactstoreClient> {
  const client = await connect(url, { connectTimeoutMs: 20_000 });
  clients.push(client);
  return client;
}

const APPENDS = 100;
const EVENTS = 400;
const BY_CUSTOMER = `fromAll()
  .partitionBy((e) => e.data && e.data.customer)
  .when({ $init: () => ({ count: 0, texts: '' }), Bought(s, e) { s.count++; s.texts = e.data.text } })`;

async function fill(db: FactstoreClient): Promise<bigint> {
  const positions = await Promise.all(
    Array.from({ length: APPENDS }, async (_, append) => {
      const events = Array.from({ length: EVENTS }, (_, n) => {
        const customer = `customer-${append * EVENTS + n}`;
        return { type: 'Bought', data: { customer, text: customer.repeat(8) } };
      });
      return (await db.append(`orders-${append % 10}`, events)).position;
    }),
  );
  return positions.sort((one, other) => (one < other ? -1 : 1)).at(-1) as bigint;
}

async function partitionsOn(node: ProcessNode, atLeast: bigint): Promise<Map<string, unknown>> {
  const db = await clientOf(node.url);
  return until(
    `${node.id} answers`,
    async () => {
      const all = new Map<string, unknown>();
      try {
        for await (const { partition, state } of db.projections.partitions('by-customer', { atLeast })) {
          all.set(partition, state);
        }
        return all;
      } catch (error) {
        if (['NOT_READY', 'BEHIND', 'UNREACHABLE'].includes((error as { code: string }).code)) return undefined;
        throw error;
      }
    },
    60_000,
  );
}

test('P1: a node that is killed while it fetches a state never answers with a part of it, and has all of it in the end', {
  timeout: 240_000,
}, async () => {
  cluster = await ProcessCluster.prepare(3);
  cluster.startAll();
  const db = await clientOf(cluster.url);
  await db.projections.create('by-customer', BY_CUSTOMER);
  const filled = await fill(db);
  const [first, , third] = cluster.nodes as [ProcessNode, ProcessNode, ProcessNode];
  const before = await partitionsOn(first, filled);
  expect(before.size).toBe(APPENDS * EVENTS);
  for (const node of cluster.nodes) await partitionsOn(node, filled);
  await db.streams.erase('orders-3', { from: 0n });
  const point = await db.admin.startScavenge();
  await until(
    'every node is through',
    async () => {
      const members = await db.admin.scavengeStatus();
      return members.every((member) => member.reachable && member.state === 'done' && member.point >= point);
    },
    60_000,
  );
  await third.end('SIGTERM');
  await rm(join(third.data, 'projections'), { recursive: true });
  let caught = 0;
  for (let life = 0; life < 8 && caught < 3; life++) {
    third.start();
    const own = await clientOf(third.url);
    const lacking = await until(
      'it fetches, or has fetched',
      async () => {
        const { active } = await own.projections.get('by-customer').catch(() => ({ active: undefined }));
        if (active?.waitsFor?.includes('fetched')) return 'lacks';
        return active && active.checkpoint >= point ? 'has' : undefined;
      },
      60_000,
    );
    await third.end('SIGKILL');
    if (lacking === 'has') await rm(join(third.data, 'projections'), { recursive: true });
    else caught++;
  }
  expect(caught).toBeGreaterThan(0);
  third.start();
  const { position } = await db.append('orders-0', [
    { type: 'Bought', data: { customer: 'customer-7', text: 'again' } },
  ]);
  const there = await partitionsOn(third, position);
  const expected = await partitionsOn(first, position);
  expect(there.size).toBe(APPENDS * EVENTS);
  expect(there).toEqual(expected);
  expect(there.get('customer-7')).toEqual({ count: 2, texts: 'again' });
  expect((await (await clientOf(third.url)).projections.get('by-customer')).active?.generation).toBe(0n);
});
