import { encodeUtf8 } from '../../base/bytes.ts';
import type { Store } from '../store.ts';
import { digestOfRows, locateRoom, putChunk, putLocateRow, putSeal } from './block-rows.ts';
import { createdNamesRows, fillCreatedNames } from './created-names.ts';
import { putHead, putProducer } from './head-rows.ts';
import { appendIdsKey, locateKey, PLACES_PER_LOCATE_ROW } from './keys.ts';
import type { OpenBlock } from './open-block.ts';
import { putPlaces } from './place-rows.ts';
import { putRetention } from './retention-rows.ts';
import { RowWriter } from './row-writer.ts';

/** How many append ids one row holds. */
const IDS_PER_ROW = 512;

/** How much is encoded and written in one go (rule C3). */
export interface ChunkLimits {
  readonly rows: number;
  readonly bytes: number;
}

/** How a block is written; asked anew before each chunk. */
export interface WritingPace {
  limits(): ChunkLimits;
  /** Waited for behind each chunk. */
  rest(): Promise<void> | undefined;
  stopped(): boolean;
}

/**
 * Writes a full block's rows in chunks and then its seal. A chunk encodes at most so many rows before the event loop
 * gets its turn, which it does while the chunk is being written. False: it was stopped between two of them.
 *
 * Each chunk is synced, not the seal alone: LevelDB may begin a new write-ahead file between two chunks, a sync reaches
 * only the newest one, and so a power loss could keep the seal and lose rows that it vouches for. Each carries a row that
 * marks it, which is lost together with the others, and they have to lead up to the digest in the seal without a gap.
 */
export async function writeBlock(store: Store, block: OpenBlock, pace: WritingPace): Promise<boolean> {
  const writer = new RowWriter();
  let chunks = 0;
  let digest = 0;
  const writeChunk = () => {
    const rows = writer.take();
    const before = digest;
    digest = digestOfRows(rows, before);
    putChunk(writer, block.number, chunks++, { before, after: digest });
    return store.write([...rows, ...writer.take()], true);
  };
  let limits = pace.limits();
  for (const _ of fillRows(block, writer)) {
    if (writer.rows < limits.rows && writer.bytes < limits.bytes) continue;
    if (pace.stopped()) return false;
    await writeChunk();
    await pace.rest();
    limits = pace.limits();
  }
  if (pace.stopped()) return false;
  await writeChunk();
  putSeal(writer, block.number, block.seal(lastingRows(block), chunks, digest));
  await store.write(writer.take(), true);
  return true;
}

/** How many of its rows stay as they are for ever; those of heads, producers and retentions are later blocks' to change. */
function lastingRows(block: OpenBlock): number {
  const locating = Math.ceil(block.size / PLACES_PER_LOCATE_ROW);
  return (
    block.lastingNames + createdNamesRows(block) + locating + Math.ceil(block.appendIdIndexes.length / IDS_PER_ROW)
  );
}

/** Puts all rows of a full block into the writer and pauses after each, so that the caller may take them. */
function* fillRows(block: OpenBlock, to: RowWriter): Generator<void> {
  yield* fillNames(block, to);
  yield* fillCreatedNames(block, to);
  for (const [name, producer] of block.producers) {
    putProducer(to, encodeUtf8(name), producer.end, producer.prior);
    yield;
  }
  for (const [name, retention] of block.retentions) {
    putRetention(to, encodeUtf8(name), retention.end, retention.prior);
    yield;
  }
  yield* fillLocating(block, to);
  yield* fillAppendIds(block, to);
}

function* fillNames(block: OpenBlock, to: RowWriter): Generator<void> {
  for (let id = 0; id < block.names.size; id++) {
    const name = block.names.name(id);
    const places = block.lastingPlaces(id);
    if (places.length === 0) continue;
    const kind = block.names.kind(id);
    to.start(kind, name.length * 2 + 2 + 8 + 12 + places.length * 2).name(name);
    const stream = block.streamById(id);
    if (stream) {
      const end = block.streamEnd(stream);
      to.u53(stream.firstRevision).value().u32(block.number).u53(end.lastCreatedUs);
      putPlaces(to, places).end();
      putHead(to, name, end, stream.prior);
    } else putPlaces(to.u32(block.number).value(), places).end();
    yield;
  }
}

function* fillLocating(block: OpenBlock, to: RowWriter): Generator<void> {
  for (let place = 0; place < block.size; place += PLACES_PER_LOCATE_ROW) {
    const entries = block.entriesBetween(place, Math.min(block.size, place + PLACES_PER_LOCATE_ROW));
    to.startAt(locateKey(block.number, place), locateRoom(entries.length));
    putLocateRow(to, entries);
    to.end();
    yield;
  }
}

function* fillAppendIds(block: OpenBlock, to: RowWriter): Generator<void> {
  const indexes = block.appendIdIndexes;
  for (let from = 0; from < indexes.length; from += IDS_PER_ROW) {
    const behind = Math.min(indexes.length, from + IDS_PER_ROW);
    to.startAt(appendIdsKey(block.number, from / IDS_PER_ROW), 8 + (behind - from) * 24);
    let before = indexes[from] as number;
    to.u53(before);
    for (let i = from; i < behind; i++) {
      const logIndex = indexes[i] as number;
      to.raw(block.appendIds.subarray(i * 16, i * 16 + 16)).varint(logIndex - before);
      before = logIndex;
    }
    to.end();
    yield;
  }
}
