import { FactstoreError } from '../base/errors.ts';
import { eachRow, type Operation, removeRows, type Store } from '../storage/store.ts';
import { GenerationKeys, generationOfKey } from './keys.ts';
import { decodePartition, encodePartition, type PartitionState } from './partition-row.ts';
import { type BatchOutcome, SHARED_STATE } from './program.ts';
import { removeGeneration } from './purge.ts';
import { copyOf, install, type StatePiece } from './state-copy.ts';
import { DIGEST_EVERY } from './state-digest.ts';

/** How far a generation has come. */
export interface Checkpoint {
  /** Everything up to here has been processed. */
  readonly position: number;
  /** The last event at which something was emitted; 0: none. */
  readonly emitted: number;
  /** How many batches were written. */
  readonly sequence: number;
  /** The chain hash of the log at the position, hex: a state is worth something beside that log alone (rule P5). */
  readonly chain?: string;
}

/** An event at which a handler threw, and which was left out (rule P4). */
export interface ParkedEvent {
  readonly position: number;
  readonly message: string;
}

/** What was emitted at one event and waits to be appended. */
export interface OutboxRow {
  readonly position: number;
  readonly row: Uint8Array;
}

/** What the states that changed in a span of the log came to at its end (rule P4). */
export interface StoredDigest {
  readonly position: number;
  readonly digest: Uint8Array;
}

/** What one batch changes. */
export interface StateBatch {
  readonly position: number;
  /** Of the log at the position. */
  readonly chain?: Uint8Array | undefined;
  readonly emitted: number;
  readonly changed: BatchOutcome['changed'];
  readonly parked: readonly ParkedEvent[];
  /** What waits to be appended, by the position at which it was emitted. */
  readonly outbox: ReadonlyMap<number, Uint8Array>;
  /** Where a span ends: what it came to. */
  readonly digest?: Uint8Array | undefined;
}

const BEGINNING: Checkpoint = { position: 0, emitted: 0, sequence: 0 };
/** So many batches can be told to be all there. */
const JOURNAL_ROWS = 4_096;
/** So many digests are kept, for nodes that are behind. */
const DIGESTS_KEPT = 1_024;

/** Some partitions in the order of their names, byte by byte. */
export interface PartitionRows {
  readonly rows: readonly (readonly [name: string, state: PartitionState])[];
  /** Others follow. */
  readonly more: boolean;
}

/** States and results of partitions that are read at a time: one alone may have 16 MiB, and a thousand of them too much. */
const PAGE_BYTES_MAX = 3 << 20;

/**
 * What one generation has on this node's disk: state and checkpoint in one batch (rule P5). It follows from the log; lost
 * or damaged, it is built anew.
 */
export class GenerationStore {
  readonly keys: GenerationKeys;
  private readonly store: Store;
  private current: Checkpoint;
  private waiting: number;
  private skipped: number;
  /** The last removal of rows from the outbox: before all of it is replaced, that has to be over. */
  private trimming: Promise<void> = Promise.resolve();

  private constructor(store: Store, keys: GenerationKeys, checkpoint: Checkpoint, outbox: OutboxState) {
    this.store = store;
    this.keys = keys;
    this.current = checkpoint;
    this.waiting = outbox.waiting;
    this.skipped = outbox.skipped;
  }

  /** Opens what there is. Where batches are missing from it, which LevelDB would not tell, it begins anew. */
  static async open(
    store: Store,
    name: string,
    generation: number,
    onDamage: (reason: string) => void = () => {},
    chainAt: (position: number) => Promise<Uint8Array | undefined> = async () => undefined,
  ): Promise<GenerationStore> {
    const keys = new GenerationKeys(name, generation);
    const checkpoint = await readCheckpoint(store, keys);
    const damage =
      checkpoint && ((await journalDamage(store, keys, checkpoint)) ?? (await otherHistory(checkpoint, chainAt)));
    if (damage !== undefined) onDamage(damage);
    // Without a checkpoint there may be rows of a copy that did not come to its end.
    if (damage !== undefined || !checkpoint) await removeGeneration(store, keys);
    const outbox = await readOutbox(store, keys);
    return new GenerationStore(store, keys, (damage === undefined && checkpoint) || BEGINNING, outbox);
  }

  /** The generations that have rows in a store. */
  static async all(store: Store): Promise<{ readonly name: string; readonly generation: number }[]> {
    const found: { name: string; generation: number }[] = [];
    let from: Uint8Array | undefined = Uint8Array.of(1);
    while (from) {
      const scan = store.scan({ from, limit: 1 });
      const [row] = await scan.next(1);
      await scan.close();
      const named: { name: string; generation: number } | undefined = row && generationOfKey(row[0]);
      if (named) found.push(named);
      from = named && new GenerationKeys(named.name, named.generation).all.to;
    }
    return found;
  }

  get checkpoint(): Checkpoint {
    return this.current;
  }

  /** How many rows the outbox has. */
  get outboxRows(): number {
    return this.waiting;
  }

  /** The last event whose row was left out of the outbox; 0: none was. */
  get leftOut(): number {
    return this.skipped;
  }

  async commit(batch: StateBatch, sync: boolean): Promise<void> {
    const { keys } = this;
    const before = this.current;
    const sequence = before.sequence + 1;
    const chain = batch.chain && { chain: Buffer.from(batch.chain).toString('hex') };
    const checkpoint = { position: batch.position, emitted: batch.emitted, sequence, ...chain };
    const operations: Operation[] = [
      put(keys.checkpoint, json(checkpoint)),
      put(keys.journal(sequence), json([before.position, batch.position, before.chain])),
    ];
    if (sequence > JOURNAL_ROWS) operations.push({ type: 'del', key: keys.journal(sequence - JOURNAL_ROWS) });
    for (const [partition, { state, result }] of batch.changed) {
      const key = keys.partition(partition);
      operations.push(state || result ? put(key, encodePartition(state, result)) : { type: 'del', key });
    }
    for (const { position, message } of batch.parked) operations.push(put(keys.parked(position), json(message)));
    for (const [position, row] of batch.outbox) operations.push(put(keys.outbox(position), row));
    if (batch.digest) {
      operations.push(put(keys.digest(batch.position), batch.digest));
      const old = batch.position - DIGESTS_KEPT * DIGEST_EVERY;
      if (old > 0) operations.push({ type: 'del', key: keys.digest(old) });
    }
    await this.store.write(operations, sync);
    this.current = checkpoint;
    this.waiting += batch.outbox.size;
  }

  /** The states of those of the partitions that have one. */
  async states(partitions: readonly string[]): Promise<Map<string, Uint8Array>> {
    const rows = await this.store.getMany(partitions.map((partition) => this.keys.partition(partition)));
    const states = new Map<string, Uint8Array>();
    rows.forEach((row, n) => {
      const state = row && decodePartition(row).state;
      if (state) states.set(partitions[n] as string, state);
    });
    return states;
  }

  async partition(name: string): Promise<PartitionState | undefined> {
    const row = await this.store.get(this.keys.partition(name));
    return row && decodePartition(row);
  }

  /** At least one partition, where there is one, and no more than `limit` and than a page takes. */
  async partitions(prefix: string, after: string, limit: number): Promise<PartitionRows> {
    // One row more tells whether others follow; and the state that all share stands among them and is none.
    const rowsMax = limit + 2;
    const scan = this.store.scan({ ...this.keys.partitions(prefix, after), limit: rowsMax });
    const rows: [name: string, state: PartitionState][] = [];
    let bytes = 0;
    try {
      for (let some = await scan.next(rowsMax); some.length > 0; some = await scan.next(rowsMax)) {
        for (const [key, row] of some) {
          const partition = this.keys.partitionOf(key);
          if (partition === SHARED_STATE) continue;
          const { state, result } = decodePartition(row);
          bytes += partition.length + (state?.length ?? 0) + (result?.length ?? 0);
          if (rows.length === limit || (rows.length > 0 && bytes > PAGE_BYTES_MAX)) return { rows, more: true };
          rows.push([partition, { state, result }]);
        }
      }
      return { rows, more: false };
    } finally {
      await scan.close();
    }
  }

  async parked(limit: number): Promise<ParkedEvent[]> {
    const scan = this.store.scan({ ...this.keys.allParked, limit });
    try {
      const rows = await readUpTo(scan, limit);
      return rows.map(([key, row]) => ({ position: this.keys.numberOf(key), message: String(parse(row)) }));
    } finally {
      await scan.close();
    }
  }

  /** The digests behind a position, in order. */
  async digests(after: number, limit: number): Promise<StoredDigest[]> {
    const { keys } = this;
    const scan = this.store.scan({ from: keys.digest(after + 1), to: keys.endOfDigests, limit });
    try {
      return (await readUpTo(scan, limit)).map(([key, digest]) => ({ position: keys.numberOf(key), digest }));
    } finally {
      await scan.close();
    }
  }

  /** The first rows of the outbox from a position on, in order. */
  async outbox(from: number, limit: number): Promise<OutboxRow[]> {
    const scan = this.store.scan({ from: this.keys.outbox(from), to: this.keys.wholeOutbox.to, limit });
    try {
      return (await readUpTo(scan, limit)).map(([key, row]) => ({ position: this.keys.numberOf(key), row }));
    } finally {
      await scan.close();
    }
  }

  /** All of it as it is now, for another node. */
  copy(): AsyncIterable<StatePiece> {
    return copyOf(this.store, this.keys);
  }

  /** Puts what another node has in the place of all of it. Where that fails, there may be nothing left. */
  async replace(
    pieces: AsyncIterable<StatePiece>,
    chainAt: (position: number) => Promise<Uint8Array | undefined> = async () => undefined,
  ): Promise<void> {
    await this.trimming;
    try {
      await install(this.store, this.keys, pieces);
    } finally {
      this.current = (await readCheckpoint(this.store, this.keys)) ?? BEGINNING;
      ({ waiting: this.waiting, skipped: this.skipped } = await readOutbox(this.store, this.keys));
    }
    const other = await otherHistory(this.current, chainAt);
    if (other === undefined) return;
    await this.drop();
    throw new FactstoreError('DATA_LOSS', `the state that came is not this cluster's: ${other}`);
  }

  /** Forgets what was appended: everything up to a position. */
  trimOutbox(upTo: number): Promise<void> {
    this.trimming = this.trim(upTo);
    return this.trimming;
  }

  private async trim(upTo: number): Promise<void> {
    if (this.waiting === 0) return;
    const { from } = this.keys.wholeOutbox;
    const removed = await removeRows(this.store, { from, to: this.keys.outbox(upTo + 1) });
    // Only now: a batch may have added some meanwhile.
    this.waiting -= removed;
  }

  /** Leaves out the first row of the outbox, which can never be appended, and remembers that what follows it may pass it. */
  leaveOut(position: number): Promise<void> {
    this.trimming = this.skip(position);
    return this.trimming;
  }

  private async skip(position: number): Promise<void> {
    const key = this.keys.outbox(position);
    if (!(await this.store.get(key))) return;
    await this.store.write([{ type: 'del', key }, put(this.keys.leftOut, json(position))], false);
    this.waiting--;
    this.skipped = position;
  }

  /** Removes all of it. True: a purge is owed. */
  async drop(): Promise<boolean> {
    const owed = await removeGeneration(this.store, this.keys);
    this.current = BEGINNING;
    this.waiting = 0;
    this.skipped = 0;
    return owed;
  }

  /** The same, but it is remembered that nothing of it is needed any more. */
  async retire(): Promise<boolean> {
    const owed = await this.drop();
    await this.store.write([put(this.keys.checkpoint, json({ retired: true }))], false);
    return owed;
  }

  static async isRetired(store: Store, name: string, generation: number): Promise<boolean> {
    const row = await store.get(new GenerationKeys(name, generation).checkpoint);
    return row !== undefined && (parse(row) as { retired?: boolean } | undefined)?.retired === true;
  }
}

function put(key: Uint8Array, value: Uint8Array): Operation {
  return { type: 'put', key, value };
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function parse(row: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(row).toString());
  } catch {
    return undefined;
  }
}

/** Why a state is not of the log that a node has; undefined: it is, or the log does not reach it. */
async function otherHistory(
  { position, chain }: Checkpoint,
  chainAt: (position: number) => Promise<Uint8Array | undefined>,
): Promise<string | undefined> {
  const own = chain === undefined ? undefined : await chainAt(position);
  if (!own || Buffer.from(own).toString('hex') === chain) return undefined;
  return `it is of another history: the chain hash of the log at position ${position} is another one`;
}

/** How many rows wait in an outbox, and behind which event it goes on though that was never appended. */
interface OutboxState {
  readonly waiting: number;
  readonly skipped: number;
}

async function readOutbox(store: Store, keys: GenerationKeys): Promise<OutboxState> {
  let waiting = 0;
  await eachRow(store, keys.wholeOutbox, () => void waiting++);
  const row = await store.get(keys.leftOut);
  const skipped = row && parse(row);
  return { waiting, skipped: typeof skipped === 'number' ? skipped : 0 };
}

async function readCheckpoint(store: Store, keys: GenerationKeys): Promise<Checkpoint | undefined> {
  const row = await store.get(keys.checkpoint);
  return row && (parse(row) as Checkpoint | undefined);
}

/**
 * What is missing of the last batches: LevelDB can lose one from the middle without a word, and the state would be wrong
 * for ever. Each names the checkpoint that it went on from.
 */
async function journalDamage(store: Store, keys: GenerationKeys, last: Checkpoint): Promise<string | undefined> {
  let expected = Math.max(1, last.sequence - JOURNAL_ROWS + 1);
  let position: number | undefined;
  let damage: string | undefined;
  await eachRow(store, keys.wholeJournal, (key, row) => {
    const [from, to] = (parse(row) ?? []) as number[];
    const sequence = keys.numberOf(key);
    if (sequence !== expected || (position !== undefined && from !== position))
      damage ??= `batch ${expected} is missing`;
    expected = sequence + 1;
    position = to;
  });
  if (damage === undefined && (expected !== last.sequence + 1 || position !== last.position)) {
    damage = `batch ${last.sequence} is missing`;
  }
  return damage;
}

async function readUpTo(scan: ReturnType<Store['scan']>, limit: number): Promise<[Buffer, Buffer][]> {
  const all: [Buffer, Buffer][] = [];
  while (all.length < limit) {
    const rows = await scan.next(limit - all.length);
    if (rows.length === 0) break;
    all.push(...rows);
  }
  return all;
}
