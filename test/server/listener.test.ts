import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Server as GrpcServer } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Listener } from '../../src/server/listener.ts';
import { Traffic } from '../../src/server/traffic.ts';
import { VirtualTime } from '../support/virtual-clock.ts';
import { until } from '../support/wait.ts';

describe('a connection that does not say the whole of anything', () => {
  let time: VirtualTime;
  let traffic: Traffic;
  let listener: Listener;
  let requests: number;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    time = new VirtualTime();
    traffic = new Traffic();
    requests = 0;
    const answer = (_: IncomingMessage, response: ServerResponse) => {
      requests++;
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
  const say = async (text: string) => {
    const socket = connect(listener.port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.resume();
    await once(socket, 'connect');
    await new Promise((resolve) => socket.write(text, resolve));
    await until('the connection is counted', () => traffic.connections === 1);
    return socket;
  };
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
