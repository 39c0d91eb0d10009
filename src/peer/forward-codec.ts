import { EMPTY } from '../base/bytes.ts';
import { type FactstoreError, invalid } from '../base/errors.ts';
import { decodeErrorDetail, encodeErrorDetail } from '../proto/error-detail.ts';
import { MessageReader } from '../proto/message-reader.ts';
import { MessageWriter } from '../proto/message-writer.ts';
import { decodeGreeting, type Greeting, writeGreeting } from './codec.ts';

/** A follower's message in Forward. */
export type ForwardRequest =
  | { readonly kind: 'greeting'; readonly greeting: Greeting }
  | {
      readonly kind: 'append';
      readonly sequence: number;
      /** An AppendRequest as the client sent it. */
      readonly append: Uint8Array;
      /** Until the client gives up; 0: it waits without end. */
      readonly deadlineMs: number;
      /** 0: a lane of its own. */
      readonly lane: number;
      /** How long it waited at the follower. */
      readonly waitedMs: number;
    };

/** The leader's message in Forward. */
export type ForwardResponse =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'answer'; readonly sequence: number; readonly answer: Uint8Array }
  | { readonly kind: 'error'; readonly sequence: number; readonly error: FactstoreError };

const Request = { sequence: 1, greeting: 2, append: 3, deadlineMs: 4, lane: 5, waitedMs: 6 } as const;
const Response = { sequence: 1, answer: 2, error: 3 } as const;

export function encodeForwardRequest(request: ForwardRequest): Buffer {
  if (request.kind === 'greeting') {
    return new MessageWriter().nested(Request.greeting, (nested) => writeGreeting(nested, request.greeting)).finish();
  }
  return new MessageWriter(request.append.length + 64)
    .uint(Request.sequence, request.sequence)
    .data(Request.append, request.append)
    .uint(Request.deadlineMs, request.deadlineMs)
    .uint(Request.lane, request.lane)
    .uint(Request.waitedMs, request.waitedMs)
    .finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not a ForwardRequest. The append is a view into the bytes. */
export function decodeForwardRequest(bytes: Uint8Array): ForwardRequest {
  const reader = new MessageReader('ForwardRequest', bytes);
  const request = { kind: 'append' as const, sequence: 0, append: EMPTY, deadlineMs: 0, lane: 0, waitedMs: 0 };
  let greeting: Greeting | undefined;
  while (reader.next()) {
    if (reader.field === Request.sequence) request.sequence = reader.uint('sequence');
    else if (reader.field === Request.greeting) greeting = decodeGreeting(reader.nested('greeting', 'Greeting'));
    else if (reader.field === Request.append) request.append = reader.data('append') as typeof EMPTY;
    else if (reader.field === Request.deadlineMs) request.deadlineMs = reader.uint('deadline_ms');
    else if (reader.field === Request.lane) request.lane = reader.uint('lane');
    else if (reader.field === Request.waitedMs) request.waitedMs = reader.uint('waited_ms');
  }
  if (greeting) return { kind: 'greeting', greeting };
  if (request.sequence === 0) throw invalid('sequence', 'is missing in a ForwardRequest');
  return request;
}

export function encodeForwardResponse(response: ForwardResponse): Buffer {
  if (response.kind === 'accepted') return Buffer.alloc(0);
  const content = response.kind === 'answer' ? response.answer : encodeErrorDetail(response.error);
  return new MessageWriter(content.length + 32)
    .uint(Response.sequence, response.sequence)
    .dataAlways(response.kind === 'answer' ? Response.answer : Response.error, content)
    .finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not a ForwardResponse. The answer is a view into the bytes. */
export function decodeForwardResponse(bytes: Uint8Array): ForwardResponse {
  const reader = new MessageReader('ForwardResponse', bytes);
  let sequence = 0;
  let answer: Uint8Array | undefined;
  let error: FactstoreError | undefined;
  while (reader.next()) {
    if (reader.field === Response.sequence) sequence = reader.uint('sequence');
    else if (reader.field === Response.answer) answer = reader.data('answer');
    else if (reader.field === Response.error) error = decodeErrorDetail(reader.data('error'), 'error.');
  }
  if (sequence === 0) return { kind: 'accepted' };
  if (error) return { kind: 'error', sequence, error };
  if (answer) return { kind: 'answer', sequence, answer };
  throw invalid('message', 'is missing in a ForwardResponse');
}
