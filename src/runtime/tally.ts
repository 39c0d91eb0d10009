/** Counts by name, as plain integers: counting costs a look-up, and whoever wants the figures reads them. */
export class Tally {
  private readonly counts: Map<string, number>;

  /** `names` are told also while nothing was counted. */
  constructor(names: readonly string[] = []) {
    this.counts = new Map(names.map((name) => [name, 0]));
  }

  add(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  entries(): Iterable<readonly [name: string, count: number]> {
    return this.counts;
  }
}
