import { EMPTY } from '../base/bytes.ts';
import type { StreamMetadata } from '../model/retention.ts';
import type { StreamState } from '../model/stream.ts';
import { type Consistency, decodeConsistency, writeConsistency } from './consistency.ts';
import { STREAM_STATE_MAX, stateNumber, stateOf } from './enums.ts';
import { MessageReader } from './message-reader.ts';
import { MessageWriter } from './message-writer.ts';
import { decodeStreamMetadata, writeStreamMetadata } from './stream-change.ts';

/** The small calls that look something up: Events.Head, Events.GetProducer, Streams.Get. */

/** A HeadRequest. */
export interface HeadRequest {
  readonly consistency: Consistency;
}

/** A HeadResponse. */
export interface HeadResponse {
  readonly position: number;
}

/** A GetProducerRequest. */
export interface GetProducerRequest {
  readonly producer: string;
}

/** A GetProducerResponse. */
export interface GetProducerResponse {
  /** 0: none. */
  readonly current: number;
  /** Empty: none. */
  readonly appendId: Uint8Array;
}

/** A GetStreamRequest. */
export interface GetStreamRequest {
  readonly stream: string;
  readonly consistency: Consistency;
}

/** A GetStreamResponse. */
export interface GetStreamResponse {
  readonly stream: string;
  readonly state: StreamState;
  readonly headRevision: number;
  readonly firstRevision: number;
  readonly count: number;
  readonly createdUs: number;
  readonly lastAppendedUs: number;
  readonly lastPosition: number;
  readonly head: number;
  /** Undefined: none was ever set. */
  readonly metadata?: StreamMetadata | undefined;
  /** Undefined: nothing was ever said about the stream. */
  readonly metadataRevision?: number | undefined;
}

export function encodeHeadRequest(request: HeadRequest): Buffer {
  return new MessageWriter(32).nested(1, (nested) => writeConsistency(nested, request.consistency)).finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not a HeadRequest. */
export function decodeHeadRequest(bytes: Uint8Array): HeadRequest {
  const reader = new MessageReader('HeadRequest', bytes);
  let consistency: Consistency = { kind: 'linearizable' };
  while (reader.next()) {
    if (reader.field !== 1) throw reader.foreign();
    consistency = decodeConsistency(reader.nested('consistency', 'Consistency'));
  }
  return { consistency };
}

export function encodeHeadResponse(response: HeadResponse): Buffer {
  return new MessageWriter(32).uint(1, response.position).finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not a HeadResponse. */
export function decodeHeadResponse(bytes: Uint8Array): HeadResponse {
  const reader = new MessageReader('HeadResponse', bytes);
  let position = 0;
  while (reader.next()) if (reader.field === 1) position = reader.uint('position');
  return { position };
}

export function encodeGetProducerRequest(request: GetProducerRequest): Buffer {
  return new MessageWriter().text(1, request.producer).finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not a GetProducerRequest. */
export function decodeGetProducerRequest(bytes: Uint8Array): GetProducerRequest {
  const reader = new MessageReader('GetProducerRequest', bytes);
  let producer = '';
  while (reader.next()) {
    if (reader.field !== 1) throw reader.foreign();
    producer = reader.text('producer');
  }
  return { producer };
}

export function encodeGetProducerResponse(response: GetProducerResponse): Buffer {
  return new MessageWriter(64).uint(1, response.current).data(2, response.appendId).finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not a GetProducerResponse. */
export function decodeGetProducerResponse(bytes: Uint8Array): GetProducerResponse {
  const reader = new MessageReader('GetProducerResponse', bytes);
  const response = { current: 0, appendId: EMPTY as Uint8Array };
  while (reader.next()) {
    if (reader.field === 1) response.current = reader.uint('current');
    else if (reader.field === 2) response.appendId = reader.data('append_id');
  }
  return response;
}

export function encodeGetStreamRequest(request: GetStreamRequest): Buffer {
  return new MessageWriter()
    .text(1, request.stream)
    .nested(2, (nested) => writeConsistency(nested, request.consistency))
    .finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not a GetStreamRequest. */
export function decodeGetStreamRequest(bytes: Uint8Array): GetStreamRequest {
  const reader = new MessageReader('GetStreamRequest', bytes);
  let stream = '';
  let consistency: Consistency = { kind: 'linearizable' };
  while (reader.next()) {
    if (reader.field === 1) stream = reader.text('stream');
    else if (reader.field === 2) consistency = decodeConsistency(reader.nested('consistency', 'Consistency'));
    else throw reader.foreign();
  }
  return { stream, consistency };
}

export function encodeGetStreamResponse(response: GetStreamResponse): Buffer {
  const { metadata, metadataRevision } = response;
  const writer = new MessageWriter()
    .text(1, response.stream)
    .uint(2, stateNumber(response.state))
    .uint(3, response.headRevision)
    .uint(4, response.firstRevision)
    .uint(5, response.count)
    .uint(6, response.createdUs)
    .uint(7, response.lastAppendedUs)
    .uint(8, response.lastPosition)
    .uint(9, response.head);
  if (metadata) writer.nested(10, (nested) => writeStreamMetadata(nested, metadata));
  if (metadataRevision !== undefined) writer.uintAlways(11, metadataRevision);
  return writer.finish();
}

const FIGURES = [
  ['headRevision', 'head_revision'],
  ['firstRevision', 'first_revision'],
  ['count', 'count'],
  ['createdUs', 'created_us'],
  ['lastAppendedUs', 'last_appended_us'],
  ['lastPosition', 'last_position'],
  ['head', 'head'],
] as const;

/** Ends in INVALID_ARGUMENT where the bytes are not a GetStreamResponse. */
export function decodeGetStreamResponse(bytes: Uint8Array): GetStreamResponse {
  const reader = new MessageReader('GetStreamResponse', bytes);
  const response: { -readonly [K in keyof GetStreamResponse]: GetStreamResponse[K] } = {
    stream: '',
    state: 'none',
    headRevision: 0,
    firstRevision: 0,
    count: 0,
    createdUs: 0,
    lastAppendedUs: 0,
    lastPosition: 0,
    head: 0,
  };
  while (reader.next()) {
    const figure = FIGURES[reader.field - 3];
    if (reader.field === 1) response.stream = reader.text('stream');
    else if (reader.field === 2) response.state = stateOf(reader.enumeration('state', STREAM_STATE_MAX));
    else if (reader.field === 10) {
      response.metadata = decodeStreamMetadata(reader.nested('metadata', 'StreamMetadata'));
    } else if (reader.field === 11) response.metadataRevision = reader.uint('metadata_revision');
    else if (figure) response[figure[0]] = reader.uint(figure[1]);
  }
  return response;
}
