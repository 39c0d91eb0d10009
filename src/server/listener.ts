import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';
import { type ConnectionInjector, experimental, type Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { FactstoreError } from '../base/errors.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { skipDeadStreams } from '../runtime/dead-streams.ts';
import { surviveInvalidFrames } from '../runtime/invalid-frames.ts';
import { refuseLargeHeaders } from './large-headers.ts';
import { markReserved, Reserve } from './reserve.ts';
import type { Traffic } from './traffic.ts';

/** What an HTTP/2 client says first (RFC 9113 §3.4); enough of it to tell it from HTTP/1.1. */
const H2_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n');
/** A connection that says nothing, half a word, or only half of an HTTP/1.1 request, is closed after this long. */
const SAYING_MS = 10_000;
/** Connections beyond connectionsMax, for probes and operators, and how long one of them may be there. */
const CONNECTIONS_RESERVED = 16;
const RESERVED_MS = 10_000;

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly connectionsMax: number;
  readonly clock: Clock;
  readonly traffic: Traffic;
}

/**
 * One port for gRPC and HTTP/1.1: looks at the first bytes of a connection and hands HTTP/2 to gRPC and the rest to
 * HTTP. A connection beyond the bound has a place in the reserve until it has been answered, 10 s have passed, or a newer one
 * needs the place; on it gRPC answers only what passes (rule C8).
 */
export class Listener {
  private readonly net: NetServer;
  private readonly http: HttpServer;
  private readonly injector: ConnectionInjector;
  private readonly reservedInjector: ConnectionInjector;
  private readonly options: ListenerOptions;
  private readonly sockets = new Set<Socket>();
  /** Those of them within connectionsMax. */
  private ordinary = 0;
  private readonly reserve: Reserve<Socket, Socket>;
  /** Of connections that owe the rest of what they began to say. */
  private readonly timers = new Map<Socket, Timer>();
  private closing = false;

  private constructor(grpc: GrpcServer, http: HttpServer, options: ListenerOptions) {
    this.options = options;
    this.http = http;
    const insecure = ServerCredentials.createInsecure();
    const marking = experimental.createServerCredentialsWithInterceptors(insecure, [markReserved]);
    this.injector = grpc.createConnectionInjector(insecure);
    this.reservedInjector = grpc.createConnectionInjector(marking);
    refuseLargeHeaders(grpc);
    skipDeadStreams(grpc);
    surviveInvalidFrames(grpc);
    this.reserve = new Reserve(CONNECTIONS_RESERVED, (socket) => socket.destroy());
    this.net = createServer({ noDelay: true }, (socket) => this.accept(socket));
    // A server of node:http that does not itself listen keeps no time of its requests.
    http.prependListener('request', ({ socket }, response) => {
      if (this.reserve.has(socket)) response.shouldKeepAlive = false;
      this.unlimit(socket);
      response.on('close', () => (this.closing ? socket.destroy() : this.limit(socket)));
    });
  }

  /** Ends in FAILED_PRECONDITION where the address cannot be had. */
  static async open(
    grpc: GrpcServer,
    onRequest: Parameters<typeof createHttpServer>[1],
    options: ListenerOptions,
  ): Promise<Listener> {
    const listener = new Listener(grpc, createHttpServer(onRequest), options);
    try {
      listener.net.listen(options.port, options.host);
      await once(listener.net, 'listening');
    } catch (error) {
      throw cannotListen(options, error as NodeJS.ErrnoException);
    }
    listener.net.on('error', () => undefined);
    return listener;
  }

  /** The port that it listens on. */
  get port(): number {
    return (this.net.address() as AddressInfo).port;
  }

  /** Takes no more connections; open ones may finish their calls for `graceMs`, then they are cut. */
  async close(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.net.close(() => resolve()));
    for (const injector of [this.injector, this.reservedInjector]) injector.drain(graceMs);
    this.closing = true;
    // Nobody waits for an answer on these. `closeIdleConnections` of node:http knows none where it does not itself listen.
    for (const socket of this.timers.keys()) socket.destroy();
    const cut = this.options.clock.setTimer(graceMs, () => {
      for (const socket of this.sockets) socket.destroy();
    });
    await closed;
    cut.cancel();
    for (const injector of [this.injector, this.reservedInjector]) injector.destroy();
    this.http.close();
  }

  private accept(socket: Socket): void {
    const leave = this.enter(socket);
    const injector = this.reserve.has(socket) ? this.reservedInjector : this.injector;
    this.sockets.add(socket);
    this.options.traffic.connections++;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      leave();
      this.sockets.delete(socket);
      this.unlimit(socket);
      this.options.traffic.connections--;
    });
    this.limit(socket);
    let held: Buffer = Buffer.alloc(0);
    const look = () => {
      const read = socket.read() as Buffer | null;
      if (read === null) return;
      held = held.length === 0 ? read : Buffer.concat([held, read]);
      const compared = Math.min(held.length, H2_PREFACE.length);
      const same = held.subarray(0, compared).equals(H2_PREFACE.subarray(0, compared));
      if (same && compared < H2_PREFACE.length) return;
      socket.off('readable', look);
      socket.unshift(held);
      if (same) {
        this.unlimit(socket);
        injector.injectConnection(socket);
      } else this.http.emit('connection', socket);
    };
    socket.on('readable', look);
  }

  /** Takes a place within connectionsMax, or else in the reserve; the returned function gives it back. */
  private enter(socket: Socket): () => void {
    const { connectionsMax, clock, traffic } = this.options;
    if (this.ordinary < connectionsMax) {
      this.ordinary++;
      return () => this.ordinary--;
    }
    traffic.refusedConnections++;
    this.reserve.add(socket, socket);
    const timer = clock.setTimer(RESERVED_MS, () => socket.destroy());
    return () => {
      this.reserve.delete(socket);
      timer.cancel();
    };
  }

  /** From now on it has so long to say the whole of something. */
  private limit(socket: Socket): void {
    this.unlimit(socket);
    if (socket.destroyed) return;
    const timer = this.options.clock.setTimer(SAYING_MS, () => socket.destroy());
    this.timers.set(socket, timer);
  }

  private unlimit(socket: Socket): void {
    this.timers.get(socket)?.cancel();
    this.timers.delete(socket);
  }
}

function cannotListen(options: ListenerOptions, error: NodeJS.ErrnoException): FactstoreError {
  const address = `${options.host}:${options.port}`;
  const reasons: Record<string, string> = {
    EADDRINUSE: 'is in use by another process; stop that one, or choose another with --listen',
    EACCES: 'may not be used by this user; ports below 1024 need rights',
    EADDRNOTAVAIL: 'is not an address of this machine',
    ENOTFOUND: 'is not a name that this machine can resolve',
  };
  const reason = reasons[error.code ?? ''] ?? error.message;
  return new FactstoreError(
    'FAILED_PRECONDITION',
    `client address ${address} ${reason}`,
    { address },
    { cause: error },
  );
}
