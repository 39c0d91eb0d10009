import { Prng } from '../../src/base/prng.ts';

/** Draws from one seed. Parts of the world get their own, so that a part that is left out changes nothing of the others. */
export class Chance {
  private readonly prng: Prng;

  constructor(seed: number) {
    this.prng = new Prng(seed);
  }

  fork(): Chance {
    return new Chance(this.prng.next());
  }

  /** Happens with this probability. */
  of(probability: number): boolean {
    return this.prng.fraction() < probability;
  }

  /** An integer from `from` (inclusive) to `to` (exclusive). */
  between(from: number, to: number): number {
    return this.prng.between(from, to);
  }

  /** A number from `from` to `to`. */
  within(from: number, to: number): number {
    return from + this.prng.fraction() * (to - from);
  }

  /** A waiting time: mostly short, sometimes long. */
  around(mean: number): number {
    return Math.min(-Math.log(1 - this.prng.fraction()) * mean, mean * 20);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.prng.between(0, from.length)] as T;
  }
}
