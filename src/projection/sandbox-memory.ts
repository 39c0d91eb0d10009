import type { Clock } from '../runtime/clock.ts';

/** What has a sandbox, and can go on in a fresh one. */
export interface SandboxHolder {
  readonly memoryBytes: number;
  /** Lets go of its sandbox as soon as it can. */
  giveBack(): void;
}

/** A fresh sandbox takes half of it: what has less gives back nothing that is worth beginning anew. */
const SMALL_BYTES = 32 << 20;
/** No more often than this one is to begin anew, or projections that need what they hold would do nothing else. */
const EVERY_MS = 1_000;

/**
 * The memory that all sandboxes of a node take together. Each has a bound of its own, and holds states up to it, because it is
 * quicker so; but a node that runs many of them, as all nodes do, must not be ended by the system for it, and the others with it.
 */
export class SandboxMemory {
  readonly #bytesMax: number;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #holders = new Set<SandboxHolder>();
  #checkedMs = Number.NEGATIVE_INFINITY;

  constructor(bytesMax: number, clock: Pick<Clock, 'monotonicMs'>) {
    this.#bytesMax = bytesMax;
    this.#clock = clock;
  }

  add(holder: SandboxHolder): void {
    this.#holders.add(holder);
  }

  remove(holder: SandboxHolder): void {
    this.#holders.delete(holder);
  }

  /** Whoever has worked asks. What a sandbox has taken it never gives back, so the one that has taken most begins anew. */
  check(): void {
    const now = this.#clock.monotonicMs();
    if (now < this.#checkedMs + EVERY_MS) return;
    this.#checkedMs = now;
    let total = 0;
    let largest: SandboxHolder | undefined;
    for (const holder of this.#holders) {
      total += holder.memoryBytes;
      if (holder.memoryBytes > (largest?.memoryBytes ?? 0)) largest = holder;
    }
    if (total > this.#bytesMax && largest && largest.memoryBytes > SMALL_BYTES) largest.giveBack();
  }
}
