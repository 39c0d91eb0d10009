import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Server as GrpcServer } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Deferred, deferred } from '../../src/runtime/deferred.ts';
import { Listener } from '../../src/server/listener.ts';
import { Traffic } from '../../src/server/traffic.ts';
import { callAndReset, invalidTrailers, PONG } from '../support/raw-http2.ts';
import { VirtualTime } from '../support/virtual-clock.ts';
import { until } from '../support/wait.ts';

let time: VirtualTime;
let traffic: Traffic;
let listener: Listener;
let requests: number;
/** What answers wait for. */
let answering: Deferred<void> | undefined;
const sockets: Socket[] = [];

beforeEach(async () => {
  time = new VirtualTime();
  traffic = new Traffic();
  requests = 0;
  answering = undefined;
  const answer = async (_: IncomingMessage, response: ServerResponse) => {
    requests++;
    await answering?.promise;
    response.end('answer');
  };
  const options = { host: '127.0.0.1', port: 0, connectionsMax: 10, clock: time.clock(), traffic };
  listener = await Listener.open(new GrpcServer(), answer, options);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  const closed = listener.close(1_000);
  await time.run(1_000);
  await closed;
});

/** A connection that has said this much, and that the listener has heard. */
const say = async (text: string, count = 1) => {
  const socket = connect(listener.port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  socket.resume();
  await once(socket, 'connect');
  await new Promise((resolve) => socket.write(text, resolve));
  await until('the connection is counted', () => traffic.connections === count);
  return socket;
};

describe('a connection that does not say the whole of anything', () => {
  const closedAfter = async (ms: number) => {
    await time.run(ms - 1);
    expect(traffic.connections).toBe(1);
    await time.run(1);
    await until('the connection is closed', () => traffic.connections === 0);
  };

  it.each([
    ['nothing', ''],
    ['half a word', 'PRI '],
    ['a header without end', 'GET /livez HTTP/1.1\r\nHost: x\r\nX: '],
  ])('is closed after 10 s, also where it drips: %s [C8]', async (_, text) => {
    const socket = await say(text);
    await time.run(5_000);
    socket.write('a');
    await closedAfter(5_000);
    expect(requests).toBe(0);
  });

  it('is closed 10 s after the answer where a body never ends [C8]', async () => {
    const socket = await say('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toContain('200 OK');
    await until('the request is answered', () => requests === 1);
    socket.write('a');
    await closedAfter(10_000);
  });

  it('is left alone while it waits for its answer, and may ask again within 10 s of it', async () => {
    const socket = await say('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await until('the request is answered', () => requests === 1);
    await time.run(9_999);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await until('the second one is answered', () => requests === 2);
    await time.run(9_000);
    expect(traffic.connections).toBe(1);
  });
});

describe('a listener that closes', () => {
  const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

  it.each([
    ['that waits between two requests', GET, 1],
    ['with half a request', GET.slice(0, -2), 0],
    ['that has said nothing', '', 0],
  ])('does not wait for a connection %s', async (_, text, answered) => {
    const socket = await say(text);
    await until('the request is answered', () => requests === answered);
    if (answered > 0) await until('the answer is there', () => socket.bytesRead > 0);
    await listener.close(5_000);
    await until('it is closed', () => socket.closed);
  });

  it('answers the requests that are under way, and closes their connections', async () => {
    answering = deferred<void>();
    const socket = connect(listener.port, '127.0.0.1');
    sockets.push(socket);
    let answer = '';
    socket.on('data', (bytes: Buffer) => {
      answer += bytes.toString();
    });
    socket.write(GET);
    await until('the request is there', () => requests === 1);
    const closed = listener.close(5_000);
    answering.resolve();
    await closed;
    await until('it is closed', () => socket.closed);
    expect(answer).toMatch(/200 OK.*answer/s);
  });
});

describe('a call that is reset in the packet that brings it', () => {
  it.each([
    ['of an unknown method', '/nope', 'application/grpc', 8],
    ['of no gRPC', '/nope', 'text/plain', 8],
    ['with an error', '/nope', 'application/grpc', 2],
  ])('is dropped, and the node serves on: %s [C8]', async (_, path, contentType, code) => {
    const socket = connect(listener.port, '127.0.0.1');
    sockets.push(socket);
    const greeted = once(socket, 'data');
    socket.write(callAndReset(path, contentType, code));
    // Its settings show that the node has read the packet; what would throw does so in the same turn.
    await greeted;
    await say('GET / HTTP/1.1\r\nHost: x\r\n\r\n', 2);
    await until('the request is answered', () => requests === 1);
  });
});

describe('a connection with thousands of invalid frames', () => {
  it('is kept: by ending it, Node would end the process [C8]', async () => {
    const socket = connect(listener.port, '127.0.0.1');
    sockets.push(socket);
    let heard = Buffer.alloc(0);
    socket.on('data', (bytes: Buffer) => {
      heard = Buffer.concat([heard, bytes]);
    });
    socket.write(invalidTrailers(1_500));
    await until('the ping behind them is answered', () => heard.includes(PONG));
    expect(socket.closed).toBe(false);
  });
});

describe('a connection beyond connectionsMax', () => {
  const MAX = 10;
  const RESERVED = 16;
  /** A client's preface with its settings: from then on gRPC has the connection. */
  const HTTP2 = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';
  const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
  const fill = async () => {
    for (let n = 1; n <= MAX; n++) await say(HTTP2, n);
  };
  /** Those of the sockets that were closed, by the order in which they came. */
  const closed = () => sockets.flatMap(({ closed }, n) => (closed ? [n] : []));

  it('has one of 16 places, and the one that has been there longest makes room for a newer one [C8]', async () => {
    await fill();
    for (let n = 1; n <= RESERVED; n++) await say(n % 2 ? '' : HTTP2, MAX + n);
    expect(closed()).toEqual([]);
    for (let n = 1; n <= 5; n++) await say('', MAX + RESERVED);
    await until('five have made room', () => closed().length === 5);
    expect(closed()).toEqual([10, 11, 12, 13, 14]);
    expect(traffic.connections).toBe(MAX + RESERVED);
    expect(traffic.refusedConnections).toBe(RESERVED + 5);
    // However many there are, one that asks is answered.
    const socket = connect(listener.port, '127.0.0.1');
    sockets.push(socket);
    socket.write(GET);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toContain('200 OK');
  });

  it.each([
    ['nothing', ''],
    ['garbage', '\x16\x03\x01garbage'],
    ['half a header', 'GET /livez HTTP/1.1\r\nX: '],
    ['HTTP/2', HTTP2],
  ])('is closed after 10 s at the latest, whatever it has said: %s [C8]', async (_, text) => {
    await fill();
    await say(text, text.includes('garbage') ? MAX : MAX + 1);
    await time.run(10_000);
    await until('only those within connectionsMax are left', () => closed().length === 1);
    expect(closed()).toEqual([MAX]);
    expect(traffic.connections).toBe(MAX);
  });

  it('is closed once it has its answer over HTTP/1.1', async () => {
    await fill();
    const socket = connect(listener.port, '127.0.0.1');
    sockets.push(socket);
    socket.write(GET);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/200 OK.*Connection: close/is);
    await until('it is closed', () => traffic.connections === MAX);
    expect(traffic.refusedConnections).toBe(1);
  });

  it('leaves its place, and a later one has that of an ordinary one that has left', async () => {
    await fill();
    await say(HTTP2, MAX + 1);
    sockets[0]?.destroy();
    await until('an ordinary one has left', () => traffic.connections === MAX);
    await say(HTTP2, MAX + 1);
    await time.run(10_000);
    // The one that came when there was no room is closed all the same.
    await until('the one in the reserve is closed', () => traffic.connections === MAX);
    expect(closed()).toEqual([0, MAX]);
    for (let n = 1; n <= RESERVED; n++) await say(HTTP2, MAX + n);
    expect(traffic.refusedConnections).toBe(1 + RESERVED);
  });
});
