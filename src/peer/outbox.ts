/** A message that waits to be written. */
export interface Parcel {
  readonly bytes: number;
  /**
   * Encodes it, in one piece or several that follow each other; called when it is about to be written, so that what is
   * dropped was never encoded.
   */
  readonly encode: () => Iterable<Buffer>;
}

export interface OutboxLimits {
  readonly bytesMax: number;
  readonly countMax: number;
  /**
   * What is dropped when the outbox is full. Of heartbeats and votes the newest matter, so the oldest go. Log ranges
   * build on one another: without an early one all later ones are refused, so the newest go.
   */
  readonly drop: 'oldest' | 'newest';
}

/** At most so much is handed to grpc-js and not yet flushed to the socket. */
const WRITING_BYTES_MAX = 4 * 1024 * 1024;
const WRITING_COUNT_MAX = 8;

/**
 * The bounded queue in front of one stream. grpc-js flushes one message at a time and signals it through the callback
 * of `write`, which paces this queue, and that is stricter than waiting for `drain`. Several messages share a packet
 * only when HTTP/2 finds them waiting together: grpc-js has no corking.
 */
export class Outbox {
  private readonly limits: OutboxLimits;
  private readonly write: (bytes: Buffer, flushed: () => void) => void;
  private waiting: Parcel[] = [];
  /** The pieces of the message that is being written. */
  private pieces: Iterator<Buffer> | undefined;
  private waitingBytes = 0;
  private writingBytes = 0;
  private writingCount = 0;
  private pumping = false;
  /** How many messages found no room. */
  dropped = 0;

  constructor(limits: OutboxLimits, write: (bytes: Buffer, flushed: () => void) => void) {
    this.limits = limits;
    this.write = write;
  }

  get length(): number {
    return this.waiting.length;
  }

  /** Queues a message, or drops one. One message always fits into an empty outbox. */
  push(parcel: Parcel): void {
    while (this.full(parcel)) {
      this.dropped++;
      if (this.limits.drop === 'newest') return;
      const oldest = this.waiting.shift();
      if (oldest) this.waitingBytes -= oldest.bytes;
    }
    this.waiting.push(parcel);
    this.waitingBytes += parcel.bytes;
    this.pump();
  }

  private full(parcel: Parcel): boolean {
    if (this.waiting.length === 0) return false;
    return this.waiting.length >= this.limits.countMax || this.waitingBytes + parcel.bytes > this.limits.bytesMax;
  }

  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    while (this.mayWrite()) {
      const piece = this.nextPiece();
      if (!piece) break;
      this.hand(piece);
    }
    this.pumping = false;
  }

  private nextPiece(): Buffer | undefined {
    for (;;) {
      const piece = this.pieces?.next();
      if (piece && !piece.done) return piece.value;
      const next = this.waiting.shift();
      if (!next) {
        this.pieces = undefined;
        return undefined;
      }
      this.waitingBytes -= next.bytes;
      this.pieces = next.encode()[Symbol.iterator]();
    }
  }

  private mayWrite(): boolean {
    return this.writingCount < WRITING_COUNT_MAX && this.writingBytes < WRITING_BYTES_MAX;
  }

  private hand(bytes: Buffer): void {
    this.writingBytes += bytes.length;
    this.writingCount++;
    this.write(bytes, () => {
      this.writingBytes -= bytes.length;
      this.writingCount--;
      this.pump();
    });
  }
}
