import { encodeUtf8 } from '../../base/bytes.ts';
import type { ScanRange, Store } from '../store.ts';
import { decodeStreamRow, type StreamRow } from './block-rows.ts';
import type { IndexView } from './index-view.ts';
import { type BlockNameKind, blockNameKey, blockOfNameKey, Kind, nameKey, revisionOfKey, streamKey } from './keys.ts';
import type { OpenBlock, StreamInBlock } from './open-block.ts';
import { decodePlaces } from './place-rows.ts';
import { damagedIndex, decodeRow } from './row-writer.ts';

/** How many places a batch holds at most (rule C3). */
const PLACES_PER_BATCH = 256;

const ROWS_PER_SCAN = 64;

/** Consecutive events of a stream. */
export interface StreamPlaces {
  /** The revision of the first one; of those behind it each is one greater, or backwards one smaller. */
  readonly revision: number;
  readonly positions: readonly number[];
}

/** Where a type, category or tag occurs: positions, ascending, or backwards descending. */
export interface NamedPlaces {
  readonly positions: readonly number[];
}

/** A stream's places from a revision on. Starting within a long stream costs one seek. */
export async function* streamPlaces(
  view: IndexView,
  stream: string,
  fromRevision: number | undefined,
  backwards: boolean,
): AsyncGenerator<StreamPlaces> {
  const inMemory: { block: OpenBlock; here: StreamInBlock; count: number }[] = [];
  for (const block of view.blocks) {
    const here = block.streams.get(stream);
    const count = here ? block.countUpTo(here.id, view.head) : 0;
    if (here && count > 0) inMemory.push({ block, here, count });
  }
  const memoryFrom = inMemory[0]?.here.firstRevision;
  const from = fromRevision ?? (backwards ? Number.MAX_SAFE_INTEGER - 1 : 0);
  if (backwards) inMemory.reverse();
  else if (memoryFrom === undefined || from < memoryFrom) yield* sealedForwards(view, stream, from, memoryFrom);
  for (const { block, here, count } of inMemory) {
    const at = (n: number) => block.firstPosition + block.lists.at(here.id, n);
    yield* batches(here.firstRevision, count, at, from, backwards);
  }
  if (!backwards || memoryFrom === 0) return;
  yield* sealedBackwards(view, stream, Math.min(from, (memoryFrom ?? Number.MAX_SAFE_INTEGER) - 1));
}

async function* sealedForwards(
  view: IndexView,
  stream: string,
  from: number,
  memoryFrom: number | undefined,
): AsyncGenerator<StreamPlaces> {
  let expected = 0;
  const placesIn = (firstRevision: number, row: StreamRow) => {
    expected = firstRevision + row.places.length;
    return batches(firstRevision, view.countIn(row), (n) => view.positionIn(row, n), from, false);
  };
  // One seek finds the row that holds `from`; whoever wants a single event needs no other.
  const start = from > 0 ? await view.rowAt(stream, from) : undefined;
  if (start) yield* placesIn(start.firstRevision, start.row);
  const to = memoryFrom === undefined ? behindAll(stream) : streamKey(stream, memoryFrom);
  for await (const [key, value] of rows(view.store, { from: streamKey(stream, expected), to })) {
    const row = decodeRow(key, value, decodeStreamRow);
    if (row.block >= view.sealedBlocks) return;
    const firstRevision = revisionOfKey(key);
    if (firstRevision !== expected) throw hole(stream, expected);
    yield* placesIn(firstRevision, row);
  }
  if (memoryFrom !== undefined && expected !== memoryFrom) throw hole(stream, expected);
}

async function* sealedBackwards(view: IndexView, stream: string, from: number): AsyncGenerator<StreamPlaces> {
  const range = { from: streamKey(stream, 0), to: streamKey(stream, from + 1), backwards: true };
  let expected: number | undefined;
  for await (const [key, value] of rows(view.store, range)) {
    const row = decodeRow(key, value, decodeStreamRow);
    if (row.block >= view.sealedBlocks) continue;
    const firstRevision = revisionOfKey(key);
    const behind = firstRevision + row.places.length;
    if (expected !== undefined && behind !== expected) throw hole(stream, behind);
    expected = firstRevision;
    yield* batches(firstRevision, view.countIn(row), (n) => view.positionIn(row, n), from, true);
  }
  if (expected !== undefined && expected > 0) throw hole(stream, 0);
}

/** The positions of `count` consecutive events from a revision on, cut into batches. */
function* batches(
  firstRevision: number,
  count: number,
  positionAt: (n: number) => number,
  from: number,
  backwards: boolean,
): Generator<StreamPlaces> {
  if (backwards) {
    for (let behind = Math.min(count, from - firstRevision + 1); behind > 0; behind -= PLACES_PER_BATCH) {
      const positions: number[] = [];
      for (let n = behind - 1; n >= Math.max(0, behind - PLACES_PER_BATCH); n--) positions.push(positionAt(n));
      yield { revision: firstRevision + behind - 1, positions };
    }
    return;
  }
  for (let first = Math.max(0, from - firstRevision); first < count; first += PLACES_PER_BATCH) {
    const positions: number[] = [];
    for (let n = first; n < Math.min(count, first + PLACES_PER_BATCH); n++) positions.push(positionAt(n));
    yield { revision: firstRevision + first, positions };
  }
}

/** Where a type, category or tag occurs, from a position on. */
export async function* namedPlaces(
  view: IndexView,
  kind: BlockNameKind,
  name: string,
  fromPosition: number | undefined,
  backwards: boolean,
): AsyncGenerator<NamedPlaces> {
  const from = fromPosition ?? (backwards ? view.head : 1);
  const inRange = (position: number) => position <= view.head && (backwards ? position <= from : position >= from);
  if (!backwards) yield* sealedNamed(view, kind, name, from, false, inRange);
  const bytes = encodeUtf8(name);
  for (const block of backwards ? [...view.blocks].reverse() : view.blocks) {
    const id = block.names.find(kind, bytes, 0, bytes.length);
    if (id < 0) continue;
    const count = block.countUpTo(id, view.head);
    yield* chosen(count, (n) => block.firstPosition + block.lists.at(id, n), backwards, inRange);
  }
  if (backwards) yield* sealedNamed(view, kind, name, from, true, inRange);
}

async function* sealedNamed(
  view: IndexView,
  kind: BlockNameKind,
  name: string,
  from: number,
  backwards: boolean,
  inRange: (position: number) => boolean,
): AsyncGenerator<NamedPlaces> {
  const block = Math.max(0, Math.floor((from - 1) / view.blockEvents));
  const first = backwards ? 0 : block;
  const behind = backwards ? Math.min(view.sealedBlocks, block + 1) : view.sealedBlocks;
  if (first >= behind) return;
  const range = { from: blockNameKey(kind, name, first), to: blockNameKey(kind, name, behind) };
  for await (const [key, value] of rows(view.store, { ...range, backwards })) {
    const places = decodeRow(key, value, decodePlaces);
    const base = blockOfNameKey(key) * view.blockEvents + 1;
    yield* chosen(places.length, (n) => base + (places[n] as number), backwards, inRange);
  }
}

function* chosen(
  count: number,
  positionAt: (n: number) => number,
  backwards: boolean,
  inRange: (position: number) => boolean,
): Generator<NamedPlaces> {
  let positions: number[] = [];
  for (let i = 0; i < count; i++) {
    const position = positionAt(backwards ? count - 1 - i : i);
    if (inRange(position)) positions.push(position);
    if (positions.length < PLACES_PER_BATCH) continue;
    yield { positions };
    positions = [];
  }
  if (positions.length > 0) yield { positions };
}

/**
 * The rows of a range, in order. Begins with one: more than it is seldom wanted of those who look for one event, and each
 * row costs its buffers. No scan is open while rows are with their consumer, which may be a client that takes for ever:
 * what a scan can see, no scavenge takes from the disk (rule R2). Rows of blocks that were sealed meanwhile may come too.
 */
async function* rows(store: Store, range: ScanRange): AsyncGenerator<[Buffer, Buffer]> {
  let left = range;
  for (let limit = 1; ; limit = Math.min(ROWS_PER_SCAN, 4 * limit)) {
    const scan = store.scan({ ...left, limit });
    const found = await scan.next(limit).finally(() => scan.close());
    const last = found.at(-1)?.[0];
    if (!last) return;
    yield* found;
    left = range.backwards ? { ...left, to: last } : { ...left, from: Uint8Array.from([...last, 0]) };
  }
}

/** What lies behind all rows of a stream. */
function behindAll(stream: string): Uint8Array {
  const key = nameKey(Kind.stream, stream);
  // The name's end is 00; no key of this name lies behind the same bytes ended by 01.
  key[key.length - 1] = 1;
  return key;
}

function hole(stream: string, revision: number): Error {
  return damagedIndex(`stream ${JSON.stringify(stream)} has a gap at revision ${revision}`);
}
