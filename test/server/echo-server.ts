import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import {
  Server as GrpcServer,
  type ServerDuplexStream,
  type ServerInterceptor,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { systemClock } from '../../src/runtime/clock.ts';
import { http2ServersOf } from '../../src/runtime/dead-streams.ts';
import { Listener } from '../../src/server/listener.ts';
import { Traffic } from '../../src/server/traffic.ts';

export const UNARY = '/test.Echo/Unary';
export const DUPLEX = '/test.Echo/Duplex';

const asIs = (bytes: Buffer) => bytes;

/** A server on the loopback that answers with what it is sent, and connections to it that send what nobody should. */
export class EchoServer {
  /** How many messages gRPC has made of what came. */
  decoded = 0;
  /** How many unary calls a handler has seen. */
  handled = 0;
  readonly traffic: Traffic;
  /** Streams of HTTP/2 that the server still has. */
  streams = 0;
  private listener: Listener | undefined;
  private readonly sessions: ClientHttp2Session[] = [];

  private constructor(traffic: Traffic) {
    this.traffic = traffic;
  }

  static async start(
    interceptors: (traffic: Traffic) => ServerInterceptor[],
    duplex = (call: ServerDuplexStream<Buffer, Buffer>): unknown =>
      call.on('data', (message: Buffer) => call.write(message)),
    decode: (bytes: Buffer) => unknown = asIs,
  ): Promise<EchoServer> {
    const traffic = new Traffic();
    const server = new EchoServer(traffic);
    const methodOf = (path: string, streams: boolean) => ({
      path,
      requestStream: streams,
      responseStream: streams,
      requestSerialize: asIs,
      requestDeserialize: (bytes: Buffer) => {
        server.decoded++;
        return decode(bytes);
      },
      responseSerialize: asIs,
      responseDeserialize: asIs,
    });
    const grpc = new GrpcServer({ 'grpc.enable_channelz': 0, interceptors: interceptors(traffic) });
    grpc.addService(
      { unary: methodOf(UNARY, false), duplex: methodOf(DUPLEX, true) },
      {
        unary: ({ request }: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
          server.handled++;
          answer(null, request);
        },
        duplex,
      },
    );
    const options = { host: '127.0.0.1', port: 0, connectionsMax: 100, clock: systemClock, traffic };
    server.listener = await Listener.open(grpc, (_, response) => response.end(), options);
    for (const http2Server of http2ServersOf(grpc)) {
      http2Server.prependListener('stream', (stream: ServerHttp2Stream) => {
        server.streams++;
        stream.on('close', () => server.streams--);
      });
    }
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.listener?.port}`;
  }

  session(): ClientHttp2Session {
    const session = connect(`http://${this.address}`);
    session.on('error', () => undefined);
    this.sessions.push(session);
    return session;
  }

  async dispose(): Promise<void> {
    for (const session of this.sessions) session.destroy();
    await this.listener?.close(0);
  }
}

/** Begins a call that is not ended. */
export function begin(session: ClientHttp2Session, path: string, headers: Record<string, string> = {}) {
  const all = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers };
  const call = session.request(all, { endStream: false });
  call.on('error', () => undefined);
  call.resume();
  return call;
}

/** The headers or trailers in which the status of a call comes. */
export function statusOf(call: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  return new Promise((resolve) => {
    const look = (headers: IncomingHttpHeaders) => {
      if (headers['grpc-status'] !== undefined) resolve(headers);
    };
    call.on('response', look);
    call.on('trailers', look);
  });
}

/** A message as gRPC frames it: whether it is compressed, its length, and itself. */
export function framed(message: Uint8Array, compressed = 0): Buffer {
  const prefix = Buffer.from([compressed, 0, 0, 0, 0]);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Resolves when the other end has taken and seen to everything that was sent before. */
export function roundTrip(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve) => session.ping(() => resolve()));
}
