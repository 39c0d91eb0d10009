import type { ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';
import { FactstoreError } from '../base/errors.ts';
import { Cancellation, type Signal } from '../base/signal.ts';
import type { Received } from '../proto/services.ts';
import type { Logger } from '../runtime/logger.ts';
import { statusOf } from './status.ts';
import { Untaken, type UntakenBudget } from './untaken.ts';

/** Milliseconds until the client gives up; 0: it waits without end. */
export function remainingMs(deadline: Date | number, nowUs: number): number {
  const at = typeof deadline === 'number' ? deadline : deadline.getTime();
  return Number.isFinite(at) ? Math.max(1, Math.round(at - nowUs / 1000)) : 0;
}

/** What is left of a client's time when it is told that it waited in vain; its own clock must not come first. */
const ANSWER_MS = 500;

/** How long a call may wait for something before it must answer; undefined: the client waits without end. */
export function patienceMs(call: { getDeadline(): Date | number }, nowUs: number): number | undefined {
  const left = remainingMs(call.getDeadline(), nowUs);
  return left === 0 ? undefined : left - Math.min(ANSWER_MS, Math.ceil(left / 5));
}

type Cancellable = { on(event: 'cancelled', listener: () => void): unknown; cancelled: boolean };

/**
 * Aborted when the client cancels the call, its deadline passes, or its connection breaks; and, because grpc-js says
 * "cancelled" then too, when the call has ended. Made only where it is needed.
 */
function signalOf(call: Cancellable): Signal {
  const cancellation = new Cancellation();
  call.on('cancelled', () => cancellation.abort());
  if (call.cancelled) cancellation.abort();
  return cancellation;
}

/** A unary handler from an async function; whatever it throws becomes a status with details. */
export function unary<Request, Response>(
  logger: Logger,
  handle: (
    request: Request,
    signal: () => Signal,
    call: ServerUnaryCall<Received<Request>, Response>,
  ) => Promise<Response>,
) {
  return (call: ServerUnaryCall<Received<Request>, Response>, callback: sendUnaryData<Response>): void => {
    const { request } = call;
    const signal = () => signalOf(call);
    const answer =
      request instanceof FactstoreError ? Promise.reject(request) : handle(request as Request, signal, call);
    answer.then(
      (response) => callback(null, response),
      (error: unknown) => callback(statusOf(error, logger)),
    );
  };
}

/**
 * A server-streaming handler from an async generator of messages: bytes, unless `sizeOf` tells how many others take. The
 * generator is asked for more only when the client has taken enough of what was written, so a slow client costs that much
 * memory, or one message, and no more.
 */
export function streaming<Request, Message = Uint8Array>(
  logger: Logger,
  budget: UntakenBudget,
  handle: (
    request: Request,
    signal: Signal,
    call: ServerWritableStream<Received<Request>, Message>,
  ) => AsyncIterable<Message>,
  sizeOf = (message: Message) => (message as Uint8Array).length,
) {
  return (call: ServerWritableStream<Received<Request>, Message>): void => {
    const signal = signalOf(call);
    const { request } = call;
    const untaken = new Untaken(call, signal, sizeOf, budget);
    const run = async () => {
      if (request instanceof FactstoreError) throw request;
      for await (const message of handle(request as Request, signal, call)) {
        if (signal.aborted) return;
        const room = untaken.write(message);
        if (room) await room;
        if (signal.aborted) return;
      }
    };
    run().then(
      () => call.end(),
      (error: unknown) => {
        if (!signal.aborted) call.emit('error', statusOf(error, logger));
      },
    );
  };
}
