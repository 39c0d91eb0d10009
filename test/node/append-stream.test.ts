import { Client, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import type { FactstoreError } from '../../src/base/errors.ts';
import { fromGrpc } from '../../src/client/status-error.ts';
import { formatAddress } from '../../src/config/values.ts';
import { encodeAppendRequest } from '../../src/proto/append-request.ts';
import { decodeAppendResponse } from '../../src/proto/append-response.ts';
import {
  type AppendStreamResponse,
  appendMessage,
  decodeAppendStreamResponses,
  encodeAppendStreamRequest,
} from '../../src/proto/append-stream.ts';
import { encodeEvent } from '../storage/index/log-fixture.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

let ids = 0;

function anAppend(type: string, data = new Uint8Array(0)): Buffer {
  const appendId = Buffer.alloc(16);
  appendId.writeUInt32BE(++ids);
  const writes = [{ stream: 'a', expect: { kind: 'any' } as const, events: [encodeEvent({ type, data })] }];
  return encodeAppendRequest({ appendId, writes });
}

/** An AppendStream call as a client in another language makes it. */
class RawCall {
  readonly answers: AppendStreamResponse[] = [];
  status: FactstoreError | 'ok' | undefined;
  readonly call: ClientDuplexStream<Buffer, Buffer>;
  private readonly client: Client;

  constructor(nodes: TestNodes, n: number) {
    this.client = new Client(formatAddress(nodes.node(n).address), credentials.createInsecure());
    const same = (bytes: Buffer) => bytes;
    this.call = this.client.makeBidiStreamRequest('/factstore.v1.Events/AppendStream', same, same);
    this.call.on('error', (error) => (this.status = fromGrpc(error, 'the node')));
    this.call.on('end', () => (this.status ??= 'ok'));
  }

  reads(): this {
    this.call.on('data', (bytes: Buffer) => this.answers.push(...decodeAppendStreamResponses(bytes)));
    return this;
  }

  append(sequence: number, type: string, data?: Uint8Array<ArrayBuffer>): void {
    this.call.write(Buffer.concat(appendMessage(sequence, anAppend(type, data))));
  }

  send(...request: Parameters<typeof encodeAppendStreamRequest>): void {
    this.call.write(encodeAppendStreamRequest(...request));
  }

  ended(): Promise<FactstoreError | 'ok'> {
    return until('the call ends', () => this.status, 8_000);
  }

  close(): void {
    this.client.close();
  }
}

describe('a call of AppendStream', () => {
  let nodes: TestNodes | undefined;
  const calls: RawCall[] = [];
  const open = (n = 0) => {
    const call = new RawCall(nodes!, n);
    calls.push(call);
    return call;
  };
  afterEach(async () => {
    for (const call of calls.splice(0)) call.close();
    await nodes?.dispose();
  });

  it('that is half closed gets all its answers before it ends, and places in the order sent [S4]', async () => {
    nodes = await TestNodes.start(1);
    const call = open().reads();
    for (let n = 1; n <= 100; n++) call.append(n, `E${n}`);
    call.call.end();
    expect(await call.ended()).toBe('ok');
    const positions = call.answers.map((answer) => {
      const outcome = answer.kind === 'answer' && decodeAppendResponse(answer.answer);
      return [answer.sequence, outcome && outcome.kind === 'appended' && outcome.position];
    });
    positions.sort(([a], [b]) => Number(a) - Number(b));
    expect(positions).toEqual(Array.from({ length: 100 }, (_, n) => [n + 1, n + 1]));
  });

  it('judges in the order sent, though large appends are digested and sealed in pieces [S4, C3]', async () => {
    nodes = await TestNodes.start(1);
    const call = open().reads();
    const sizes = [0, 3 << 20, 10, 2 << 20, 10, 10, 3 << 20, 0];
    sizes.forEach((size, n) => {
      call.append(n + 1, `E${n}`, new Uint8Array(size));
    });
    call.call.end();
    expect(await call.ended()).toBe('ok');
    const client = await nodes.client();
    const types = (await client.read('a').toArray()).map(({ type }) => type);
    expect(types).toEqual(sizes.map((_, n) => `E${n}`));
  });

  it('whose client reads no answers is not read any further, and loses nothing [C8]', async () => {
    nodes = await TestNodes.start(1);
    const call = open();
    call.reads().call.pause();
    // Their answers, 70 bytes each, are more than the 64 KiB that a client takes without reading.
    for (let n = 1; n <= 1_500; n++) call.append(n, 'E');
    call.call.end();
    const db = await nodes.client();
    await until('some are appended', async () => (await db.head()) > 100n);
    call.call.resume();
    expect(await call.ended()).toBe('ok');
    expect(call.answers).toHaveLength(1_500);
    expect(await db.head()).toBe(1_500n);
  });

  it('takes no append between the announcement of a large one and its last chunk [S4]', async () => {
    nodes = await TestNodes.start(1);
    const call = open().reads();
    call.send({ kind: 'begin', sequence: 1, totalBytes: 500 });
    call.append(2, 'TooEarly');
    expect(await call.ended()).toMatchObject({ code: 'INVALID_ARGUMENT' });
    const db = await nodes.client();
    expect(await db.head()).toBe(0n);
  });

  it('is ended by the node that stops once its appends are answered, and does not hold it up [C6]', async () => {
    nodes = await TestNodes.start(1);
    const idle = open().reads();
    idle.append(1, 'E');
    await until('it is answered', () => idle.answers.length === 1);
    const never = open().reads();
    never.send({ kind: 'begin', sequence: 1, totalBytes: 500 });
    await until('it is granted', () => never.answers.length === 1);
    const began = performance.now();
    await nodes.stopNode(0);
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(await idle.ended()).toMatchObject({ code: 'NOT_READY', definite: true });
    expect(await never.ended()).toMatchObject({ code: 'NOT_READY' });
  });
});
