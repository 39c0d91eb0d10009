/** What was erased, as far as a node knows. */
export interface Erasures {
  /** The last scavenge point in the log; 0: none. */
  readonly point: number;
  /** Whether this node has begun to erase up to it, or has done so. */
  readonly begun: boolean;
  /** Whether it is still to begin, or under way. */
  readonly pending: boolean;
  /** The last event that came to this node as a stub since it was started: others had erased it before; 0: none. */
  readonly stub: number;
  /** No other node can have sent it stubs. */
  readonly alone: boolean;
}

/**
 * How a generation can go on from its checkpoint:
 * - `build`: this node's log has all that the others were given.
 * - `wait`: it has more than they have; they were given what the last scavenge left.
 * - `fetch`: it may have less than they were given, so only a state that has come so far may be gone on from.
 */
export type Way =
  | { readonly kind: 'build' }
  | { readonly kind: 'wait'; readonly point: number }
  | { readonly kind: 'fetch'; readonly atLeast: number };

/**
 * Rule P1: a generation is given every event as it was when the generation began, which is what the scavenge before
 * that had left. What a later one erases it has seen, or has to have from a node that saw it.
 *
 * `opening`: it goes on from what lay on the disk, and what this node has got meanwhile, nobody watched.
 */
export function wayForward(
  { began, checkpoint, opening }: { readonly began: number; readonly checkpoint: number; readonly opening: boolean },
  { point, begun, pending, stub, alone }: Erasures,
): Way {
  const isLater = point > began;
  const incomplete = begun || (opening && !alone);
  if (isLater && checkpoint < point && incomplete) return { kind: 'fetch', atLeast: point };
  if (stub > began && checkpoint < stub) return { kind: 'fetch', atLeast: isLater ? Math.max(stub, point) : stub };
  if (!isLater && checkpoint < point && pending) return { kind: 'wait', point };
  return { kind: 'build' };
}
