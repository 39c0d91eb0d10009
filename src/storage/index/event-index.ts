import { InvariantViolation } from '../../base/assert.ts';
import { decodeUtf8 } from '../../base/bytes.ts';
import type { Signal } from '../../base/signal.ts';
import { PayloadView } from '../../model/payload.ts';
import { decodeChangeFact } from '../../model/retention-fact.ts';
import { ABOUT, type StreamHead } from '../../model/stream.ts';
import { EntryType } from '../../raft/types.ts';
import { untilAborted } from '../../runtime/until-aborted.ts';
import { isDerivedDamage } from '../damage.ts';
import type { EntryRecord } from '../record.ts';
import type { CompactionRest, Store } from '../store.ts';
import { AppendIdWindow } from './append-id-window.ts';
import { BlockPace } from './block-pace.ts';
import { type ChunkLimits, writeBlock } from './block-writer.ts';
import { EventScanner } from './event-scan.ts';
import { dropLeftOver, type ErasedName, forgetNames } from './forget-names.ts';
import { IndexMemory } from './index-memory.ts';
import { IndexView } from './index-view.ts';
import { blockNameKey, Kind, kindRange } from './keys.ts';
import { type Cursor, FixedLookup, type Lookup } from './lookup.ts';
import type { OpenBlock } from './open-block.ts';
import { type ChainAt, loadAppendIds, recoverSeals, type SealedState, type StaleIndex } from './open-index.ts';

export interface IndexOptions {
  /** How many positions a block has; tests make it small. Another size than before has the index built again. */
  readonly blockEvents?: number;
  /** How many streams and producers of sealed blocks are kept in memory. */
  readonly cachedStreams?: number;
  readonly cachedProducers?: number;
  /** The window of append ids (rule S6). */
  readonly appendIdsMin?: number;
  readonly appendIdsMax?: number;
  readonly appendIdWindowUs?: number;
  /** What a gap between two entries counts for in it, at most. */
  readonly appendIdGapMaxUs?: number;
  /** How many ids are forgotten at once. */
  readonly appendIdsAtOnce?: number;
  /** Any number; one that nobody can guess keeps clients from choosing names that collide. */
  readonly hashSeed?: number;
  /** How much of a block is encoded and written in one go. */
  readonly chunk?: ChunkLimits;
  /** A while during which a full block is not written, between two of its chunks. */
  readonly pause?: () => Promise<void>;
  /**
   * Resolves once there is space on the disk for more of a block, or `closed` says that nobody waits any more; undefined:
   * there is (rule D1).
   */
  readonly space?: (closed: () => boolean) => Promise<void> | undefined;
  /** Has the index built again from the log, as after damage was met in it. */
  readonly rebuild?: boolean;
  /** Told before an index that is not one of this log is wiped; by throwing it keeps it, and `open` fails. */
  readonly onStale?: (stale: StaleIndex) => void | Promise<void>;
  /** Told of each event of a system stream when it is applied, a RecordedEvent; what it throws ends applying. */
  readonly onSystemEvent?: (event: Uint8Array) => void;
  /** Told when a block could not be written: the process has to end (rule D1). */
  readonly onWriteError?: (error: unknown) => void;
  /** Told of damage that reading it has met: it has to be built anew. */
  readonly onDamage?: (error: Error) => void;
}

/** How many names of erased events are forgotten in one turn. */
const NAMES_PER_TURN = 1_000;

const DEFAULTS = {
  blockEvents: 16_384,
  cachedStreams: 100_000,
  cachedProducers: 10_000,
  appendIdsMin: 1_000_000,
  appendIdsMax: 45_000_000,
  appendIdWindowUs: 16 * 60 * 1_000_000,
  appendIdGapMaxUs: 1_000_000,
  appendIdsAtOnce: 1 << 18,
  hashSeed: 0,
  chunk: { rows: 512, bytes: 64 << 10 },
};

type Settings = typeof DEFAULTS & IndexOptions;

/** The index of the event log (rule D5): it follows from the entries applied, one after another, and nothing else. */
export class EventIndex {
  /** The last applied entry. */
  appliedIndex = 0;
  /** The last applied position; 0 before the first event. */
  head = 0;
  /** `created` of the last applied entry. */
  lastCreatedUs = 0;
  /**
   * Log time with its gaps cut short, by which append ids are forgotten: it never runs ahead of real time by more than
   * a short gap for each jump of a leader's clock (rule S6). It follows from the entries alone, on all nodes alike.
   */
  private idTimeUs = 0;
  private readonly store: Store;
  private readonly settings: Settings;
  private readonly memory: IndexMemory;
  private readonly appendIds: AppendIdWindow;
  private readonly scanner = new EventScanner();
  /** The last position that is in a block: beyond the head while an entry that straddles a seal is applied again. */
  private indexedTo = 0;
  private preparedTo = 0;
  /**
   * Set while the blocks hold a part of an entry that is not applied yet: one that is applied in steps, or one that
   * straddles the newest seal and has to be applied again. Look-ups wait for the whole of it.
   */
  private partial: { readonly whole: Promise<void>; readonly done: () => void } | undefined;
  private inSteps = false;
  private sealing: Promise<void> | undefined;
  /** Set while names are taken out of sealed blocks; the store has one writer at a time. */
  private forgetting: Promise<void> | undefined;
  private waiting: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  private writeError: { readonly error: unknown } | undefined;
  private closed = false;

  private constructor(store: Store, settings: Settings, state: SealedState, appendIds: AppendIdWindow) {
    this.store = store;
    this.settings = settings;
    this.memory = new IndexMemory(store, settings, state.sealedBlocks);
    this.appendIds = appendIds;
    this.indexedTo = state.sealedBlocks * settings.blockEvents;
    if (!state.newest) return;
    const straddles = state.newest.lastPosition > this.indexedTo;
    this.appliedIndex = state.newest.logIndex - (straddles ? 1 : 0);
    this.head = straddles ? state.newest.firstPosition - 1 : this.indexedTo;
    this.lastCreatedUs = state.newest.lastCreatedUs;
    this.idTimeUs = state.newest.idTimeUs;
    if (straddles) this.beginPartial();
  }

  /**
   * Opens the index in a store, on the raft log whose chain hashes `chainAt` tells. What is not in a sealed block is
   * then fed again by the caller, from `replayFrom` on.
   */
  static async open(store: Store, chainAt: ChainAt, options: IndexOptions = {}): Promise<EventIndex> {
    const settings = { ...DEFAULTS, ...options };
    const { blockEvents } = settings;
    if (!(blockEvents >= 1 && blockEvents <= 0x1_0000)) throw new RangeError(`blockEvents is ${blockEvents}`);
    const onStale = async (stale: StaleIndex) => options.onStale?.(stale);
    const state = await recoverSeals(store, chainAt, { blockEvents, rebuild: options.rebuild === true, onStale });
    const { appendIdsMin: idsMin, appendIdsMax: idsMax, appendIdWindowUs: timeUs } = settings;
    const limits = { idsMin, idsMax, timeUs };
    const appendIds = new AppendIdWindow(limits, settings.hashSeed, settings.appendIdsAtOnce);
    await loadAppendIds(store, state, limits, appendIds);
    const index = new EventIndex(store, settings, state, appendIds);
    await index.memory.retentions.load(store, state.sealedBlocks);
    return index;
  }

  /** The first entry that has not been applied. An entry that straddles the end of the newest seal is applied again. */
  get replayFrom(): number {
    return this.appliedIndex + 1;
  }

  /** How many blocks are on disk, whole. */
  get sealedBlocks(): number {
    return this.memory.sealedBlocks;
  }

  /** Whether what can be seen of any stream depends on the time of the log. */
  get hidesByAge(): boolean {
    return this.memory.retentions.anyByAge;
  }

  /** Loads what applying these entries needs and memory does not have; without a promise where it has all. */
  prepare(records: readonly EntryRecord[]): Promise<void> | undefined {
    this.trim();
    const streams = new Set<string>();
    const producers = new Set<string>();
    for (const record of records) {
      this.preparedTo = Math.max(this.preparedTo, record.index);
      if (record.type !== EntryType.events) continue;
      const payload = payloadOf(record);
      const producer = payload.producer?.producer;
      if (producer !== undefined && !this.memory.knowsProducer(producer)) producers.add(producer);
      this.collectStreams(payload, streams);
    }
    return streams.size + producers.size > 0 ? this.memory.load([...streams], [...producers]) : undefined;
  }

  /**
   * Resolves once there is room for further blocks: while two full ones wait to be written, entries have to wait. Ends in
   * an error once a block could not be written.
   */
  ready(): Promise<void> | undefined {
    if (this.writeError) return Promise.reject(this.writeError.error);
    if (this.memory.blocks.length <= 2) return undefined;
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  /** Applies the next entry, which was prepared. A broken continuity ends in an InvariantViolation (rule S2). */
  apply(record: EntryRecord): void {
    this.checkContinuity(record);
    if (record.type === EntryType.events) {
      const payload = payloadOf(record);
      this.beginAppend(record, payload);
      this.addEvents(record, payload, record.count);
    }
    this.finish(record);
  }

  /**
   * Applies a large entry in steps that leave the event loop its turns (rule C3). Nothing else is applied meanwhile;
   * views show the entry once it is whole, and look-ups wait for it.
   */
  async applyInSteps(record: EntryRecord, yieldTurn: () => Promise<void>, eventsPerStep = 1_000): Promise<void> {
    if (record.type !== EntryType.events || record.count <= eventsPerStep) return this.apply(record);
    this.checkContinuity(record);
    this.inSteps = true;
    this.beginPartial();
    const payload = payloadOf(record);
    this.beginAppend(record, payload);
    for (let to = eventsPerStep; to < record.count; to += eventsPerStep) {
      this.addEvents(record, payload, to);
      await yieldTurn();
    }
    this.addEvents(record, payload, record.count);
    this.inSteps = false;
    this.finish(record);
  }

  /** What memory knows of a stream; undefined where it has to be loaded. */
  headOf(stream: string): StreamHead | undefined {
    return this.partial ? undefined : this.memory.headOf(stream);
  }

  /** Heads and cursors as of one applied index (rule S3); without a promise where memory has them all. */
  lookup(streams: readonly string[], producers: readonly string[] = []): Lookup | Promise<Lookup> {
    return this.lookupNow(streams, producers) ?? this.lookupLater(streams, producers);
  }

  /** The log indexes of entries that may have this append id; the caller looks at the entries (rule S6). */
  findAppendId(id: Uint8Array): readonly number[] {
    return this.appendIds.find(id);
  }

  /** The index as it is now, for reads that last (rule Q1). */
  view(): IndexView {
    return new IndexView(this.store, this.memory, this.settings.blockEvents, this);
  }

  /** What a use of the index gives; `met` is told of what it ends in. */
  async noticing<T>(use: Promise<T>): Promise<T> {
    try {
      return await use;
    } catch (error) {
      this.met(error);
      throw error;
    }
  }

  /** To be told of whatever a use of the index ends in: where that is damage, the index has to be built anew. */
  met(error: unknown): void {
    if (error instanceof Error && isDerivedDamage(error)) this.settings.onDamage?.(error);
  }

  /** Resolves once every full block is sealed. */
  async idle(): Promise<void> {
    await this.sealing;
    if (this.writeError) throw this.writeError.error;
  }

  /**
   * Takes names of erased events out of the rows, also of those that are yet to be written (rule R2). One call at a time,
   * which lets others have their turn (rule C3).
   */
  async forget(names: readonly ErasedName[], yieldTurn: () => Promise<void>, signal: Signal): Promise<void> {
    for (let from = 0; from < names.length; from += NAMES_PER_TURN) {
      if (from > 0) await yieldTurn();
      await this.forgetAtOnce(names.slice(from, from + NAMES_PER_TURN), signal);
    }
  }

  private async forgetAtOnce(names: readonly ErasedName[], signal: Signal): Promise<void> {
    while (this.sealing) await untilAborted(this.idle(), signal);
    const { memory, settings, store } = this;
    const blocks = new Map<number, ErasedName[]>();
    const leftOver: Uint8Array[] = [];
    for (const erased of names) {
      const number = Math.floor((erased.position - 1) / settings.blockEvents);
      const block = memory.blocks[number - memory.sealedBlocks];
      block?.forget(erased.kind, erased.name, erased.position);
      // Blocks are written one after another: only the first one may have been begun before a crash.
      if (number === memory.sealedBlocks) leftOver.push(blockNameKey(erased.kind, erased.name, number));
      else if (!block && !blocks.get(number)?.push(erased)) blocks.set(number, [erased]);
    }
    const work = async () => {
      await dropLeftOver(store, leftOver);
      for (const [block, erased] of blocks) await forgetNames(store, block, block * settings.blockEvents + 1, erased);
    };
    this.forgetting = work();
    try {
      await this.forgetting;
    } catch (error) {
      this.writeError ??= { error };
      throw error;
    } finally {
      this.forgetting = undefined;
    }
  }

  /** Has LevelDB rewrite the tables of types and tags, without what was forgotten. False: the signal or `rest` ended it. */
  async compact(signal: Signal, rest: CompactionRest): Promise<boolean> {
    for (const kind of [Kind.type, Kind.tag] as const) {
      const { from, to } = kindRange(kind);
      if (!(await this.store.compact(from, to, signal, rest))) return false;
    }
    return true;
  }

  /** Stops writing after the chunk that is under way. The store stays open. */
  async close(): Promise<void> {
    this.closed = true;
    await this.forgetting?.catch(() => undefined);
    await this.sealing;
    this.wake();
  }

  private checkContinuity(record: EntryRecord): void {
    if (this.writeError) throw this.writeError.error;
    const { index, firstPosition, createdUs } = record;
    if (this.inSteps) throw broken(record, 'the entry before it is still being applied');
    if (index !== this.appliedIndex + 1) throw broken(record, `the last applied entry is ${this.appliedIndex}`);
    if (firstPosition !== this.head + 1) {
      throw broken(record, `its first position is ${firstPosition}, but the last applied one is ${this.head}`);
    }
    if (createdUs < this.lastCreatedUs) {
      throw broken(
        record,
        `it was created at ${createdUs}, before the entry behind which it stands: ${this.lastCreatedUs}`,
      );
    }
    if (record.type !== EntryType.events && record.count > 0) throw broken(record, 'it is of no type that has events');
  }

  /** Append id and cursor belong to the block of the entry's first event; those of a sealed block are there already. */
  private beginAppend(record: EntryRecord, payload: PayloadView): void {
    if (record.firstPosition <= this.indexedTo) return;
    const { producer, appendId } = payload;
    const open = this.memory.open;
    open.addAppendId(appendId, record.index);
    this.appendIds.add(appendId, 0, record.index, this.idTimeAt(record));
    if (!producer) return;
    const before = this.memory.cursorOf(producer.producer);
    const here = open.producers.get(producer.producer);
    const cursor = { current: producer.current, appendId, logIndex: record.index };
    open.moveProducer(producer.producer, cursor, here ? here.prior : before);
  }

  /** Adds the entry's events up to the `to`-th, those excepted that are in a block already. */
  private addEvents(record: EntryRecord, payload: PayloadView, to: number): void {
    const first = record.firstPosition;
    const scanner = this.scanner;
    let open: OpenBlock | undefined;
    for (let n = this.indexedTo + 1 - first; n < to; n++) {
      if (!scanner.scan(payload.bytes, payload.eventStart(n), payload.eventEnd(n))) {
        throw broken(record, `its event ${n} is not a recorded event`);
      }
      if (scanner.position !== first + n) throw broken(record, `its event ${n} says position ${scanner.position}`);
      if (!open) {
        open = this.memory.open;
        open.beginEntry(record, this.idTimeAt(record));
      }
      open.add(scanner, this.memory.streamBefore);
      if (scanner.isSystem()) this.settings.onSystemEvent?.(payload.event(n));
      if (scanner.isAboutStream()) this.addFact(payload, n);
      this.indexedTo = first + n;
      if (!open.full) continue;
      this.memory.roll();
      open = undefined;
      this.sealing ??= this.sealBlocks();
    }
  }

  /** A fact about a stream (rule R1). One that cannot be understood is kept and ignored; who is told of all alarms. */
  private addFact(payload: PayloadView, n: number): void {
    const { bytes, streamStart, streamEnd, position } = this.scanner;
    const stream = decodeUtf8(bytes, streamStart + ABOUT.length, streamEnd);
    const retention = decodeChangeFact(bytes, payload.eventStart(n), payload.eventEnd(n), position);
    if (stream !== undefined && retention) this.memory.setRetention(stream, retention);
  }

  private finish(record: EntryRecord): void {
    this.appliedIndex = record.index;
    this.head = record.nextPosition - 1;
    this.idTimeUs = this.idTimeAt(record);
    this.lastCreatedUs = record.createdUs;
    this.partial?.done();
    this.partial = undefined;
  }

  private idTimeAt({ createdUs }: EntryRecord): number {
    return this.idTimeUs + Math.min(createdUs - this.lastCreatedUs, this.settings.appendIdGapMaxUs);
  }

  private beginPartial(): void {
    if (this.partial) return;
    let done: () => void = () => {};
    const whole = new Promise<void>((resolve) => {
      done = resolve;
    });
    this.partial = { whole, done };
  }

  private collectStreams(payload: PayloadView, missing: Set<string>): void {
    const { scanner, memory } = this;
    for (let n = 0; n < payload.count; n++) {
      if (!scanner.scan(payload.bytes, payload.eventStart(n), payload.eventEnd(n))) return;
      const { bytes, streamStart, streamEnd } = scanner;
      if (memory.open.hasStream(bytes, streamStart, streamEnd)) continue;
      const name = decodeUtf8(bytes, streamStart, streamEnd);
      if (name !== undefined && !memory.headOf(name)) missing.add(name);
    }
  }

  private lookupNow(streams: readonly string[], producers: readonly string[]): Lookup | undefined {
    if (this.partial) return undefined;
    const heads = new Map<string, StreamHead>();
    const cursors = new Map<string, Cursor | undefined>();
    for (const stream of streams) {
      const head = this.memory.headOf(stream);
      if (!head) return undefined;
      heads.set(stream, head);
    }
    for (const producer of producers) {
      if (!this.memory.knowsProducer(producer)) return undefined;
      cursors.set(producer, this.memory.cursorOf(producer));
    }
    return new FixedLookup(this.appliedIndex, heads, cursors);
  }

  private async lookupLater(streams: readonly string[], producers: readonly string[]): Promise<Lookup> {
    for (;;) {
      while (this.partial) await this.partial.whole;
      const found = this.lookupNow(streams, producers);
      if (found) return found;
      this.trim();
      await this.memory.load(
        streams.filter((stream) => !this.memory.headOf(stream)),
        producers.filter((producer) => !this.memory.knowsProducer(producer)),
      );
    }
  }

  private trim(): void {
    if (this.appliedIndex >= this.preparedTo) this.memory.trim();
  }

  /** Writes and seals the full blocks, one after another, until there is none. */
  private async sealBlocks(): Promise<void> {
    const { memory, settings } = this;
    try {
      if (this.forgetting) await this.forgetting.catch(() => undefined);
      while (memory.blocks.length > 1) {
        const closed = () => this.closed;
        await settings.space?.(closed);
        const pace = new BlockPace(memory, settings, closed);
        const sealed = await writeBlock(this.store, memory.blocks[0] as OpenBlock, pace);
        if (!sealed) break;
        memory.settle();
        if (memory.blocks.length <= 2) this.wake();
      }
    } catch (error) {
      this.writeError = { error };
      for (const { reject } of this.waiting.splice(0)) reject(error);
      settings.onWriteError?.(error);
    } finally {
      this.sealing = undefined;
    }
  }

  private wake(): void {
    for (const { resolve } of this.waiting.splice(0)) resolve();
  }
}

function payloadOf(record: EntryRecord): PayloadView {
  try {
    return new PayloadView(record.payload, record.count);
  } catch (error) {
    throw broken(record, `its payload cannot be read: ${String(error)}`);
  }
}

function broken(record: EntryRecord, why: string): InvariantViolation {
  return new InvariantViolation(`log entry ${record.index} cannot be applied: ${why}`);
}
