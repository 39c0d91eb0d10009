import type { Append } from '../model/append.ts';
import { LIMITS } from '../model/limits.ts';

/** An append that waits for room. */
export interface InLine {
  readonly append: Append;
  /** Lets it go on; undefined while it is being judged. */
  wake: (() => void) | undefined;
}

/** What a leader has in hand. */
export interface Pending {
  /** Of appends that are not yet applied. */
  readonly bytes: number;
  /** Beyond which further ones have to wait. */
  readonly bytesMax: number;
  /** The first of those that wait. */
  readonly first: InLine | undefined;
}

/** So much more of facts and changes of streams passes while appends are refused (rule C6). */
const FACT_BYTES_MAX = 1 << 20;

/** Whether there is room for an append. Any append finds some where nothing is pending. */
export function hasRoom(append: Append, { bytes, bytesMax, first }: Pending): boolean {
  if (append.change || append.fact !== undefined) {
    // One append may be larger than what is pending may be.
    const most = Math.max(bytesMax, LIMITS.appendBytesMax) + FACT_BYTES_MAX;
    return bytes === 0 || bytes + append.eventBytes <= most;
  }
  const isFirst = first?.append === append;
  if (first?.wake && !isFirst) return false;
  // Once the first in line is let go on it has room, which is kept for it while it is judged.
  const kept = first && !first.wake ? first.append.eventBytes : 0;
  if (kept > 0 && isFirst) return true;
  const taken = bytes + kept;
  return taken === 0 || taken + append.eventBytes <= bytesMax;
}
