import { invalid } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import type { FollowedLink } from '../model/link.ts';
import { checkQuery, onlyStream, type Query } from '../model/query.ts';
import { checkStreamName, type StreamState } from '../model/stream.ts';
import { virtualStream } from '../model/virtual-stream.ts';
import type { Clock } from '../runtime/clock.ts';
import type { EventIndex } from '../storage/index/event-index.ts';
import type { AllRange, EventReader, ReadBatch as Turn } from '../storage/index/event-reader.ts';
import type { IndexView } from '../storage/index/index-view.ts';
import type { SpendRows } from '../storage/index/posting-cursor.ts';
import type { RaftLog } from '../storage/raft-log.ts';
import { Abandoned, untilAbandoned } from './abandoned.ts';
import type { Consistency } from './consistency.ts';
import { LinkFollower } from './links.ts';
import { type StreamDetails, streamDetails } from './stream-details.ts';
import { type ListRequest, listStreams, type StreamPage } from './stream-list.ts';

/** One stream, everything, or what matches a query. */
export type Target =
  | { readonly kind: 'stream'; readonly stream: string }
  | { readonly kind: 'all' }
  | { readonly kind: 'query'; readonly query: Query };

export interface ReadRequest {
  readonly target: Target;
  readonly backwards: boolean;
  /** Undefined: at the first event, backwards at the last one. All are inclusive. */
  readonly start:
    | { readonly kind: 'revision'; readonly revision: number }
    | { readonly kind: 'position'; readonly position: number }
    | { readonly kind: 'time'; readonly timeUs: number }
    | undefined;
  /** 0: none. */
  readonly limit: number;
  readonly consistency: Consistency;
  /** True: without events of streams whose names begin with "$". */
  readonly userEvents: boolean;
  /** True: the batches say which events were appended together. */
  readonly appendIds?: boolean | undefined;
  /** True: links are followed. */
  readonly resolveLinks?: boolean | undefined;
}

/** A part of a read; the first one carries `start`. One without events says that the read is still at it. */
export interface ReadBatch {
  readonly start: { readonly head: number; readonly state?: StreamState; readonly headRevision?: number } | undefined;
  readonly events: readonly Uint8Array[];
  /** Where it was asked for: a partition of the events into those of one append, in their order. */
  readonly appends?: readonly { readonly appendId: Uint8Array; readonly events: number }[];
  /** Where it was asked for: what the links among the events lead to. */
  readonly links?: readonly FollowedLink[];
}

/** Matching events, and the position up to which there are no others. */
interface Passed extends Pick<ReadBatch, 'events' | 'links'> {
  readonly lookedTo: number;
}

interface Piece {
  readonly events: Turn['events'];
  readonly links?: readonly FollowedLink[];
}

type Pieces = AsyncIterable<Piece> | Iterable<Piece>;

/** A client leaves a node from which it hears nothing, so a read tells of itself after so long without an event. */
const SILENCE_MAX_MS = 500;

/** Reads from one view of the index (rule Q1): nothing that is applied later shows, however long the read takes. */
export class Reads {
  private readonly index: EventIndex;
  private readonly reader: EventReader;
  private readonly log: Pick<RaftLog, 'findByTime' | 'get'>;
  private readonly clock: Pick<Clock, 'monotonicMs'>;

  constructor(
    index: EventIndex,
    reader: EventReader,
    log: Pick<RaftLog, 'findByTime' | 'get'>,
    clock: Pick<Clock, 'monotonicMs'>,
  ) {
    this.index = index;
    this.reader = reader;
    this.log = log;
    this.clock = clock;
  }

  checkStream(name: string): void {
    checkStreamName('stream', name);
  }

  checkTarget(target: Target): void {
    if (target.kind === 'stream') this.checkStream(target.stream);
    else if (target.kind === 'query') checkQuery('query', target.query);
  }

  /** Ends in INVALID_ARGUMENT where the request makes no sense. */
  check(request: ReadRequest): void {
    this.checkTarget(request.target);
    if (request.start?.kind === 'revision' && streamOf(resolved(request.target)) === undefined)
      throw invalid('from_revision', 'goes with a stream, or a query of one; use from_position');
  }

  /**
   * The signal counts at each turn, also where nothing shows: a call that its client has cancelled is not counted among the
   * open ones any more, so nothing else would bound how many walk on.
   */
  async *read(asked: ReadRequest, signal: Signal): AsyncGenerator<ReadBatch> {
    try {
      const view = this.index.view();
      const target = resolved(asked.target);
      const request = { ...asked, target };
      let start: ReadBatch['start'] = { head: view.head };
      if (target.kind === 'stream') {
        const { state, revision } = await view.streamHead(target.stream);
        start = { head: view.head, state, headRevision: revision };
      }
      let toldMs = this.clock.monotonicMs();
      for await (const turn of await this.turns(view, request, untilAbandoned(signal))) {
        if (signal.aborted) return;
        if (turn.events.length === 0) {
          if (!start && this.clock.monotonicMs() - toldMs < SILENCE_MAX_MS) continue;
          yield { start, events: [] };
        }
        for await (const { events, links } of this.followed(view, turn.events, request.resolveLinks)) {
          if (signal.aborted) return;
          const bytes = events.map((event) => event.bytes);
          const appends = request.appendIds && { appends: appendsOf(events) };
          yield { start, events: bytes, ...appends, ...(links && { links }) };
          start = undefined;
        }
        start = undefined;
        toldMs = this.clock.monotonicMs();
      }
      if (start) yield { start, events: [] };
    } catch (error) {
      if (error instanceof Abandoned) return;
      this.index.met(error);
      throw error;
    }
  }

  /** The matching events behind a position, up to the head as it is now; for subscriptions. */
  async *behind(
    asked: Pick<ReadRequest, 'target' | 'userEvents' | 'resolveLinks'>,
    after: number,
    signal: Signal,
  ): AsyncGenerator<Passed> {
    try {
      const view = this.index.view();
      if (after >= view.head) return;
      let lookedTo = after;
      const target = resolved(asked.target);
      const range = { from: after + 1, userEvents: asked.userEvents, spend: untilAbandoned(signal) };
      for await (const turn of await this.turnsBehind(view, target, range)) {
        if (signal.aborted) return;
        for await (const { events, links } of this.followed(view, turn.events, asked.resolveLinks)) {
          if (signal.aborted) return;
          lookedTo = events.at(-1)?.position ?? lookedTo;
          yield { events: events.map((event) => event.bytes), lookedTo, ...(links && { links }) };
        }
        if (turn.events.length > 0) continue;
        lookedTo = turn.lookedTo;
        yield { events: [], lookedTo };
      }
      yield { events: [], lookedTo: view.head };
    } catch (error) {
      if (error instanceof Abandoned) return;
      this.index.met(error);
      throw error;
    }
  }

  /** Ends in NOT_FOUND where no event was ever written, and nothing said about the stream. */
  details(stream: string): Promise<StreamDetails> {
    return this.index.noticing(streamDetails(this.index.view(), this.reader, stream));
  }

  /** A page of streams. */
  list(request: ListRequest): Promise<StreamPage> {
    return this.index.noticing(listStreams(this.index.view(), this.reader, request));
  }

  /**
   * The events of a turn, in one piece, or in several with what links lead to. An array where there are none to follow:
   * each generator between the log and the wire is a few promises for every batch.
   */
  private followed(view: IndexView, events: Turn['events'], resolveLinks = false): Pieces {
    if (events.length === 0) return [];
    return resolveLinks ? new LinkFollower(this.reader, view).follow(events) : [{ events }];
  }

  private async turnsBehind(
    view: IndexView,
    target: Target,
    range: AllRange & { readonly from: number },
  ): Promise<AsyncIterable<Turn>> {
    if (target.kind !== 'stream') return this.turnsOf(view, target, range);
    const { stream } = target;
    const after = range.from - 1;
    // A subscription at the head asks this at each commit, of whatever stream that is.
    const from = view.hasInMemory(after)
      ? view.revisionInMemoryAfter(stream, after)
      : await view.revisionAfterPosition(stream, after);
    return from === undefined ? none() : this.reader.readStream(view, stream, { from });
  }

  private async turns(view: IndexView, request: ReadRequest, spend: SpendRows): Promise<AsyncIterable<Turn>> {
    const { target, backwards, userEvents } = request;
    const limit = request.limit === 0 ? undefined : request.limit;
    if (target.kind !== 'stream') {
      const from = await this.startPosition(view, request);
      return this.turnsOf(view, target, { from, backwards, limit, userEvents, spend });
    }
    const from = await this.startRevision(view, target.stream, request);
    if (from !== undefined && from < 0) return none();
    return this.reader.readStream(view, target.stream, { from, backwards, limit });
  }

  /** A query without items means all events of user streams. */
  private turnsOf(view: IndexView, target: Exclude<Target, { kind: 'stream' }>, range: AllRange): AsyncIterable<Turn> {
    if (target.kind === 'all') return this.reader.readAll(view, range);
    if (target.query.items.length === 0) return this.reader.readAll(view, { ...range, userEvents: true });
    return this.reader.readQuery(view, target.query, range);
  }

  private async startRevision(view: IndexView, stream: string, request: ReadRequest): Promise<number | undefined> {
    if (request.start === undefined) return undefined;
    if (request.start.kind === 'revision') return request.start.revision;
    const position = (await this.startPosition(view, request)) ?? 0;
    if (request.backwards) return (await view.revisionAfterPosition(stream, position)) - 1;
    return view.revisionAfterPosition(stream, position - 1);
  }

  private async startPosition(view: IndexView, request: ReadRequest): Promise<number | undefined> {
    const { start, backwards } = request;
    if (start?.kind === 'position') return start.position;
    if (start?.kind === 'revision') return revisionPosition(view, request, start.revision);
    if (start?.kind !== 'time') return undefined;
    const index = await this.log.findByTime(backwards ? start.timeUs + 1 : start.timeUs);
    const first = index === undefined ? view.head + 1 : ((await this.log.get(index))?.firstPosition ?? view.head + 1);
    return backwards ? first - 1 : first;
  }
}

/** The one stream that is read. */
function streamOf(target: Target): string | undefined {
  if (target.kind === 'stream') return target.stream;
  return target.kind === 'query' ? onlyStream(target.query) : undefined;
}

/** Where a query within one stream begins. */
async function revisionPosition(
  view: IndexView,
  { target, backwards }: ReadRequest,
  revision: number,
): Promise<number> {
  const stream = streamOf(target) ?? '';
  for await (const { positions } of view.streamPlaces(stream, { fromRevision: revision, backwards })) {
    if (positions[0] !== undefined) return positions[0];
  }
  return backwards ? 0 : view.head + 1;
}

/** A virtual stream is a query. */
function resolved(target: Target): Target {
  const query = target.kind === 'stream' ? virtualStream(target.stream) : undefined;
  return query ? { kind: 'query', query } : target;
}

/** Neighbours of one append. One whose entry was fetched twice is recognised by its id. */
function appendsOf(events: Turn['events']): { appendId: Uint8Array; events: number }[] {
  const appends: { appendId: Uint8Array; events: number }[] = [];
  let last: Turn['events'][number]['append'] | undefined;
  for (const { append } of events) {
    const run = appends.at(-1);
    if (run && (append === last || Buffer.compare(run.appendId, append.id) === 0)) run.events++;
    else appends.push({ appendId: append.id, events: 1 });
    last = append;
  }
  return appends;
}

async function* none(): AsyncGenerator<Turn> {}
