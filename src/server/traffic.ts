import type { ServerHttp2Stream } from 'node:http2';
import { type ServerInterceptor, status } from '@grpc/grpc-js';
import { Tally } from '../runtime/tally.ts';

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

/** Counts every call by its method and the status that it ends in, whoever says it; adds no layer to the call. */
export function countCalls(traffic: Traffic, monotonicMs: () => number): ServerInterceptor {
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
    return call as ReturnType<ServerInterceptor>;
  };
}
