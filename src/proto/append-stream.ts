import { concatBytes } from '../base/bytes.ts';
import type { FactstoreError } from '../base/errors.ts';
import { invalid } from '../base/errors.ts';
import { decodeErrorDetail, encodeErrorDetail } from './error-detail.ts';
import { MessageReader } from './message-reader.ts';
import { MessageWriter } from './message-writer.ts';

/** A message of the client in AppendStream. */
export type AppendStreamRequest =
  /** `append` is an AppendRequest as bytes: a bad one is answered for its sequence alone and does not end the call. */
  | { readonly kind: 'append'; readonly sequence: number; readonly append: Uint8Array }
  | { readonly kind: 'begin'; readonly sequence: number; readonly totalBytes: number }
  | { readonly kind: 'chunk'; readonly sequence: number; readonly chunk: Uint8Array };

/** What one message holds: one, or several in order. */
export type Batch<T> = readonly T[];

/** A message of the node in AppendStream. */
export type AppendStreamResponse =
  /** `answer` is an AppendResponse as bytes: a follower passes on the leader's. */
  | { readonly kind: 'answer'; readonly sequence: number; readonly answer: Uint8Array }
  | { readonly kind: 'error'; readonly sequence: number; readonly error: FactstoreError }
  | { readonly kind: 'granted'; readonly sequence: number };

/**
 * A message of a client holds at most so many, however small they are. It is decoded in one turn (rule C3), and 2 MiB of appends
 * of 128 bytes each are no more.
 */
export const REQUESTS_PER_MESSAGE_MAX = 16_384;

const Request = { sequence: 1, append: 2, begin: 3, chunk: 4, batch: 5 } as const;
const Response = { sequence: 1, answer: 2, error: 3, granted: 4, batch: 5 } as const;

export function encodeAppendStreamRequest(request: AppendStreamRequest): Buffer {
  switch (request.kind) {
    case 'append':
      return Buffer.concat(appendMessage(request.sequence, request.append));
    case 'begin':
      return new MessageWriter(32)
        .uint(Request.sequence, request.sequence)
        .nested(Request.begin, (nested) => nested.uint(1, request.totalBytes))
        .finish();
    case 'chunk':
      return new MessageWriter(request.chunk.length + 24)
        .uint(Request.sequence, request.sequence)
        .dataAlways(Request.chunk, request.chunk)
        .finish();
  }
}

/** A message as the pieces that it is put together from, so that a large append is copied once, into its batch. */
export type Pieces = readonly Uint8Array[];

/** The hot one among them. `suffix` is merged into the append: see `encodeAttemptAge`. */
export function appendMessage(sequence: number, append: Uint8Array, suffix?: Uint8Array): Pieces {
  const length = append.length + (suffix?.length ?? 0);
  const before = new MessageWriter(32).uint(Request.sequence, sequence).tag(Request.append, length).finish();
  return suffix ? [before, append, suffix] : [before, append];
}

/** Ends in INVALID_ARGUMENT where the bytes are not an AppendStreamRequest; there is then no sequence to answer to. */
export function decodeAppendStreamRequest(bytes: Uint8Array): AppendStreamRequest {
  const reader = new MessageReader('AppendStreamRequest', bytes);
  let sequence = 0;
  let request: AppendStreamRequest | undefined;
  while (reader.next()) {
    if (reader.field === Request.sequence) sequence = reader.uint('sequence');
    else if (request) throw invalid('message', 'is given twice in one AppendStreamRequest');
    else if (reader.field === Request.append) request = { kind: 'append', sequence, append: reader.data('append') };
    else if (reader.field === Request.begin) request = { kind: 'begin', sequence, totalBytes: decodeBegin(reader) };
    else if (reader.field === Request.chunk) request = { kind: 'chunk', sequence, chunk: reader.data('chunk') };
    else throw reader.foreign();
  }
  if (!request) throw invalid('message', 'is missing in an AppendStreamRequest');
  if (sequence === 0) throw invalid('sequence', 'is missing in an AppendStreamRequest: it counts from 1');
  return request.sequence === sequence ? request : { ...request, sequence };
}

function decodeBegin(outer: MessageReader): number {
  const reader = outer.nested('begin', 'AppendBegin');
  let totalBytes = 0;
  while (reader.next()) {
    if (reader.field !== 1) throw reader.foreign();
    totalBytes = reader.uint('total_bytes');
  }
  return totalBytes;
}

export function encodeAppendStreamResponse(response: AppendStreamResponse): Buffer {
  switch (response.kind) {
    case 'answer':
      return new MessageWriter(response.answer.length + 24)
        .uint(Response.sequence, response.sequence)
        .dataAlways(Response.answer, response.answer)
        .finish();
    case 'error':
      return new MessageWriter()
        .uint(Response.sequence, response.sequence)
        .dataAlways(Response.error, encodeErrorDetail(response.error))
        .finish();
    case 'granted':
      return new MessageWriter(32).uint(Response.sequence, response.sequence).uintAlways(Response.granted, 1).finish();
  }
}

/** One message out of several that are encoded already, requests or responses; a lone one stays as it is. */
export function encodeBatch(messages: Batch<Uint8Array | Pieces>): Uint8Array {
  const [first] = messages;
  if (first && messages.length === 1) return first instanceof Uint8Array ? first : concatBytes(first);
  const lengths = messages.map(lengthOf);
  const writer = new MessageWriter(lengths.reduce((sum, length) => sum + length + 6, 0));
  for (const [i, message] of messages.entries()) {
    writer.dataHeader(Request.batch, lengths[i] as number);
    if (message instanceof Uint8Array) writer.raw(message);
    else for (const piece of message) writer.raw(piece);
  }
  return writer.finish();
}

export function lengthOf(message: Uint8Array | Pieces): number {
  if (message instanceof Uint8Array) return message.length;
  return message.reduce((sum, piece) => sum + piece.length, 0);
}

/**
 * The messages of an AppendStreamRequest, in order. Ends in INVALID_ARGUMENT where the bytes are none, in LIMIT_EXCEEDED
 * where they are too many.
 */
export function decodeAppendStreamRequests(bytes: Uint8Array): Batch<AppendStreamRequest> {
  return decodeBatch('AppendStreamRequest', bytes, decodeAppendStreamRequest, REQUESTS_PER_MESSAGE_MAX);
}

/** The messages of an AppendStreamResponse, in order. Ends in INVALID_ARGUMENT where the bytes are none. */
export function decodeAppendStreamResponses(bytes: Uint8Array): Batch<AppendStreamResponse> {
  return decodeBatch('AppendStreamResponse', bytes, decodeAppendStreamResponse);
}

function decodeBatch<T>(
  name: string,
  bytes: Uint8Array,
  decode: (bytes: Uint8Array) => T,
  most = Number.POSITIVE_INFINITY,
): Batch<T> {
  const reader = new MessageReader(name, bytes);
  const messages: T[] = [];
  while (reader.next()) {
    if (reader.field === Request.batch) {
      reader.roomFor('batch', messages.length, most, 'messages');
      messages.push(decode(reader.data('batch')));
    } else if (messages.length > 0) throw invalid('batch', `stands beside other fields of one ${name}`);
    else return [decode(bytes)];
  }
  return messages.length > 0 ? messages : [decode(bytes)];
}

/** Ends in INVALID_ARGUMENT where the bytes are not an AppendStreamResponse. */
export function decodeAppendStreamResponse(bytes: Uint8Array): AppendStreamResponse {
  const reader = new MessageReader('AppendStreamResponse', bytes);
  let sequence = 0;
  let response: AppendStreamResponse | undefined;
  while (reader.next()) {
    if (reader.field === Response.sequence) sequence = reader.uint('sequence');
    else if (reader.field === Response.answer) response = { kind: 'answer', sequence, answer: reader.data('answer') };
    else if (reader.field === Response.error) {
      response = { kind: 'error', sequence, error: decodeErrorDetail(reader.data('error'), 'error.') };
    } else if (reader.field === Response.granted && reader.bool('granted')) response = { kind: 'granted', sequence };
  }
  if (!response) throw invalid('message', 'is missing in an AppendStreamResponse');
  return response.sequence === sequence ? response : { ...response, sequence };
}
