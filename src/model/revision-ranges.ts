/** Revisions `from` (inclusive) to `to` (exclusive) of a stream. */
export interface RevisionRange {
  readonly from: number;
  readonly to: number;
}

export const NO_REVISIONS: readonly RevisionRange[] = [];

/** Whether a revision lies in one of the ranges, which ascend and do not touch. */
export function includesRevision(ranges: readonly RevisionRange[], revision: number): boolean {
  let low = 0;
  let high = ranges.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle] as RevisionRange;
    if (revision < range.from) high = middle - 1;
    else if (revision >= range.to) low = middle + 1;
    else return true;
  }
  return false;
}

/** The ranges and one more: they ascend and do not touch. Revisions below `floor` are left out. */
export function addRevisions(
  ranges: readonly RevisionRange[],
  added: RevisionRange | undefined,
  floor: number,
): readonly RevisionRange[] {
  const all = added ? [...ranges, added].sort((a, b) => a.from - b.from) : ranges;
  const joined: { from: number; to: number }[] = [];
  for (const { from, to } of all) {
    const last = joined.at(-1);
    if (to <= floor) continue;
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else joined.push({ from: Math.max(from, floor), to });
  }
  return joined.length > 0 ? joined : NO_REVISIONS;
}

/** How many revisions the ranges hold from `from` on. */
export function countRevisions(ranges: readonly RevisionRange[], from: number): number {
  return ranges.reduce((sum, range) => sum + Math.max(0, range.to - Math.max(range.from, from)), 0);
}
