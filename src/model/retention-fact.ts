import { memberTexts } from '../base/json-spans.ts';
import { decodeFactTexts, encodeFactTexts } from './fact.ts';
import type { ChangeKind, Retention, StreamMetadata } from './retention.ts';
import { NO_REVISIONS, type RevisionRange } from './revision-ranges.ts';

/**
 * The facts in `$$stream`, as events. Their data is what was asked for; their metadata is what follows from it, decided by
 * the leader that judged the change: so whoever applies a fact decides nothing, and needs no fact before it.
 */
const TYPES = {
  metadata: '$streamMetadata',
  truncate: '$streamTruncated',
  erase: '$eventsErased',
  delete: '$streamDeleted',
  tombstone: '$streamTombstoned',
} as const satisfies Record<ChangeKind['kind'], string>;

/** Whether a kind of fact is a change of a stream. */
export function isChangeKind(kind: string): boolean {
  return Object.values<string>(TYPES).includes(kind);
}

/** The kind of fact that a change becomes. */
export function kindOfChange(change: ChangeKind): string {
  return TYPES[change.kind];
}

/** The fact, as a NewEvent in bytes. */
export function encodeChangeFact(id: Uint8Array, change: ChangeKind, head: number, retention: Retention): Uint8Array {
  const kind = kindOfChange(change);
  return encodeFactTexts(id, { kind, data: dataOf(change, head, retention), metadata: summaryOf(retention) });
}

function dataOf(change: ChangeKind, head: number, retention: Retention): string {
  switch (change.kind) {
    case 'metadata':
      return metadataText(change.metadata);
    case 'truncate':
      return JSON.stringify({ truncateBefore: change.before, firstRevision: retention.floor });
    case 'erase':
      return JSON.stringify({ from: change.from, to: change.to });
    default:
      return JSON.stringify({ headRevision: head });
  }
}

/** Metadata as JSON. `acl` and `custom` stand in it as they were given. */
function metadataText({ maxAgeMs, maxCount, truncateBefore, acl, custom }: StreamMetadata): string {
  const parts = [JSON.stringify({ maxAgeMs, maxCount, truncateBefore }).slice(1, -1)];
  if (acl !== undefined) parts.push(`"acl":${acl}`);
  if (custom !== undefined) parts.push(`"custom":${custom}`);
  return `{${parts.filter((part) => part !== '').join(',')}}`;
}

function summaryOf(retention: Retention): string {
  const { position: _, erased, ...summary } = retention;
  const pairs = erased.map(({ from, to }) => [from, to]);
  return JSON.stringify({ retention: pairs.length > 0 ? { ...summary, erased: pairs } : summary });
}

/** The metadata that a recorded event sets; undefined where it is no such fact. */
export function decodeMetadata(bytes: Uint8Array): StreamMetadata | undefined {
  const texts = decodeFactTexts(bytes);
  if (texts?.kind !== TYPES.metadata) return undefined;
  const { acl: _acl, custom: _custom, ...limits } = JSON.parse(texts.data) as StreamMetadata;
  const members = memberTexts(texts.data);
  return { ...limits, acl: members.get('acl'), custom: members.get('custom') };
}

/**
 * What a recorded event in `$$stream` says; undefined where it is no such fact, or none that this version understands: such
 * a fact is kept and ignored (rule S16).
 */
export function decodeChangeFact(
  bytes: Uint8Array,
  start: number,
  end: number,
  position: number,
): Retention | undefined {
  const texts = decodeFactTexts(bytes, start, end);
  if (!texts?.metadata || !isChangeKind(texts.kind)) return undefined;
  try {
    return retentionOf((JSON.parse(texts.metadata) as { retention?: Record<string, unknown> }).retention, position);
  } catch {
    return undefined;
  }
}

function retentionOf(summary: Record<string, unknown> | undefined, position: number): Retention | undefined {
  if (summary === undefined) return undefined;
  const { tombstoned, deletedAt, floor, floorUs, maxCount, maxAgeUs, metadataRevision } = summary;
  const erased = rangesOf(summary.erased);
  if (typeof tombstoned !== 'boolean' || !isWhole(deletedAt, -1) || !isWhole(metadataRevision, -1)) return undefined;
  if (!isWhole(floor, 0) || !isWhole(floorUs, 0) || !erased) return undefined;
  if (maxCount !== undefined && !isWhole(maxCount, 0)) return undefined;
  if (maxAgeUs !== undefined && !isWhole(maxAgeUs, 0)) return undefined;
  return { position, tombstoned, deletedAt, floor, floorUs, erased, maxCount, maxAgeUs, metadataRevision };
}

/** Undefined where they are no ascending pairs. */
function rangesOf(pairs: unknown): readonly RevisionRange[] | undefined {
  if (pairs === undefined) return NO_REVISIONS;
  if (!Array.isArray(pairs)) return undefined;
  const ranges: RevisionRange[] = [];
  for (const pair of pairs as unknown[]) {
    const [from, to] = Array.isArray(pair) ? (pair as unknown[]) : [];
    if (!isWhole(from, ranges.at(-1)?.to ?? 0) || !isWhole(to, from + 1)) return undefined;
    ranges.push({ from, to });
  }
  return ranges;
}

function isWhole(value: unknown, least: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least;
}
