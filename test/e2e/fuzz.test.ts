import { randomUUID } from 'node:crypto';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuidBytes } from '../../src/base/bytes.ts';
import { ERRORS } from '../../src/base/errors.ts';
import type { FactstoreClient } from '../../src/client/index.ts';
import { formatAddress } from '../../src/config/values.ts';
import { peerService } from '../../src/peer/grpc.ts';
import {
  type AppendStreamRequest,
  decodeAppendStreamResponses,
  encodeAppendStreamRequest,
} from '../../src/proto/append-stream.ts';
import { eventsService, streamsService } from '../../src/proto/services.ts';
import { reflectedEncode } from '../proto/arbitraries.ts';
import { RawClient, type RawOutcome } from '../support/raw-client.ts';
import { TestNodes } from '../support/test-node.ts';

const SEED = 20_261_116;
const INTERNAL = 13;
const UNKNOWN = 2;
const ABORTED = 10;

const id = () => uuidBytes(randomUUID()) as Uint8Array;
const appendRequest = () => {
  const event = { id: id(), type: 'T', data: Buffer.from('{"a":1}'), tags: ['k:v'], metadata: Buffer.from('{}') };
  const writes = [
    { stream: 'fuzzed-a', expect: 1, events: [event, { ...event, id: id(), schemaVersion: 3 }] },
    { stream: 'fuzzed-b', expect: 4, revision: 1, events: [] },
  ];
  return reflectedEncode('factstore.v1.AppendRequest', { appendId: id(), writes, attemptAgeMs: 5, forward: true });
};
const readRequest = reflectedEncode('factstore.v1.ReadRequest', {
  stream: 'fuzzed-a',
  fromRevision: 1,
  limit: 10,
  consistency: { local: true },
  appendIds: true,
});
const subscribeRequest = reflectedEncode('factstore.v1.SubscribeRequest', { all: true, afterPosition: 1 });

/** A message with some bytes changed, taken out, put in twice or cut off. */
const mutated = (make: () => Uint8Array) =>
  fc
    .array(fc.tuple(fc.constantFrom('set', 'remove', 'repeat', 'cut', 'insert'), fc.nat(), fc.nat(255), fc.nat(40)), {
      minLength: 1,
      maxLength: 4,
    })
    .map((changes) => {
      let bytes = [...make()];
      for (const [kind, at, value, length] of changes) {
        const place = bytes.length === 0 ? 0 : at % bytes.length;
        if (kind === 'set') bytes[place] = value;
        else if (kind === 'remove') bytes.splice(place, length);
        else if (kind === 'insert') bytes.splice(place, 0, ...Array(length % 5).fill(value));
        else if (kind === 'repeat') bytes.splice(place, 0, ...bytes.slice(place, place + length));
        else bytes = bytes.slice(0, place);
      }
      return Uint8Array.from(bytes);
    });
const garbage = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ minLength: 1_000, maxLength: 5_000 }));

describe('whatever arrives', () => {
  let nodes: TestNodes;
  let db: FactstoreClient;
  let raw: RawClient;
  let written = 0;

  beforeAll(async () => {
    nodes = await TestNodes.start(1);
    db = await nodes.client();
    raw = new RawClient(formatAddress(nodes.node(0).address));
    await db.append('fuzzed-a', [{ type: 'First' }, { type: 'Second' }]);
  });
  afterAll(async () => {
    raw.close();
    await nodes.dispose();
  });

  /** It appends, it reads, and everything that it has stored can be read by a client that is strict. */
  const serves = async () => {
    const stream = `served-${++written}`;
    const { position } = await db.append(stream, [{ type: 'Served', data: written }]);
    expect((await db.read(stream).toArray())[0]).toMatchObject({ type: 'Served', data: written });
    const all = await db.readAll({ appendIds: true }).toArray();
    expect(all.map((event) => event.position)).toEqual(all.map((_, n) => BigInt(n + 1)));
    expect(BigInt(all.length)).toBe(position);
    const next = new Map<string, bigint>();
    for (const event of all) {
      expect(event.revision).toBe(next.get(event.stream) ?? 0n);
      next.set(event.stream, event.revision + 1n);
    }
  };

  /** Sends samples of an arbitrary, some at a time; every answer is one that the node meant. */
  const sendAll = async (
    arbitrary: fc.Arbitrary<Uint8Array>,
    count: number,
    send: (bytes: Uint8Array) => Promise<RawOutcome>,
    meant: (outcome: RawOutcome) => boolean = ({ code }) => code !== INTERNAL && code !== UNKNOWN,
  ) => {
    const samples = fc.sample(arbitrary, { seed: SEED, numRuns: count });
    for (let at = 0; at < samples.length; at += 25) {
      const part = samples.slice(at, at + 25);
      const outcomes = await Promise.all(part.map(send));
      outcomes.forEach((outcome, n) => {
        const { code, details } = outcome;
        expect({
          meant: meant(outcome),
          code,
          details,
          bytes: Buffer.from(part[n] as Uint8Array).toString('hex'),
        }).toMatchObject({ meant: true });
      });
    }
  };

  it('at the unary methods, a node answers and goes on serving [C8]', async () => {
    for (const { path } of [eventsService.Append, eventsService.Head, eventsService.GetProducer, streamsService.Get]) {
      await sendAll(garbage, 50, (bytes) => raw.unary(path, bytes));
    }
    await sendAll(mutated(appendRequest), 400, (bytes) => raw.unary(eventsService.Append.path, bytes));
    await serves();
  });

  it('at the methods that protobufjs decodes, and at those that are not there [C8]', async () => {
    // protobufjs throws on garbage, and grpc-js calls that INTERNAL.
    const answered = ({ code }: RawOutcome) => code !== UNKNOWN;
    const paths = ['Cluster/Status', 'Cluster/TransferLeadership', 'Events/Nothing', 'Nothing/Nothing'];
    for (const path of [...paths.map((name) => `/factstore.v1.${name}`), '/grpc.health.v1.Health/Check', '/', '/x']) {
      await sendAll(garbage, 25, (bytes) => raw.unary(path, bytes), answered);
    }
    const reflection = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    await sendAll(garbage, 25, (bytes) => raw.duplex(reflection, [bytes]), answered);
    await serves();
  });

  it('at the streaming methods, a node answers and goes on serving [C8]', async () => {
    const { Read, Subscribe, AppendStream } = eventsService;
    await sendAll(garbage, 50, (bytes) => raw.serverStream(Read.path, bytes));
    await sendAll(
      mutated(() => readRequest),
      250,
      (bytes) => raw.serverStream(Read.path, bytes),
    );
    await sendAll(garbage, 50, (bytes) => raw.serverStream(Subscribe.path, bytes, 1));
    await sendAll(
      mutated(() => subscribeRequest),
      150,
      (bytes) => raw.serverStream(Subscribe.path, bytes, 1),
    );
    await sendAll(garbage, 50, (bytes) => raw.duplex(AppendStream.path, [bytes]));
    const append = () => encodeAppendStreamRequest({ kind: 'append', sequence: 1, append: appendRequest() });
    await sendAll(mutated(append), 200, (bytes) => raw.duplex(AppendStream.path, [append(), bytes, append()]));
    await serves();
  });

  it('as chunks that keep no order, the call ends with the reason and nothing is written [C8]', async () => {
    const append = appendRequest();
    const begin = (sequence: number, totalBytes: number): AppendStreamRequest => ({
      kind: 'begin',
      sequence,
      totalBytes,
    });
    const chunk = (sequence: number, bytes = 10): AppendStreamRequest => ({
      kind: 'chunk',
      sequence,
      chunk: append.subarray(0, bytes),
    });
    const large = { kind: 'chunk' as const, sequence: 1, chunk: new Uint8Array((1 << 20) + 1) };
    const abuses: readonly (readonly [string, ...AppendStreamRequest[]])[] = [
      ['was not granted room', chunk(1)],
      ['was not granted room', begin(1, 100), chunk(2)],
      ['is larger than the 5 bytes announced', begin(1, 5), chunk(1)],
      ['is not complete', begin(1, 100), begin(2, 100)],
      ['is not complete', begin(1, 100), { kind: 'append', sequence: 2, append }],
      ['over the limit of 1048576', begin(1, 4 << 20), large],
      // Once the client has half-closed, nothing more can come.
      ['ended before an announced append was sent whole', begin(1, 100)],
      ['ended before an announced append was sent whole', begin(1, 100), chunk(1)],
    ];
    const head = await db.head();
    for (const [reason, ...requests] of abuses) {
      const { code, error, messages } = await talk(raw, requests);
      const expected = reason.includes('limit') ? 'LIMIT_EXCEEDED' : 'INVALID_ARGUMENT';
      expect(error).toMatchObject({ code: expected, definite: true });
      expect(error?.message).toContain(reason);
      expect(code).toBe(ERRORS[expected].grpc);
      expect(messages.flatMap(decodeAppendStreamResponses).map(({ kind }) => kind)).not.toContain('answer');
    }
    expect(await db.head()).toBe(head);
    await serves();
  });

  it('at the methods for peers, a node answers and goes on serving [C8]', async () => {
    const peer = new RawClient(formatAddress(nodes.node(0).peerAddress));
    // ABORTED is what a peer is told of a mistake of ours.
    const answered = ({ code }: RawOutcome) => ![UNKNOWN, INTERNAL, ABORTED].includes(code);
    const { Identify, Found, Messages, Forward } = peerService;
    for (const { path } of [Identify, Found]) await sendAll(garbage, 50, (bytes) => peer.unary(path, bytes), answered);
    for (const { path } of [Messages, Forward]) {
      await sendAll(garbage, 50, (bytes) => peer.duplex(path, [bytes]), answered);
    }
    peer.close();
    await serves();
  });

  it('as bytes on the sockets of both ports, also where they begin like HTTP/2 [C8]', async () => {
    const ports = [nodes.node(0).address.port, nodes.node(0).peerAddress.port];
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    const frames = Buffer.from('000000040000000000', 'hex');
    const half = fc.nat(preface.length).map((length) => preface.subarray(0, length));
    const framed = garbage.map((bytes) => Buffer.concat([preface, frames, bytes]));
    const http = garbage.map((bytes) => Buffer.concat([Buffer.from('POST / HTTP/1.1\r\nhost: x\r\n'), bytes]));
    const samples = fc.sample(fc.oneof(garbage, half, framed, http), { seed: SEED, numRuns: 60 });
    for (const port of ports) await Promise.all(samples.map((bytes) => throwAt(port, bytes)));
    await serves();
  });

  it('as an HTTP/2 preface in pieces of one byte, a call on it is answered as any other', async () => {
    const session = connectHttp2('http://127.0.0.1', {
      createConnection: () => inPieces(connect(nodes.node(0).address.port, '127.0.0.1')),
    });
    const call = session.request({
      ':method': 'POST',
      ':path': eventsService.Head.path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    call.end(Buffer.alloc(5));
    call.resume();
    const status = await new Promise((resolve, reject) => {
      call.on('trailers', (trailers) => resolve(trailers['grpc-status']));
      call.on('error', reject);
    });
    expect(Number(status)).toBe(0);
    session.destroy();
    await serves();
  });
});

/** Sends the requests, each after the first only once the node has granted room or has ended the call. */
function talk(raw: RawClient, requests: readonly AppendStreamRequest[]): Promise<RawOutcome> {
  const [first, ...others] = requests.map(encodeAppendStreamRequest);
  return raw.conversation(eventsService.AppendStream.path, first as Buffer, others);
}

/** Sends bytes, ends, and waits until the node has closed the connection, or drops it. */
function throwAt(port: number, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
    socket.on('data', () => undefined);
    socket.end(bytes, () => setImmediate(() => socket.destroy()));
  });
}

/** A connection whose first 24 bytes go out one by one. */
function inPieces(socket: Socket): Duplex {
  socket.setNoDelay(true);
  let left = 24;
  const duplex = new Duplex({
    read: () => void socket.resume(),
    write(data: Buffer, _encoding, done) {
      const pieces: Buffer[] = [...data.subarray(0, left)].map((byte) => Buffer.of(byte));
      const rest = data.subarray(Math.min(left, data.length));
      left -= pieces.length;
      if (rest.length > 0) pieces.push(rest);
      const next = (): void => {
        const piece = pieces.shift();
        if (!piece) return done();
        socket.write(piece, () => setImmediate(next));
      };
      next();
    },
    final: (done) => void socket.end(() => done()),
    destroy: (_error, done) => {
      socket.destroy();
      done(null);
    },
  });
  socket.on('data', (data) => {
    if (!duplex.push(data)) socket.pause();
  });
  socket.on('end', () => duplex.push(null));
  socket.on('error', (error) => duplex.destroy(error));
  return duplex;
}
