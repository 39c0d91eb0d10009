import { FactstoreError } from '../base/errors.ts';
import { EntryType } from '../raft/types.ts';
import { damageError } from './damage.ts';
import { RaftLogReader, TURN_ROWS } from './raft-log-reader.ts';
import { readHardState } from './raft-log-recovery.ts';
import { encodeHardState, entryKey, type HardStateRow, hardStateKey, membershipKey } from './raft-log-rows.ts';
import { linkDamage } from './raft-log-walk.ts';
import { type EntryRecord, emptyLog, type LogPlace, placeOf } from './record.ts';
import type { Operation, Store } from './store.ts';

/** One synced batch copies about this much. */
const BATCH_BYTES = 1 << 20;

/** What is wrong with an answer; undefined: nothing. */
export type Refusal = (records: readonly EntryRecord[]) => string | undefined | Promise<string | undefined>;

/** A run of lost entries up to `to`, as a whole: `refusal` finds nothing wrong with the very ones that were lost alone. */
interface LostRun {
  readonly to: number;
  readonly refusal: Refusal;
}

/**
 * Gets entries `from` … `to` that are known to be committed, as many of them as one answer holds but at least the first, from
 * somebody whose answer `refusal` finds nothing wrong with. Where nobody has them, somebody may have them who does not know
 * yet that they are committed: `orElse` tells what to take of those. Rejects, with the reasons, where nobody has them either.
 */
export type FetchEntries = (
  from: number,
  to: number,
  refusal: Refusal,
  orElse?: () => Promise<LostRun>,
) => Promise<readonly EntryRecord[]>;

export interface RewriteProgress {
  readonly copiedTo: number;
  readonly to: number;
  /** Entries that came from elsewhere, so far. */
  readonly fetched: number;
}

/**
 * Writes a damaged log anew: what is intact is copied, what is not comes from peers (rule D7, damage below the durable
 * commit index). Every entry is checked against the one before it from the very first on, so an entry that comes from
 * elsewhere needs no trust: only the one that was lost goes on to the same chain hash at the end, which the hard state
 * knows. One that its giver does not know to be committed is checked against the one behind it as well, before it is taken:
 * of those there may be two that continue the log. Vote, term and commit index are copied as they are. Ends in DATA_LOSS
 * where more is damaged than that.
 *
 * The damaged database is only read. Mending it in its place would not do: LevelDB fails to compact a table that it
 * cannot decode, and then loses what it acknowledges (rule D1).
 */
export async function* rewriteLog(
  from: Store,
  to: Store,
  options: { readonly path: string; readonly genesis: Uint8Array; readonly fetch: FetchEntries },
): AsyncGenerator<RewriteProgress, void, undefined> {
  const reader = new RaftLogReader(from, options.path);
  const row = await readHardState(reader);
  if (!row) throw damageError(options.path, { kind: 'promiseLost', index: 0, text: 'it is empty' });
  reader.moveTo(row.lastIndex, row.commit);
  let place: LogPlace = emptyLog(options.genesis);
  let fetched = 0;
  let membershipIndex = 0;
  while (place.index < row.lastIndex) {
    let records = await intactBehind(reader, place);
    if (records.length === 0) {
      records = await fetchBehind(reader, place, row, options.fetch);
      fetched += records.length;
    }
    const memberships = records.filter(({ type, index }) => type === EntryType.membership && index <= row.commit);
    membershipIndex = memberships.at(-1)?.index ?? membershipIndex;
    await to.write([...records.map(entryRow), ...memberships.map(membershipRow)], true);
    place = placeOf(records.at(-1) as EntryRecord);
    yield { copiedTo: place.index, to: row.lastIndex, fetched };
  }
  if (!place.chain.equals(row.chain)) {
    const text = `entry ${row.lastIndex}: it has another chain hash than the hard state behind it`;
    throw damageError(options.path, { kind: 'promiseLost', index: row.lastIndex, text });
  }
  const value = encodeHardState({ ...row, membershipIndex });
  await to.write([{ type: 'put', key: hardStateKey(row.lastIndex), value }], true);
}

/** The entries behind a place that are what they must be, up to the first that is not; some of them, where all are. */
async function intactBehind(reader: RaftLogReader, place: LogPlace): Promise<EntryRecord[]> {
  const first = place.index + 1;
  const found =
    (await unlessDamaged(() => reader.read(first, first + TURN_ROWS - 1, BATCH_BYTES))) ??
    (await unlessDamaged(async () => [(await reader.get(first)) as EntryRecord])) ??
    [];
  const wrong = firstBreak(place, found);
  return wrong === undefined ? found : found.slice(0, wrong.at);
}

async function unlessDamaged<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof FactstoreError && error.code === 'DATA_LOSS') return undefined;
    throw error;
  }
}

/** The damaged entry behind a place, and the damaged ones behind it. */
async function fetchBehind(
  reader: RaftLogReader,
  place: LogPlace,
  row: HardStateRow,
  fetch: FetchEntries,
): Promise<EntryRecord[]> {
  const first = place.index + 1;
  const lost = reader.damage(first, 'it is missing or damaged');
  if (lost.kind === 'promiseLost') throw damageError(reader.path, lost);
  const last = await lastDamaged(reader, first, first + TURN_ROWS - 1);
  let run: Promise<LostRun> | undefined;
  const orElse = () => {
    run ??= lostRun(reader, place, row);
    return run;
  };
  return [...(await fetch(first, last, (records) => wrongBehind(place, last, records), orElse))];
}

/** All damaged entries behind a place. What is intact behind them, or the hard state, continues no others. */
async function lostRun(reader: RaftLogReader, place: LogPlace, row: HardStateRow): Promise<LostRun> {
  const to = await lastDamaged(reader, place.index + 1, row.commit);
  const next = await reader.get(to + 1);
  const refusal = (records: readonly EntryRecord[]) => {
    const wrong = wrongBehind(place, to, records);
    const end = records.at(-1);
    if (wrong !== undefined || !end) return wrong;
    if (end.index < to) return `it has no entry ${end.index + 1}`;
    const joins = next ? linkDamage(end, next) === undefined : end.chain.equals(row.chain);
    return joins ? undefined : `its entry ${to} is another one than this node had`;
  };
  return { to, refusal };
}

/** What is wrong with entries as those behind a place, up to `last`. */
function wrongBehind(place: LogPlace, last: number, records: readonly EntryRecord[]): string | undefined {
  const first = place.index + 1;
  if (records.length === 0) return `it has no entry ${first}`;
  if (records.length > last - first + 1) return 'it sent more entries than were asked for';
  const wrong = firstBreak(place, records);
  return wrong && `its entry ${first + wrong.at} is another one: ${wrong.reason}`;
}

/** The end of the damaged entries that begin at `first`, at or below the commit index; `most` where there are more. */
async function lastDamaged(reader: RaftLogReader, first: number, most: number): Promise<number> {
  let last = first;
  while (last < Math.min(reader.commit, most) && (await isDamaged(reader, last + 1))) last++;
  return last;
}

async function isDamaged(reader: RaftLogReader, index: number): Promise<boolean> {
  return (await unlessDamaged(() => reader.get(index))) === undefined;
}

/** Where records do not follow a place, and each other. */
function firstBreak(place: LogPlace, records: readonly EntryRecord[]): { at: number; reason: string } | undefined {
  let previous: LogPlace = place;
  for (const [at, record] of records.entries()) {
    const reason = linkDamage(previous, record);
    if (reason !== undefined) return { at, reason };
    previous = record;
  }
  return undefined;
}

function entryRow({ index, bytes }: EntryRecord): Operation {
  return { type: 'put', key: entryKey(index), value: bytes };
}

function membershipRow({ index, bytes }: EntryRecord): Operation {
  return { type: 'put', key: membershipKey(index), value: bytes };
}
