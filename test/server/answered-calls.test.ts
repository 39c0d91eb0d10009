import { once } from 'node:events';
import type { ClientHttp2Stream } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { countCalls } from '../../src/server/traffic.ts';
import { RawClient } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';
import { begin, DUPLEX, EchoServer, framed, statusOf, UNARY } from './echo-server.ts';

const OPEN_CALLS_MAX = 2;
const logger = createLogger('silent', {});
const answer = Buffer.from('an answer');

let server: EchoServer;
const clients: RawClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.dispose();
});

/** Its duplex calls are answered with one message, and end in an error without a word of the client; or never, where it says so. */
const start = async (openCallsMax = OPEN_CALLS_MAX) => {
  const bounds = { openCallsMax, connectionsMax: 10, logger };
  server = await EchoServer.start(
    (traffic) => [countCalls(traffic, systemClock, bounds)],
    (call) => {
      call.on('data', () => undefined);
      if (call.metadata.get('held').length > 0) return;
      call.write(answer);
      call.emit('error', Object.assign(new Error(), { code: status.ABORTED, details: 'no more' }));
    },
  );
};
const fill = async () => {
  const session = server.session();
  for (let n = 0; n < OPEN_CALLS_MAX; n++) begin(session, DUPLEX, { held: '1' });
  await until('no other call is taken', () => server.traffic.openCalls === OPEN_CALLS_MAX);
};
const client = () => {
  const raw = new RawClient(server.address);
  clients.push(raw);
  return raw;
};
/** What a call that is never ended is told, and that the node has closed it then. */
const fate = async (call: ClientHttp2Stream) => {
  const closed = once(call, 'close');
  const { 'grpc-status': code } = await statusOf(call);
  await closed;
  return { code, reset: call.rstCode };
};

describe('a call that is answered and whose client does not end it', () => {
  it('is closed behind its status where too many are open: nobody counts it any more [C8]', async () => {
    await start();
    await fill();
    const session = server.session();
    const calls = Array.from({ length: 500 }, (_, n) => begin(session, n % 2 ? UNARY : DUPLEX));
    for (const told of await Promise.all(calls.map(fate))) expect(told).toEqual({ code: '8', reset: 0 });
    await until('only what is counted is left', () => server.streams === OPEN_CALLS_MAX);
  });

  it('is closed behind its status where its handler ends it, and what was written comes before [C8]', async () => {
    await start();
    const call = begin(server.session(), DUPLEX);
    const messages: Buffer[] = [];
    call.on('data', (bytes: Buffer) => messages.push(bytes));
    expect(await fate(call)).toEqual({ code: String(status.ABORTED), reset: 0 });
    expect(Buffer.concat(messages)).toEqual(framed(answer));
    await until('nothing is left', () => server.streams === 0);
  });

  it.each([
    ['a method that is not there', '/test.Echo/Nothing', 'application/grpc', { 'grpc-status': '12' }],
    ['what is no gRPC', UNARY, 'text/plain', { ':status': 415 }],
  ])('is closed where gRPC itself refuses it: %s [C8]', async (_, path, type, told) => {
    await start();
    const call = begin(server.session(), path, { 'content-type': type });
    const closed = once(call, 'close');
    const [headers] = await once(call, 'response');
    expect(headers).toMatchObject(told);
    await closed;
    await until('nothing is left', () => server.streams === 0);
  });

  it('is not shown to its handler behind the status of its deadline, which nobody would tell that it is over [C8]', async () => {
    await start();
    const call = begin(server.session(), UNARY, { 'grpc-timeout': '50m' });
    call.write(framed(answer));
    expect(await fate(call)).toEqual({ code: String(status.DEADLINE_EXCEEDED), reset: 0 });
    await until('nothing is left', () => server.streams === 0);
    expect(server.decoded).toBe(1);
    expect(server.handled).toBe(0);
  });

  it('tells a client of gRPC its status all the same, whatever that still sends', async () => {
    await start();
    const raw = client();
    const large = Buffer.alloc(1 << 20);
    const ended = { code: status.ABORTED, details: 'no more', messages: [answer] };
    for (let n = 0; n < 20; n++) expect(await raw.duplex(DUPLEX, [large, large, large])).toMatchObject(ended);
    expect(await raw.unary(UNARY, answer)).toMatchObject({ code: 0, messages: [answer] });
    await fill();
    const full = { code: status.RESOURCE_EXHAUSTED, details: expect.stringContaining('openCallsMax'), messages: [] };
    for (let n = 0; n < 20; n++) {
      expect(await raw.unary(UNARY, large)).toMatchObject(full);
      expect(await raw.duplex(DUPLEX, [large, large, large])).toMatchObject(full);
    }
    const part = large.subarray(0, 1 << 16);
    const many = Array.from({ length: 200 }, () => [raw.unary(UNARY, answer), raw.duplex(DUPLEX, [part])]).flat();
    for (const outcome of await Promise.all(many)) expect(outcome).toMatchObject(full);
  });
});

describe('a call with large headers', () => {
  it('is refused, told how much it may be, and closed [C8]', async () => {
    await start();
    const call = begin(server.session(), UNARY, { one: 'x'.repeat(30_000), two: 'x'.repeat(30_000) });
    const closed = once(call, 'close');
    expect(await statusOf(call)).toMatchObject({
      'grpc-status': '8',
      'grpc-message': expect.stringContaining(
        encodeURI('bytes are over the limit of 16384 for one call. Nothing was written'),
      ),
    });
    await closed;
    expect(call.rstCode).toBe(0);
    await until('nothing is left', () => server.streams === 0);
  });

  it('is served where they are within the limit', async () => {
    await start();
    const call = begin(server.session(), UNARY, { one: 'x'.repeat(15_000) });
    call.end(framed(answer));
    expect(await statusOf(call)).toMatchObject({ 'grpc-status': '0' });
  });
});
