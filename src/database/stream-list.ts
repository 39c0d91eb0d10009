import { invalid, overLimit } from '../base/errors.ts';
import { LIMITS } from '../model/limits.ts';
import { checkName, checkStreamName, type StreamState } from '../model/stream.ts';
import { type Creation, createdStreams } from '../storage/index/created-names.ts';
import type { EventReader } from '../storage/index/event-reader.ts';
import type { IndexView } from '../storage/index/index-view.ts';
import { Kind } from '../storage/index/keys.ts';
import { type NameRange, streamNames } from '../storage/index/stream-names.ts';
import type { Consistency } from './consistency.ts';

export interface ListRequest {
  readonly which: NameRange;
  readonly order: 'name' | 'creation';
  /** The `next` of the page before; empty: at the beginning. */
  readonly after: string;
  /** 0: 100. */
  readonly limit: number;
  /** True: also streams that are deleted or tombstoned. */
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

export interface StreamPage {
  readonly streams: readonly ListedStream[];
  /** Empty: there is no other page. */
  readonly next: string;
  readonly head: number;
}

const DEFAULT_LIMIT = 100;
/** So many streams whose names begin alike are put in order for each page. */
const FEW = 1_000;
/** Blocks that a page looks into, at most. */
const LOOKS_MAX = 1_024;
/** Heads that are looked up at once. */
const HEADS_AT_ONCE = 64;

/** Ends in INVALID_ARGUMENT where the request makes no sense. */
export function checkList({ which, order, after, limit }: ListRequest): void {
  if (which.kind === 'prefix' && which.prefix === '') throw invalid('prefix', 'is empty; leave it out for all streams');
  if (which.kind === 'prefix') checkStreamName('prefix', which.prefix);
  if (which.kind === 'category') checkName('category', which.category, LIMITS.streamNameBytesMax);
  if (which.kind === 'category' && which.category.includes('-')) {
    throw invalid('category', `${JSON.stringify(which.category)} holds a "-", at which a category ends`);
  }
  if (limit > LIMITS.listedStreamsMax) throw overLimit('limit', LIMITS.listedStreamsMax, limit, 'streams');
  if (after === '') return;
  if (order === 'name') checkStreamName('after', after);
  else if (!/^\d{1,16}$/.test(after)) throw invalid('after', `${JSON.stringify(after)} is not the "next" of a page`);
}

/** A page of streams. What it costs is bounded by what it looks at: as many streams as the page may hold. */
export async function listStreams(view: IndexView, reader: EventReader, request: ListRequest): Promise<StreamPage> {
  const limit = request.limit === 0 ? DEFAULT_LIMIT : request.limit;
  const page =
    request.order === 'name'
      ? await byName(view, request, limit, () => reader.yieldTurn())
      : await byCreation(view, reader, request, limit);
  const streams: ListedStream[] = [];
  for (let from = 0; from < page.names.length; from += HEADS_AT_ONCE) {
    const names = page.names.slice(from, from + HEADS_AT_ONCE);
    const heads = await Promise.all(names.map((name) => view.streamHead(name)));
    heads.forEach(({ state, revision, createdUs, lastAppendedUs, firstPosition }, n) => {
      if (state === 'none' || (!request.deleted && state !== 'exists')) return;
      const stream = names[n] as string;
      streams.push({ stream, state, headRevision: revision, createdUs, lastAppendedUs, firstPosition });
    });
  }
  return { streams, next: page.next, head: view.head };
}

interface Names {
  readonly names: readonly string[];
  readonly next: string;
}

async function byName(
  view: IndexView,
  { which, after }: ListRequest,
  limit: number,
  yieldTurn: () => Promise<void>,
): Promise<Names> {
  const found = await streamNames(view, { range: which, after, limit: limit + 1, yieldTurn });
  const names = found.map(({ stream }) => stream);
  const next = names.length > limit ? (names[limit - 1] as string) : '';
  return { names: names.slice(0, limit), next };
}

async function byCreation(
  view: IndexView,
  reader: EventReader,
  { which, after }: ListRequest,
  limit: number,
): Promise<Names> {
  const fromPosition = after === '' ? 1 : Number(after) + 1;
  const yieldTurn = () => reader.yieldTurn();
  if (which.kind === 'prefix') return ofPrefixByCreation(view, which.prefix, fromPosition, limit, yieldTurn);
  const category = which.kind === 'category' ? which.category : '';
  const positions: number[] = [];
  for await (const batch of view.namedPlaces(Kind.created, category, { fromPosition })) {
    positions.push(...batch.positions);
    if (positions.length > limit) break;
  }
  const looked = positions.slice(0, limit);
  const names: string[] = [];
  for await (const stream of reader.streamsAt(view, looked)) if (isListed(stream, which)) names.push(stream);
  return { names, next: positions.length > limit ? String(looked.at(-1)) : '' };
}

/**
 * Where few streams begin so, they are found by name and put in order. Where many do, they are found block by block in the
 * order of their creation; a page takes a bounded number of looks, and may then hold fewer streams.
 */
async function ofPrefixByCreation(
  view: IndexView,
  prefix: string,
  from: number,
  limit: number,
  yieldTurn: () => Promise<void>,
): Promise<Names> {
  const few = await streamNames(view, { range: { kind: 'prefix', prefix }, after: '', limit: FEW + 1, yieldTurn });
  if (few.length <= FEW) {
    const later = few.filter(({ firstPosition }) => firstPosition >= from);
    return pageOf(
      later.sort((a, b) => a.firstPosition - b.firstPosition),
      limit,
    );
  }
  const found: Creation[] = [];
  let looks = 0;
  for await (const { block, creations } of createdStreams(view, prefix, from, yieldTurn)) {
    for (const creation of creations) found.push(creation);
    if (found.length > limit) break;
    const next = String((block + 1) * view.blockEvents);
    if (++looks === LOOKS_MAX) return { names: found.map(({ stream }) => stream), next };
  }
  return pageOf(found, limit);
}

function pageOf(found: readonly Creation[], limit: number): Names {
  const page = found.slice(0, limit);
  const next = found.length > limit ? String(page.at(-1)?.firstPosition) : '';
  return { names: page.map(({ stream }) => stream), next };
}

/** Beside a list of all there are those of the system. */
function isListed(stream: string, { kind }: NameRange): boolean {
  return kind === 'category' || !stream.startsWith('$');
}
