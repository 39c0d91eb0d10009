import { invalid } from '../base/errors.ts';
import type { FollowedLink } from '../model/link.ts';
import { decodeLink, sizeOfLinks, writeLinks } from './links.ts';
import { MessageReader } from './message-reader.ts';
import { MessageWriter } from './message-writer.ts';
import { decodeQuery } from './query.ts';
import { type Target, writeTarget } from './read.ts';

/** A SubscribeRequest. */
export interface SubscribeRequest {
  readonly target: Target;
  /** Undefined: with the first event. */
  readonly start: { readonly kind: 'after'; readonly position: number } | { readonly kind: 'now' } | undefined;
  /** True: without events of streams whose names begin with "$". */
  readonly userEvents: boolean;
  /** True: links are followed. */
  readonly resolveLinks?: boolean | undefined;
  /** The cluster that has told the position to begin behind, a UUID; undefined: the one that is asked. */
  readonly afterClusterId?: string | undefined;
}

/** A SubscribeResponse; each event is a RecordedEvent as bytes. */
export interface SubscribeResponse {
  readonly events: readonly Uint8Array[];
  /** Set: everything up to this position has been delivered. */
  readonly caughtUp?: number | undefined;
  /** How far the subscription has looked. */
  readonly checkpoint: number;
  /** Only where it was asked for: what the links among the events lead to. */
  readonly links?: readonly FollowedLink[] | undefined;
  /** Only in the first message: the cluster, a UUID. */
  readonly clusterId?: string | undefined;
}

const Request = {
  stream: 1,
  all: 2,
  afterPosition: 3,
  fromNow: 4,
  userEvents: 5,
  query: 6,
  resolveLinks: 7,
  afterClusterId: 8,
} as const;
const Response = { events: 1, caughtUp: 2, checkpoint: 3, links: 4, clusterId: 5 } as const;

export function encodeSubscribeRequest(request: SubscribeRequest): Buffer {
  const writer = new MessageWriter();
  writeTarget(writer, request.target, Request.query);
  if (request.start?.kind === 'after') writer.uintAlways(Request.afterPosition, request.start.position);
  else if (request.start?.kind === 'now') writer.bool(Request.fromNow, true);
  return writer
    .bool(Request.userEvents, request.userEvents)
    .bool(Request.resolveLinks, request.resolveLinks ?? false)
    .text(Request.afterClusterId, request.afterClusterId ?? '')
    .finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not a SubscribeRequest with a target. */
export function decodeSubscribeRequest(bytes: Uint8Array): SubscribeRequest {
  const reader = new MessageReader('SubscribeRequest', bytes);
  let target: Target | undefined;
  let start: SubscribeRequest['start'];
  let userEvents = false;
  let resolveLinks = false;
  let afterClusterId: string | undefined;
  while (reader.next()) {
    if (reader.field === Request.stream) target = { kind: 'stream', stream: reader.text('stream') };
    else if (reader.field === Request.all) target = reader.bool('all') ? { kind: 'all' } : undefined;
    else if (reader.field === Request.query)
      target = { kind: 'query', query: decodeQuery(reader.nested('query', 'Query')) };
    else if (reader.field === Request.afterPosition) start = { kind: 'after', position: reader.uint('after_position') };
    else if (reader.field === Request.fromNow) start = reader.bool('from_now') ? { kind: 'now' } : undefined;
    else if (reader.field === Request.userEvents) userEvents = reader.bool('user_events');
    else if (reader.field === Request.resolveLinks) resolveLinks = reader.bool('resolve_links');
    else if (reader.field === Request.afterClusterId) afterClusterId = reader.text('after_cluster_id') || undefined;
    else throw reader.foreign();
  }
  if (!target) throw invalid('target', 'is missing: name a stream, ask for all, or give a query');
  return { target, start, userEvents, resolveLinks, afterClusterId };
}

export function encodeSubscribeResponse(response: SubscribeResponse): Buffer {
  const { links = [] } = response;
  let size = 64 + sizeOfLinks(links);
  for (const event of response.events) size += event.length + 6;
  const writer = new MessageWriter(size);
  for (const event of response.events) writer.dataAlways(Response.events, event);
  const caughtUp = response.caughtUp;
  if (caughtUp !== undefined) writer.nested(Response.caughtUp, (nested) => nested.uint(1, caughtUp));
  writeLinks(writer, Response.links, links);
  writer.uint(Response.checkpoint, response.checkpoint);
  return writer.text(Response.clusterId, response.clusterId ?? '').finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not a SubscribeResponse. */
export function decodeSubscribeResponse(bytes: Uint8Array): SubscribeResponse {
  const reader = new MessageReader('SubscribeResponse', bytes);
  const events: Uint8Array[] = [];
  let caughtUp: number | undefined;
  let checkpoint = 0;
  let links: FollowedLink[] | undefined;
  let clusterId: string | undefined;
  while (reader.next()) {
    if (reader.field === Response.events) events.push(reader.data('events'));
    else if (reader.field === Response.caughtUp) caughtUp = decodeCaughtUp(reader.nested('caught_up', 'CaughtUp'));
    else if (reader.field === Response.checkpoint) checkpoint = reader.uint('checkpoint');
    else if (reader.field === Response.clusterId) clusterId = reader.text('cluster_id');
    else if (reader.field === Response.links) {
      links ??= [];
      links.push(decodeLink(reader.nested(`links[${links.length}]`, 'FollowedLink')));
    }
  }
  return { events, caughtUp, checkpoint, ...(links && { links }), ...(clusterId && { clusterId }) };
}

function decodeCaughtUp(reader: MessageReader): number {
  let position = 0;
  while (reader.next()) if (reader.field === 1) position = reader.uint('position');
  return position;
}
