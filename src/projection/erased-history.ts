/** What was erased, as far as a node knows. */
export interface Erasures {
  /** The last scavenge point in the log; 0: none. */
  readonly point: number;
  /** Whether this node has begun to erase up to it, or has done so. */
  readonly begun: boolean;
  /** Whether something up to it is still to be erased on this node. */
  readonly pending: boolean;
  /** The last point up to which this node has erased everything itself, and rewritten its tables; 0: none. */
  readonly erased: number;
  /** The last event that came to this node as a stub since it was started: others had erased it before; 0: none. */
  readonly stub: number;
}

/**
 * How a generation can go on from its checkpoint:
 * - `build`: this node's log has all that the others were given.
 * - `wait`: it has more than they have; they were given what the last scavenge left.
 * - `look`: it has, unless others sent it what they had left while nobody watched: its log has to be looked through.
 * - `fetch`: it has less than they were given, so only a state that has come so far may be gone on from.
 */
export type Way =
  | { readonly kind: 'build' }
  | { readonly kind: 'wait'; readonly point: number }
  | { readonly kind: 'look'; readonly point: number }
  | { readonly kind: 'fetch'; readonly atLeast: number };

/**
 * Rule P1: a generation is given every event as it was when the generation began, which is what the scavenge before
 * that had left. What a later one erases it has seen, or has to have from a node that saw it.
 *
 * `opening`: it goes on from what lay on the disk, and what this node has got meanwhile, nobody watched.
 */
export function wayForward(
  { began, checkpoint, opening }: { readonly began: number; readonly checkpoint: number; readonly opening: boolean },
  { point, begun, pending, stub }: Erasures,
): Way {
  const isLater = point > began;
  if (isLater && checkpoint < point && begun) return { kind: 'fetch', atLeast: point };
  if (stub > began && checkpoint < stub) return { kind: 'fetch', atLeast: isLater ? Math.max(stub, point) : stub };
  if (isLater && checkpoint < point && opening) return { kind: 'look', point };
  if (!isLater && checkpoint < point && pending) return { kind: 'wait', point };
  return { kind: 'build' };
}
