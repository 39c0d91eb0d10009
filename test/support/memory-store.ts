import type { Operation, Scan, ScanRange, Store } from '../../src/storage/store.ts';
import { Rows } from './rows.ts';

/** A store in memory, with LevelDB's order and snapshots. It loses nothing and forgets everything. */
export class MemoryStore implements Store {
  private readonly rows = new Rows();
  private closed = false;

  async get(key: Uint8Array): Promise<Buffer | undefined> {
    this.check();
    const value = this.rows.get(key);
    return value && Buffer.from(value);
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  async write(operations: readonly Operation[], _sync: boolean): Promise<void> {
    this.check();
    this.rows.apply(operations.map(copyOf));
  }

  scan(range: ScanRange): Scan {
    this.check();
    const scan = this.rows.scan(range);
    return {
      next: async (count) => {
        this.check();
        return (await scan.next(count)).map(([key, value]) => [Buffer.from(key), Buffer.from(value)]);
      },
      close: async () => {},
    };
  }

  async compact(): Promise<boolean> {
    return true;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  /** Opens it again, as if its process had been started anew. */
  reopen(): this {
    this.closed = false;
    return this;
  }

  private check(): void {
    if (this.closed) throw new Error('the store is closed');
  }
}

function copyOf(operation: Operation): Operation {
  const key = Buffer.from(operation.key);
  return operation.type === 'del' ? { type: 'del', key } : { type: 'put', key, value: Buffer.from(operation.value) };
}
