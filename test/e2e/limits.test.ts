import { randomBytes } from 'node:crypto';
import { createConnection, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { formatAddress } from '../../src/config/values.ts';
import { decodeReadResponse } from '../../src/proto/read.ts';
import { eventsService, streamsService } from '../../src/proto/services.ts';
import { reflectedEncode } from '../proto/arbitraries.ts';
import { RawClient } from '../support/raw-client.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

describe('limits that configuration lowers', () => {
  const opened: { dispose(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const nodes of opened.splice(0)) await nodes.dispose();
  });

  async function start(limits: Record<string, unknown>) {
    const nodes = await TestNodes.start(1, limits);
    opened.push(nodes);
    return { nodes, db: await nodes.client() };
  }

  it('hold for appends, and name the field, the limit and the figure', async () => {
    const { db } = await start({
      eventBytesMax: 400,
      appendBytesMax: 1000,
      metadataBytesMax: 100,
      eventsPerAppendMax: 8,
      streamsPerAppendMax: 3,
    });
    const event = (bytes: number, more: object = {}) => ({ type: 'T', data: new Uint8Array(bytes), ...more });
    const streams = (count: number) =>
      Array.from({ length: count }, (_, n) => ({ stream: `s-${n}`, events: [event(1)] }));
    const refusals = [
      [db.append('s', [event(1), event(390)]), 'writes[0].events[1]', 400, 'bytes'],
      [db.append('s', [event(300), event(300), event(300)]), 'writes', 1000, 'bytes'],
      [db.append('s', [event(1, { metadata: 'x'.repeat(101) })]), 'writes[0].events[0].metadata', 100, 'bytes'],
      [db.append('s', Array(9).fill(event(1))), 'writes', 8, 'events'],
      [db.append(streams(4)), 'writes', 3, 'streams'],
    ] as const;
    for (const [attempt, field, limit, unit] of refusals) {
      await expect(attempt).rejects.toMatchObject({
        code: 'LIMIT_EXCEEDED',
        definite: true,
        details: { field, limit: String(limit), actual: expect.any(String) },
        message: expect.stringContaining(`${unit} is over the limit of ${limit}`),
      });
    }
    expect(await db.head()).toBe(0n);
    await db.append('s', [event(300), event(300)]);
    await db.append(streams(3));
    expect(await db.head()).toBe(5n);
  });

  it('hold for the messages of reads and subscriptions', async () => {
    const { nodes, db } = await start({ readBatchEventsMax: 10, readBatchBytesMax: 2000 });
    const many = (count: number, bytes: number) =>
      Array.from({ length: count }, () => ({ type: 'T', data: new Uint8Array(bytes) }));
    await db.append('small', many(45, 1));
    await db.append('large', many(9, 600));
    const raw = new RawClient(formatAddress(nodes.node(0).address));
    const sizes = async (target: object, path = eventsService.Read.path, type = 'ReadRequest', most = 100) => {
      const { messages } = await raw.serverStream(path, reflectedEncode(`factstore.v1.${type}`, target), most);
      return messages.map((message) => decodeReadResponse(message).events.length);
    };
    expect(await sizes({ stream: 'small' })).toEqual([10, 10, 10, 10, 5]);
    // The event that reaches the bound on bytes is the last one of its message.
    expect(await sizes({ stream: 'large' })).toEqual([3, 3, 3]);
    expect((await sizes({ all: true })).every((size) => size <= 10)).toBe(true);
    raw.close();
    const batches: number[] = [];
    for await (const batch of db.read('small').batches()) batches.push(batch.length);
    expect(batches).toEqual([10, 10, 10, 10, 5]);
  });

  it('keep no connection too many, and take another once one is gone [C8]', async () => {
    const { nodes } = await start({ connectionsMax: 6 });
    const { port } = nodes.node(0).address;
    // The client of the test has connections too; what they leave is filled up.
    const sockets: Socket[] = [];
    const open = () =>
      new Promise<Socket | undefined>((resolve) => {
        const socket = createConnection({ port, host: '127.0.0.1' });
        socket.on('error', () => undefined);
        socket.on('close', () => resolve(undefined));
        // Plain HTTP is answered also on one too many, but only once.
        socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n');
        socket.once('data', (answer) => resolve(/connection: close/i.test(String(answer)) ? undefined : socket));
      });
    for (let socket = await open(); socket; socket = await open()) {
      sockets.push(socket);
      expect(sockets.length).toBeLessThanOrEqual(6);
    }
    expect(sockets.length).toBeGreaterThanOrEqual(4);
    expect(await open()).toBeUndefined();
    sockets.pop()?.destroy();
    const again = await until('a connection is taken again', open);
    for (const socket of [...sockets, again]) socket.destroy();
  });

  it('hold back more calls on a connection than it may have at a time [C8]', async () => {
    const { nodes } = await start({ streamsPerConnectionMax: 3 });
    const raw = new RawClient(formatAddress(nodes.node(0).address));
    const subscribe = reflectedEncode('factstore.v1.SubscribeRequest', { all: true });
    // The fourth call waits on the client's side until one of the three ends.
    const open = [1, 2, 3].map(() => raw.serverStream(eventsService.Subscribe.path, subscribe));
    await until('three calls are open', async () => {
      const head = await raw.unary(eventsService.Head.path, new Uint8Array(0), 300);
      return head.code === 4;
    });
    raw.close();
    await Promise.all(open);
    const other = new RawClient(formatAddress(nodes.node(0).address));
    expect(await other.unary(eventsService.Head.path, new Uint8Array(0))).toMatchObject({ code: 0 });
    other.close();
  });

  it('refuse more calls than all connections together may have, and take more once some have ended [C8]', async () => {
    const { nodes } = await start({ openCallsMax: 10 });
    const address = formatAddress(nodes.node(0).address);
    const subscribe = reflectedEncode('factstore.v1.SubscribeRequest', { all: true });
    const many = [new RawClient(address), new RawClient(address), new RawClient(address)];
    const open = many.flatMap((raw) =>
      [1, 2, 3, 4].map(() => raw.serverStream(eventsService.Subscribe.path, subscribe)),
    );
    const refused = await Promise.race(open);
    expect(refused).toMatchObject({ code: 8, details: expect.stringContaining('openCallsMax') });
    const other = new RawClient(address);
    const head = () => other.unary(eventsService.Head.path, new Uint8Array(0));
    expect(await head()).toMatchObject({ code: 8 });
    // Nothing of a refused call happens.
    const writes = [{ stream: 'never', events: [{ id: randomBytes(16), type: 'T' }] }];
    const append = reflectedEncode('factstore.v1.AppendRequest', { appendId: randomBytes(16), writes });
    expect(await other.unary(eventsService.Append.path, append)).toMatchObject({ code: 8 });
    many[0]?.close();
    await until('calls are taken again', async () => (await head()).code === 0);
    const get = reflectedEncode('factstore.v1.GetStreamRequest', { stream: 'never' });
    expect(await other.unary(streamsService.Get.path, get)).toMatchObject({ code: 5 });
    expect(await other.unary(eventsService.Append.path, append)).toMatchObject({ code: 0 });
    for (const raw of [...many, other]) raw.close();
    await Promise.all(open);
  });
});
