import { expect, test } from 'vitest';
import { encodeForwardRequest } from '../../src/peer/forward-codec.ts';
import { ForwardServer } from '../../src/peer/forward-server.ts';
import type { ServerCall } from '../../src/peer/grpc.ts';
import type { Handshake } from '../../src/peer/handshake.ts';
import { type Deferred, deferred } from '../../src/runtime/deferred.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { pausableCall } from '../support/pausable-call.ts';
import { VirtualTime } from '../support/virtual-clock.ts';

const OPEN_MAX = 4_096;
const GREETING = {
  clusterId: new Uint8Array(16),
  directoryId: new Uint8Array(16),
  processId: new Uint8Array(16),
  ...{ nodeId: 'n2', to: 'n1', peerAddress: '', bulk: false },
  ...{ incarnation: 1, protocolVersion: 1, logIndex: 1, featureLevel: 1, knownFeatureLevel: 1, membershipIndex: 1 },
};

/** A follower's stream with as many appends as are read at once. */
function aFullStream() {
  const time = new VirtualTime();
  const answers: Deferred<Uint8Array>[] = [];
  let ended = false;
  const call = pausableCall({
    write: (_: Uint8Array, flushed?: () => void) => flushed?.(),
    end: () => {
      ended = true;
    },
    getPeer: () => 'n2',
  });
  const server = new ForwardServer({
    handshake: { refusal: () => undefined } as unknown as Handshake,
    clock: time.clock(),
    logger: createLogger('silent', {}),
    handle: () => {
      const answer = deferred<Uint8Array>();
      answers.push(answer);
      return answer.promise;
    },
  });
  server.accept(call as unknown as ServerCall);
  call.emit('data', encodeForwardRequest({ kind: 'greeting', greeting: GREETING }));
  for (let sequence = 1; sequence <= OPEN_MAX; sequence++) {
    const append = Uint8Array.of(1);
    call.emit('data', encodeForwardRequest({ kind: 'append', sequence, append, deadlineMs: 0, lane: 1, waitedMs: 0 }));
  }
  return {
    time,
    answer: async (count: number) => {
      for (const one of answers.splice(0, count)) one.resolve(Uint8Array.of());
      await time.run(1);
    },
    state: () => ({ paused: call.isPaused(), ended }),
  };
}

test('a stream is read on after a short pause, and after a long one ends with what is open: the rest is older than it says [S6, S9]', async () => {
  const short = aFullStream();
  expect(short.state()).toEqual({ paused: true, ended: false });
  await short.time.run(20_000);
  await short.answer(OPEN_MAX);
  expect(short.state()).toEqual({ paused: false, ended: false });

  const long = aFullStream();
  await long.time.run(40_000);
  await long.answer(OPEN_MAX - 1);
  expect(long.state()).toEqual({ paused: true, ended: false });
  await long.answer(1);
  expect(long.state()).toEqual({ paused: true, ended: true });
});
