import {
  chainDamage,
  continuityDamage,
  digestInPieces,
  type EntryRecord,
  type LogPlace,
  PIECE_BYTES,
} from '../storage/record.ts';

/** A record that does not continue the log behind `end`, and why. */
interface Break {
  readonly record: EntryRecord;
  readonly end: LogPlace;
  readonly problem: string;
}

/**
 * The first of some records from another node that does not continue the log behind `end` (rules S2, D4): places
 * contiguous, time not going back, digest and chain right; undefined: all of them do. It goes in pieces, between which the
 * event loop has its turns (rule C3). Those that are `known` need no look.
 */
export async function firstBreak(
  records: readonly EntryRecord[],
  end: LogPlace,
  yieldTurn: () => Promise<void>,
  known: (record: EntryRecord) => boolean = () => false,
): Promise<Break | undefined> {
  let place = end;
  let bytes = 0;
  for (const record of records) {
    if (!known(record)) {
      bytes += record.bytes.length;
      const large = record.payload.length > PIECE_BYTES;
      const digest = large ? await digestInPieces(record.payload, yieldTurn) : undefined;
      const problem = continuityDamage(place, record) ?? chainDamage(record, place.chain, digest);
      if (problem !== undefined) return { record, end: place, problem };
    }
    place = record;
    if (bytes <= PIECE_BYTES) continue;
    bytes = 0;
    await yieldTurn();
  }
  return undefined;
}
