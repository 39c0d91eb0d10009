import { once } from 'node:events';
import { connect } from 'node:http2';
import { Server as GrpcServer, ServerCredentials, ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../src/runtime/logger.ts';
import { addReflection } from '../../src/server/reflection.ts';
import { RawClient } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';

const QUESTIONS = 1_000;
const NOT_FOUND = 5;
const paths = ['v1', 'v1alpha'].map((version) => `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`);
/** Field 4 of ServerReflectionRequest: the file that has this symbol. */
const fileOf = (symbol: string) => {
  const name = Buffer.from(symbol);
  const length = name.length < 128 ? [name.length] : [(name.length & 127) | 128, name.length >> 7];
  return Buffer.concat([Buffer.from([0x22, ...length]), name]);
};
const framed = (message: Uint8Array) => Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);

let grpc: GrpcServer;
let address: string;
let received: number;
let client: RawClient;

beforeEach(async () => {
  received = 0;
  const counted: ServerInterceptor = (_, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMessage: (message, pass) => {
            received++;
            pass(message);
          },
        }),
    });
  grpc = new GrpcServer({ interceptors: [counted] });
  addReflection(grpc, createLogger('silent', {}));
  const port = await new Promise<number>((resolve, reject) =>
    grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, at) =>
      error ? reject(error) : resolve(at),
    ),
  );
  address = `127.0.0.1:${port}`;
  client = new RawClient(address);
});
afterEach(() => {
  client.close();
  grpc.forceShutdown();
});

describe.each(paths)('reflection at %s', (path) => {
  it('answers question after question, and ends with the client', async () => {
    const questions = ['factstore.v1.Events', 'nothing', 'factstore.v1.Streams'].map(fileOf);
    const { code, messages } = await client.duplex(path, questions);
    expect(code).toBe(0);
    const found = messages.map((answer) => /ListStreamsRequest|Symbol not found: nothing/.exec(answer.toString())?.[0]);
    expect(found).toEqual(['ListStreamsRequest', 'Symbol not found: nothing', 'ListStreamsRequest']);
  });

  it('reads no further while its answers are not taken, and then answers them all [C8]', async () => {
    const session = connect(`http://${address}`);
    const call = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    session.on('error', () => undefined);
    await once(session, 'connect');
    for (let n = 0; n < QUESTIONS; n++) call.write(framed(fileOf('factstore.v1.Events')));
    call.end();
    // Each is a turn of the server, which is through with what it reads after a few.
    for (let n = 0; n < 100; n++) await new Promise((resolve) => session.ping(resolve));
    expect(received).toBeGreaterThan(0);
    expect(received).toBeLessThan(100);
    call.resume();
    await until('the call ends', () => call.closed);
    expect(received).toBe(QUESTIONS);
    session.destroy();
  });

  it('ends the call at a question that is too long [C8]', async () => {
    const { code, details } = await client.duplex(path, [fileOf('x'.repeat(2_000)), fileOf('factstore.v1.Events')]);
    expect({ code, details }).toMatchObject({ code: NOT_FOUND, details: expect.stringContaining('2003 bytes') });
  });
});
