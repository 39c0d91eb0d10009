import { readFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect, type FactstoreClient } from '../../src/client/index.ts';
import { eventsService, streamsService } from '../../src/proto/services.ts';
import { encodeSubscribeRequest } from '../../src/proto/subscribe.ts';
import { scrape } from '../support/metrics.ts';
import { ProcessCluster, type ProcessNode } from '../support/process-cluster.ts';
import { RawClient } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';

const MIB = 1 << 20;
const CONNECTIONS_MAX = 200;
/** Beyond connectionsMax, for probes. */
const CONNECTIONS_RESERVED = 16;
/** What applies where nothing is said. */
const OPEN_CALLS_MAX = 20_000;

/** Somebody who means no good, at one node as it is shipped. Whoever is there already is served throughout. */
describe.skipIf(process.platform !== 'linux')('a node under attack', () => {
  let cluster: ProcessCluster;
  let node: ProcessNode;
  let db: FactstoreClient;
  const sessions: ClientHttp2Session[] = [];
  const sockets: Socket[] = [];

  beforeEach(async () => {
    cluster = await ProcessCluster.prepare(1, ['--connections-max', String(CONNECTIONS_MAX), '--log-level', 'debug']);
    node = cluster.nodes[0] as ProcessNode;
    cluster.startAll();
    db = await node.client();
    await db.append('before', [{ type: 'T', data: 1 }]);
  });
  afterEach(async () => {
    for (const session of sessions.splice(0)) session.destroy();
    for (const socket of sockets.splice(0)) socket.destroy();
    await db.close();
    await cluster.dispose();
  });

  const residentBytes = async (figure: 'VmRSS' | 'VmHWM') => {
    const status = await readFile(`/proc/${node.pid}/status`, 'utf8');
    return Number(new RegExp(`${figure}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
  };
  const session = () => {
    const opened = connectHttp2(`http://${node.address}`);
    opened.on('error', () => undefined);
    sessions.push(opened);
    return opened;
  };
  const headers = (path: string) => ({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  /** A message of gRPC: not compressed, and its length before it. */
  const framed = (message: Uint8Array) => {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    return Buffer.concat([prefix, message]);
  };

  it('takes no more than connectionsMax of 10,000 idle connections, serves who was there, and answers probes [C8]', async () => {
    const before = await residentBytes('VmRSS');
    const [host, port] = node.address.split(':') as [string, string];
    let closed = 0;
    for (let batch = 0; batch < 20; batch++) {
      const opened = Array.from({ length: 500 }, () => {
        const socket = connectTcp(Number(port), host);
        socket.on('error', () => undefined);
        socket.on('close', () => closed++);
        sockets.push(socket);
        return new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
      });
      await Promise.all(opened);
      await db.append('during', [{ type: 'T', data: batch }]);
      expect((await fetch(`http://${node.address}/livez`)).status).toBe(200);
    }
    const kept = CONNECTIONS_MAX + CONNECTIONS_RESERVED;
    await until('all but connectionsMax and the reserve are closed', () => closed >= 10_000 - kept);
    expect((await residentBytes('VmHWM')) - before).toBeLessThan(64 * MIB);
    // What says nothing is closed after 10 s, and then there is room for somebody new.
    const late = await until('there is room again', () => connect(node.url, { connectTimeoutMs: 1_000 }), 25_000);
    expect(await late.read('during').toArray()).toHaveLength(20);
    const figures = await scrape(node.address);
    expect(figures.get('factstore_refused_connections_total')).toBeGreaterThanOrEqual(10_000 - kept);
    await late.close();
  }, 60_000);

  it('holds little for subscriptions that never read, and goes on for those that do [C8]', async () => {
    const data = 'x'.repeat(256 << 10);
    const all = { target: { kind: 'all' }, start: undefined, userEvents: false } as const;
    const request = framed(encodeSubscribeRequest(all));
    const deaf = session();
    for (let n = 0; n < 50; n++) {
      const call = deaf.request(headers(eventsService.Subscribe.path));
      call.on('error', () => undefined);
      call.pause();
      call.end(request);
    }
    await until('they are open', async () => (await scrape(node.address)).get('factstore_subscriptions') === 50);
    const before = await residentBytes('VmRSS');
    for (let n = 0; n < 200; n++) await db.append('large', [{ type: 'T', data }]);
    // All of them together would be 2.5 GiB. Without any of them it grows by some 80 MiB.
    expect((await residentBytes('VmHWM')) - before).toBeLessThan(200 * MIB);
    const figures = await scrape(node.address);
    expect(figures.get('factstore_subscription_lag_positions')).toBeGreaterThan(100);
    expect(await db.read('large').toArray()).toHaveLength(200);
    deaf.destroy();
    await until('nothing is left of them', async () => {
      return (await scrape(node.address)).get('factstore_subscriptions') === 0;
    });
  }, 60_000);

  it('outlives a client that opens calls and takes them back without end [C8]', async () => {
    const before = await residentBytes('VmRSS');
    for (let round = 0; round < 10; round++) {
      const attack = session();
      for (let n = 0; n < 1_000 && !attack.destroyed; n++) {
        const call = attack.request(headers(eventsService.Subscribe.path));
        call.on('error', () => undefined);
        call.close(constants.NGHTTP2_CANCEL);
      }
      await db.append('during', [{ type: 'T', data: round }]);
    }
    // But for the one over which the SDK appends.
    await until('no call is left', async () => (await scrape(node.address)).get('factstore_grpc_open_calls') === 1);
    expect((await residentBytes('VmHWM')) - before).toBeLessThan(150 * MIB);
    expect(await db.read('during').toArray()).toHaveLength(10);
  }, 60_000);

  it('outlives a client that opens calls and keeps them, on connection after connection, without end [C8]', async () => {
    const before = await residentBytes('VmRSS');
    for (let round = 0; round < 30; round++) {
      const attack = session();
      for (let n = 0; n < 1_000; n++) {
        const call = attack.request(
          headers(n % 2 === 0 ? eventsService.Subscribe.path : eventsService.AppendStream.path),
        );
        call.on('error', () => undefined);
      }
      // The client that is there already shares its event loop. One that was kept from it for two seconds with a ping under
      // way would not see the answer before its timer, and give up the connection, and with it the call that it has.
      await new Promise((resolve) => attack.ping(resolve));
    }
    const refused = '{method="/factstore.v1.Events/Subscribe",code="RESOURCE_EXHAUSTED"}';
    const figures = await until('the rest is refused', async () => {
      const now = await scrape(node.address);
      return (now.get(`factstore_grpc_calls_total${refused}`) ?? 0) > 4_000 && now;
    });
    expect(figures.get('factstore_grpc_open_calls')).toBeLessThanOrEqual(OPEN_CALLS_MAX);
    expect(figures.get('factstore_grpc_open_calls')).toBeGreaterThan(OPEN_CALLS_MAX - 100);
    // Some 6 KiB for each that is open, and as much again for those that come and are refused.
    expect((await residentBytes('VmHWM')) - before).toBeLessThan(500 * MIB);
    // Who has a call goes on with it.
    await db.append('during', [{ type: 'T', data: 1 }]);
    for (const one of sessions.splice(0)) one.destroy();
    await until('there is room again', async () => (await db.read('during').toArray()).length === 1);
  }, 60_000);

  it('lets nobody write lines into its log through the names of streams, nor fill it through headers [C8]', async () => {
    const raw = new RawClient(node.address);
    const forged = '{"level":60,"event":"node.failed","msg":"forged"}';
    const names = [`a\n${forged}`, `a\r\n${forged}\r\n`, `a\u2028${forged}`, `a\u001b[2J${forged}`, `"},${forged}`];
    for (const name of names) {
      await db.append(name, [{ type: name, data: 1 }]).catch(() => undefined);
      await db.streams.get(name).catch(() => undefined);
      // Also where no SDK looks at it first: field 1 of the request.
      const bytes = Buffer.from(name);
      const request = Buffer.concat([Buffer.from([0x0a, bytes.length]), bytes]);
      await raw.unary(streamsService.Get.path, request);
      await raw.unary(`/factstore.v1.Streams/${encodeURIComponent(name)}`, request);
      await fetch(`http://${node.address}/${encodeURIComponent(name)}`);
    }
    raw.close();
    // A value that no header of gRPC may have, which gRPC itself has something to say about.
    const values = session();
    for (let n = 0; n < 500; n++) {
      const call = values.request({
        ...headers(streamsService.Get.path),
        forged: `\u00ff${forged}${'x'.repeat(2_000)}`,
      });
      call.on('error', () => undefined);
      call.end(framed(new Uint8Array(0)));
    }
    const said = () => node.output.filter((line) => line.includes('Failed to add metadata'));
    await until('it is told', () => said().length > 0);
    await db.append('behind them', [{ type: 'T' }]);
    expect(said().length).toBeLessThanOrEqual(100);
    expect(said().every((line) => line.length < 1_000)).toBe(true);
    expect(node.output.length).toBeGreaterThan(1);
    for (const line of node.output) {
      const parsed = JSON.parse(line) as { event?: string; msg?: string };
      expect(parsed.event).not.toBe('node.failed');
      expect(parsed.msg).not.toBe('forged');
    }
  });
});
