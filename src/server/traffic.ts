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
 * Counts every call by its method and the status that it ends in, whoever says it; adds no layer to the call. Where too
 * many are open on all connections together, another one is refused before it costs anything (rule C8).
 */
export function countCalls(
  traffic: Traffic,
  monotonicMs: () => number,
  { openCallsMax, logger }: CallBound,
): ServerInterceptor {
  return (method, call) => {
    const { stream } = call as unknown as { stream?: ServerHttp2Stream };
    const began = monotonicMs();
    const unary = !method.requestStream && !method.responseStream;
    const sendStatus = call.sendStatus.bind(call);
    let ended = false;
    const end = (code: status) => {
      if (ended) return;
      ended = true;
      traffic.openCalls--;
      traffic.calls.add(`${method.path} ${status[code]}`);
      if (unary) traffic.took(method.path, (monotonicMs() - began) / 1000);
    };
    traffic.openCalls++;
    call.sendStatus = (last) => {
      end(last.code ?? status.OK);
      sendStatus(last);
    };
    // Nobody says a status where the client went away.
    stream?.on('close', () => end(status.CANCELLED));
    if (traffic.openCalls > openCallsMax) {
      const error = tooMany(openCallsMax);
      const { details = error.message, metadata = null } = statusOf(error, logger);
      call.sendStatus({ code: status.RESOURCE_EXHAUSTED, details, metadata });
    }
    return call as ReturnType<ServerInterceptor>;
  };
}

function tooMany(limit: number): FactstoreError {
  const text = `the node has ${limit} open calls already, which is openCallsMax; end some, or ask another node. Nothing was written.`;
  return new FactstoreError('OVERLOADED', text, { limit });
}
