import { uuidText } from '../base/bytes.ts';
import type { StreamMetadata } from '../model/retention.ts';
import type { StreamState } from '../model/stream.ts';
import {
  encodeGetProducerRequest,
  encodeGetStreamRequest,
  encodeHeadRequest,
  type GetStreamResponse,
  type HeadResponse,
} from '../proto/lookups.ts';
import { eventsService, streamsService } from '../proto/services.ts';
import { textArgument } from './arguments.ts';
import { parseObjectText } from './json-object.ts';
import type { CallLimits, Node } from './node.ts';
import type { CallOptions, Consistency } from './options.ts';
import { type Session, underSignals } from './session.ts';

/** What is known of one stream. */
export interface StreamInfo {
  readonly stream: string;
  /** `exists`, `deleted` or `tombstoned`; `none` where only metadata was set. */
  readonly state: StreamState;
  /** The revision of its last event. */
  readonly headRevision: bigint;
  /** The first revision that can be read. */
  readonly firstRevision: bigint;
  /** How many events can be read. */
  readonly count: bigint;
  /** When its first event was appended, whether that can still be read or not, in microseconds since 1970. */
  readonly createdUs: bigint;
  /** When its last event was appended, in microseconds since 1970. */
  readonly lastAppendedUs: bigint;
  /** The position of its last event. */
  readonly lastPosition: bigint;
  /** The position up to which this answer looked. */
  readonly head: bigint;
  /** Its metadata; undefined where none was ever set. */
  readonly metadata: MetadataInfo | undefined;
  /** The revision of the last change in `$$stream`, to be expected by the next one; undefined where there was none. */
  readonly metadataRevision: bigint | undefined;
}

/** The metadata of a stream, as it was set. Its objects are set again as they were written, to the last byte. */
export interface MetadataInfo {
  readonly maxAgeMs?: bigint;
  readonly maxCount?: bigint;
  readonly truncateBefore?: bigint;
  readonly acl?: Readonly<Record<string, unknown>>;
  readonly custom?: Readonly<Record<string, unknown>>;
}

/** How far a producer has come. */
export interface ProducerState {
  /** The `current` of its last accepted append; 0: it has none. */
  readonly current: bigint;
  /** The id of that append, a UUID. */
  readonly appendId: string | undefined;
}

/** What a look-up takes. */
export interface LookupOptions extends CallOptions {
  /** How fresh; linearizable unless given. */
  readonly consistency?: Consistency | undefined;
}

/** Asks any node, until the time is over, the caller's signal is aborted, or the client is closed. */
export function ask<T>(
  session: Session,
  what: string,
  options: CallOptions,
  work: (node: Node, limits: CallLimits) => Promise<T>,
): Promise<T> {
  const { timeoutMs = session.timeoutMs } = options;
  return underSignals(session, options.signal, (signal) => session.nodes.anywhere(what, { timeoutMs, signal }, work));
}

/** The head, asked of one node. */
export async function head(
  session: Session,
  node: Node,
  limits: CallLimits,
  consistency: Consistency | undefined,
): Promise<HeadResponse> {
  const request = encodeHeadRequest({ consistency: session.seen.consistency('consistency', consistency) });
  const answer = await node.unary(eventsService.Head, request, limits);
  session.seen.saw(answer.position);
  return answer;
}

/** The head, asked of any node. */
export function headAnywhere(session: Session, options: LookupOptions = {}): Promise<bigint> {
  return ask(session, 'the look-up of the head', options, async (node, limits) =>
    BigInt((await head(session, node, limits, options.consistency)).position),
  );
}

export async function getStream(session: Session, stream: string, options: LookupOptions = {}): Promise<StreamInfo> {
  const request = encodeGetStreamRequest({
    stream: textArgument('stream', stream),
    consistency: session.seen.consistency('consistency', options.consistency),
  });
  const what = `the look-up of "${stream}"`;
  const answer = await ask(session, what, options, (node, limits) => node.unary(streamsService.Get, request, limits));
  session.seen.saw(answer.head);
  return streamInfo(answer);
}

function metadataInfo(metadata: StreamMetadata): MetadataInfo {
  const { maxAgeMs, maxCount, truncateBefore, acl, custom } = metadata;
  return {
    ...(maxAgeMs !== undefined && { maxAgeMs: BigInt(maxAgeMs) }),
    ...(maxCount !== undefined && { maxCount: BigInt(maxCount) }),
    ...(truncateBefore !== undefined && { truncateBefore: BigInt(truncateBefore) }),
    ...(acl !== undefined && { acl: parseObjectText(acl) }),
    ...(custom !== undefined && { custom: parseObjectText(custom) }),
  };
}

function streamInfo(answer: GetStreamResponse): StreamInfo {
  return {
    stream: answer.stream,
    state: answer.state,
    headRevision: BigInt(answer.headRevision),
    firstRevision: BigInt(answer.firstRevision),
    count: BigInt(answer.count),
    createdUs: BigInt(answer.createdUs),
    lastAppendedUs: BigInt(answer.lastAppendedUs),
    lastPosition: BigInt(answer.lastPosition),
    head: BigInt(answer.head),
    metadata: answer.metadata && metadataInfo(answer.metadata),
    metadataRevision: answer.metadataRevision === undefined ? undefined : BigInt(answer.metadataRevision),
  };
}

export async function getProducer(session: Session, name: string, options: CallOptions = {}): Promise<ProducerState> {
  const request = encodeGetProducerRequest({ producer: textArgument('producer', name) });
  const what = `the look-up of the producer "${name}"`;
  const answer = await ask(session, what, options, (node, limits) =>
    node.unary(eventsService.GetProducer, request, limits),
  );
  const appendId = answer.appendId.length === 16 ? uuidText(answer.appendId) : undefined;
  return { current: BigInt(answer.current), appendId };
}
