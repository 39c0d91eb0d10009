import { type ServerInterceptor, status } from '@grpc/grpc-js';
import { FactstoreError } from '../base/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { Tally } from '../runtime/tally.ts';
import { ALARMING_CALLS, ALARMING_REFUSALS } from './alarming.ts';
import { type AnsweredCall, closeAnswered } from './answered-calls.ts';
import { type Call, isReserved, passesOverload, Reserve } from './reserve.ts';
import { statusOf } from './status.ts';

/** Calls beyond openCallsMax that pass: an answer takes no time, so they are few unless somebody means no good. */
const CALLS_RESERVED = 64;

/** What has come in on the client port since the start. */
export class Traffic {
  /** Calls that have ended, by `method code`. */
  readonly calls = new Tally(ALARMING_CALLS);
  /** Appends of AppendStream calls that were answered with an error, by its code. */
  readonly refusedAppends = new Tally(ALARMING_REFUSALS);
  openCalls = 0;
  connections = 0;
  /** Connections that came while connectionsMax were open. */
  refusedConnections = 0;
  /** How long unary calls took. */
  took: (method: string, seconds: number) => void = () => undefined;
}

export interface CallBounds {
  readonly openCallsMax: number;
  readonly connectionsMax: number;
  readonly logger: Logger;
}

type CallClock = Pick<Clock, 'monotonicMs' | 'soon'>;

/**
 * Counts every call by its method and the status that it ends in, whoever says it. Where too many are open on all
 * connections together, or its connection is one too many, another one is refused before it costs anything (rule C8),
 * unless it is one that passes.
 */
export function countCalls(
  traffic: Traffic,
  clock: CallClock,
  { openCallsMax, connectionsMax, logger }: CallBounds,
): ServerInterceptor {
  const refuse = (call: Call, error: FactstoreError) => {
    const { details = error.message, metadata = null } = statusOf(error, logger);
    call.sendStatus({ code: status.RESOURCE_EXHAUSTED, details, metadata });
  };
  const beyond: CallReserve = new Reserve(CALLS_RESERVED, (call) => refuse(call, tooManyCalls(openCallsMax)));
  return (method, call) => {
    const unary = !method.requestStream && !method.responseStream;
    const inner = call as unknown as Private;
    const tracker = new OpenCall(traffic, method.path, unary, clock, beyond, inner);
    inner.callEventTracker = tracker;
    const full = traffic.openCalls > openCallsMax;
    const reserved = isReserved(call);
    if (!full && !reserved) return call as ReturnType<ServerInterceptor>;
    if (passesOverload(method.path)) {
      if (full) beyond.add(tracker, call);
    } else if (reserved) {
      refuse(call, tooManyConnections(connectionsMax));
      // Its place is for others. It is told to go rather than cut, so that it hears why.
      inner.stream?.session?.close();
    } else refuse(call, tooManyCalls(openCallsMax));
    return call as ReturnType<ServerInterceptor>;
  };
}

/** What grpc-js keeps to itself. */
interface Private extends AnsweredCall {
  /** Whom it tells of a call's end. The place is free, as channelz, which it is there for, is off. */
  callEventTracker: OpenCall;
}

/** The open calls that passed while openCallsMax were open. */
type CallReserve = Reserve<OpenCall, Call>;

/**
 * Told by grpc-js once of a call's end: when its status goes out, or its client goes away. It takes the place of a layer
 * around the call, and of a method of each call replaced: with that, V8 kept all that belongs to a call until the next
 * major collection, and minor ones took five times as long.
 */
class OpenCall {
  private readonly traffic: Traffic;
  private readonly path: string;
  private readonly unary: boolean;
  private readonly clock: CallClock;
  private readonly began: number;
  private readonly beyond: CallReserve;
  private readonly call: AnsweredCall;

  constructor(
    traffic: Traffic,
    path: string,
    unary: boolean,
    clock: CallClock,
    beyond: CallReserve,
    call: AnsweredCall,
  ) {
    this.traffic = traffic;
    this.beyond = beyond;
    this.call = call;
    this.path = path;
    this.unary = unary;
    this.clock = clock;
    this.began = clock.monotonicMs();
    traffic.openCalls++;
  }

  onCallEnd({ code }: { code?: status | null }): void {
    this.traffic.openCalls--;
    this.beyond.delete(this);
    this.traffic.calls.add(`${this.path} ${status[code ?? status.OK]}`);
    if (this.unary) this.traffic.took(this.path, (this.clock.monotonicMs() - this.began) / 1000);
    closeAnswered(this.call, this.clock);
  }

  onStreamEnd(): void {}
  addMessageSent(): void {}
  addMessageReceived(): void {}
}

function tooManyCalls(limit: number): FactstoreError {
  const text = `the node has ${limit} open calls already, which is openCallsMax; end some, or ask another node. Nothing was written.`;
  return new FactstoreError('OVERLOADED', text, { limit });
}

function tooManyConnections(limit: number): FactstoreError {
  const text = `the node has ${limit} client connections already, which is connectionsMax, and answers only health checks on this one; close some, or ask another node. Nothing was written.`;
  return new FactstoreError('OVERLOADED', text, { limit });
}
