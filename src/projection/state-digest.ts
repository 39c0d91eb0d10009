import { hash } from 'node:crypto';
import { encodePartition } from './partition-row.ts';

/**
 * At the positions that this divides, nodes compare what has changed since the last such position. A batch never goes
 * beyond one, whatever it is otherwise that ends batches on a node.
 */
export const DIGEST_EVERY = 16_384;

/** The first of these positions behind another one. */
export function nextDigestAt(after: number): number {
  return (Math.floor(after / DIGEST_EVERY) + 1) * DIGEST_EVERY;
}

export function isDigestPlace(position: number): boolean {
  return position % DIGEST_EVERY === 0;
}

const DIGEST_BYTES = 16;

/**
 * A digest of the states that changed in one span (rule P4): of each partition as it is at the end of the span. The
 * hashes of partitions are added without carry, so that their order does not matter, and one that changes again is taken
 * out before it is put in anew.
 */
export class StateDigest {
  private readonly hashes = new Map<string, Buffer>();
  private sum = Buffer.alloc(DIGEST_BYTES);
  /** False: it began in the middle of the span, and does not know what had changed before. */
  private whole: boolean;

  constructor(position: number) {
    this.whole = isDigestPlace(position);
  }

  changed(partition: string, state: Uint8Array | null, result: Uint8Array | null): void {
    if (!this.whole) return;
    const name = Buffer.from(`${partition}\0`);
    const digest = hash('sha256', Buffer.concat([name, encodePartition(state, result)]), 'buffer');
    const before = this.hashes.get(partition);
    if (before) this.add(before);
    this.add(digest);
    this.hashes.set(partition, digest);
  }

  /** What the span comes to, at its end; undefined: that is not known. Begins the next one. */
  take(): Uint8Array | undefined {
    const digest = this.whole ? this.sum : undefined;
    this.whole = true;
    this.hashes.clear();
    this.sum = Buffer.alloc(DIGEST_BYTES);
    return digest;
  }

  private add(digest: Buffer): void {
    for (let n = 0; n < DIGEST_BYTES; n++) this.sum[n] = (this.sum[n] as number) ^ (digest[n] as number);
  }
}
