import { FactstoreError } from '../base/errors.ts';
import { EntryType, type HardState, type TermRun } from '../raft/types.ts';
import { type Damage, damageError } from './damage.ts';
import type { Promised } from './promise-file.ts';
import { type RaftLogReader, TURN_ROWS } from './raft-log-reader.ts';
import { decodeHardState, entryKey, type HardStateRow, membershipKey, parseKey } from './raft-log-rows.ts';
import { linkDamage, RaftLogWalk } from './raft-log-walk.ts';
import { EntryRecord, emptyLog, type LogPlace, placeOf, recordDamage } from './record.ts';
import type { Store } from './store.ts';

export interface RecoveryOptions {
  /** Chain hash before the first entry. */
  readonly genesis: Uint8Array;
  /** How much of the end of the log is verified at least, unless the log is shorter: entries … */
  readonly verifyEntries: number;
  /** … or bytes, whichever is reached first; but always down to the durable commit index. */
  readonly verifyBytes: number;
}

/** What a verified log says. */
export interface Recovered {
  readonly hardState: HardState;
  readonly lastIndex: number;
  /** The end of the log: what the next entry joins on to. */
  readonly end: LogPlace;
  readonly termRuns: readonly TermRun[];
  /** Membership entries at or below the durable commit index, oldest first (rule D6). */
  readonly memberships: readonly EntryRecord[];
  /** Membership entries above it. */
  readonly uncommittedMemberships: readonly EntryRecord[];
}

const NO_HARD_STATE: HardState = { term: 0, vote: undefined, commit: 0 };

/**
 * Verifies a log at start, and ends in DATA_LOSS where it is not whole: LevelDB itself opens with records missing from
 * the end or from the middle, and can return wrong values. Checked are, in this order, the hard state behind the last
 * entry; that entry; the promise file, which alone knows of a lost end (rule D2); the chain over the end of the log and
 * at its beginning; the membership rows. What lies between is checked when it is read, and by `verify`.
 */
export async function recover(reader: RaftLogReader, promised: Promised, options: RecoveryOptions): Promise<Recovered> {
  const row = await readHardState(reader);
  const lastIndex = row?.lastIndex ?? 0;
  reader.moveTo(lastIndex, row?.commit ?? 0);
  const fail = (damage: Damage) => damageError(reader.path, damage);

  const broken = await brokenPromise(reader, row, promised);
  if (broken !== undefined) throw fail({ kind: 'promiseLost', index: lastIndex, text: broken });
  const end: LogPlace = (await reader.get(lastIndex)) ?? emptyLog(options.genesis);
  if (row && !end.chain.equals(row.chain))
    throw fail(reader.damage(lastIndex, 'it has another chain hash than the hard state behind it'));

  const uncommittedMemberships = await verifyEnd(reader, options);
  const first = await reader.get(1);
  const reason = first && linkDamage(emptyLog(options.genesis), first);
  if (reason !== undefined) throw fail(reader.damage(1, `${reason}; or the log belongs to another cluster`));
  const { term, vote, commit } = row ?? NO_HARD_STATE;
  return {
    hardState: { term, vote, commit },
    lastIndex,
    end: placeOf(end),
    termRuns: await reader.termRuns(),
    memberships: await readMemberships(reader, row),
    uncommittedMemberships,
  };
}

/** The hard state, which is the last row of the database; undefined where the database is empty. */
export async function readHardState(reader: RaftLogReader): Promise<HardStateRow | undefined> {
  const fail = (index: number, text: string) => damageError(reader.path, { kind: 'promiseLost', index, text });
  const scan = reader.store.scan({ backwards: true, limit: 1 });
  try {
    const [last] = await reader.reading(0, scan.next(1));
    if (!last) return undefined;
    const key = parseKey(last[0]);
    if (key === undefined) throw fail(0, `its last row has the unknown key ${last[0].toString('hex')}`);
    const what = `the hard state behind entry ${key.index}`;
    if (key.kind !== 'hardState') throw fail(key.index, `${what} is missing`);
    const row = decodeHardState(last[1]);
    if (typeof row === 'string') throw fail(key.index, `${what}: ${row}`);
    if (row.lastIndex !== key.index) throw fail(key.index, `${what} is of index ${row.lastIndex}`);
    if (row.commit > row.lastIndex) throw fail(key.index, `${what} has commit index ${row.commit}`);
    return row;
  } finally {
    await scan.close();
  }
}

/** Why a log is not the one that the promise file remembers (rule D2); undefined where it is, or is a longer one. */
export async function brokenPromise(
  reader: RaftLogReader,
  row: HardStateRow | undefined,
  promised: Promised,
): Promise<string | undefined> {
  const { lastIndex, term, vote } = promised;
  const known = row ?? NO_HARD_STATE;
  if (lastIndex > reader.lastIndex)
    return `it ends at entry ${reader.lastIndex}, but this node promised to hold everything up to entry ${lastIndex}`;
  if (known.term < term) return `its term is ${known.term}, but this node has made promises in term ${term}`;
  if (known.term === term && vote !== undefined && known.vote !== vote)
    return `its vote of term ${term} is for ${known.vote ?? 'nobody'}, but this node voted for ${vote}`;
  // At the end of the log the hard state tells the chain hash even where the entry itself is damaged.
  const chain = lastIndex === row?.lastIndex ? row.chain : (await reader.get(lastIndex))?.chain;
  if (chain && !chain.equals(promised.chain))
    return `entry ${lastIndex} is not the one that this node promised to hold`;
  return undefined;
}

/** Walks down from the last entry; gives the membership entries above the durable commit index, oldest first. */
async function verifyEnd(reader: RaftLogReader, options: RecoveryOptions): Promise<EntryRecord[]> {
  const { lastIndex, commit } = reader;
  const memberships: EntryRecord[] = [];
  const walk = new RaftLogWalk(reader, -1, lastIndex);
  // One more than asked for: the entry that the oldest verified one joins on to.
  const enough = () =>
    walk.expected < commit && (lastIndex - walk.expected > options.verifyEntries || walk.bytes > options.verifyBytes);
  const scan = reader.store.scan({ from: entryKey(1), to: entryKey(lastIndex + 1), backwards: true });
  try {
    while (walk.expected > 0 && !enough()) {
      const rows = await reader.reading(walk.expected, scan.next(TURN_ROWS));
      if (rows.length === 0) walk.skipTo(0);
      for (const [key, value] of rows) {
        if (enough()) break;
        const record = walk.accept(key, value);
        if (record && record.index > commit && record.type === EntryType.membership) memberships.unshift(record);
      }
      const worst = walk.damages.find((damage) => damage.kind === 'promiseLost') ?? walk.damages[0];
      if (worst) throw damageError(reader.path, worst);
    }
  } finally {
    await scan.close();
  }
  return memberships;
}

/** The membership rows, of which the newest must be the one that the hard state names. */
async function readMemberships(reader: RaftLogReader, hardState: HardStateRow | undefined): Promise<EntryRecord[]> {
  const memberships: EntryRecord[] = [];
  const scan = reader.store.scan({ from: membershipKey(0), to: entryKey(1) });
  try {
    for (;;) {
      const rows = await reader.reading(0, scan.next(TURN_ROWS));
      if (rows.length === 0) break;
      for (const [key, value] of rows) memberships.push(await readMembership(reader, key, value));
    }
  } finally {
    await scan.close();
  }
  const newest = memberships.at(-1)?.index ?? 0;
  const named = hardState?.membershipIndex ?? 0;
  if (newest === named) return memberships;
  const text = `the newest membership row is that of entry ${newest}, but the hard state names entry ${named}`;
  throw damageError(reader.path, { kind: newest > reader.commit ? 'promiseLost' : 'belowCommit', index: named, text });
}

/**
 * The newest membership row that is intact, of a log that is damaged; undefined: none is. It is good enough to know whom to
 * ask for what is lost, and for nothing else: who may vote is only known once the log is whole.
 */
export async function newestIntactMembership(store: Store): Promise<EntryRecord | undefined> {
  const scan = store.scan({ from: membershipKey(0), to: entryKey(1), backwards: true });
  try {
    for (;;) {
      const rows = await scan.next(TURN_ROWS);
      if (rows.length === 0) return undefined;
      for (const [key, value] of rows) {
        const row = parseKey(key);
        if (row?.kind === 'membership' && recordDamage(row.index, value) === undefined)
          return new EntryRecord(row.index, value);
      }
    }
  } catch (error) {
    if (error instanceof FactstoreError && error.code === 'DATA_LOSS') return undefined;
    throw error;
  } finally {
    await scan.close();
  }
}

async function readMembership(reader: RaftLogReader, key: Buffer, value: Buffer): Promise<EntryRecord> {
  const row = parseKey(key);
  const index = row?.index ?? 0;
  const fail = (reason: string) =>
    damageError(reader.path, { kind: 'belowCommit', index, text: `the membership row of entry ${index}: ${reason}` });
  if (row?.kind !== 'membership') throw fail(`another row, ${key.toString('hex')}, stands there`);
  const reason = recordDamage(index, value);
  if (reason !== undefined) throw fail(reason);
  const record = new EntryRecord(index, value);
  const entry = await reader.get(index);
  if (!entry?.chain.equals(record.chain)) throw fail('it is not the entry of the log');
  return record;
}
