import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { afterEach, describe, expect, it } from 'vitest';
import { formatAddress } from '../../src/config/values.ts';
import { clusterService } from '../../src/proto/load.ts';
import { eventsService } from '../../src/proto/services.ts';
import { reflectedEncode } from '../proto/arbitraries.ts';
import { scrape } from '../support/metrics.ts';
import { RawClient } from '../support/raw-client.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

const CHECK = '/grpc.health.v1.Health/Check';
/** `service` is field 1 of a HealthCheckRequest, and `status` of the answer: 1 is SERVING. */
const ofCluster = Buffer.concat([Buffer.from([0x0a, 20]), Buffer.from('factstore.v1.Cluster')]);
const ofAll = new Uint8Array(0);
const SERVING = { code: 0, messages: [Buffer.from([0x08, 1])] };
const NOTHING = new Uint8Array(0);

/** What must not happen is that a node which has much to do is killed for it, and then the next one. */
describe('a node that has as much as it may have', () => {
  let nodes: TestNodes;
  const opened: { close(): void }[] = [];
  const sessions: ClientHttp2Session[] = [];
  afterEach(async () => {
    for (const one of opened.splice(0)) one.close();
    for (const session of sessions.splice(0)) session.destroy();
    await nodes.dispose();
  });

  const client = () => {
    const raw = new RawClient(formatAddress(nodes.node(0).address));
    opened.push(raw);
    return raw;
  };
  /** A connection that stays open. */
  const stranger = () => {
    const session = connectHttp2(`http://${formatAddress(nodes.node(0).address)}`);
    session.on('error', () => undefined);
    sessions.push(session);
    return session;
  };
  const begin = (session: ClientHttp2Session, path: string) => {
    const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
    const call = session.request(headers);
    call.on('error', () => undefined);
    call.resume();
    return call;
  };
  /** How a call ends that sends one empty message. */
  const statusOf = (session: ClientHttp2Session, path: string) =>
    new Promise<number>((resolve) => {
      const call = begin(session, path);
      const look = (headers: IncomingHttpHeaders) => {
        if (headers['grpc-status'] !== undefined) resolve(Number(headers['grpc-status']));
      };
      // Where there is no message, it stands in the first headers.
      call.on('response', look);
      call.on('trailers', look);
      call.end(Buffer.alloc(5));
    });
  const get = async (path: string) => {
    const response = await fetch(`http://${formatAddress(nodes.node(0).address)}${path}`);
    return { status: response.status, text: await response.text() };
  };

  describe('of open calls', () => {
    const start = async () => {
      nodes = await TestNodes.start(1, { openCallsMax: 10 });
      await until('it is ready', async () =>
        (await client().unary(CHECK, ofAll)).messages[0]?.equals(SERVING.messages[0]!),
      );
      const full = stranger();
      for (let n = 0; n < 10; n++) begin(full, eventsService.Subscribe.path);
      const raw = client();
      await until(
        'there is no room for another',
        async () => (await raw.unary(eventsService.Head.path, NOTHING)).code === 8,
      );
      return raw;
    };

    it('answers health checks on any connection [C8]', async () => {
      const raw = await start();
      expect(await raw.unary(CHECK, ofCluster)).toMatchObject(SERVING);
      expect(await raw.unary(CHECK, ofAll)).toMatchObject(SERVING);
      // Clients would take it for room.
      expect(await statusOf(stranger(), clusterService.Status.path)).toBe(8);
      expect(await statusOf(stranger(), CHECK)).toBe(0);
      // This one could be kept open.
      const watched = await raw.serverStream('/grpc.health.v1.Health/Watch', ofCluster);
      expect(watched).toMatchObject({ code: 8, details: expect.stringContaining('openCallsMax') });
    });

    it('holds few checks that do not end, and answers one that comes behind them [C8]', async () => {
      const raw = await start();
      const attack = stranger();
      const held = Array.from({ length: 200 }, () => begin(attack, CHECK));
      let ended = 0;
      for (const call of held) call.on('response', () => ended++);
      await until('all but a few of them are ended', () => ended >= 200 - 64);
      expect(await raw.unary(CHECK, ofCluster)).toMatchObject(SERVING);
      const address = formatAddress(nodes.node(0).address);
      expect((await scrape(address)).get('factstore_grpc_open_calls')).toBe(10 + 64 - 1);
      attack.destroy();
      await until('none is left', async () => (await scrape(address)).get('factstore_grpc_open_calls') === 10);
    });
  });

  describe('of connections', () => {
    const start = async (connectionsMax: number) => {
      nodes = await TestNodes.start(1, { connectionsMax });
      const first = client();
      await until('it is ready', async () =>
        (await first.unary(CHECK, ofAll)).messages[0]?.equals(SERVING.messages[0]!),
      );
      first.close();
      // What only connects is closed after 10 s: these have begun to speak HTTP/2, and answer pings.
      for (let n = 0; n < connectionsMax; n++) await once(stranger(), 'remoteSettings');
    };

    it('answers probes, and scrapes of its metrics, on a new one', async () => {
      await start(4);
      for (let round = 0; round < 10; round++) {
        expect(await get('/livez')).toEqual({ status: 200, text: 'live\n' });
        expect(await get('/readyz')).toEqual({ status: 200, text: 'ready\n' });
        expect((await get('/metrics')).text).toContain('factstore_raft_role{role="leader"} 1');
        const probe = client();
        expect(await probe.unary(CHECK, ofCluster)).toMatchObject(SERVING);
        expect(await probe.unary(CHECK, ofAll)).toMatchObject(SERVING);
        expect(await statusOf(stranger(), CHECK)).toBe(0);
      }
    });

    it('refuses everything else on it, says what to do, and closes it [C8]', async () => {
      await start(4);
      const writes = [{ stream: 'never', events: [{ id: randomBytes(16), type: 'T' }] }];
      const append = reflectedEncode('factstore.v1.AppendRequest', { appendId: randomBytes(16), writes });
      expect(await client().unary(eventsService.Append.path, append)).toMatchObject({
        code: 8,
        details: expect.stringMatching(
          /has 4 client connections already, which is connectionsMax.*ask another node.*Nothing was written/,
        ),
        error: { code: 'OVERLOADED', definite: true, details: { limit: '4' } },
      });
      const other = stranger();
      const closed = once(other, 'close');
      expect(await statusOf(other, clusterService.Status.path)).toBe(8);
      await closed;
      const address = formatAddress(nodes.node(0).address);
      const figures = await until('only the scrape is there beside the four', async () => {
        const now = await scrape(address);
        return now.get('factstore_connections') === 5 && now;
      });
      // The append, the status, and the scrapes themselves.
      expect(figures.get('factstore_refused_connections_total')).toBeGreaterThan(2);
      expect(figures.get('factstore_head_position')).toBe(0);
      sessions[0]?.destroy();
      // Room for anything again.
      await until(
        'an append is taken',
        async () => (await client().unary(eventsService.Append.path, append)).code === 0,
      );
    });
  });
});
