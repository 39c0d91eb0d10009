import { EMPTY } from '../base/bytes.ts';
import { invalid } from '../base/errors.ts';
import type { FollowedLink } from '../model/link.ts';
import type { Query } from '../model/query.ts';
import type { StreamState } from '../model/stream.ts';
import { type Consistency, decodeConsistency, writeConsistency } from './consistency.ts';
import { STREAM_STATE_MAX, stateNumber, stateOf } from './enums.ts';
import { decodeLink, sizeOfLinks, writeLinks } from './links.ts';
import { MessageReader } from './message-reader.ts';
import { MessageWriter } from './message-writer.ts';
import { decodeQuery, writeQuery } from './query.ts';

/** One stream, everything, or what matches a query. */
export type Target =
  | { readonly kind: 'stream'; readonly stream: string }
  | { readonly kind: 'all' }
  | { readonly kind: 'query'; readonly query: Query };

/** Writes a target, whose stream and all have the numbers 1 and 2 in every request. */
export function writeTarget(writer: MessageWriter, target: Target, queryField: number): void {
  if (target.kind === 'stream') writer.textAlways(1, target.stream);
  else if (target.kind === 'all') writer.bool(2, true);
  else writer.nested(queryField, (nested) => writeQuery(nested, target.query));
}

/** Where a read begins. All are inclusive. */
export type ReadFrom =
  | { readonly kind: 'revision'; readonly revision: number }
  | { readonly kind: 'position'; readonly position: number }
  | { readonly kind: 'time'; readonly timeUs: number };

/** A ReadRequest. */
export interface ReadRequest {
  readonly target: Target;
  readonly backwards: boolean;
  /** Undefined: the first event (backwards: the last). */
  readonly start: ReadFrom | undefined;
  /** 0: no limit. */
  readonly limit: number;
  readonly consistency: Consistency;
  /** True: without events of streams whose names begin with "$". */
  readonly userEvents: boolean;
  /** True: the answer says which events were appended together. */
  readonly appendIds?: boolean | undefined;
  /** True: links are followed. */
  readonly resolveLinks?: boolean | undefined;
}

/** The snapshot that a read sees. */
export interface ReadStart {
  readonly head: number;
  /** Only for a stream. */
  readonly state?: StreamState | undefined;
  /** Only for a stream; -1 where no event was ever written. */
  readonly headRevision?: number | undefined;
  /** The cluster, a UUID. */
  readonly clusterId?: string | undefined;
}

/** Neighbours in the answer to a read that one append wrote. */
interface AppendRun {
  /** 16 bytes. */
  readonly appendId: Uint8Array;
  /** How many events. */
  readonly events: number;
}

/** A ReadResponse; each event is a RecordedEvent as bytes. */
export interface ReadResponse {
  /** Only in the first message. */
  readonly start?: ReadStart | undefined;
  readonly events: readonly Uint8Array[];
  /** Only where it was asked for: a partition of the events, in their order. */
  readonly appends?: readonly AppendRun[] | undefined;
  /** Only where it was asked for: what the links among the events lead to. */
  readonly links?: readonly FollowedLink[] | undefined;
}

const Request = {
  stream: 1,
  all: 2,
  backwards: 3,
  fromRevision: 4,
  fromPosition: 5,
  fromTimeUs: 6,
  limit: 7,
  consistency: 8,
  userEvents: 9,
  appendIds: 10,
  query: 11,
  resolveLinks: 12,
} as const;

export function encodeReadRequest(request: ReadRequest): Buffer {
  const writer = new MessageWriter();
  writeTarget(writer, request.target, Request.query);
  writer.bool(Request.backwards, request.backwards);
  const start = request.start;
  if (start?.kind === 'revision') writer.uintAlways(Request.fromRevision, start.revision);
  else if (start?.kind === 'position') writer.uintAlways(Request.fromPosition, start.position);
  else if (start?.kind === 'time') writer.uintAlways(Request.fromTimeUs, start.timeUs);
  writer.uint(Request.limit, request.limit);
  writer.nested(Request.consistency, (nested) => writeConsistency(nested, request.consistency));
  return writer
    .bool(Request.userEvents, request.userEvents)
    .bool(Request.appendIds, request.appendIds ?? false)
    .bool(Request.resolveLinks, request.resolveLinks ?? false)
    .finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not a ReadRequest with a target. */
export function decodeReadRequest(bytes: Uint8Array): ReadRequest {
  const request: { -readonly [K in keyof ReadRequest]: ReadRequest[K] | undefined } = {
    target: undefined,
    backwards: false,
    start: undefined,
    limit: 0,
    consistency: { kind: 'linearizable' },
    userEvents: false,
    appendIds: false,
    resolveLinks: false,
  };
  const reader = new MessageReader('ReadRequest', bytes);
  while (reader.next()) {
    if (reader.field === Request.stream) request.target = { kind: 'stream', stream: reader.text('stream') };
    else if (reader.field === Request.all) request.target = reader.bool('all') ? { kind: 'all' } : undefined;
    else if (reader.field === Request.query)
      request.target = { kind: 'query', query: decodeQuery(reader.nested('query', 'Query')) };
    else if (reader.field === Request.backwards) request.backwards = reader.bool('backwards');
    else if (reader.field === Request.limit) request.limit = reader.uint('limit');
    else if (reader.field === Request.userEvents) request.userEvents = reader.bool('user_events');
    else if (reader.field === Request.appendIds) request.appendIds = reader.bool('append_ids');
    else if (reader.field === Request.resolveLinks) request.resolveLinks = reader.bool('resolve_links');
    else if (reader.field === Request.consistency) {
      request.consistency = decodeConsistency(reader.nested('consistency', 'Consistency'));
    } else request.start = decodeFrom(reader);
  }
  if (!request.target) throw invalid('target', 'is missing: name a stream, ask for all, or give a query');
  return request as ReadRequest;
}

function decodeFrom(reader: MessageReader): ReadFrom {
  switch (reader.field) {
    case Request.fromRevision:
      return { kind: 'revision', revision: reader.uint('from_revision') };
    case Request.fromPosition:
      return { kind: 'position', position: reader.uint('from_position') };
    case Request.fromTimeUs:
      return { kind: 'time', timeUs: reader.uint('from_time_us') };
    default:
      throw reader.foreign();
  }
}

export function encodeReadResponse(response: ReadResponse): Buffer {
  const { links = [] } = response;
  let size = 64 + 24 * (response.appends?.length ?? 0) + sizeOfLinks(links);
  for (const event of response.events) size += event.length + 6;
  const writer = new MessageWriter(size);
  const start = response.start;
  if (start) {
    writer.nested(1, (nested) => {
      nested.uint(1, start.head);
      if (start.state) nested.uint(2, stateNumber(start.state)).uint(3, Math.max(start.headRevision ?? 0, 0));
      nested.text(4, start.clusterId ?? '');
    });
  }
  for (const event of response.events) writer.dataAlways(2, event);
  for (const run of response.appends ?? []) {
    writer.nested(3, (nested) => nested.data(1, run.appendId).uint(2, run.events));
  }
  writeLinks(writer, 4, links);
  return writer.finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not a ReadResponse. */
export function decodeReadResponse(bytes: Uint8Array): ReadResponse {
  const reader = new MessageReader('ReadResponse', bytes);
  const events: Uint8Array[] = [];
  let appends: AppendRun[] | undefined;
  let links: FollowedLink[] | undefined;
  let start: ReadStart | undefined;
  while (reader.next()) {
    if (reader.field === 2) events.push(reader.data('events'));
    else if (reader.field === 1) start = decodeStart(reader.nested('start', 'ReadStart'));
    else if (reader.field === 3) {
      appends ??= [];
      appends.push(decodeRun(reader.nested(`appends[${appends.length}]`, 'AppendRun')));
    } else if (reader.field === 4) {
      links ??= [];
      links.push(decodeLink(reader.nested(`links[${links.length}]`, 'FollowedLink')));
    }
  }
  const followed = links && { links };
  if (!appends) return { start, events, ...followed };
  const told = appends.reduce((sum, run) => sum + run.events, 0);
  if (told !== events.length) throw invalid('appends', `tell of ${told} events, but ${events.length} are there`);
  return { start, events, appends, ...followed };
}

function decodeRun(reader: MessageReader): AppendRun {
  let appendId: Uint8Array = EMPTY;
  let events = 0;
  while (reader.next()) {
    if (reader.field === 1) appendId = reader.data('append_id');
    else if (reader.field === 2) events = reader.uint('events');
  }
  if (appendId.length !== 16) throw invalid(`${reader.path}append_id`, 'is not a UUID of 16 bytes');
  return { appendId, events };
}

function decodeStart(reader: MessageReader): ReadStart {
  let [head, state, headRevision] = [0, 0, 0];
  let clusterId: string | undefined;
  while (reader.next()) {
    if (reader.field === 1) head = reader.uint('head');
    else if (reader.field === 2) state = reader.enumeration('state', STREAM_STATE_MAX);
    else if (reader.field === 3) headRevision = reader.uint('head_revision');
    else if (reader.field === 4) clusterId = reader.text('cluster_id');
  }
  const told = clusterId && { clusterId };
  if (state === 0) return { head, ...told };
  const named = stateOf(state);
  return { head, state: named, headRevision: named === 'none' ? -1 : headRevision, ...told };
}
