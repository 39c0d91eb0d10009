import { InvariantViolation } from '../../base/assert.ts';
import { headWith, type Retention } from '../../model/retention.ts';
import { NEVER_WRITTEN, type StreamHead } from '../../model/stream.ts';
import type { Store } from '../store.ts';
import { decodeStreamRow } from './block-rows.ts';
import { type CursorEnd, decodeHead, decodeProducer, type StreamEnd, stateAt, type TwoStates } from './head-rows.ts';
import { Kind, nameKey, streamKey } from './keys.ts';
import { OpenBlock } from './open-block.ts';
import { Retentions } from './retentions.ts';
import { damagedIndex, decodeRow } from './row-writer.ts';
import { SettledCache } from './settled-cache.ts';

export interface MemoryOptions {
  readonly blockEvents: number;
  readonly cachedStreams: number;
  readonly cachedProducers: number;
  readonly hashSeed: number;
}

/**
 * What memory knows: the blocks that are not sealed, and of the sealed ones what was asked for last. Where a stream is in
 * no block of memory, what sealed rows say of it holds; so the caches never have to follow what is applied.
 */
export class IndexMemory {
  /** The blocks that are not sealed, the oldest first; the last one is being filled. Replaced, never changed. */
  blocks: readonly OpenBlock[];
  open: OpenBlock;
  /** How many blocks are on disk, whole. */
  sealedBlocks: number;
  /** What is hidden of which stream. */
  readonly retentions = new Retentions();
  private readonly store: Store;
  private readonly options: MemoryOptions;
  private readonly streams: SettledCache<StreamEnd>;
  private readonly producers: SettledCache<CursorEnd>;

  constructor(store: Store, options: MemoryOptions, sealedBlocks: number) {
    this.store = store;
    this.options = options;
    this.streams = new SettledCache(options.cachedStreams);
    this.producers = new SettledCache(options.cachedProducers);
    this.sealedBlocks = sealedBlocks;
    this.open = new OpenBlock(sealedBlocks, options.blockEvents, options.hashSeed);
    this.blocks = [this.open];
  }

  /** Begins the next block behind the full one. */
  roll(): void {
    this.open = new OpenBlock(this.open.number + 1, this.options.blockEvents, this.options.hashSeed);
    this.blocks = [...this.blocks, this.open];
  }

  /** The oldest block has been sealed: from now on its rows speak for it. */
  settle(): void {
    const sealed = this.blocks[0] as OpenBlock;
    this.blocks = this.blocks.slice(1);
    this.sealedBlocks++;
    for (const [name, stream] of sealed.streams) this.streams.set(name, sealed.streamEnd(stream));
    for (const [name, producer] of sealed.producers) this.producers.set(name, producer.end);
  }

  /** Forgets what was not asked for lately. Not between loading and using. */
  trim(): void {
    this.streams.trim();
    this.producers.trim();
  }

  /** What memory knows of a stream; undefined where it has to be loaded. */
  headOf(stream: string): StreamHead | undefined {
    for (let b = this.blocks.length - 1; b >= 0; b--) {
      const block = this.blocks[b] as OpenBlock;
      const here = block.streams.get(stream);
      if (here) return this.existing(stream, here.firstRevision + block.lists.count(here.id) - 1);
    }
    const settled = this.streams.get(stream);
    if (settled) return this.existing(stream, settled.revision);
    return this.streams.has(stream) ? this.unwritten(stream) : undefined;
  }

  private existing(stream: string, revision: number): StreamHead {
    if (this.retentions.size === 0) return { state: 'exists', revision };
    return headWith(this.retentions.of(stream), revision);
  }

  /** Metadata may have been set before the first event. */
  private unwritten(stream: string): StreamHead {
    const retention = this.retentions.of(stream);
    return retention ? headWith(retention, -1) : NEVER_WRITTEN;
  }

  /** A fact about a stream was applied. */
  setRetention(stream: string, retention: Retention): void {
    this.retentions.set(stream, this.open.setRetention(stream, retention, this.retentions.of(stream)));
  }

  /** What the blocks before the open one say of a stream's end; undefined where it was never written. */
  readonly streamBefore = (stream: string): StreamEnd | undefined => {
    for (let b = this.blocks.length - 2; b >= 0; b--) {
      const block = this.blocks[b] as OpenBlock;
      const here = block.streams.get(stream);
      if (here) return block.streamEnd(here);
    }
    const settled = this.streams.get(stream);
    if (settled || this.streams.has(stream)) return settled;
    throw notPrepared('stream', stream);
  };

  /** What the sealed blocks say of a stream, if that is in memory. */
  settledStream(stream: string): StreamEnd | undefined {
    return this.streams.get(stream);
  }

  knowsProducer(producer: string): boolean {
    return this.producers.has(producer) || this.blocks.some((block) => block.producers.has(producer));
  }

  /** The cursor of a producer that memory knows; undefined where it never appended. */
  cursorOf(producer: string): CursorEnd | undefined {
    for (let b = this.blocks.length - 1; b >= 0; b--) {
      const here = (this.blocks[b] as OpenBlock).producers.get(producer);
      if (here) return here.end;
    }
    const settled = this.producers.get(producer);
    if (settled || this.producers.has(producer)) return settled;
    throw notPrepared('producer', producer);
  }

  /**
   * Loads what the sealed rows say of these names. What was read counts only if no block was sealed meanwhile; as long
   * as none is, the rows' settled states cannot change.
   */
  async load(streams: readonly string[], producers: readonly string[]): Promise<void> {
    const streamKeys = streams.map((name) => nameKey(Kind.head, name));
    const producerKeys = producers.map((name) => nameKey(Kind.producer, name));
    for (;;) {
      const sealed = this.sealedBlocks;
      const rows = await this.store.getMany([...streamKeys, ...producerKeys]);
      const headless = streams.filter((_, i) => rows[i] === undefined);
      if (headless.length > 0) await this.checkNew(headless, sealed);
      if (sealed !== this.sealedBlocks) continue;
      streams.forEach((name, i) => {
        this.streams.set(name, settledIn(streamKeys[i] as Uint8Array, rows[i], decodeHead, sealed));
      });
      producers.forEach((name, i) => {
        const row = rows[streams.length + i];
        this.producers.set(name, settledIn(producerKeys[i] as Uint8Array, row, decodeProducer, sealed));
      });
      return;
    }
  }

  /**
   * A head that was lost (LevelDB does not find a row whose key has a flipped bit) would make a stream begin anew. So a
   * stream without one must not have the row of its first revision either.
   */
  private async checkNew(streams: readonly string[], sealed: number): Promise<void> {
    const keys = streams.map((name) => streamKey(name, 0));
    const rows = await this.store.getMany(keys);
    rows.forEach((row, i) => {
      if (row && decodeRow(keys[i] as Uint8Array, row, decodeStreamRow).block < sealed)
        throw damagedIndex(`stream ${JSON.stringify(streams[i])} has events, but no row that tells its head`);
    });
  }
}

function settledIn<T extends { readonly block: number }>(
  key: Uint8Array,
  value: Uint8Array | undefined,
  decode: (body: Uint8Array) => TwoStates<T> | undefined,
  sealed: number,
): T | undefined {
  return value && stateAt(decodeRow(key, value, decode), sealed);
}

function notPrepared(what: string, name: string): InvariantViolation {
  return new InvariantViolation(`${what} ${JSON.stringify(name)} is applied without having been prepared`);
}
