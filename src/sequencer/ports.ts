import type { StreamHead } from '../model/stream.ts';

/** What the index knows of the log up to one applied entry. Judging combines it with the overlay (rule S3). */
export interface Lookup {
  /** The log index of the last entry that the answers include. */
  readonly appliedIndex: number;
  head(stream: string): StreamHead;
  cursor(producer: string): KnownCursor | undefined;
}

/**
 * What was found out about the conditions of an append off the serial path, by a look at everything up to a position.
 * What came behind it is in the overlay (rule S4).
 */
export interface ConditionsSeen {
  readonly position: number;
  /** For each condition, whether a match stands behind its `after`, up to the position. */
  readonly matched: readonly boolean[];
}

/** Of an append without conditions. */
export const NOTHING_SEEN: ConditionsSeen = { position: 0, matched: [] };

/** The last accepted append of a producer (rule S7). */
export interface KnownCursor {
  readonly current: number;
  readonly appendId: Uint8Array;
  /** The log index of the entry. */
  readonly logIndex: number;
}

/** The end of the leader's log, on which the next entry will stand. */
export interface LogEnd {
  /** The position that the next event gets. */
  readonly nextPosition: number;
  /** `created` of the last entry, microseconds since 1970. */
  readonly createdUs: number;
}
