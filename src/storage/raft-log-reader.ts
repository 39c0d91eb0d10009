import { assert } from '../base/assert.ts';
import { FactstoreError } from '../base/errors.ts';
import type { TermRun } from '../raft/types.ts';
import { type Damage, damageError } from './damage.ts';
import { entryKey, parseKey } from './raft-log-rows.ts';
import { EntryRecord, recordDamage } from './record.ts';
import type { Scan, Store } from './store.ts';

/** Rows and bytes that one turn of a scan takes (rule C3). */
export const TURN_ROWS = 256;
const TURN_BYTES = 64 << 10;

/**
 * Reads entries. Every record that comes from the disk is checked; one that is damaged, and one that is missing although
 * the log reaches beyond it, ends in DATA_LOSS with its index.
 */
export class RaftLogReader {
  readonly store: Store;
  /** The data directory, for messages. */
  readonly path: string;
  /** Told of every damage that a read meets. */
  onDamage: ((damage: Damage) => void) | undefined;
  private last = 0;
  private committed = 0;
  /** Counts truncations: what is missing may have been cut off while it was being read. */
  private truncations = 0;

  constructor(store: Store, path: string) {
    this.store = store;
    this.path = path;
  }

  /** Index of the last synced entry; 0: there is none. */
  get lastIndex(): number {
    return this.last;
  }

  /** The durable commit index. */
  get commit(): number {
    return this.committed;
  }

  /** The log now ends at `lastIndex`, durably. */
  moveTo(lastIndex: number, commit: number): void {
    this.last = lastIndex;
    this.committed = commit;
  }

  /** Entries behind `lastIndex` are about to be deleted. */
  beginTruncation(lastIndex: number): void {
    this.last = lastIndex;
    this.truncations++;
  }

  /** An entry; undefined where the log does not reach it. */
  async get(index: number): Promise<EntryRecord | undefined> {
    if (index < 1 || index > this.last) return undefined;
    const truncations = this.truncations;
    const bytes = await this.reading(index, this.store.get(entryKey(index)));
    if (bytes) return this.checked(index, bytes);
    if (truncations !== this.truncations) return undefined;
    throw this.damaged(index, 'it is missing');
  }

  /**
   * Entries `from` … `to`, both inclusive, as far as the log goes and as `maxBytes` allow, but at least one. Nothing
   * where the log does not reach `from`.
   */
  async read(from: number, to: number, maxBytes: number): Promise<EntryRecord[]> {
    assert(from >= 1, () => `a read of the raft log from ${from}`);
    const end = Math.min(to, this.last);
    if (from > end) return [];
    const truncations = this.truncations;
    const records: EntryRecord[] = [];
    const scan = this.store.scan({ from: entryKey(from), to: entryKey(end + 1) });
    try {
      await this.fill(records, scan, from, end, maxBytes);
    } catch (error) {
      if (truncations === this.truncations) throw error;
    } finally {
      await scan.close();
    }
    return records;
  }

  private async fill(records: EntryRecord[], scan: Scan, from: number, to: number, maxBytes: number): Promise<void> {
    let expected = from;
    let bytes = 0;
    for (;;) {
      const rows = await this.reading(expected, scan.next(Math.min(TURN_ROWS, 2 * (to - expected + 1))));
      if (rows.length === 0) throw this.damaged(expected, 'it is missing');
      for (const [key, value] of rows) {
        const row = parseKey(key);
        if (row?.kind === 'hardState') continue;
        if (row?.index !== expected) throw this.damaged(expected, 'it is missing');
        bytes += value.length;
        if (records.length > 0 && bytes > maxBytes) return;
        records.push(this.checked(expected, value));
        if (++expected > to) return;
      }
    }
  }

  /** The rows of one turn, unchecked: entries from `from` to at most `to` and hard states between them. */
  async readRows(from: number, to: number): Promise<[key: Buffer, value: Buffer][]> {
    const scan = this.store.scan({ from: entryKey(from), to: entryKey(to + 1) });
    try {
      return await this.reading(from, scan.next(TURN_ROWS));
    } finally {
      await scan.close();
    }
  }

  /** Entries from `from` to `to`, both inclusive, in bounded turns: at most 64 KiB or one entry each. */
  async *scan(from: number, to = this.last): AsyncGenerator<readonly EntryRecord[], void, undefined> {
    let next = from;
    while (next <= to) {
      const records = await this.read(next, Math.min(to, next + TURN_ROWS - 1), TURN_BYTES);
      if (records.length === 0) return;
      yield records;
      next += records.length;
    }
  }

  /** The index of the entry that holds the event at this position; undefined where the log holds none. */
  async findByPosition(position: number): Promise<number | undefined> {
    // Entries without events have the first position of the next one with events, so the last of them is meant.
    const index = await this.lastWhere(1, (record) => record.firstPosition <= position);
    const record = await this.get(index);
    return record && position >= record.firstPosition && position < record.nextPosition ? index : undefined;
  }

  /** The index of the first entry that was created at this time (microseconds since 1970) or later. */
  async findByTime(createdUs: number): Promise<number | undefined> {
    const index = (await this.lastWhere(1, (record) => record.createdUs < createdUs)) + 1;
    return index <= this.last ? index : undefined;
  }

  /** The runs of equal terms, found in steps that halve: terms never decrease along the log. */
  async termRuns(): Promise<TermRun[]> {
    const runs: TermRun[] = [];
    for (let first = 1; first <= this.last; ) {
      const term = (await this.get(first))?.term ?? 0;
      runs.push([first, term]);
      first = Math.max(first, await this.lastWhere(first, (record) => record.term <= term)) + 1;
    }
    return runs;
  }

  /** The last index, from `first`, of which something holds that holds up to some index and not behind it; else `first - 1`. */
  private async lastWhere(first: number, holds: (record: EntryRecord) => boolean): Promise<number> {
    let low = first - 1;
    let high = this.last;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const record = await this.get(middle);
      if (record && holds(record)) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Names the record at which the database failed to read. */
  async reading<T>(index: number, answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof FactstoreError && error.code === 'DATA_LOSS')
        throw this.damaged(index, error.message, error);
      throw error;
    }
  }

  damage(index: number, what: string): Damage {
    return { kind: index <= this.committed ? 'belowCommit' : 'promiseLost', index, text: `entry ${index}: ${what}` };
  }

  private checked(index: number, bytes: Buffer): EntryRecord {
    const reason = recordDamage(index, bytes);
    if (reason !== undefined) throw this.damaged(index, reason);
    return new EntryRecord(index, bytes);
  }

  private damaged(index: number, what: string, cause?: unknown): FactstoreError {
    const damage = this.damage(index, what);
    this.onDamage?.(damage);
    return damageError(this.path, damage, cause);
  }
}
