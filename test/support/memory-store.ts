import type { Operation, Scan, ScanRange, Store } from '../../src/storage/store.ts';

type Row = readonly [key: Buffer, value: Buffer];

/** A store in memory, with LevelDB's order and snapshots. It loses nothing and forgets everything. */
export class MemoryStore implements Store {
  private rows: Row[] = [];
  /** Set while a scan may look at `rows`: the next write works on a copy. */
  private shared = false;
  private closed = false;

  async get(key: Uint8Array): Promise<Buffer | undefined> {
    this.check();
    const row = this.rows[this.place(key)];
    return row?.[0].equals(key) ? Buffer.from(row[1]) : undefined;
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  async write(operations: readonly Operation[], _sync: boolean): Promise<void> {
    this.check();
    if (this.shared) this.rows = [...this.rows];
    this.shared = false;
    for (const operation of operations) {
      const at = this.place(operation.key);
      const found = this.rows[at]?.[0].equals(operation.key) ? 1 : 0;
      if (operation.type === 'del') this.rows.splice(at, found);
      else this.rows.splice(at, found, [Buffer.from(operation.key), Buffer.from(operation.value)]);
    }
  }

  scan(range: ScanRange): Scan {
    this.check();
    const { rows } = this;
    this.shared = true;
    const first = range.from ? this.place(range.from) : 0;
    const end = range.to ? this.place(range.to) : rows.length;
    let left = Math.min(range.limit ?? Number.POSITIVE_INFINITY, Math.max(0, end - first));
    let at = range.backwards ? end - 1 : first;
    return {
      next: async (count) => {
        this.check();
        const some: [Buffer, Buffer][] = [];
        for (; left > 0 && some.length < count; left--) {
          const [key, value] = rows[at] as Row;
          some.push([Buffer.from(key), Buffer.from(value)]);
          at += range.backwards ? -1 : 1;
        }
        return some;
      },
      close: async () => {},
    };
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  /** Opens it again, as if its process had been started anew. */
  reopen(): this {
    this.closed = false;
    return this;
  }

  /** The index of the first row at or behind a key. */
  private place(key: Uint8Array): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.rows[middle] as Row)[0].compare(key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private check(): void {
    if (this.closed) throw new Error('the store is closed');
  }
}
