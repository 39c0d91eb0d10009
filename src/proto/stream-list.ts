import { invalid } from '../base/errors.ts';
import type { StreamState } from '../model/stream.ts';
import { type Consistency, decodeConsistency, writeConsistency } from './consistency.ts';
import { STREAM_STATE_MAX, stateNumber, stateOf } from './enums.ts';
import { MessageReader } from './message-reader.ts';
import { MessageWriter } from './message-writer.ts';

/** The messages of Streams.List. */

/** A ListStreamsRequest. */
export interface ListStreamsRequest {
  readonly which:
    | { readonly kind: 'user' }
    | { readonly kind: 'prefix'; readonly prefix: string }
    | { readonly kind: 'category'; readonly category: string };
  readonly order: 'name' | 'creation';
  readonly after: string;
  readonly limit: number;
  readonly deleted: boolean;
  readonly consistency: Consistency;
}

interface ListedStream {
  readonly stream: string;
  readonly state: StreamState;
  readonly headRevision: number;
  readonly createdUs: number;
  readonly lastAppendedUs: number;
  readonly firstPosition: number;
}

/** A ListStreamsResponse. */
export interface ListStreamsResponse {
  readonly streams: readonly ListedStream[];
  /** Empty: there is no other page. */
  readonly next: string;
  readonly head: number;
}

const Request = { prefix: 1, category: 2, order: 3, after: 4, limit: 5, deleted: 6, consistency: 7 } as const;
const BY_CREATION = 2;

export function encodeListStreamsRequest(request: ListStreamsRequest): Buffer {
  const { which } = request;
  const writer = new MessageWriter();
  if (which.kind === 'prefix') writer.textAlways(Request.prefix, which.prefix);
  else if (which.kind === 'category') writer.textAlways(Request.category, which.category);
  return writer
    .uint(Request.order, request.order === 'creation' ? BY_CREATION : 1)
    .text(Request.after, request.after)
    .uint(Request.limit, request.limit)
    .bool(Request.deleted, request.deleted)
    .nested(Request.consistency, (nested) => writeConsistency(nested, request.consistency))
    .finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not a ListStreamsRequest. */
export function decodeListStreamsRequest(bytes: Uint8Array): ListStreamsRequest {
  const reader = new MessageReader('ListStreamsRequest', bytes);
  const request: { -readonly [K in keyof ListStreamsRequest]: ListStreamsRequest[K] } = {
    which: { kind: 'user' },
    order: 'name',
    after: '',
    limit: 0,
    deleted: false,
    consistency: { kind: 'linearizable' },
  };
  while (reader.next()) {
    if (reader.field === Request.prefix) request.which = { kind: 'prefix', prefix: reader.text('prefix') };
    else if (reader.field === Request.category) request.which = { kind: 'category', category: reader.text('category') };
    else if (reader.field === Request.order) {
      request.order = reader.enumeration('order', BY_CREATION) === BY_CREATION ? 'creation' : 'name';
    } else if (reader.field === Request.after) request.after = reader.text('after');
    else if (reader.field === Request.limit) request.limit = reader.uint('limit');
    else if (reader.field === Request.deleted) request.deleted = reader.bool('deleted');
    else if (reader.field === Request.consistency) {
      request.consistency = decodeConsistency(reader.nested('consistency', 'Consistency'));
    } else throw reader.foreign();
  }
  return request;
}

export function encodeListStreamsResponse(response: ListStreamsResponse): Buffer {
  const writer = new MessageWriter(64 + response.streams.length * 96);
  for (const listed of response.streams) {
    writer.nested(1, (nested) => {
      nested.text(1, listed.stream).uint(2, stateNumber(listed.state)).uint(3, listed.headRevision);
      nested.uint(4, listed.createdUs).uint(5, listed.lastAppendedUs).uint(6, listed.firstPosition);
    });
  }
  return writer.text(2, response.next).uint(3, response.head).finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not a ListStreamsResponse. */
export function decodeListStreamsResponse(bytes: Uint8Array): ListStreamsResponse {
  const reader = new MessageReader('ListStreamsResponse', bytes);
  const streams: ListedStream[] = [];
  let [next, head] = ['', 0];
  while (reader.next()) {
    if (reader.field === 1) streams.push(decodeListed(reader.nested(`streams[${streams.length}]`, 'ListedStream')));
    else if (reader.field === 2) next = reader.text('next');
    else if (reader.field === 3) head = reader.uint('head');
  }
  return { streams, next, head };
}

function decodeListed(reader: MessageReader): ListedStream {
  const listed = {
    stream: '',
    state: 'none' as StreamState,
    headRevision: 0,
    createdUs: 0,
    lastAppendedUs: 0,
    firstPosition: 0,
  };
  while (reader.next()) {
    if (reader.field === 1) listed.stream = reader.text('stream');
    else if (reader.field === 2) listed.state = stateOf(reader.enumeration('state', STREAM_STATE_MAX));
    else if (reader.field === 3) listed.headRevision = reader.uint('head_revision');
    else if (reader.field === 4) listed.createdUs = reader.uint('created_us');
    else if (reader.field === 5) listed.lastAppendedUs = reader.uint('last_appended_us');
    else if (reader.field === 6) listed.firstPosition = reader.uint('first_position');
  }
  if (listed.stream === '') throw invalid(`${reader.path}stream`, 'is missing');
  return listed;
}
