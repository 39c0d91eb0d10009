import type { Operation, Scan, ScanRange } from '../../src/storage/store.ts';

export type Row = readonly [key: Buffer, value: Buffer];

/** Rows in the order of their keys; a scan sees them as they were when it began. */
export class Rows {
  private rows: Row[];
  /** Set while a scan may look at `rows`: the next change works on a copy. */
  private shared = false;

  constructor(rows: readonly Row[] = []) {
    this.rows = [...rows];
  }

  get all(): readonly Row[] {
    return this.rows;
  }

  get(key: Uint8Array): Buffer | undefined {
    const row = this.rows[this.place(key)];
    return row?.[0].equals(key) ? row[1] : undefined;
  }

  apply(operations: readonly Operation[]): void {
    if (this.shared) this.rows = [...this.rows];
    this.shared = false;
    for (const operation of operations) {
      const at = this.place(operation.key);
      const found = this.rows[at]?.[0].equals(operation.key) ? 1 : 0;
      if (operation.type === 'del') this.rows.splice(at, found);
      else this.rows.splice(at, found, [operation.key as Buffer, operation.value as Buffer]);
    }
  }

  scan(range: ScanRange): Pick<Scan, 'next'> {
    const { rows } = this;
    this.shared = true;
    const first = range.from ? this.place(range.from) : 0;
    const end = range.to ? this.place(range.to) : rows.length;
    let left = Math.min(range.limit ?? Number.POSITIVE_INFINITY, Math.max(0, end - first));
    let at = range.backwards ? end - 1 : first;
    return {
      next: async (count) => {
        const some: [Buffer, Buffer][] = [];
        for (; left > 0 && some.length < count; left--) {
          const [key, value] = rows[at] as Row;
          some.push([key, value]);
          at += range.backwards ? -1 : 1;
        }
        return some;
      },
    };
  }

  /** The index of the first row at or behind a key. */
  private place(key: Uint8Array): number {
    const { rows } = this;
    const last = rows.at(-1);
    if (!last || last[0].compare(key) < 0) return rows.length;
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((rows[middle] as Row)[0].compare(key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
