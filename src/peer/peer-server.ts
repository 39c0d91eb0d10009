import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';
import { Server, ServerCredentials, type sendUnaryData } from '@grpc/grpc-js';
import { FactstoreError } from '../base/errors.ts';
import { http2ServersOf, skipDeadStreams } from '../runtime/dead-streams.ts';
import { logGrpc } from '../runtime/grpc-log.ts';
import { surviveInvalidFrames } from '../runtime/invalid-frames.ts';
import type { Logger } from '../runtime/logger.ts';
import type { EntryRecord } from '../storage/record.ts';
import { decodeEntriesRequest, type EntriesRequest, encodeEntriesResponse } from './entries.ts';
import {
  type Admission,
  decodeFoundRequest,
  decodeIdentifyRequest,
  encodeIdentification,
  type Identification,
} from './founding-codec.ts';
import {
  endOfFailure,
  endWithError,
  peerServerOptions,
  peerService,
  SESSION_WINDOW_BYTES,
  type ServerCall,
  STREAM_WINDOW_BYTES,
} from './grpc.ts';
import { refused } from './identity.ts';
import { decodeJoinRequest, encodeJoinResponse, type JoinRequest, type JoinResponse } from './join-codec.ts';
import { type DigestsRequest, decodeDigestsRequest, encodeDigestsResponse } from './state-digests.ts';
import { type encodeStatePiece, type StateRequest, serveState } from './states.ts';

export interface PeerHandlers {
  readonly identify: () => Identification;
  /** Resolves once the founding record is on disk. Rejects with the reason why it is not taken. */
  readonly found: (admission: Admission) => Promise<void>;
  /** Committed entries, as many as `ENTRIES_BYTES_MAX` allow. Rejects with the reason why there are none to be had. */
  readonly entries: (request: EntriesRequest) => Promise<readonly EntryRecord[]>;
  /** What projections have come to here. */
  readonly stateDigests: (request: DigestsRequest) => Promise<Parameters<typeof encodeDigestsResponse>[0]>;
  /** The state of a generation. Ends in NOT_FOUND where this node does not have it and will not come to it. */
  readonly state: (request: StateRequest) => AsyncIterable<Parameters<typeof encodeStatePiece>[0]>;
  /** A node asks to become a member. Rejects with the reason why it cannot, as it is. */
  readonly join: (request: JoinRequest) => Promise<JoinResponse>;
}

/** What takes the streams, once this node is a member of a cluster. */
export interface StreamHandlers {
  readonly messages: (call: ServerCall) => void;
  readonly forward: (call: ServerCall) => void;
}

/** Connections at the same time; each peer needs three. */
const CONNECTIONS_MAX = 256;

/**
 * The peer port. It opens before there is a cluster, because founders must find each other; streams are refused until
 * `serveStreams`. Open it only when the node knows which cluster its data directory belongs to: founders believe what
 * it says about that.
 */
export class PeerServer {
  /** Where it listens, with the real port. */
  readonly address: string;
  private readonly end: () => void;
  private readonly streams: { handlers: StreamHandlers | undefined };

  private constructor(address: string, end: () => void, streams: { handlers: StreamHandlers | undefined }) {
    this.address = address;
    this.end = end;
    this.streams = streams;
  }

  /** Ends in FAILED_PRECONDITION where the address cannot be had. */
  static async start(address: string, handlers: PeerHandlers, logger: Logger): Promise<PeerServer> {
    logGrpc(logger);
    const server = new Server(peerServerOptions);
    const streams: { handlers: StreamHandlers | undefined } = { handlers: undefined };
    server.addService(peerService, {
      Identify: (call: { request: Buffer }, done: sendUnaryData<Buffer>) =>
        answer(done, logger, async () => {
          decodeIdentifyRequest(call.request);
          return encodeIdentification(handlers.identify());
        }),
      Found: (call: { request: Buffer }, done: sendUnaryData<Buffer>) =>
        answer(done, logger, async () => {
          await handlers.found(decodeFoundRequest(call.request));
          return Buffer.alloc(0);
        }),
      Entries: (call: { request: Buffer }, done: sendUnaryData<Buffer>) =>
        answer(done, logger, async () =>
          encodeEntriesResponse(await handlers.entries(decodeEntriesRequest(call.request))),
        ),
      Join: (call: { request: Buffer }, done: sendUnaryData<Buffer>) =>
        answer(done, logger, async () => encodeJoinResponse(await handlers.join(decodeJoinRequest(call.request)))),
      StateDigests: (call: { request: Buffer }, done: sendUnaryData<Buffer>) =>
        answer(done, logger, async () =>
          encodeDigestsResponse(await handlers.stateDigests(decodeDigestsRequest(call.request))),
        ),
      State: (call: ServerCall) => serveState(call, handlers.state, logger),
      Messages: (call: ServerCall) => (streams.handlers ? streams.handlers.messages(call) : notYet(call)),
      Forward: (call: ServerCall) => (streams.handlers ? streams.handlers.forward(call) : notYet(call)),
    });
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    raiseWindows(server);
    skipDeadStreams(server);
    surviveInvalidFrames(server);
    const sockets = new Set<Socket>();
    const listener = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      // HTTP/2 gives up on what it does not understand, and a broken connection is told to its streams.
      socket.on('error', () => undefined);
      injector.injectConnection(socket);
    });
    listener.maxConnections = CONNECTIONS_MAX;
    const port = await listen(listener, address);
    const close = () => {
      listener.close();
      server.forceShutdown();
      for (const socket of sockets) socket.destroy();
    };
    return new PeerServer(address.replace(/:\d+$/, `:${port}`), close, streams);
  }

  serveStreams(handlers: StreamHandlers): void {
    this.streams.handlers = handlers;
  }

  /**
   * Ends every call and connection. The sockets are this class's own because forceShutdown of grpc-js leaves them open
   * where channelz is off.
   */
  close(): void {
    this.end();
  }
}

function notYet(call: ServerCall): void {
  call.on('error', () => undefined);
  endWithError(call, refused('cluster', 'this node belongs to no cluster yet'));
}

async function answer(done: sendUnaryData<Buffer>, logger: Logger, make: () => Promise<Buffer>): Promise<void> {
  try {
    done(null, await make());
  } catch (error) {
    done(endOfFailure(error, logger));
  }
}

/** Listens on `host:port`, where port 0 stands for any that is free; tells the real port. */
function listen(listener: NetServer, address: string): Promise<number> {
  const [, host = '', port = ''] = /^(.*):(\d{1,5})$/.exec(address) ?? [];
  if (port === '' || Number(port) > 65_535) {
    throw new FactstoreError('INVALID_ARGUMENT', `peer address ${address} is not of the form host:port`, { address });
  }
  return new Promise((resolve, reject) => {
    listener.once('error', (error: NodeJS.ErrnoException) => reject(listenError(address, error)));
    listener.listen({ host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) }, () => {
      listener.removeAllListeners('error');
      // What fails later is a single connection that could not be accepted.
      listener.on('error', () => undefined);
      resolve((listener.address() as AddressInfo).port);
    });
  });
}

const LISTEN_REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another process; stop that one, or choose another with --peer-listen',
  EADDRNOTAVAIL: 'is not an address of this machine; choose one of its own with --peer-listen',
  EACCES: 'may not be used by this user: ports below 1024 belong to the system',
  ENOTFOUND: 'names a host that is not known',
};

function listenError(address: string, error: NodeJS.ErrnoException): FactstoreError {
  const reason = LISTEN_REASONS[error.code ?? ''] ?? `cannot be listened on: ${error.message}`;
  return new FactstoreError('FAILED_PRECONDITION', `peer address ${address} ${reason}`, { address }, { cause: error });
}

/** An HTTP/2 session, as far as it is needed here. */
interface Session {
  settings(settings: { initialWindowSize: number }): void;
  setLocalWindowSize(bytes: number): void;
}

/**
 * grpc-js raises flow control windows only for clients, while log ranges arrive at the server. Its HTTP/2 servers are
 * reached through a private field; where a later version no longer has it, the windows stay as small as HTTP/2 begins
 * with, which costs speed alone (a test would tell).
 */
function raiseWindows(server: Server): void {
  for (const http2Server of http2ServersOf(server)) {
    http2Server.on('session', (session: Session) => {
      session.settings({ initialWindowSize: STREAM_WINDOW_BYTES });
      session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    });
  }
}
