import { assert } from '../base/assert.ts';
import type { Signal } from '../base/signal.ts';
import { EntryType, type HardState } from '../raft/types.ts';
import type { Damage } from './damage.ts';
import type { LevelOptions } from './level-store.ts';
import type { PromiseStore } from './promise-file.ts';
import { RaftLogReader } from './raft-log-reader.ts';
import { type Recovered, recover } from './raft-log-recovery.ts';
import { behindEntryKey, encodeHardState, entryKey, hardStateKey, membershipKey } from './raft-log-rows.ts';
import { type VerifyProgress, verifyLog } from './raft-log-verify.ts';
import { continuityDamage, type EntryRecord, emptyLog, type LogPlace, placeOf } from './record.ts';
import { decodeScavengeProgress, encodeScavengeProgress, SCAVENGE_KEY, type ScavengeProgress } from './scavenge-row.ts';
import type { CompactionRest, Operation, Store } from './store.ts';

/** How the database `log/` is opened: big tables, of which few are ever rewritten (rule D3). */
export const RAFT_LOG_DATABASE: LevelOptions = {
  writeBufferBytes: 16 << 20,
  tableBytes: 32 << 20,
  cacheBytes: 8 << 20,
};

export interface RaftLogOptions {
  /** The data directory, for messages. */
  readonly path: string;
  /** Where promises are remembered outside the database (rule D2). */
  readonly promises: PromiseStore;
  /** The chain hash before the first entry: `genesisChain` of the cluster id. */
  readonly genesis: Uint8Array;
  /** This start of the node. */
  readonly incarnation: number;
  /** Told of every damage that a read meets after the log is open. */
  readonly onDamage?: (damage: Damage) => void;
  /** How much of the end of the log is verified when it is opened; 10,000 entries or 64 MiB unless given. */
  readonly verifyEntries?: number;
  readonly verifyBytes?: number;
}

/** What one synced batch makes durable. */
export interface LogBatch {
  /** Entries above this index are deleted; undefined: none. Never below the durable commit index. */
  readonly truncateAfter: number | undefined;
  /** They follow the last entry that remains. */
  readonly records: readonly EntryRecord[];
  readonly hardState: HardState;
}

/**
 * The raft log on a store: all entries, for ever, from index 1. Writes are synced, atomic and strictly one at a time;
 * after one that failed there is no other. Each is followed by its promise, so that whoever awaits `write` may send
 * what it allows.
 */
export class RaftLog {
  /** What the log said when it was opened. */
  readonly recovered: Recovered;
  private readonly reader: RaftLogReader;
  private readonly options: RaftLogOptions;
  private state: 'ready' | 'writing' | 'failed' | 'closed' = 'ready';
  private current: HardState;
  private place: LogPlace;
  /** Membership entries above the durable commit index. */
  private uncommitted: EntryRecord[];
  /** The newest membership entry at or below it. */
  private committedMembership: EntryRecord | undefined;
  /** Settles once no batch is under way: two that are could land in either order. */
  private batches: Promise<unknown> = Promise.resolve();

  private constructor(reader: RaftLogReader, options: RaftLogOptions, recovered: Recovered) {
    this.reader = reader;
    this.options = options;
    this.recovered = recovered;
    this.current = recovered.hardState;
    this.place = recovered.end;
    this.uncommitted = [...recovered.uncommittedMemberships];
    this.committedMembership = recovered.memberships.at(-1);
  }

  /** Opens and verifies a log. Ends in DATA_LOSS, with the record and what to do, where it is damaged (rule D7). */
  static async open(store: Store, options: RaftLogOptions): Promise<RaftLog> {
    const { genesis, verifyEntries = 10_000, verifyBytes = 64 << 20 } = options;
    const reader = new RaftLogReader(store, options.path);
    const recovered = await recover(reader, options.promises.read(), { genesis, verifyEntries, verifyBytes });
    const log = new RaftLog(reader, options, recovered);
    log.promise(log.current, log.place);
    await options.promises.sync();
    reader.onDamage = options.onDamage;
    return log;
  }

  /** The durable hard state. */
  get hardState(): HardState {
    return this.current;
  }

  /** Index of the last durable entry; 0: there is none. */
  get lastIndex(): number {
    return this.reader.lastIndex;
  }

  /** The durable end of the log: what the next entry joins on to. */
  get end(): LogPlace {
    return this.place;
  }

  /** The durable membership entries that still count: the newest committed one, and those above the commit index. */
  get memberships(): readonly EntryRecord[] {
    return this.committedMembership ? [this.committedMembership, ...this.uncommitted] : this.uncommitted;
  }

  /** The index of the membership entry in force, as far as the disk knows: one that is not committed may never be. */
  get membershipIndex(): number {
    return this.memberships[0]?.index ?? 0;
  }

  /**
   * Writes one batch: durable, and promised, once it returns. Callers await each call before the next one. An entry
   * that does not continue the log (rule S2) is an InvariantViolation. After any error the process must end (rule D1).
   */
  async write(batch: LogBatch): Promise<void> {
    assert(this.state === 'ready', () => `a write to the raft log while it is ${this.state}`);
    this.state = 'writing';
    try {
      await this.writeBatch(batch);
      this.state = 'ready';
    } catch (error) {
      this.state = 'failed';
      throw error;
    }
  }

  private async writeBatch({ truncateAfter, records, hardState }: LogBatch): Promise<void> {
    const oldLast = this.lastIndex;
    const base = truncateAfter === undefined ? this.place : await this.placeAt(truncateAfter);
    const end = this.check(base, records, hardState);
    const operations: Operation[] = [];
    if (base.index < oldLast) {
      await this.beginTruncation(base);
      deleteSuffix(operations, base.index, oldLast, end.index);
    }
    const uncommitted = this.uncommitted.filter((record) => record.index <= base.index);
    for (const record of records) {
      operations.push({ type: 'put', key: entryKey(record.index), value: record.bytes });
      if (record.type === EntryType.membership) uncommitted.push(record);
    }
    const committed = uncommitted.filter((record) => record.index <= hardState.commit);
    for (const record of committed)
      operations.push({ type: 'put', key: membershipKey(record.index), value: record.bytes });
    const membership = committed.at(-1) ?? this.committedMembership;
    const { term, vote, commit } = hardState;
    const membershipIndex = membership?.index ?? 0;
    const row = { term, vote, commit, lastIndex: end.index, chain: end.chain, membershipIndex };
    operations.push({ type: 'put', key: hardStateKey(end.index), value: encodeHardState(row) });

    await this.writeInTurn(operations);
    this.place = end;
    this.current = hardState;
    this.committedMembership = membership;
    this.uncommitted = uncommitted.slice(committed.length);
    this.reader.moveTo(end.index, hardState.commit);
    this.promise(hardState, end);
  }

  /**
   * Puts stubs in the places of their entries (rule D4), and keeps how far the scavenge has come, in one synced batch. Any
   * time, beside `write`. The entries are applied, so they are committed and nobody will ever truncate them.
   */
  async replace(stubs: readonly EntryRecord[], progress: ScavengeProgress): Promise<void> {
    const operations: Operation[] = stubs.map((stub) => {
      assert(stub.erased && stub.type === EntryType.events, () => `entry ${stub.index} is replaced by what is no stub`);
      assert(stub.index <= this.lastIndex, () => `entry ${stub.index} is replaced, but the log does not have it`);
      return { type: 'put', key: entryKey(stub.index), value: stub.bytes };
    });
    operations.push({ type: 'put', key: SCAVENGE_KEY, value: encodeScavengeProgress(progress) });
    await this.writeInTurn(operations);
  }

  /** How far the last scavenge has come; undefined where there was none since the log was written (anew). */
  async scavengeProgress(): Promise<ScavengeProgress | undefined> {
    const row = await this.reader.store.get(SCAVENGE_KEY);
    return row && decodeScavengeProgress(row);
  }

  /** Has LevelDB rewrite the tables of the entries up to this one without what was replaced. False: the signal or `rest` ended it. */
  compact(to: number, signal: Signal, rest: CompactionRest): Promise<boolean> {
    return this.reader.store.compact(behindEntryKey(0), behindEntryKey(to), signal, rest);
  }

  private writeInTurn(operations: readonly Operation[]): Promise<void> {
    const written = this.batches.then(() => this.reader.store.write(operations, true));
    this.batches = written.catch(() => undefined);
    return written;
  }

  /** Checks that a batch continues the log behind `base`; gives the end of the log behind it. */
  private check(base: LogPlace, records: readonly EntryRecord[], hardState: HardState): LogPlace {
    const { term, vote, commit } = this.current;
    assert(base.index >= commit, () => `a truncation to ${base.index}, below the commit index ${commit}`);
    let end: LogPlace = base;
    for (const record of records) {
      const reason = continuityDamage(end, record);
      assert(reason === undefined, () => `entry ${record.index} does not continue the raft log: ${reason}`);
      end = record;
    }
    const votes = hardState.term > term || vote === undefined || hardState.vote === vote;
    assert(hardState.term >= term && votes, () => `a hard state of term ${hardState.term} over one of term ${term}`);
    assert(
      hardState.term >= end.term,
      () => `an entry of term ${end.term} under a hard state of term ${hardState.term}`,
    );
    assert(hardState.commit >= commit, () => `commit index ${hardState.commit} over ${commit}`);
    assert(hardState.commit <= end.index, () => `commit index ${hardState.commit} beyond the last index ${end.index}`);
    return end === base ? base : placeOf(end);
  }

  /**
   * Before entries are deleted the node takes back its promise to hold them, durably. Else a crash between the batch
   * and its promise would look like a lost tail. The leader of a later term has allowed it to.
   */
  private async beginTruncation(base: LogPlace): Promise<void> {
    this.promise(this.current, base);
    await this.options.promises.sync();
    this.reader.beginTruncation(base.index);
  }

  private promise({ term, vote }: HardState, { index, chain }: LogPlace): void {
    const { promises, incarnation } = this.options;
    promises.write({ incarnation, term, vote, lastIndex: index, chain });
  }

  /** The place that an entry after `index` joins on to; `index` is not beyond the last one. */
  async placeAt(index: number): Promise<LogPlace> {
    assert(
      index >= 0 && index <= this.lastIndex,
      () => `a truncation to ${index} of a log that ends at ${this.lastIndex}`,
    );
    if (index === this.lastIndex) return this.place;
    const record = await this.reader.get(index);
    return record ? placeOf(record) : emptyLog(this.options.genesis);
  }

  /** An entry; undefined where the log does not reach it. DATA_LOSS where it is damaged or missing. */
  get(index: number): Promise<EntryRecord | undefined> {
    return this.reader.get(index);
  }

  /**
   * Entries `from` … `to`, both inclusive, as far as the log goes and as `maxBytes` allow, but at least one; nothing
   * where the log does not reach `from`. DATA_LOSS where one of them is damaged or missing.
   */
  read(from: number, to: number, maxBytes: number): Promise<EntryRecord[]> {
    return this.reader.read(from, to, maxBytes);
  }

  /** Entries `from` … `to`, both inclusive (`to`: the last one now), in turns of at most 64 KiB or one entry. */
  scan(from: number, to = this.lastIndex): AsyncGenerator<readonly EntryRecord[], void, undefined> {
    return this.reader.scan(from, to);
  }

  /** The index of the entry that holds the event at this position; undefined where the log holds none. */
  findByPosition(position: number): Promise<number | undefined> {
    return this.reader.findByPosition(position);
  }

  /** The index of the first entry created at this time (microseconds since 1970) or later; undefined where all are older. */
  findByTime(createdUs: number): Promise<number | undefined> {
    return this.reader.findByTime(createdUs);
  }

  /**
   * What it means for this log that something derived from it, such as the event index, has applied `index` with this
   * chain hash: proof of loss where the log does not hold that entry (rule D8), else nothing. Being beyond the durable
   * commit index is normal.
   */
  async damageProvedBy(index: number, chain: Uint8Array): Promise<Damage | undefined> {
    const fail = (text: string): Damage => ({ kind: 'promiseLost', index, text });
    if (index > this.lastIndex) return fail(`entry ${index} has been applied, but the log ends at ${this.lastIndex}`);
    const record = await this.get(index);
    return !record || record.chain.equals(chain) ? undefined : fail(`entry ${index} is not the one that was applied`);
  }

  /** Checks everything up to the durable commit index, end to end, and reports after each turn. */
  verify(): AsyncGenerator<VerifyProgress, void, undefined> {
    return verifyLog(this.reader, this.options.genesis);
  }

  /** Closes the store. No write may be under way. */
  async close(): Promise<void> {
    assert(this.state !== 'writing', 'the raft log is closed while it is written');
    this.state = 'closed';
    await this.batches;
    await this.reader.store.close();
  }
}

/** Deletes entries `after + 1` … `oldLast`, but for those that are written anew, and every hard state behind them. */
function deleteSuffix(operations: Operation[], after: number, oldLast: number, newLast: number): void {
  for (let index = after + 1; index <= oldLast; index++) {
    if (index > newLast) operations.push({ type: 'del', key: entryKey(index) });
    if (index !== newLast) operations.push({ type: 'del', key: hardStateKey(index) });
  }
}
