import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Clock } from '../runtime/clock.ts';

/** What grpc-js keeps to itself of a call. */
export interface AnsweredCall {
  readonly stream?: ServerHttp2Stream;
  /** Whether it shows what comes next: a message, or that the client has ended the call. */
  isReadPending: boolean;
}

/**
 * Closes the stream of a call whose status goes out now, and whose client may still send. Nobody counts the call any
 * more, so it must not be the client that says how long it costs something (rule C8). It gets the status first, and then
 * hears that the rest is not needed (RFC 9113 §8.1).
 */
export function closeAnswered(call: AnsweredCall, clock: Pick<Clock, 'soon'>): void {
  // Closed, a call looks ended by its client. grpc-js would show it to its handler then, which never hears that it is over.
  call.isReadPending = false;
  const { stream } = call;
  if (!stream || stream.readableEnded) return;
  // Node sends trailers in a turn of its own, which is asked for once this one has told of the end of the call.
  queueMicrotask(() => clock.soon(() => stream.close(constants.NGHTTP2_NO_ERROR)));
}
