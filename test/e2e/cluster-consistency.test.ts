import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { FactstoreClient, FactstoreError } from '../../src/client/index.ts';
import { fromGrpc } from '../../src/client/status-error.ts';
import { formatAddress } from '../../src/config/values.ts';
import { encodeAppendRequest } from '../../src/proto/append-request.ts';
import { decodeAppendResponse } from '../../src/proto/append-response.ts';
import { encodeEvent } from '../storage/index/log-fixture.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

let ids = 0;

/** A unary append to one node, as a client in another language makes it. */
function appendTo(
  nodes: TestNodes,
  n: number,
  forward: boolean,
  tag?: string,
): Promise<ReturnType<typeof decodeAppendResponse>> {
  const appendId = Buffer.alloc(16);
  appendId.writeUInt32BE(++ids);
  const events = [encodeEvent({ type: 'R', tags: tag === undefined ? [] : [tag] })];
  const writes = [{ stream: 'raw', expect: { kind: 'any' } as const, events }];
  const item = { types: [], tags: [tag ?? ''], categories: [], streams: [], streamPrefixes: [] };
  const conditions = tag === undefined ? [] : [{ query: { items: [item] }, after: 0 }];
  const request = encodeAppendRequest({ appendId, writes, conditions, forward });
  const client = new Client(formatAddress(nodes.node(n).address), credentials.createInsecure());
  const same = (bytes: Buffer) => bytes;
  return new Promise<Buffer>((resolve, reject) => {
    client.makeUnaryRequest('/factstore.v1.Events/Append', same, same, request, (error, answer) =>
      error ? reject(fromGrpc(error, 'the node')) : resolve(answer as Buffer),
    );
  })
    .finally(() => client.close())
    .then(decodeAppendResponse);
}

const refusal = async (attempt: Promise<unknown>): Promise<FactstoreError> => {
  const outcome = await attempt.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in outcome)) throw new Error('a refusal was expected');
  return outcome.error as FactstoreError;
};

describe('each of three nodes', () => {
  let nodes: TestNodes;
  let clients: FactstoreClient[];

  beforeAll(async () => {
    nodes = await TestNodes.start(3);
    clients = await Promise.all([0, 1, 2].map((n) => nodes.client(n)));
  });
  afterAll(() => nodes.dispose());

  it('reads what was answered before, with linearizable reads [Q1]', async () => {
    const writer = await nodes.client();
    for (let n = 0; n < 20; n++) {
      const { position } = await writer.append('fresh', [{ type: 'F', data: n }]);
      for (const db of clients) {
        expect(await db.head()).toBeGreaterThanOrEqual(position);
        const [last] = await db.read('fresh', { backwards: true, limit: 1 }).toArray();
        expect(last?.data).toBe(n);
      }
    }
  });

  it('reads its own position anywhere, and what it has at once [Q2]', async () => {
    const writer = await nodes.client();
    const { position } = await writer.append('own', [{ type: 'O', data: 1 }]);
    for (const db of clients) {
      expect(await db.read('own', { consistency: { atLeast: position } }).toArray()).toHaveLength(1);
      expect(await db.head({ consistency: 'local' })).toBeGreaterThanOrEqual(position);
    }
  });

  it('waits to the deadline for a position that nobody has, and says then where it is [Q2]', async () => {
    for (const db of clients) {
      const head = await db.head();
      const began = performance.now();
      const error = await refusal(db.head({ consistency: { atLeast: head + 1_000n }, timeoutMs: 600 }));
      expect(performance.now() - began).toBeGreaterThan(300);
      expect(error).toMatchObject({ code: 'BEHIND', details: { head: String(head) } });
    }
  });

  it('is woken by the position that it waits for [Q2]', async () => {
    const writer = await nodes.client();
    for (const db of clients) {
      const head = await writer.head();
      const waiting = db.read('woken', { consistency: { atLeast: head + 1n } }).toArray();
      await writer.append('woken', [{ type: 'W', data: 1 }]);
      expect((await waiting).length).toBeGreaterThan(0);
    }
  });

  it('appends, by passing it on to the leader where it does not lead [S9]', async () => {
    for (const n of [0, 1, 2]) expect(await appendTo(nodes, n, true)).toMatchObject({ kind: 'appended' });
  });

  it('passes conditions on, too, and the conflict back [S4, S9]', async () => {
    for (const first of [0, 1, 2]) {
      const tag = `forwarded:${first}`;
      expect(await appendTo(nodes, first, true, tag)).toMatchObject({ kind: 'appended' });
      for (const n of [0, 1, 2]) {
        const conflict = await appendTo(nodes, n, true, tag);
        expect(conflict).toMatchObject({ kind: 'conflict', checks: [], conditions: [{ index: 0, cut: false }] });
      }
    }
  });

  it('names the leader where it was asked not to pass an append on [S9]', async () => {
    const leader = await nodes.leader();
    for (const n of [0, 1, 2]) {
      if (n === leader) {
        expect(await appendTo(nodes, n, false)).toMatchObject({ kind: 'appended' });
        continue;
      }
      const error = await refusal(appendTo(nodes, n, false));
      expect(error).toMatchObject({ code: 'NOT_LEADER', definite: true });
      expect(error.details.leader).toBe(formatAddress(nodes.node(leader).address));
    }
  });

  it('can be given the leadership, also while appends come in [C6]', async () => {
    const writer = await nodes.client();
    let stopped = false;
    let sent = 0;
    const flood = (async () => {
      while (!stopped) await Promise.all([1, 2, 3, 4].map(() => writer.append('flood', [{ type: 'X', data: sent++ }])));
    })();
    for (const n of [0, 1, 2]) {
      expect(await writer.cluster.transferLeadership(`n${n + 1}`)).toBe(`n${n + 1}`);
      await until('it leads', () => nodes.node(n).role === 'leader');
    }
    stopped = true;
    await flood;
    const data = (await writer.read('flood').toArray()).map((event) => event.data);
    expect(data).toEqual(Array.from({ length: sent }, (_, n) => n));
    expect(await refusal(writer.cluster.transferLeadership('n9'))).toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('a node that starts again', () => {
  let nodes: TestNodes | undefined;
  afterEach(() => nodes?.dispose());

  it('builds its index anew where that was deleted [D5]', async () => {
    nodes = await TestNodes.start(1);
    const db = await nodes.client();
    const appended = await db.append('a', [
      { type: 'A', data: 1 },
      { type: 'B', data: 2 },
    ]);
    await nodes.stopNode(0);
    await rm(join(nodes.data(0), 'index'), { recursive: true });
    await nodes.startNode(0);
    const again = await nodes.client();
    expect((await again.read('a').toArray()).map((event) => event.type)).toEqual(['A', 'B']);
    const conflict = await refusal(again.append('a', [{ type: 'C', data: 3 }], { expect: 'none' }));
    expect(conflict.code).toBe('CONFLICT');
    expect(appended.revision).toBe(1n);
  });

  it('remembers append ids and producers over a restart [S6, S7]', async () => {
    nodes = await TestNodes.start(1);
    const appendId = '01890000-0000-7000-8000-000000000001';
    const options = { appendId, producer: { producer: 'p', previous: 0n, current: 5n } };
    const db = await nodes.client();
    const first = await db.append('a', [{ type: 'A', id: appendId, data: 1 }], options);
    await nodes.stopNode(0);
    await nodes.startNode(0);
    const again = await nodes.client();
    const second = await again.append('a', [{ type: 'A', id: appendId, data: 1 }], options);
    expect(second).toMatchObject({ position: first.position, revision: first.revision, repeated: true });
    expect(await again.read('a').toArray()).toHaveLength(1);
  });

  it('with an empty directory in a cluster of three comes back as another member, with everything [D7]', async () => {
    nodes = await TestNodes.start(3);
    const db = await nodes.client();
    await db.append('a', [{ type: 'A', data: 1 }]);
    const follower = await nodes.follower();
    await nodes.stopNode(follower);
    await rm(nodes.data(follower), { recursive: true });
    const node = await nodes.startNode(follower);
    // The two others go on meanwhile.
    await db.append('a', [{ type: 'B', data: 2 }]);
    await until('it follows', () => node.role === 'follower');
    const own = await nodes.client(follower);
    expect((await own.read('a').toArray()).map(({ type }) => type)).toEqual(['A', 'B']);
  });

  it('leaves nothing open behind a start that failed half way [C8]', async () => {
    nodes = await TestNodes.start(1);
    const other = await TestNodes.prepare(1);
    const taken = `127.0.0.1:${nodes.node(0).address.port}`;
    const error = await refusal(other.startNode(0, { listen: taken }));
    expect(error.code).toBe('FAILED_PRECONDITION');
    await other.startNode(0);
    expect(other.node(0).role).toBe('leader');
    await other.dispose();
  });
});
