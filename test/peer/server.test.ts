import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { decodeIdentification, encodeFoundRequest, encodeIdentifyRequest } from '../../src/peer/founding-codec.ts';
import { ask, openStream } from '../../src/peer/grpc.ts';
import { PeerServer } from '../../src/peer/peer-server.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { callAndReset, invalidTrailers, PONG } from '../support/raw-http2.ts';
import { logging, until } from './support.ts';

const timing = { clock: systemClock, timeoutMs: 2000 };
const self = {
  nodeId: 'n1',
  directoryId: new Uint8Array(16).fill(1),
  clusterId: new Uint8Array(0),
  address: '127.0.0.1:2113',
  peerAddress: '127.0.0.1:2114',
  members: [],
  knownFeatureLevel: 1,
};
const servers: PeerServer[] = [];

async function start(took: (record: Uint8Array) => Promise<void>, address = '127.0.0.1:0') {
  const { logger, lines } = logging();
  const server = await PeerServer.start(
    address,
    {
      identify: () => self,
      found: ({ record }) => took(record),
      entries: async () => [],
      stateDigests: async () => [],
      state: async function* () {},
      join: () => Promise.reject(new Error()),
    },
    logger,
  );
  servers.push(server);
  return { server, lines };
}

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

describe('the peer port', () => {
  test('with port 0 tells the real one, and answers who is there (DESIGN §6)', async () => {
    const { server } = await start(async () => undefined);
    expect(server.address).toMatch(/^127\.0\.0\.1:[1-9]\d+$/);
    const answer = await ask(server.address, 'Identify', encodeIdentifyRequest('n2'), timing);
    expect(decodeIdentification(answer)).toEqual(self);
  });

  test.each([
    ['of an unknown method', '/nope', 'application/grpc'],
    ['of no gRPC', '/nope', 'text/plain'],
  ])(
    'drops a call that is reset in the packet that brings it, and serves on: %s [C8]',
    async (_, path, contentType) => {
      const { server } = await start(async () => undefined);
      const socket = connect(Number(server.address.split(':')[1]), '127.0.0.1');
      const greeted = once(socket, 'data');
      socket.write(callAndReset(path, contentType));
      await greeted;
      const answer = await ask(server.address, 'Identify', encodeIdentifyRequest('n2'), timing);
      expect(decodeIdentification(answer)).toEqual(self);
      socket.destroy();
    },
  );

  test('keeps a connection with thousands of invalid frames: by ending it, Node would end the process [C8]', async () => {
    const { server } = await start(async () => undefined);
    const socket = connect(Number(server.address.split(':')[1]), '127.0.0.1');
    let heard = Buffer.alloc(0);
    socket.on('data', (bytes: Buffer) => {
      heard = Buffer.concat([heard, bytes]);
    });
    socket.write(invalidTrailers(1_500));
    await until(() => heard.includes(PONG));
    socket.destroy();
  });

  test('that is in use ends the start with a text that says so', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await until(() => squatter.listening);
    const { port } = squatter.address() as { port: number };
    const failed = start(async () => undefined, `127.0.0.1:${port}`);
    await expect(failed).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: `peer address 127.0.0.1:${port} is in use by another process; stop that one, or choose another with --peer-listen`,
    });
    squatter.close();
  });

  test('of another machine ends the start with a text that says so', async () => {
    await expect(start(async () => undefined, '192.0.2.1:0')).rejects.toThrow(
      'peer address 192.0.2.1:0 is not an address of this machine',
    );
  });

  test('that is none ends the start with a text that says so', async () => {
    for (const bad of ['127.0.0.1', 'x:y', '127.0.0.1:70000']) {
      await expect(start(async () => undefined, bad)).rejects.toThrow(
        `peer address ${bad} is not of the form host:port`,
      );
    }
  });

  test('passes the reason on why a founding record is not taken (DESIGN §6)', async () => {
    const { server } = await start(async () => {
      throw new FactstoreError('FAILED_PRECONDITION', 'n1 belongs to cluster 5f already');
    });
    await expect(
      ask(
        server.address,
        'Found',
        encodeFoundRequest({ record: Buffer.from('x'), clusterId: Buffer.alloc(0) }),
        timing,
      ),
    ).rejects.toThrow('n1 belongs to cluster 5f already');
  });

  test('answers malformed questions with an error and keeps its own failures to its log', async () => {
    const { server, lines } = await start(async () => {
      throw new TypeError('secret');
    });
    await expect(ask(server.address, 'Identify', Buffer.from('garbage'), timing)).rejects.toThrow(/IdentifyRequest/);
    await expect(
      ask(
        server.address,
        'Found',
        encodeFoundRequest({ record: Buffer.from('x'), clusterId: Buffer.alloc(0) }),
        timing,
      ),
    ).rejects.toThrow(/internal error/);
    expect(lines.map((line) => line.event)).toEqual(['peer.handlerFailed']);
  });

  test('cuts a long reason short between characters, never within one, and serves on [C8]', async () => {
    // The text is cut behind 1,000 units of UTF-16, and each of these characters has two of them.
    const name = `n${'😀'.repeat(600)}`;
    const { server } = await start(async () => {
      throw new FactstoreError('FAILED_PRECONDITION', name);
    });
    const question = encodeFoundRequest({ record: Buffer.from('x'), clusterId: Buffer.alloc(0) });
    await expect(ask(server.address, 'Found', question, timing)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: `n${'😀'.repeat(499)}\ufffd`,
    });
    const answer = await ask(server.address, 'Identify', encodeIdentifyRequest('n2'), timing);
    expect(decodeIdentification(answer)).toEqual(self);
  });

  test('refuses streams until there is a cluster (DESIGN §6)', async () => {
    const { server } = await start(async () => undefined);
    for (const name of ['Messages', 'Forward'] as const) {
      const { call, close } = openStream(server.address, name);
      call.on('data', () => undefined);
      const status = await new Promise((resolve) => call.on('status', resolve));
      expect(status).toMatchObject({ code: 9, details: 'this node belongs to no cluster yet' });
      close();
    }
  });

  test('raises the flow control windows, so that 64 KiB do not wait for the other event loop [C8]', async () => {
    const { server } = await start(async () => undefined);
    const { connect } = await import('node:http2');
    const session = connect(`http://${server.address}`);
    session.on('error', () => undefined);
    await until(() => session.remoteSettings?.initialWindowSize === 8 * 1024 * 1024);
    await until(() => (session.state.remoteWindowSize ?? 0) >= 16 * 1024 * 1024);
    session.destroy();
  });
});

describe('why a peer cannot be reached', () => {
  test('is told in words', async () => {
    const question = encodeIdentifyRequest('n2');
    await expect(ask('127.0.0.1:1', 'Identify', question, timing)).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: 'connection refused 127.0.0.1:1',
    });
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    const http = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
    const rude = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await until(() => silent.listening && http.listening && rude.listening);
    const at = (server: typeof silent) => `127.0.0.1:${(server.address() as { port: number }).port}`;
    const short = { ...timing, timeoutMs: 100 };
    await expect(ask(at(silent), 'Identify', question, short)).rejects.toThrow('timed out after 0.1 s');
    await expect(ask(at(http), 'Identify', question, timing)).rejects.toThrow(/something else than factstore answers/);
    await expect(ask(at(rude), 'Identify', question, timing)).rejects.toThrow(/closes every connection|reset/);
    for (const server of [silent, http, rude]) server.close();
  });
});
