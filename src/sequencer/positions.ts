/** With fewer places in front it is not worth a new list. */
const COMPACT_AFTER = 32;

/**
 * Ascending positions that come at one end and go at the other. Dropping one moves none of the others, except that the
 * places in front are given back when they are half of all: once for each position, in the long run (rule C3).
 */
export class Positions {
  private list: number[] = [];
  /** Where the first one stands. */
  private from = 0;

  get length(): number {
    return this.list.length - this.from;
  }

  get first(): number | undefined {
    return this.list[this.from];
  }

  get last(): number | undefined {
    return this.length > 0 ? this.list.at(-1) : undefined;
  }

  push(position: number): void {
    this.list.push(position);
  }

  dropFirst(): void {
    if (this.length === 0) return;
    this.from++;
    if (this.from < COMPACT_AFTER || this.from * 2 < this.list.length) return;
    this.list = this.list.slice(this.from);
    this.from = 0;
  }

  clear(): void {
    this.list = [];
    this.from = 0;
  }

  countBehind(after: number): number {
    let low = this.from;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.list[middle] as number) > after) high = middle;
      else low = middle + 1;
    }
    return this.list.length - low;
  }

  /** Whether one behind `after` is such; the newest are looked at first. */
  anyBehind(after: number, is: (position: number) => boolean): boolean {
    for (let i = this.list.length - 1; i >= this.from; i--) {
      const position = this.list[i] as number;
      if (position <= after) return false;
      if (is(position)) return true;
    }
    return false;
  }
}
