import {
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServerDuplexStream,
  type ServerOptions,
  type ServiceError,
  type StatusObject,
  status,
} from '@grpc/grpc-js';
import { type ErrorCode, FactstoreError } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';

const MIB = 1024 * 1024;
/** An append message carries up to about 4 MiB of entries, or one entry of up to 17 MiB. */
const MESSAGE_BYTES_MAX = 32 * MIB;
/** With the 64 KiB that HTTP/2 begins with, every 64 KiB would wait for a busy event loop at the other end. */
export const STREAM_WINDOW_BYTES = 8 * MIB;
export const SESSION_WINDOW_BYTES = 16 * MIB;

const shared = {
  'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
  'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
  // A peer that vanished without a word (a pulled cable, a paused machine) is noticed after about 3 s.
  'grpc.keepalive_time_ms': 1000,
  'grpc.keepalive_timeout_ms': 2000,
  'grpc.enable_channelz': 0,
};

export const peerServerOptions: ServerOptions = { ...shared, 'grpc.max_concurrent_streams': 32 };

/** A local subchannel pool gives each client a connection of its own: heartbeats do not queue behind log ranges. */
const clientOptions: ChannelOptions = {
  ...shared,
  'grpc-node.flow_control_window': STREAM_WINDOW_BYTES,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
};

function method<Stream extends boolean>(name: string, stream: Stream) {
  const path = `/factstore.peer.v1.Peer/${name}`;
  const shape = { path, originalName: name.toLowerCase(), requestStream: stream, responseStream: stream };
  return {
    ...shape,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  } satisfies MethodDefinition<Buffer, Buffer>;
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

/**
 * The peer service as grpc-js sees it: bytes in, bytes out. The codecs of this folder are called outside of it, where
 * a malformed message can be answered with a status of our own and entries can be passed on without a copy.
 */
export const peerService = {
  Identify: method('Identify', false),
  Found: method('Found', false),
  Messages: method('Messages', true),
  Forward: method('Forward', true),
  Entries: method('Entries', false),
  Join: method('Join', false),
  StateDigests: method('StateDigests', false),
  State: method('State', true),
};

export type ClientCall = ClientDuplexStream<Buffer, Buffer>;
export type ServerCall = ServerDuplexStream<Buffer, Buffer>;

/** A new connection of its own to a peer, and one stream on it. */
export function openStream(
  address: string,
  name: 'Messages' | 'Forward' | 'State',
): { call: ClientCall; close(): void } {
  const client = new Client(address, credentials.createInsecure(), clientOptions);
  const { path } = peerService[name];
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(path, same, same, new Metadata());
  // The outcome of a call is its status, which always comes; the error says the same once more.
  call.on('error', () => undefined);
  return {
    call,
    close: () => {
      call.cancel();
      client.close();
    },
  };
}

/** One question to a peer, on a new connection. Ends in a FactstoreError whose text is the reason. */
export async function ask(
  address: string,
  name: 'Identify' | 'Found' | 'Entries' | 'Join' | 'StateDigests',
  request: Buffer,
  timing: { clock: Clock; timeoutMs: number; signal?: Signal },
): Promise<Buffer> {
  const client = new Client(address, credentials.createInsecure(), clientOptions);
  const { clock, timeoutMs, signal } = timing;
  let timedOut = false;
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      const call = client.makeUnaryRequest(peerService[name].path, same, same, request, (error, answer) => {
        timer.cancel();
        signal?.removeEventListener('abort', abort);
        if (answer) resolve(answer);
        else reject(timedOut ? unreachable(address, `timed out after ${timeoutMs / 1000} s`) : failure(address, error));
      });
      const timer = clock.setTimer(timeoutMs, () => {
        timedOut = true;
        call.cancel();
      });
      const abort = () => call.cancel();
      if (signal?.aborted) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    });
  } finally {
    client.close();
  }
}

function failure(address: string, error: ServiceError | null): FactstoreError {
  if (!error) return unreachable(address, 'no answer');
  const { refused, reason } = describeStatus(address, error);
  if (!refused) return unreachable(address, reason);
  // What is no factstore, or stands before one, has refusals of its own; this status is that of `endOf` alone.
  const judged = error.code === status.FAILED_PRECONDITION;
  return new FactstoreError('FAILED_PRECONDITION', reason, { address, judged });
}

function unreachable(address: string, reason: string): FactstoreError {
  return new FactstoreError('UNREACHABLE', reason, { address });
}

/** A call ended with this status: in words, and whether the peer itself refused. */
export function describeStatus(
  address: string,
  ended: Pick<StatusObject, 'code' | 'details'>,
): { refused: boolean; reason: string } {
  const { code, details } = ended;
  if (code === status.UNIMPLEMENTED) {
    return { refused: true, reason: `at ${address} no peer port answers: is it the address for clients?` };
  }
  if (code === status.OK) return { refused: false, reason: `connection closed by ${address}` };
  if (code !== status.UNAVAILABLE && code !== status.CANCELLED && code !== status.INTERNAL) {
    return { refused: true, reason: details };
  }
  return { refused: false, reason: connectFailure(address, details) };
}

const CAUSES: readonly (readonly [sign: RegExp, words: (address: string) => string])[] = [
  [/ECONNREFUSED/, (address) => `connection refused ${address}`],
  [/ETIMEDOUT/, (address) => `connecting to ${address} timed out`],
  [/ECONNRESET|EPIPE|Socket closed/i, (address) => `connection reset ${address}`],
  [/ENOTFOUND|EAI_AGAIN|Name resolution failed/, (address) => `unknown host in ${address}`],
  [/Failed to connect/, (address) => `${address} closes every connection at once`],
  [/EHOSTUNREACH|ENETUNREACH/, (address) => `no route to ${address}`],
  [/Protocol error|ERR_HTTP2|PROTOCOL_ERROR/, (address) => `at ${address} something else than factstore answers`],
  [/keepalive|ping timeout/i, (address) => `${address} stopped answering`],
  [/Connection dropped|Stream closed|CANCEL|Call cancelled|Goaway/i, (address) => `connection to ${address} broke`],
];

function connectFailure(address: string, details: string): string {
  for (const [sign, words] of CAUSES) if (sign.test(details)) return words(address);
  return `${address}: ${details}`;
}

const STATUS_TEXT_MAX = 1000;

/** Anything else is a refusal that no waiting changes. */
const ENDS: Partial<Record<ErrorCode, status>> = {
  DATA_LOSS: status.DATA_LOSS,
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  NOT_READY: status.UNAVAILABLE,
};

/** With what a call ends that this error has ended. grpc-js throws at half a character, which a cut may leave. */
function endOf(error: FactstoreError): { code: status; details: string } {
  return {
    code: ENDS[error.code] ?? status.FAILED_PRECONDITION,
    details: error.message.slice(0, STATUS_TEXT_MAX).toWellFormed(),
  };
}

/** The same for whatever a handler has thrown: what no error of ours is goes to the log, and not to the peer. */
export function endOfFailure(error: unknown, logger: Logger): { code: status; details: string } {
  if (error instanceof FactstoreError) return endOf(error);
  logger.error({ event: 'peer.handlerFailed', err: error }, 'a call of a peer failed');
  return { code: status.ABORTED, details: 'internal error; the log of this node says more' };
}

/** Ends a call with an error: the other side sees its text. */
export function endWithError(call: ServerCall, error: FactstoreError): void {
  call.emit('error', endOf(error));
}
