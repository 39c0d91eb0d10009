import { InvariantViolation } from '../base/assert.ts';
import { EntryType } from '../raft/types.ts';
import { chainDamage, continuityDamage, type EntryRecord, type LogPlace, sealEntry } from '../storage/record.ts';

/** The no-op with which a leader begins its term. It carries position and time on (rule S15). */
export function sealNoop(index: number, term: number, end: LogPlace): EntryRecord {
  const { nextPosition, createdUs } = end;
  const draft = { index, term, type: EntryType.noop, firstPosition: nextPosition, count: 0, createdUs };
  return sealEntry({ ...draft, payload: new Uint8Array(0) }, end.chain);
}

/** An entry that changes the members. It carries position and time on, as a no-op does. */
export function sealMembership(term: number, end: LogPlace, payload: Uint8Array): EntryRecord {
  const { nextPosition, createdUs } = end;
  const place = { index: end.index + 1, term, firstPosition: nextPosition, count: 0, createdUs };
  return sealEntry({ ...place, type: EntryType.membership, payload }, end.chain);
}

/**
 * Checks that a record received from the leader continues the log (rules S2, D4) before it is acknowledged: places
 * contiguous, time not going back, digest and chain right. A mismatch means that two nodes disagree about what is
 * committed, or that bytes were changed under way; the node stops rather than skip over it. `digest` is that of the
 * payload, where it has been made already.
 */
export function checkContinues(record: EntryRecord, end: LogPlace, digest?: Buffer): void {
  const problem = continuationDamage(record, end, digest);
  if (problem === undefined) return;
  throw new InvariantViolation(
    `log entry ${record.index} of term ${record.term}, received from the leader, does not continue entry ${end.index} of term ${end.term}: ${problem}`,
  );
}

/** Why a record does not continue the log; undefined: it does. */
export function continuationDamage(record: EntryRecord, end: LogPlace, digest?: Buffer): string | undefined {
  return continuityDamage(end, record) ?? chainDamage(record, end.chain, digest);
}
