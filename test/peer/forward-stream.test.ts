import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, test } from 'vitest';
import { encodeForwardResponse } from '../../src/peer/forward-codec.ts';
import { ForwardStream } from '../../src/peer/forward-stream.ts';
import { deferred } from '../../src/runtime/deferred.ts';
import { VirtualTime } from '../support/virtual-clock.ts';
import { killAll, startNode, until } from './support.ts';

const MIB = 1 << 20;
const clusterId = Buffer.alloc(16, 0xc1);
const servers: Http2Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  killAll();
});

/** A leader that accepts who greets it, reads a little more, and then nothing: no more than a window of HTTP/2 goes to it. */
async function deafLeader() {
  const deaf = deferred<void>();
  const server = createServer();
  servers.push(server);
  server.on('stream', (call: ServerHttp2Stream) => {
    call.on('error', () => undefined);
    call.respond({ ':status': 200, 'content-type': 'application/grpc' });
    call.once('data', () => {
      const accepted = encodeForwardResponse({ kind: 'accepted' });
      call.write(Buffer.concat([Buffer.from([0, 0, 0, 0, accepted.length]), accepted]));
      call.once('data', () => {
        call.pause();
        deaf.resolve();
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, deaf: deaf.promise };
}

test('appends whose time is over are kept no longer where the leader does not read [S9, C8]', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const time = new VirtualTime();
  const leader = await deafLeader();
  const { handshake, id } = await startNode({ nodeId: 'n2', clusterId });
  const stream = new ForwardStream({
    ...{ leader: id, address: leader.address, handshake, clock: time.clock(), ended: () => undefined },
  });
  const first = stream.forward(Buffer.alloc(1), { lane: 0, deadlineMs: 100 });
  await leader.deaf;
  const appends: WeakRef<Buffer>[] = [];
  const forward = () => {
    const append = Buffer.alloc(MIB);
    appends.push(new WeakRef(append));
    return stream.forward(append, { lane: 0, deadlineMs: 100 });
  };
  for (let round = 0; round < 10; round++) {
    const outcomes = Promise.allSettled([first, ...Array.from({ length: 20 }, forward)]);
    await time.run(125);
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { code: 'DEADLINE_EXCEEDED' } });
  }
  expect(stream).toMatchObject({ size: 0, bytes: 0 });
  // What was handed to gRPC is a copy.
  await until(() => {
    collect();
    return appends.every((append) => append.deref() === undefined);
  });
  stream.close('over');
});
