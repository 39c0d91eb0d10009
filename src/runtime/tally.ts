/** Counts by name, as plain integers: counting costs a look-up, and whoever wants the figures reads them. */
export class Tally {
  private readonly counts = new Map<string, number>();

  add(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  entries(): Iterable<readonly [name: string, count: number]> {
    return this.counts;
  }
}
