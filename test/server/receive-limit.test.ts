import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../src/runtime/logger.ts';
import { meterCalls, ReceiveLimit } from '../../src/server/receive-limit.ts';
import { until } from '../support/wait.ts';
import { begin, DUPLEX, EchoServer, framed, statusOf, UNARY } from './echo-server.ts';

const KIB = 1 << 10;
const logger = createLogger('silent', {});

let server: EchoServer;
afterEach(() => server.dispose());

const start = async (bytesMax: number) => {
  const limit = new ReceiveLimit(bytesMax, logger);
  server = await EchoServer.start(() => [meterCalls(limit, 64 * KIB, logger)]);
  return limit;
};

describe('a message that is sent whole', () => {
  it('counts until its call is ended, as no handler sees it before [C8]', async () => {
    const limit = await start(64 * KIB);
    const call = begin(server.session(), UNARY);
    call.write(framed(Buffer.alloc(100)));
    await until('it has arrived', () => server.decoded === 1);
    expect(limit.used).toBe(105);
    call.end();
    expect(await statusOf(call)).toMatchObject({ 'grpc-status': '0' });
    expect(limit.used).toBe(0);
  });

  it('counts no more once its call is broken off [C8]', async () => {
    const limit = await start(64 * KIB);
    const call = begin(server.session(), UNARY);
    call.write(framed(Buffer.alloc(100)));
    await until('it is counted', () => limit.used === 105);
    call.close();
    await until('it is not counted', () => limit.used === 0);
  });

  it('has the connection closed that holds most of such messages, and others are served [C8]', async () => {
    const limit = await start(64 * KIB);
    const greedy = server.session();
    const closed = once(greedy, 'close');
    const modest = server.session();
    const open = begin(modest, UNARY);
    open.write(framed(Buffer.alloc(8 * KIB)));
    for (let n = 0; n < 10; n++) begin(greedy, UNARY).write(framed(Buffer.alloc(8 * KIB)));
    await closed;
    open.end();
    expect(await statusOf(open)).toMatchObject({ 'grpc-status': '0' });
    expect(limit.used).toBe(0);
  });

  it('counts no more where its handler takes one after the other', async () => {
    const limit = await start(64 * KIB);
    const call = begin(server.session(), DUPLEX);
    for (let n = 1; n <= 3; n++) {
      const answered = once(call, 'data');
      call.write(framed(Buffer.alloc(100)));
      await answered;
      expect(limit.used).toBe(0);
    }
  });
});

describe('a compressed message', () => {
  it.each([UNARY, DUPLEX])('is refused before it is inflated, and told why: %s [C8]', async (path) => {
    await start(64 * KIB);
    const call = begin(server.session(), path, { 'grpc-encoding': 'gzip' });
    const status = statusOf(call);
    call.write(framed(gzipSync(Buffer.alloc(1 << 20)), 1));
    expect(await status).toMatchObject({
      'grpc-status': '12',
      'grpc-message': encodeURI(
        'message: it is compressed, and a node takes only what is not. Send it without compression. Nothing of it was written.',
      ),
      'grpc-accept-encoding': 'identity',
    });
    expect(server.decoded).toBe(0);
  });
});
