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
 */
export function countCalls(
  traffic: Traffic,
  monotonicMs: () => number,
  { openCallsMax, logger }: CallBound,
): ServerInterceptor {
  return (method, call) => {
    const unary = !method.requestStream && !method.responseStream;
    (call as unknown as Tracked).callEventTracker = new OpenCall(traffic, method.path, unary, monotonicMs);
    if (traffic.openCalls > openCallsMax) {
      const error = tooMany(openCallsMax);
      const { details = error.message, metadata = null } = statusOf(error, logger);
      call.sendStatus({ code: status.RESOURCE_EXHAUSTED, details, metadata });
    }
    return call as ReturnType<ServerInterceptor>;
  };
}

/** Where grpc-js looks for whom to tell of a call's end. It is free, as channelz, which it is there for, is off. */
interface Tracked {
  callEventTracker: OpenCall;
}

/**
 * Told by grpc-js once of a call's end: when its status goes out, or its client goes away. It takes the place of a layer
 * around the call, and of a method of each call replaced: with that, V8 kept all that belongs to a call until the next
 * major collection, and minor ones took five times as long.
 */
class OpenCall {
  private readonly traffic: Traffic;
  private readonly path: string;
  private readonly unary: boolean;
  private readonly monotonicMs: () => number;
  private readonly began: number;

  constructor(traffic: Traffic, path: string, unary: boolean, monotonicMs: () => number) {
    this.traffic = traffic;
    this.path = path;
    this.unary = unary;
    this.monotonicMs = monotonicMs;
    this.began = monotonicMs();
    traffic.openCalls++;
  }

  onCallEnd({ code }: { code?: status | null }): void {
    this.traffic.openCalls--;
    this.traffic.calls.add(`${this.path} ${status[code ?? status.OK]}`);
    if (this.unary) this.traffic.took(this.path, (this.monotonicMs() - this.began) / 1000);
  }

  onStreamEnd(): void {}
  addMessageSent(): void {}
  addMessageReceived(): void {}
}

function tooMany(limit: number): FactstoreError {
  const text = `the node has ${limit} open calls already, which is openCallsMax; end some, or ask another node. Nothing was written.`;
  return new FactstoreError('OVERLOADED', text, { limit });
}
