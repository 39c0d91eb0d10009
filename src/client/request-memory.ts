/** Smaller requests cost next to nothing, and larger ones are rare. */
const SLAB_MIN = 16 << 10;
const SLAB_MAX = 1 << 20;
/** So much is kept for requests to come, at most. */
const FREE_MAX = 4 << 20;

/**
 * Memory for requests, used again once they are answered. V8 counts memory outside of its heap towards the next major
 * collection: a client that appended much and held little had five a second, which were half of what it spent.
 *
 * Nobody but its taker may know of it when it is given back: a request is copied into the message in which it is sent.
 */
export class RequestMemory {
  private readonly free = new Map<number, Buffer[]>();
  private freeBytes = 0;
  /** Those that are in use. A request that is never answered takes its own with it. */
  private readonly lent = new WeakSet<ArrayBufferLike>();

  /** Memory of at least so many bytes, with anything in it. */
  take(size: number): Buffer {
    if (size < SLAB_MIN || size > SLAB_MAX) return Buffer.allocUnsafe(size);
    const slabSize = 2 ** Math.ceil(Math.log2(size));
    const known = this.free.get(slabSize)?.pop();
    if (known) this.freeBytes -= slabSize;
    const slab = known ?? Buffer.allocUnsafeSlow(slabSize);
    this.lent.add(slab.buffer);
    return slab;
  }

  /** Takes back what a request was written to; does nothing where that did not come from here. */
  give({ buffer }: Uint8Array): void {
    if (!this.lent.delete(buffer) || this.freeBytes + buffer.byteLength > FREE_MAX) return;
    this.freeBytes += buffer.byteLength;
    const slabs = this.free.get(buffer.byteLength) ?? [];
    slabs.push(Buffer.from(buffer as ArrayBuffer));
    this.free.set(buffer.byteLength, slabs);
  }
}
