import { hasLimits, headWith, type Retention } from '../../model/retention.ts';
import { NEVER_WRITTEN, type StreamHead } from '../../model/stream.ts';
import type { Store } from '../store.ts';
import { decodeLocateRow, decodeStreamRow, type LocatedEntry, type StreamRow } from './block-rows.ts';
import { decodeHead, type StreamEnd, stateAt } from './head-rows.ts';
import type { IndexMemory } from './index-memory.ts';
import type { BlockNameKind } from './keys.ts';
import { Kind, locateKey, nameKey, PLACES_PER_LOCATE_ROW, revisionOfKey, streamKey } from './keys.ts';
import type { OpenBlock } from './open-block.ts';
import { type NamedPlaces, namedPlaces, type StreamPlaces, streamPlaces } from './places.ts';
import { damagedIndex, decodeRow } from './row-writer.ts';

/** A stream, as a view shows it. */
export interface StreamDetails extends StreamHead {
  /** Of its first event; 0 where there is none, as in all that follow. */
  readonly createdUs: number;
  readonly firstPosition: number;
  /** Of its last event. */
  readonly lastAppendedUs: number;
  readonly lastPosition: number;
}

/** The place of the log that a view shows. */
export interface ViewPlace {
  readonly appliedIndex: number;
  readonly head: number;
  readonly lastCreatedUs: number;
}

const NO_STREAM: StreamDetails = {
  ...NEVER_WRITTEN,
  createdUs: 0,
  firstPosition: 0,
  lastAppendedUs: 0,
  lastPosition: 0,
};

/**
 * The index at one moment (rule Q1): up to `head`, whatever is applied later. Rows of blocks that were sealed by then
 * never change and blocks of memory only grow, so it needs no snapshot of the database and may be held for long.
 */
export class IndexView {
  readonly appliedIndex: number;
  /** The last position that it shows. */
  readonly head: number;
  /** `created` of the last entry that it shows: the time by which ages are judged (rule R1). */
  readonly logTimeUs: number;
  readonly sealedBlocks: number;
  /** The blocks that were in memory then, the oldest first. */
  readonly blocks: readonly OpenBlock[];
  readonly blockEvents: number;
  readonly store: Store;
  private readonly memory: IndexMemory;

  constructor(store: Store, memory: IndexMemory, blockEvents: number, at: ViewPlace) {
    this.store = store;
    this.memory = memory;
    this.blockEvents = blockEvents;
    this.appliedIndex = at.appliedIndex;
    this.head = at.head;
    this.logTimeUs = at.lastCreatedUs;
    this.sealedBlocks = memory.sealedBlocks;
    this.blocks = memory.blocks;
  }

  /** A stream's state, and when and where it begins and ends. */
  async streamHead(stream: string): Promise<StreamDetails> {
    const details = await this.streamEnd(stream);
    const retention = this.retentionOf(stream);
    return retention ? { ...details, ...headWith(retention, details.revision) } : details;
  }

  /** What is hidden of a stream, as it was said up to the head; undefined where nothing was. */
  retentionOf(stream: string): Retention | undefined {
    return this.memory.retentions.size === 0 ? undefined : this.memory.retentions.at(stream, this.head);
  }

  /** Whether anything is hidden of any stream. */
  get hidesAny(): boolean {
    return this.memory.retentions.size > 0;
  }

  /** Whether events of any stream may be hidden that could be seen when a position was the head. */
  mayHideMoreSince(position: number): boolean {
    return this.memory.retentions.mayHideMoreSince(position);
  }

  /** Whether events of a stream may be hidden that could be seen when it ended with a revision. */
  async mayHideMoreOf(stream: string, revision: number): Promise<boolean> {
    const retention = this.retentionOf(stream);
    if (!retention) return false;
    return hasLimits(retention) || (await this.revisionAfterPosition(stream, retention.position)) > revision;
  }

  private async streamEnd(stream: string): Promise<StreamDetails> {
    for (let b = this.blocks.length - 1; b >= 0; b--) {
      const block = this.blocks[b] as OpenBlock;
      const here = block.streams.get(stream);
      const count = here ? block.countUpTo(here.id, this.head) : 0;
      if (here && count > 0) return details(block.streamEnd(here, count));
    }
    const end = await this.sealedEnd(stream);
    if (!end) return NO_STREAM;
    return end.lastPosition <= this.head ? details(end) : this.endBefore(stream, end);
  }

  /** The places of a stream, in batches, from a revision on: forwards to the head, or backwards to revision 0. */
  streamPlaces(
    stream: string,
    range: { fromRevision?: number; backwards?: boolean } = {},
  ): AsyncGenerator<StreamPlaces> {
    return streamPlaces(this, stream, range.fromRevision, range.backwards === true);
  }

  /** The positions at which a type, category or tag occurs, in batches, from a position on. */
  namedPlaces(
    kind: BlockNameKind,
    name: string,
    range: { fromPosition?: number; backwards?: boolean } = {},
  ): AsyncGenerator<NamedPlaces> {
    return namedPlaces(this, kind, name, range.fromPosition, range.backwards === true);
  }

  /** The first revision of a stream whose position is greater; head revision + 1 where there is none. */
  async revisionAfterPosition(stream: string, position: number): Promise<number> {
    const { revision, lastPosition } = await this.streamHead(stream);
    if (revision < 0 || lastPosition <= position) return revision + 1;
    let oldest = true;
    for (const block of this.blocks) {
      const here = block.streams.get(stream);
      if (!here) continue;
      const count = block.countUpTo(here.id, position);
      if (count === 0 && oldest) return this.sealedRevisionAfter(stream, position, here.firstRevision);
      if (count < block.lists.count(here.id)) return here.firstRevision + count;
      oldest = false;
    }
    return this.sealedRevisionAfter(stream, position, revision + 1);
  }

  /** Whether all that lies behind a position is in memory. */
  hasInMemory(position: number): boolean {
    return position >= this.sealedBlocks * this.blockEvents;
  }

  /** The first revision of a stream behind such a position, without waiting; undefined where there is none. */
  revisionInMemoryAfter(stream: string, position: number): number | undefined {
    for (const block of this.blocks) {
      const here = block.streams.get(stream);
      const count = here ? block.countUpTo(here.id, position) : 0;
      if (here && count < block.countUpTo(here.id, this.head)) return here.firstRevision + count;
    }
    return undefined;
  }

  /** The entry that holds the event at a position, which must not be beyond the head. */
  async locate(position: number): Promise<LocatedEntry> {
    const [located] = await this.locateMany([position]);
    return located as LocatedEntry;
  }

  /** The entries that hold the events at these positions, none beyond the head. */
  async locateMany(positions: readonly number[]): Promise<LocatedEntry[]> {
    const keys: Uint8Array[] = [];
    const rowOf: number[] = [];
    let lastRow = -1;
    for (const position of positions) {
      if (!(position >= 1 && position <= this.head)) throw new RangeError(`position ${position} is not in the view`);
      const block = Math.floor((position - 1) / this.blockEvents);
      const row = block * 256 + Math.floor(this.placeOf(position, block) / PLACES_PER_LOCATE_ROW);
      if (block >= this.sealedBlocks) rowOf.push(-1);
      else {
        if (row !== lastRow) keys.push(locateKey(block, this.placeOf(position, block)));
        lastRow = row;
        rowOf.push(keys.length - 1);
      }
    }
    const values = keys.length > 0 ? await this.store.getMany(keys) : [];
    const rows = values.map((value, i) => {
      if (!value)
        throw damagedIndex(`a locating row is missing: ${Buffer.from(keys[i] as Uint8Array).toString('hex')}`);
      return decodeRow(keys[i] as Uint8Array, value, decodeLocateRow);
    });
    return positions.map((position, i) => {
      const row = rows[rowOf[i] as number];
      return row ? entryHolding(row, position) : this.locateInMemory(position);
    });
  }

  /** The same of one position, without waiting; undefined where it lies in a sealed block. */
  locateAtOnce(position: number): LocatedEntry | undefined {
    return position > this.sealedBlocks * this.blockEvents ? this.locateInMemory(position) : undefined;
  }

  /** The row of a stream that holds a revision, or the last one before it; sealed blocks only. */
  async rowAt(stream: string, revision: number): Promise<{ firstRevision: number; row: StreamRow } | undefined> {
    let to = streamKey(stream, revision + 1);
    for (;;) {
      const range = { from: streamKey(stream, 0), to, backwards: true, limit: 1, unnumbered: true };
      const scan = this.store.scan(range);
      try {
        const [found] = await scan.next(1);
        if (!found) return undefined;
        const row = decodeRow(found[0], found[1], decodeStreamRow);
        if (row.block < this.sealedBlocks) return { firstRevision: revisionOfKey(found[0]), row };
        to = found[0];
      } finally {
        await scan.close();
      }
    }
  }

  /** The position of a row's n-th event. */
  positionIn(row: StreamRow, n: number): number {
    return row.block * this.blockEvents + 1 + (row.places[n] as number);
  }

  /** How many of a row's events are not beyond the head. */
  countIn(row: StreamRow): number {
    let count = row.places.length;
    while (count > 0 && this.positionIn(row, count - 1) > this.head) count--;
    return count;
  }

  private placeOf(position: number, block: number): number {
    return position - 1 - block * this.blockEvents;
  }

  private locateInMemory(position: number): LocatedEntry {
    const block = this.blocks[Math.floor((position - 1) / this.blockEvents) - this.sealedBlocks] as OpenBlock;
    return block.entryAt(position - block.firstPosition);
  }

  private async sealedEnd(stream: string): Promise<StreamEnd | undefined> {
    if (this.memory.sealedBlocks === this.sealedBlocks) {
      const known = this.memory.settledStream(stream);
      if (known) return known;
    }
    const key = nameKey(Kind.head, stream);
    const value = await this.store.get(key);
    if (!value) return undefined;
    const row = decodeRow(key, value, decodeHead);
    // A view that was held for long may find that both states are younger than itself; the first event never changes.
    return stateAt(row, this.sealedBlocks) ?? row.current;
  }

  /** A stream's end at the head, where the row of its head tells of later events. */
  private async endBefore(stream: string, later: StreamEnd): Promise<StreamDetails> {
    let revision = later.revision;
    for (;;) {
      const found = await this.rowAt(stream, revision);
      if (!found) return NO_STREAM;
      const count = this.countIn(found.row);
      if (count > 0) return this.detailsAt(later, found, count);
      revision = found.firstRevision - 1;
      if (revision < 0) return NO_STREAM;
    }
  }

  private async detailsAt(
    later: StreamEnd,
    { firstRevision, row }: { firstRevision: number; row: StreamRow },
    count: number,
  ): Promise<StreamDetails> {
    const lastPosition = this.positionIn(row, count - 1);
    const whole = count === row.places.length;
    const lastCreatedUs = whole ? row.lastCreatedUs : (await this.locate(lastPosition)).createdUs;
    return details({ ...later, revision: firstRevision + count - 1, lastPosition, lastCreatedUs });
  }

  /** Halves the stream's revisions below `to` until the row is found in which `position` falls. */
  private async sealedRevisionAfter(stream: string, position: number, to: number): Promise<number> {
    let low = 0;
    let high = to;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const found = await this.rowAt(stream, middle);
      if (!found) throw damagedIndex(`stream ${JSON.stringify(stream)} has no row that holds revision ${middle}`);
      const { firstRevision, row } = found;
      if (this.positionIn(row, 0) > position) high = Math.min(middle, firstRevision);
      else if (this.positionIn(row, row.places.length - 1) <= position)
        low = Math.max(middle + 1, firstRevision + row.places.length);
      else {
        const count = row.places.findIndex((_, n) => this.positionIn(row, n) > position);
        return firstRevision + count;
      }
    }
    return low;
  }
}

function details(end: StreamEnd): StreamDetails {
  return {
    state: 'exists',
    revision: end.revision,
    createdUs: end.firstCreatedUs,
    firstPosition: end.firstPosition,
    lastAppendedUs: end.lastCreatedUs,
    lastPosition: end.lastPosition,
  };
}

/** The entry of a locating row that holds a position. */
function entryHolding(entries: readonly LocatedEntry[], position: number): LocatedEntry {
  let low = 0;
  let high = entries.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((entries[middle] as LocatedEntry).firstPosition <= position) low = middle;
    else high = middle - 1;
  }
  return entries[low] as LocatedEntry;
}
