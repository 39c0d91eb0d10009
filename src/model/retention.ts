import { addRevisions, NO_REVISIONS, type RevisionRange } from './revision-ranges.ts';
import { type StreamHead, type StreamState, systemStreamOf } from './stream.ts';

/**
 * The one visibility rule (rule R1): which events of a stream can be seen.
 *
 * It is a function of the log alone: of the last fact in `$$stream`, the stream's head, and the time of the last entry.
 * Hidden is a beginning of the stream and what was erased behind it, and it only ever grows. Each fact carries the floors
 * that its predecessors have reached and the revisions that they erased, so the last fact is enough, and what a wider
 * limit would bring back stays hidden.
 */
export interface Retention {
  /** The position of the fact that says so. */
  readonly position: number;
  readonly tombstoned: boolean;
  /** The head revision at the last deletion; -1: it never was deleted. */
  readonly deletedAt: number;
  /** Revisions below are hidden. */
  readonly floor: number;
  /** Events created before are hidden. */
  readonly floorUs: number;
  /** Revisions from the floor on that are hidden too: they were erased. They ascend and do not touch. */
  readonly erased: readonly RevisionRange[];
  readonly maxCount: number | undefined;
  readonly maxAgeUs: number | undefined;
  /** The revision in `$$stream` of the metadata in force; -1: none was ever set. */
  readonly metadataRevision: number;
}

/** What a user may say about a stream; the last word counts. */
export interface StreamMetadata {
  /** Events older than this are hidden; the time of the log counts, not the clock. */
  readonly maxAgeMs?: number | undefined;
  /** Only so many of the last events are shown. */
  readonly maxCount?: number | undefined;
  /** Events below this revision are hidden. */
  readonly truncateBefore?: number | undefined;
  /** A JSON object as text, kept for later. */
  readonly acl?: string | undefined;
  /** A JSON object as text, of any content. */
  readonly custom?: string | undefined;
}

/** What is to become of a stream. */
export type ChangeKind =
  | { readonly kind: 'metadata'; readonly metadata: StreamMetadata }
  | { readonly kind: 'truncate'; readonly before: number }
  | ({ readonly kind: 'erase' } & RevisionRange)
  | { readonly kind: 'delete' }
  | { readonly kind: 'tombstone' };

/** A change of a stream's lifecycle: it becomes a fact in `$$stream`. */
export type StreamChange = ChangeKind & { readonly stream: string };

/** What a stream is, seen from a head revision (-1: never written). */
function stateOf(retention: Retention | undefined, revision: number): StreamState {
  if (revision < 0) return 'none';
  if (retention === undefined) return 'exists';
  if (retention.tombstoned) return 'tombstoned';
  return revision <= retention.deletedAt ? 'deleted' : 'exists';
}

/** The head of a stream with this retention. */
export function headWith(retention: Retention | undefined, revision: number): StreamHead {
  return { state: stateOf(retention, revision), revision, retention };
}

/** Revisions below this one are hidden by number; at most `revision + 1`. */
export function hiddenBelow(retention: Retention, revision: number): number {
  if (retention.tombstoned) return revision + 1;
  const { floor, maxCount } = retention;
  const counted = maxCount === undefined ? 0 : revision + 1 - maxCount;
  return Math.min(Math.max(floor, counted, 0), revision + 1);
}

/** Events created before this are hidden by age. `logTimeUs`: `created` of the last entry of the log. */
export function hiddenBeforeUs(retention: Retention, logTimeUs: number): number {
  const { floorUs, maxAgeUs } = retention;
  return maxAgeUs === undefined ? floorUs : Math.max(floorUs, logTimeUs - maxAgeUs);
}

/** Whether more is hidden as the log goes on, without another fact: of a tombstoned stream all is hidden for good. */
export function hasLimits({ tombstoned, maxCount, maxAgeUs }: Retention): boolean {
  return !tombstoned && (maxCount !== undefined || maxAgeUs !== undefined);
}

/** Whether more is hidden as time goes on, though nothing is appended. */
export function hidesByAge(retention: Retention): boolean {
  return hasLimits(retention) && retention.maxAgeUs !== undefined;
}

/** A fact that a change becomes: where it stands, and what it was judged on. */
export interface ChangePlace {
  readonly position: number;
  readonly createdUs: number;
  /** The revision of the fact in `$$stream`. */
  readonly revision: number;
  /** The stream's head revision before the fact. */
  readonly head: number;
}

/** What holds after a change. It shows nothing that was hidden before. */
export function retentionAfter(prior: Retention | undefined, change: ChangeKind, at: ChangePlace): Retention {
  const after = limitsAfter(prior, change, at);
  return { ...after, erased: addRevisions(after.erased, change.kind === 'erase' ? change : undefined, after.floor) };
}

function limitsAfter(prior: Retention | undefined, change: ChangeKind, at: ChangePlace): Retention {
  const behindAll = at.head + 1;
  const kept: Retention = {
    position: at.position,
    tombstoned: prior?.tombstoned ?? false,
    deletedAt: prior?.deletedAt ?? -1,
    floor: prior ? hiddenBelow(prior, at.head) : 0,
    floorUs: prior ? hiddenBeforeUs(prior, at.createdUs) : 0,
    erased: prior?.erased ?? NO_REVISIONS,
    maxCount: prior?.maxCount,
    maxAgeUs: prior?.maxAgeUs,
    metadataRevision: prior?.metadataRevision ?? -1,
  };
  switch (change.kind) {
    case 'metadata': {
      const { maxCount, maxAgeMs, truncateBefore = 0 } = change.metadata;
      const maxAgeUs = maxAgeMs === undefined ? undefined : maxAgeMs * 1000;
      const floor = Math.max(kept.floor, Math.min(truncateBefore, behindAll));
      return { ...kept, floor, maxCount, maxAgeUs, metadataRevision: at.revision };
    }
    case 'truncate':
      return { ...kept, floor: Math.max(kept.floor, Math.min(change.before, behindAll)) };
    case 'erase':
      return kept;
    case 'delete':
      return { ...kept, floor: behindAll, deletedAt: at.head };
    case 'tombstone':
      return { ...kept, floor: behindAll, tombstoned: true };
  }
}

/** The streams on whose state a change is judged: the stream itself, and the one that gets the fact. */
export function streamsOfChange(change: StreamChange): readonly [string, string] {
  return [change.stream, systemStreamOf(change.stream)];
}
