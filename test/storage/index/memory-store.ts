import type { Prng } from '../../../src/base/prng.ts';
import type { Operation, Scan, ScanRange, Store } from '../../../src/storage/store.ts';

/**
 * A store in memory that forgets like a disk: what was written without sync, and what is being written, may be lost, each
 * batch for itself, when it crashes. Keys are kept as hexadecimal text, which sorts as the bytes do.
 */
export class MemoryStore implements Store {
  private readonly rows = new Map<string, Buffer>();
  private readonly durable: Map<string, Buffer>;
  private unsynced: (readonly Operation[])[] = [];
  private inFlight: readonly Operation[] | undefined;
  private dead = false;
  /** The keys in order, until a row is written. */
  private sorted: readonly string[] | undefined;
  /** How many synced and other batches were written. */
  writes = 0;
  /** Set: writes fail with it. */
  failure: Error | undefined;
  /** How many turns of the event loop a write takes. */
  turns: () => number = () => 1;

  constructor(durable = new Map<string, Buffer>()) {
    this.durable = durable;
    for (const [key, value] of durable) this.rows.set(key, value);
  }

  async get(key: Uint8Array): Promise<Buffer | undefined> {
    await turn();
    return this.rows.get(hex(key));
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    await turn();
    return keys.map((key) => this.rows.get(hex(key)));
  }

  async write(operations: readonly Operation[], sync: boolean): Promise<void> {
    if (this.dead) return new Promise(() => {});
    if (this.inFlight) throw new Error('two writes at once');
    if (this.failure) throw this.failure;
    const own = operations.map((operation) => copy(operation));
    this.inFlight = own;
    for (let turns = this.turns(); turns > 0; turns--) await turn();
    if (this.dead) return new Promise(() => {});
    this.inFlight = undefined;
    this.writes++;
    this.sorted = undefined;
    perform(this.rows, own);
    if (sync) {
      for (const batch of this.unsynced.splice(0)) perform(this.durable, batch);
      perform(this.durable, own);
    } else this.unsynced.push(own);
  }

  scan(range: ScanRange): Scan {
    const from = range.from && hex(range.from);
    const to = range.to && hex(range.to);
    this.sorted ??= [...this.rows.keys()].sort();
    const keys = this.sorted.slice(
      from ? firstAtOrBehind(this.sorted, from) : 0,
      to ? firstAtOrBehind(this.sorted, to) : undefined,
    );
    if (range.backwards) keys.reverse();
    const rows = keys
      .slice(0, range.limit)
      .map((key): [Buffer, Buffer] => [fromHex(key), this.rows.get(key) as Buffer]);
    return {
      next: async (count) => {
        await turn();
        return rows.splice(0, count);
      },
      close: async () => {},
    };
  }

  async compact(): Promise<boolean> {
    return true;
  }

  async close(): Promise<void> {}

  /** What is found after a power loss. This store does nothing any more. */
  crash(prng: Prng): MemoryStore {
    this.dead = true;
    for (const batch of [...this.unsynced, ...(this.inFlight ? [this.inFlight] : [])]) {
      if (prng.between(0, 2) === 1) perform(this.durable, batch);
    }
    return new MemoryStore(this.durable);
  }

  /** All rows, as text, in order. */
  dump(): string[] {
    return [...this.rows].map(([key, value]) => `${key} ${value.toString('hex')}`).sort();
  }

  /** Writes directly, as damage does. */
  poke(key: Uint8Array, value: Buffer | undefined): void {
    this.sorted = undefined;
    for (const rows of [this.rows, this.durable]) {
      if (value) rows.set(hex(key), value);
      else rows.delete(hex(key));
    }
  }
}

function copy(operation: Operation): Operation {
  if (operation.type === 'del') return { type: 'del', key: Buffer.from(operation.key) };
  return { type: 'put', key: Buffer.from(operation.key), value: Buffer.from(operation.value) };
}

function perform(rows: Map<string, Buffer>, batch: readonly Operation[]): void {
  for (const operation of batch) {
    if (operation.type === 'put') rows.set(hex(operation.key), Buffer.from(operation.value));
    else rows.delete(hex(operation.key));
  }
}

function firstAtOrBehind(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

function fromHex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
