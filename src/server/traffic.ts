import type { ServerHttp2Stream } from 'node:http2';
import { type ServerInterceptor, status } from '@grpc/grpc-js';
import { FactstoreError } from '../base/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import { Tally } from '../runtime/tally.ts';
import { statusOf } from './status.ts';

/** What has come in on the client port since the start. */
export class Traffic {
  /** Calls that have ended, by `method code`. */
  readonly calls = new Tally();
  /** Appends of AppendStream calls that were answered with an error, by its code. */
  readonly refusedAppends = new Tally();
  openCalls = 0;
  connections = 0;
  refusedConnections = 0;
  /** How long unary calls took. */
  took: (method: string, seconds: number) => void = () => undefined;
}

export interface CallBound {
  readonly openCallsMax: number;
  readonly logger: Logger;
}

/**
 * Counts every call by its method and the status that it ends in, whoever says it. Where too many are open on all
 * connections together, another one is refused before it costs anything (rule C8).
 *
 * It adds no layer to the call and reads the status off the stream: with a method of each call replaced, V8 kept all that
 * belongs to the call until the next major collection, and minor ones took five times as long.
 */
export function countCalls(
  traffic: Traffic,
  monotonicMs: () => number,
  { openCallsMax, logger }: CallBound,
): ServerInterceptor {
  return (method, call) => {
    const { stream } = call as unknown as { stream?: ServerHttp2Stream };
    if (!stream) return call as ReturnType<ServerInterceptor>;
    const began = monotonicMs();
    const unary = !method.requestStream && !method.responseStream;
    // One that is refused is never open.
    const isRefused = traffic.openCalls >= openCallsMax;
    if (!isRefused) traffic.openCalls++;
    let ended = false;
    const end = (code: status | undefined) => {
      if (ended || code === undefined) return;
      ended = true;
      if (!isRefused) traffic.openCalls--;
      traffic.calls.add(`${method.path} ${status[code]}`);
      if (unary) traffic.took(method.path, (monotonicMs() - began) / 1000);
    };
    // A status goes out with the headers, where nothing was sent before, or with trailers, which gRPC sends when it is asked
    // for them. A client may keep its side open for long behind that.
    stream.on('finish', () => end(statusSent(stream)));
    stream.on('wantTrailers', () => queueMicrotask(() => end(statusSent(stream))));
    // Nobody says one where the client went away.
    stream.on('close', () => end(statusSent(stream) ?? status.CANCELLED));
    if (isRefused) {
      const error = tooMany(openCallsMax);
      const { details = error.message, metadata = null } = statusOf(error, logger);
      call.sendStatus({ code: status.RESOURCE_EXHAUSTED, details, metadata });
    }
    return call as ReturnType<ServerInterceptor>;
  };
}

/** Undefined: none was sent yet. */
function statusSent({ sentTrailers, sentHeaders }: ServerHttp2Stream): status | undefined {
  const sent = sentTrailers?.['grpc-status'] ?? sentHeaders?.['grpc-status'];
  return sent === undefined ? undefined : Number(sent);
}

function tooMany(limit: number): FactstoreError {
  const text = `the node has ${limit} open calls already, which is openCallsMax; end some, or ask another node. Nothing was written.`;
  return new FactstoreError('OVERLOADED', text, { limit });
}
