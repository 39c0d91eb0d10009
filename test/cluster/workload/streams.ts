import type { Prng } from '../../../src/base/prng.ts';

const HOT = 8;
/** A stream with more operations than this is left for a new one, so that the search over its history stays small. */
const OPERATIONS_MAX = 150;

/** The streams that clients fight over, and how far they believe each of them to be. */
export class Streams {
  private readonly random: Prng;
  private readonly hot: { name: string; uses: number }[];
  private readonly heads = new Map<string, number>();
  private created = 0;

  constructor(random: Prng) {
    this.random = random;
    this.hot = Array.from({ length: HOT }, () => this.fresh());
  }

  any(): string {
    const n = this.random.between(0, HOT);
    let stream = this.hot[n] as { name: string; uses: number };
    if (stream.uses++ >= OPERATIONS_MAX) {
      this.heads.delete(stream.name);
      stream = this.fresh();
      this.hot[n] = stream;
    }
    return stream.name;
  }

  /** One of them, for somebody who does not write to it. */
  current(random: Prng): string {
    return (this.hot[random.between(0, HOT)] as { name: string }).name;
  }

  /** Different ones. */
  several(count: number): string[] {
    const names = new Set<string>();
    while (names.size < count) names.add(this.any());
    return [...names];
  }

  /** The last revision that somebody was told; -1: none. It may be out of date. */
  head(stream: string): number {
    return this.heads.get(stream) ?? -1;
  }

  saw(stream: string, revision: number): void {
    if (revision > this.head(stream)) this.heads.set(stream, revision);
  }

  private fresh(): { name: string; uses: number } {
    return { name: `hot-${++this.created}`, uses: 0 };
  }
}
