import { afterEach, expect, it } from 'vitest';
import { decodeAppendStreamRequests, encodeAppendStreamRequest, encodeBatch } from '../../src/proto/append-stream.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type Deferred, deferred } from '../../src/runtime/deferred.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import type { AppendRoute } from '../../src/server/append-routing.ts';
import { type AppendStreamCall, AppendStreamSession } from '../../src/server/append-stream.ts';
import { ReceiveBudget } from '../../src/server/receive-budget.ts';
import { Traffic } from '../../src/server/traffic.ts';
import { until } from '../support/wait.ts';
import { begin, DUPLEX, EchoServer, framed, roundTrip, statusOf } from './echo-server.ts';

const APPEND_BYTES = 60 << 10;
const MESSAGES = 40;

let server: EchoServer;
afterEach(() => server.dispose());

it('a call of appends that is held back keeps no message that nobody counts [C8]', async () => {
  const budget = new ReceiveBudget(100 << 10);
  const ports = { budget, clock: systemClock, logger: createLogger('silent', {}), traffic: new Traffic() };
  const open: Deferred<Uint8Array>[] = [];
  const append = () => {
    const answer = deferred<Uint8Array>();
    open.push(answer);
    return answer.promise;
  };
  let call: AppendStreamCall | undefined;
  server = await EchoServer.start(
    () => [],
    (opened) => {
      call = opened as unknown as AppendStreamCall;
      const route = { refusal: undefined, append } as unknown as AppendRoute;
      new AppendStreamSession(call, route, ports, new Set());
    },
    decodeAppendStreamRequests,
  );
  const session = server.session();
  const client = begin(session, DUPLEX);
  for (let n = 1; n <= MESSAGES; n++) {
    const bytes = new Uint8Array(APPEND_BYTES);
    client.write(framed(encodeBatch([encodeAppendStreamRequest({ kind: 'append', sequence: n, append: bytes })])));
  }
  client.end();
  /** Until nothing more comes: each message takes a window or two, and so a round trip or two. */
  const quiet = async () => {
    for (let seen = -1, rounds = 0; rounds < 20; rounds++) {
      await roundTrip(session);
      if (server.decoded === seen) continue;
      seen = server.decoded;
      rounds = 0;
    }
  };
  await until('it is held back', () => call?.isPaused());
  await quiet();
  expect([open.length, server.decoded, call?.readableLength]).toEqual([2, 2, 0]);
  open[0]?.resolve(Uint8Array.of(1));
  await until('it goes on', () => open.length === 3);
  await quiet();
  expect([open.length, server.decoded, call?.readableLength]).toEqual([3, 3, 0]);
  const ended = statusOf(client);
  for (let n = 1; n < MESSAGES; n++) (await until('the next one comes', () => open[n])).resolve(Uint8Array.of(1));
  expect(await ended).toMatchObject({ 'grpc-status': '0' });
  expect(budget.used).toBe(0);
});
