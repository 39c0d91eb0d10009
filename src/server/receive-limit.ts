import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import { Metadata, type ServerInterceptor, status } from '@grpc/grpc-js';
import { FactstoreError } from '../base/errors.ts';
import { LIMITS } from '../model/limits.ts';
import type { Logger } from '../runtime/logger.ts';
import { statusOf } from './status.ts';

/** Before every message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;

/**
 * Counts what clients have sent of requests that are not complete: no handler sees these bytes, and no bound of a single
 * call stops a thousand calls that are each half sent (rule C8). Where all of them together hold more than the bound,
 * the connection that holds most is closed.
 */
export class ReceiveLimit {
  private readonly bytesMax: number;
  private readonly logger: Logger;
  private readonly sessions = new Map<Http2Session, number>();
  private total = 0;

  constructor(bytesMax: number, logger: Logger) {
    this.bytesMax = bytesMax;
    this.logger = logger;
  }

  /** The bytes of incomplete requests of all connections. */
  get used(): number {
    return this.total;
  }

  add(session: Http2Session, bytes: number): void {
    const held = (this.sessions.get(session) ?? 0) + bytes;
    if (held === 0) this.sessions.delete(session);
    else this.sessions.set(session, held);
    this.total += bytes;
    if (bytes > 0 && this.total > this.bytesMax) this.closeLargest();
  }

  private closeLargest(): void {
    let largest: Http2Session | undefined;
    let most = 0;
    for (const [session, held] of this.sessions) {
      if (held <= most || session.destroyed) continue;
      largest = session;
      most = held;
    }
    if (!largest) return;
    const { remoteAddress, remotePort } = largest.socket;
    this.logger.warn(
      { event: 'server.unhandled', client: `${remoteAddress}:${remotePort}`, bytes: most, limit: this.bytesMax },
      'clients have sent more of incomplete requests than unhandledBytesMax: the connection with most is closed',
    );
    largest.destroy();
  }
}

/** Follows the messages in the bytes of one call, as far as counting them needs. */
class MessageMeter {
  private readonly keeps: boolean;
  private readonly onPrefix: (compressed: boolean, length: number) => void;
  private kept = 0;
  /** The bytes of the message that is not complete yet. */
  private incomplete = 0;
  private prefixBytes = 0;
  private compressed = false;
  private length = 0;

  /** `keeps`: gRPC also keeps what is complete, until the call is ended. */
  constructor(keeps: boolean, onPrefix: (compressed: boolean, length: number) => void) {
    this.keeps = keeps;
    this.onPrefix = onPrefix;
  }

  /** The bytes that no handler has seen. */
  get held(): number {
    return this.kept + this.incomplete;
  }

  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.prefixBytes < PREFIX_BYTES) {
        // The first byte says whether the message is compressed; the others are the length, big-endian.
        if (this.prefixBytes++ === 0) this.compressed = chunk[at] !== 0;
        else this.length = this.length * 256 + (chunk[at] as number);
        at++;
        this.incomplete++;
        if (this.prefixBytes === PREFIX_BYTES) this.onPrefix(this.compressed, this.length);
      } else {
        const taken = Math.min(chunk.length - at, PREFIX_BYTES + this.length - this.incomplete);
        at += taken;
        this.incomplete += taken;
      }
      if (this.prefixBytes === PREFIX_BYTES && this.incomplete === PREFIX_BYTES + this.length) this.complete();
    }
  }

  private complete(): void {
    if (this.keeps) this.kept += this.incomplete;
    this.prefixBytes = 0;
    this.length = 0;
    this.incomplete = 0;
  }
}

/**
 * Meters every call. It looks at the frames before gRPC does, so that it can also refuse a message that is too large in
 * words that help: gRPC's own name neither the field nor a way out. A compressed one is refused too: what becomes of it
 * would not be counted.
 *
 * A handler of a method with one request sees it once the call is ended. Until then gRPC keeps it, and it counts.
 *
 * grpc-js shows an interceptor whole messages only, and keeps the stream to itself; its version is pinned, and a test
 * fails where the stream is no longer found there.
 */
export function meterCalls(limit: ReceiveLimit, messageBytesMax: number, logger: Logger): ServerInterceptor {
  return (method, call) => {
    const { stream } = call as unknown as { stream?: ServerHttp2Stream };
    const session = stream?.session;
    if (!stream || !session) return call as ReturnType<ServerInterceptor>;
    const refuse = (code: status, error: FactstoreError) => {
      const { details = error.message, metadata = new Metadata() } = statusOf(error, logger);
      // gRPC asks a server to name what it takes where it refuses a compression.
      metadata.set('grpc-accept-encoding', 'identity');
      call.sendStatus({ code, details, metadata });
    };
    const meter = new MessageMeter(!method.requestStream, (compressed, length) => {
      if (compressed) refuse(status.UNIMPLEMENTED, isCompressed());
      else if (length > messageBytesMax) refuse(status.RESOURCE_EXHAUSTED, tooLarge(method.path, length));
    });
    let counted = 0;
    const count = (held: number) => {
      if (held === counted) return;
      limit.add(session, held - counted);
      counted = held;
    };
    stream.prependListener('data', (chunk: Buffer) => {
      meter.push(chunk);
      count(meter.held);
    });
    stream.prependListener('end', () => count(0));
    stream.on('close', () => count(0));
    return call as ReturnType<ServerInterceptor>;
  };
}

function isCompressed(): FactstoreError {
  const text =
    'message: it is compressed, and a node takes only what is not. Send it without compression. Nothing of it was written.';
  return new FactstoreError('UNIMPLEMENTED', text, { field: 'message' });
}

function tooLarge(path: string, actual: number): FactstoreError {
  const limit = LIMITS.unaryBytesMax;
  const wayOut = path.endsWith('/AppendStream')
    ? 'Announce an append with begin, and send it in chunks of at most 1 MiB'
    : 'A larger append goes over AppendStream, in chunks';
  return new FactstoreError(
    'LIMIT_EXCEEDED',
    `message: ${actual} bytes are over the limit of ${limit} for one message. Nothing was written. ${wayOut}.`,
    { field: 'message', limit, actual },
  );
}
