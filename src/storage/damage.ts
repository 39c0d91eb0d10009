import { FactstoreError } from '../base/errors.ts';

/**
 * What is wrong with a raft log (rule D7).
 *
 * - `belowCommit`: a record at or below the durable commit index is missing or wrong, while the end of the log and the
 *   promise file are intact. The node still knows everything that it promised; any peer has the record.
 * - `promiseLost`: what is missing or wrong may be something that the node promised, by a vote or an acknowledgement.
 *   It must take part in nothing as the member that it was.
 */
type DamageKind = 'belowCommit' | 'promiseLost';

export interface Damage {
  readonly kind: DamageKind;
  /** Log index of the record; of what has none of its own, the index of the place where it stands. */
  readonly index: number;
  /** What it is about and what is wrong with it, such as "entry 17: its checksum is wrong". */
  readonly text: string;
}

const MEANING: Record<DamageKind, string> = {
  belowCommit: 'Votes and acknowledgements of this node are intact; a majority of the members has held this record.',
  promiseLost: 'This node may have forgotten a vote or an acknowledgement that it gave, so it must not go on as it is.',
};

/** The DATA_LOSS with which a damaged node stops. `path` is the data directory. */
export function damageError(path: string, damage: Damage, cause?: unknown): FactstoreError {
  const text = [
    `the raft log in ${path} is damaged: ${damage.text}.`,
    MEANING[damage.kind],
    'Nothing was changed. Ways out: in a cluster whose other members are healthy, move this directory away and let the',
    'node join again with an empty one, as a new member; else restore the directory from a backup. Keep the damaged one,',
    "and do not run LevelDB's repair on it, which drops records without a word.",
  ].join(' ');
  return new FactstoreError(
    'DATA_LOSS',
    text,
    { path, kind: damage.kind, index: damage.index, what: damage.text },
    { cause },
  );
}

/** Whether an error is damage of a database that follows from the log, such as the index: it can be built anew. */
export function isDerivedDamage(error: unknown): boolean {
  return error instanceof FactstoreError && error.code === 'DATA_LOSS' && damageIn(error) === undefined;
}

/** The damage that an error tells of; undefined where it tells of something else. */
export function damageIn(error: unknown): Damage | undefined {
  if (!(error instanceof FactstoreError) || error.code !== 'DATA_LOSS') return undefined;
  const { kind, index, what } = error.details;
  if (kind !== 'belowCommit' && kind !== 'promiseLost') return undefined;
  return { kind, index: index as number, text: what as string };
}
