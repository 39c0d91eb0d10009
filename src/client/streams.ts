import { uuidText } from '../base/bytes.ts';
import { invalid } from '../base/errors.ts';
import type { ChangeKind, StreamMetadata as WireMetadata } from '../model/retention.ts';
import { type StreamState, systemStreamOf } from '../model/stream.ts';
import { encodeAppendRequest } from '../proto/append-request.ts';
import { streamsService } from '../proto/services.ts';
import { encodeListStreamsRequest } from '../proto/stream-list.ts';
import { toResult } from './append.ts';
import type { AppendPipeline } from './append-pipeline.ts';
import { describe, type Expect, expectArgument, placeArgument, textArgument } from './arguments.ts';
import { uuidOrNew } from './identifiers.ts';
import { objectText } from './json-object.ts';
import { ask, getStream, type LookupOptions, type StreamInfo } from './lookups.ts';
import type { CallOptions } from './options.ts';
import { type AppendCondition, conditionsArgument } from './queries.ts';
import type { Session } from './session.ts';

/** What is said about a stream. Setting it replaces all of it; what is hidden stays hidden, whatever is set later. */
export interface StreamMetadata {
  /** Hides the events that are older, in milliseconds from 1; the time of the log counts, not the clock. */
  readonly maxAgeMs?: number | bigint | undefined;
  /** Shows the last so many events; 0: none, not even those to come. */
  readonly maxCount?: number | bigint | undefined;
  /** Hides the events below this revision; beyond the head, all there are when it is set. */
  readonly truncateBefore?: number | bigint | undefined;
  /** A JSON object, kept for access control. */
  readonly acl?: object | undefined;
  /** A JSON object of your own; with `acl` at most 64 KiB. */
  readonly custom?: object | undefined;
}

/** Of every change of a stream. */
export interface ChangeOptions extends CallOptions {
  /** The state that the stream must be in; any unless given. */
  readonly expect?: Expect | undefined;
  /** The state that the stream of its changes must be in: a revision as `get` tells it, or `none`; any unless given. */
  readonly expectMetadata?: Expect | undefined;
  /** Consistency boundaries that must hold, at most 16, beside what is expected. */
  readonly conditions?: readonly AppendCondition[] | undefined;
  /** A UUID for this change; see {@link AppendManyOptions.appendId}. */
  readonly appendId?: string | undefined;
}

/** Revisions of a stream. */
export interface ErasedRevisions {
  readonly from: bigint | number;
  /** The revision behind the last one; without it, `from` alone. */
  readonly to?: bigint | number | undefined;
}

/** A change that is durable on a majority of disks. */
export interface ChangeResult {
  /** The revision of the change in `$$stream`, to be expected by the next one. */
  readonly metadataRevision: bigint;
  readonly position: bigint;
  readonly createdUs: bigint;
  /** True: this append id had been used before, and this is the first answer. */
  readonly repeated: boolean;
  readonly appendId: string;
}

/** A stream in a list. */
export interface ListedStream {
  readonly stream: string;
  readonly state: StreamState;
  readonly headRevision: bigint;
  readonly createdUs: bigint;
  readonly lastAppendedUs: bigint;
  readonly firstPosition: bigint;
}

/** Which streams to list, and how. */
export interface ListOptions extends LookupOptions {
  /** Only names that begin with this; `$` for the streams of the system, which are left out otherwise. */
  readonly prefix?: string | undefined;
  /** Only names of this category: up to their first `-`. */
  readonly category?: string | undefined;
  /** `name` (byte by byte) unless given. */
  readonly order?: 'name' | 'creation' | undefined;
  /** True: also streams that are deleted or tombstoned. */
  readonly deleted?: boolean | undefined;
  /** How many to list; all unless given. */
  readonly limit?: number | undefined;
}

const PAGE = 1_000;

/** Streams as such: what is known of them, and what becomes of them. */
export class StreamsClient {
  private readonly session: Session;
  private readonly pipeline: AppendPipeline;

  /** @internal */
  constructor(session: Session, pipeline: AppendPipeline) {
    this.session = session;
    this.pipeline = pipeline;
  }

  /**
   * The state, the figures and the metadata of a stream. Ends in NOT_FOUND where no event was ever written to it and
   * nothing was ever said about it, in DATA_LOSS where every node that can be reached has lost what it takes to tell.
   */
  get(stream: string, options?: LookupOptions): Promise<StreamInfo> {
    return getStream(this.session, stream, options);
  }

  /** Streams in order, fetched page by page as they are taken. */
  async *list(options: ListOptions = {}): AsyncGenerator<ListedStream, void, undefined> {
    const which = whichOf(options);
    const order = orderOf(options.order);
    let left = limitOf(options.limit);
    for (let after = ''; left > 0; ) {
      const request = encodeListStreamsRequest({
        which,
        order,
        after,
        limit: Math.min(left, PAGE),
        deleted: options.deleted === true,
        consistency: this.session.seen.consistency('consistency', options.consistency),
      });
      const page = await ask(this.session, 'the list of streams', options, (node, limits) =>
        node.unary(streamsService.List, request, limits),
      );
      this.session.seen.saw(page.head);
      for (const { headRevision, createdUs, lastAppendedUs, firstPosition, ...rest } of page.streams) {
        yield {
          ...rest,
          headRevision: BigInt(headRevision),
          createdUs: BigInt(createdUs),
          lastAppendedUs: BigInt(lastAppendedUs),
          firstPosition: BigInt(firstPosition),
        };
      }
      left -= page.streams.length;
      if (page.next === '') return;
      after = page.next;
    }
  }

  /** Sets the metadata of a stream, all of it; also before its first event. */
  async setMetadata(stream: string, metadata: StreamMetadata, options?: ChangeOptions): Promise<ChangeResult> {
    return this.change(stream, { kind: 'metadata', metadata: metadataArgument(metadata) }, options);
  }

  /** Hides the events below a revision, for good; beyond the head, all there are. */
  async truncate(stream: string, before: bigint | number, options?: ChangeOptions): Promise<ChangeResult> {
    return this.change(stream, { kind: 'truncate', before: placeArgument('before', before) }, options);
  }

  /**
   * Hides these events, for good, and has the next scavenge take their content from the disks: see `scavenge` of
   * {@link AdminClient}. Ends in OUT_OF_RANGE where the stream does not reach so far.
   */
  async erase(stream: string, range: ErasedRevisions, options?: ChangeOptions): Promise<ChangeResult> {
    const from = placeArgument('from', range.from);
    const to = range.to === undefined ? from + 1 : placeArgument('to', range.to);
    return this.change(stream, { kind: 'erase', from, to }, options);
  }

  /** Hides all the events of a stream, for good. A later append goes on with the revisions. */
  delete(stream: string, options?: ChangeOptions): Promise<ChangeResult> {
    return this.change(stream, { kind: 'delete' }, options);
  }

  /** Hides all the events of a stream and has it take no other one, for ever. */
  tombstone(stream: string, options?: ChangeOptions): Promise<ChangeResult> {
    return this.change(stream, { kind: 'tombstone' }, options);
  }

  /** A change is an append: it is sent in order with others, repeated under its id, and answered like one. */
  private async change(stream: string, change: ChangeKind, options: ChangeOptions = {}): Promise<ChangeResult> {
    const { session } = this;
    const name = textArgument('stream', stream);
    const id = uuidOrNew('appendId', options.appendId);
    const checks = [
      { stream: name, expect: expectArgument('expect', options.expect), events: [] },
      { stream: systemStreamOf(name), expect: expectArgument('expectMetadata', options.expectMetadata), events: [] },
    ].filter(({ expect }) => expect.kind !== 'any');
    const outcome = await this.pipeline.append({
      request: encodeAppendRequest({
        appendId: id,
        writes: checks,
        conditions: conditionsArgument(options.conditions),
        change: { ...change, stream: name },
      }),
      appendId: uuidText(id),
      what: `${VERBS[change.kind]} "${name}"`,
      timeoutMs: options.timeoutMs ?? session.timeoutMs,
      signal: options.signal,
    });
    const { revision, position, createdUs, repeated, appendId } = toResult(session, outcome, uuidText(id));
    return { metadataRevision: revision, position, createdUs, repeated, appendId };
  }
}

const VERBS = {
  metadata: 'set the metadata of',
  truncate: 'truncate',
  erase: 'erase events of',
  delete: 'delete',
  tombstone: 'tombstone',
} as const satisfies Record<ChangeKind['kind'], string>;

function metadataArgument(metadata: StreamMetadata): WireMetadata {
  if (metadata === null || typeof metadata !== 'object') throw invalid('metadata', `is ${describe(metadata)}`);
  const { maxAgeMs, maxCount, truncateBefore, acl, custom, ...others } = metadata;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw invalid(`metadata.${unknown}`, 'is not known; what is your own belongs into metadata.custom');
  }
  const place = (field: string, value: number | bigint | undefined) =>
    value === undefined ? undefined : placeArgument(`metadata.${field}`, value);
  return {
    maxAgeMs: place('maxAgeMs', maxAgeMs),
    maxCount: place('maxCount', maxCount),
    truncateBefore: place('truncateBefore', truncateBefore),
    acl: objectArgument('metadata.acl', acl),
    custom: objectArgument('metadata.custom', custom),
  };
}

function objectArgument(field: string, value: object | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw invalid(field, `an object is expected, not ${describe(value)}`);
  }
  try {
    return objectText(value);
  } catch (error) {
    throw invalid(field, `cannot be written as JSON: ${(error as Error).message}`);
  }
}

function whichOf({ prefix, category }: ListOptions) {
  if (prefix !== undefined && category !== undefined) throw invalid('category', 'goes without a prefix');
  if (prefix !== undefined) return { kind: 'prefix', prefix: textArgument('prefix', prefix) } as const;
  if (category !== undefined) return { kind: 'category', category: textArgument('category', category) } as const;
  return { kind: 'user' } as const;
}

function orderOf(order: ListOptions['order']): 'name' | 'creation' {
  if (order === undefined || order === 'name' || order === 'creation') return order ?? 'name';
  throw invalid('order', `${describe(order)} is none of "name" and "creation"`);
}

function limitOf(limit: number | undefined): number {
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  if (Number.isSafeInteger(limit) && limit >= 1) return limit;
  throw invalid('limit', `${String(limit)} is not a whole number from 1`);
}
