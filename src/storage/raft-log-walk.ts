import type { Damage } from './damage.ts';
import type { RaftLogReader } from './raft-log-reader.ts';
import { decodeHardState, parseKey } from './raft-log-rows.ts';
import { chainDamage, continuityDamage, EntryRecord, type LogPlace, recordDamage } from './record.ts';

/** Why an entry is not the one that follows a place: the full check, of digest, chain and continuity (rules D4, S2). */
export function linkDamage(previous: LogPlace, record: EntryRecord): string | undefined {
  return chainDamage(record, previous.chain) ?? continuityDamage(previous, record);
}

/** Checks rows one after another, up or down the log: each record, and that each pair of neighbours belongs together. */
export class RaftLogWalk {
  readonly damages: Damage[] = [];
  /** Index of the row that should come next. */
  expected: number;
  bytes = 0;
  private readonly reader: RaftLogReader;
  private readonly step: 1 | -1;
  /** The entry before, in the direction of the walk; undefined where it is damaged. */
  private neighbour: LogPlace | EntryRecord | undefined;

  constructor(reader: RaftLogReader, step: 1 | -1, expected: number, neighbour?: LogPlace) {
    this.reader = reader;
    this.step = step;
    this.expected = expected;
    this.neighbour = neighbour;
  }

  /** Takes the next row; gives the entry in it, if it is one and intact. */
  accept(key: Buffer, value: Buffer): EntryRecord | undefined {
    const row = parseKey(key);
    if (row === undefined || row.kind === 'membership') {
      this.report(this.expected, `a row with the unknown key ${key.toString('hex')} stands near it`);
      return undefined;
    }
    if (row.kind === 'hardState') {
      this.checkHardState(row.index, value);
      return undefined;
    }
    this.skipTo(row.index);
    if (row.index !== this.expected) {
      this.report(row.index, 'it stands out of order');
      return undefined;
    }
    this.expected += this.step;
    this.bytes += value.length;
    const reason = recordDamage(row.index, value);
    const record = reason === undefined ? new EntryRecord(row.index, value) : undefined;
    if (reason !== undefined) this.report(row.index, reason);
    else if (record) this.checkLink(record);
    this.neighbour = record;
    return record;
  }

  /** Reports every entry that is missing before this one. */
  skipTo(index: number): void {
    while ((index - this.expected) * this.step > 0) this.pass('it is missing');
  }

  /** Reports the entry that should come next, and goes on behind it. */
  pass(what: string): void {
    this.report(this.expected, what);
    this.expected += this.step;
    this.neighbour = undefined;
  }

  private checkLink(record: EntryRecord): void {
    if (!this.neighbour) return;
    const [older, newer] = this.step > 0 ? [this.neighbour, record] : [record, this.neighbour];
    const reason = newer instanceof EntryRecord ? linkDamage(older, newer) : undefined;
    if (reason !== undefined) this.report(newer.index, reason);
  }

  /** Old hard states mean nothing any more, but a damaged one tells of a damaged table. */
  private checkHardState(index: number, value: Buffer): void {
    const row = decodeHardState(value);
    if (typeof row === 'string') this.report(index, `the hard state behind it: ${row}`);
    else if (row.lastIndex !== index) this.report(index, `the hard state behind it is of index ${row.lastIndex}`);
  }

  report(index: number, what: string): void {
    this.damages.push(this.reader.damage(index, what));
  }
}
