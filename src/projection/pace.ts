/**
 * At the head of the log a batch begins no sooner than this after the one before it: whatever its size, a batch costs as
 * much as thirty events.
 */
const EVERY_MS = 50;
/**
 * Where cores are scarce, a batch takes longer, and fewer, larger ones leave more of them to appends: a batch begins no
 * sooner than this many times as long after the one before it as that one took.
 */
const EVERY_TIMES = 20;
/** What is appended is in the states of an idle projection no later than this, unless a batch takes longer. */
const EVERY_MS_MAX = 250;

/** How often a projection that is at the head of the log takes what has come. */
export class Pace {
  #begunMs = Number.NEGATIVE_INFINITY;
  #everyMs = EVERY_MS;

  began(nowMs: number): void {
    this.#begunMs = nowMs;
  }

  ended(nowMs: number): void {
    this.#everyMs = Math.min(Math.max(EVERY_MS, (nowMs - this.#begunMs) * EVERY_TIMES), EVERY_MS_MAX);
  }

  /** How long it is until the next batch is worth its while; not above zero: it is now. */
  restMs(nowMs: number): number {
    return this.#begunMs + this.#everyMs - nowMs;
  }
}
