import { beforeEach, describe, expect, it } from 'vitest';
import { PayloadDraft } from '../../src/model/payload.ts';
import { EntryType } from '../../src/raft/types.ts';
import { Sealer } from '../../src/replica/sealer.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { type EntryRecord, emptyLog, genesisChain, type LogPlace, sealEntry } from '../../src/storage/record.ts';
import { encodeEvent, uuid } from '../storage/index/log-fixture.ts';

const START = emptyLog(genesisChain(Buffer.from('a cluster')));
const MIB = 1 << 20;

/** A log that a sealer seals, turn by turn. */
class Log {
  readonly records: EntryRecord[] = [];
  readonly sealed: number[] = [];
  readonly failures: unknown[] = [];
  readonly sealer: Sealer;
  private readonly drafts: Parameters<Sealer['begin']>[0][] = [];
  private turns: (() => void)[] = [];

  constructor() {
    this.sealer = new Sealer({
      clock: { yieldTurn: () => new Promise<void>((resolve) => this.turns.push(resolve)) } as Clock,
      stands: (record) => this.records[record.index - 1] === record,
      sealed: ({ index }) => this.sealed.push(index),
      fatal: (error) => this.failures.push(error),
    });
  }

  /** Proposes an append of events with so many bytes each. */
  propose(...sizes: number[]): void {
    const previous: LogPlace = this.records.at(-1) ?? START;
    const id = uuid(this.drafts.length);
    const events = sizes.map((size, n) => encodeEvent({ type: `T${n}`, data: Buffer.alloc(size, id[9]! + n) }));
    const append = { id, digest: id, eventCount: events.length };
    const writes = [{ stream: 's', firstRevision: previous.nextPosition - 1, events }];
    const place = { index: previous.index + 1, term: 1, type: EntryType.events, firstPosition: previous.nextPosition };
    const payload = new PayloadDraft(append, writes, previous.nextPosition, 5);
    const draft = { ...place, count: events.length, createdUs: 5, payload };
    this.drafts.splice(previous.index);
    this.drafts.push(draft);
    this.records.push(this.sealer.begin(draft, previous));
  }

  /** The event loop turns once; false where nothing waits for it. */
  async turn(): Promise<boolean> {
    const next = this.turns.shift();
    next?.();
    await new Promise((resolve) => setImmediate(resolve));
    return next !== undefined;
  }

  async settle(): Promise<number> {
    let turns = 0;
    while (await this.turn()) turns++;
    return turns;
  }

  /** What every record would be, had it been sealed in one step. */
  inOneStep(): Buffer[] {
    let previous: LogPlace = START;
    return this.drafts.map((draft) => {
      const record = sealEntry(draft, previous.chain);
      previous = record;
      return record.bytes;
    });
  }
}

describe('large entries', () => {
  let log: Log;
  beforeEach(() => {
    log = new Log();
  });

  it('are sealed in pieces, between which the event loop has its turns, and are what one step would have made [C3]', async () => {
    log.propose(5 * MIB);
    log.propose(10);
    log.propose(...Array.from({ length: 3_000 }, () => 1_500));
    log.propose(700_000, 3 * MIB, 0, 900_000);
    expect(log.sealer.idle).toBe(false);
    // Three passes (copy, digest, checksum) of about 5, 0, 5 and 5 MiB.
    expect(await log.settle()).toBeGreaterThan(3 * 14);
    expect(log.sealed).toEqual([1, 2, 3, 4]);
    expect(log.sealer.idle).toBe(true);
    log.inOneStep().forEach((bytes, n) => {
      expect(Buffer.compare(log.records[n]!.bytes, bytes)).toBe(0);
    });
    expect(log.failures).toEqual([]);
  });

  it('hold up what is proposed behind them, however small it is [C3, S2]', async () => {
    log.propose(4 * MIB);
    for (let turn = 0; turn < 6; turn++) await log.turn();
    log.propose(10);
    expect(log.sealed).toEqual([]);
    await log.settle();
    expect(log.sealed).toEqual([1, 2]);
    expect(Buffer.compare(log.records[1]!.bytes, log.inOneStep()[1]!)).toBe(0);
  });

  it('that are gone with the leadership are forgotten at once, and their places can be filled anew [C3]', async () => {
    log.propose(10);
    await log.settle();
    log.propose(4 * MIB);
    log.propose(4 * MIB);
    for (let turn = 0; turn < 6; turn++) await log.turn();
    log.records.length = 1;
    expect(log.sealer.idle).toBe(true);
    log.propose(2 * MIB);
    await log.settle();
    expect(log.sealed).toEqual([1, 2]);
    expect(log.records).toHaveLength(2);
    expect(Buffer.compare(log.records[1]!.bytes, log.inOneStep()[1]!)).toBe(0);
  });
});
