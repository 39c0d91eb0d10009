import { FactstoreError } from '../base/errors.ts';
import { freeBytes } from './ballast.ts';

const RESERVE_BYTES = 1 << 30;
const WRITE_BUFFERS = 8;

/** The reserve that a node keeps: what is configured, else 1 GiB; never less than eight of LevelDB's write buffers. */
export function reserveBytesFor(configured: number | undefined, writeBufferBytes: number): number {
  return Math.max(configured ?? RESERVE_BYTES, WRITE_BUFFERS * writeBufferBytes);
}

export interface DiskReserveOptions {
  /** Any path on the file system that is watched. */
  readonly path: string;
  readonly reserveBytes: number;
  /** The file system is asked at most this often, in milliseconds. */
  readonly refreshIntervalMs: number;
  /** How much is free, in bytes; the file system's own answer unless given. */
  readonly freeBytes?: (path: string) => Promise<number>;
}

/**
 * Watches the free space of the disk, so that a node stops taking appends long before a write can fail (rule D1): after
 * one failed write LevelDB acknowledges synced writes and forgets them. The node is short of space from the moment that
 * less than the reserve is free until the reserve and a sixteenth more are free again, so that it does not flap.
 */
export class DiskReserve {
  private readonly options: DiskReserveOptions;
  private refreshedMs: number | undefined;
  private free = Number.POSITIVE_INFINITY;
  private isShort = false;

  constructor(options: DiskReserveOptions) {
    this.options = options;
  }

  /** Whether appends have to be refused, as of the last `refresh`. */
  get short(): boolean {
    return this.isShort;
  }

  /**
   * Whether more than half of the reserve is used, as of the last `refresh`. The first half is for what follows from
   * entries that the log has taken; the second one is for LevelDB itself, and must not be written to.
   */
  get halfUsed(): boolean {
    return this.free < this.options.reserveBytes / 2;
  }

  get reserveBytes(): number {
    return this.options.reserveBytes;
  }

  /** Free bytes, as of the last `refresh`. */
  get freeBytes(): number {
    return this.free;
  }

  /**
   * To be called before each batch, with a clock that only goes forward. It asks the file system when its last answer
   * is older than the interval, and tells whether the node is short of space.
   */
  async refresh(nowMs: number, intervalMs = this.options.refreshIntervalMs): Promise<boolean> {
    if (this.refreshedMs !== undefined && nowMs - this.refreshedMs < intervalMs) return this.isShort;
    return this.measure(nowMs);
  }

  /** As `refresh`, but asks the file system now: for who may have written much since it was last asked. */
  async measure(nowMs: number): Promise<boolean> {
    const { path, reserveBytes } = this.options;
    this.refreshedMs = nowMs;
    this.free = await (this.options.freeBytes ?? freeBytes)(path);
    const enough = this.isShort ? reserveBytes + reserveBytes / 16 : reserveBytes;
    this.isShort = this.free < enough;
    return this.isShort;
  }

  /** Whether so much can be written before the node is short of space, as of the last `refresh`. */
  hasRoomFor(bytes: number): boolean {
    return !this.isShort && this.free - this.options.reserveBytes >= bytes;
  }

  /** The answer to an append while the node is short of space. */
  refusal(): FactstoreError {
    const { path, reserveBytes } = this.options;
    return new FactstoreError(
      'DISK_RESERVE',
      `the disk of ${path} is nearly full: ${mebibytes(this.free)} MiB are free, and ${mebibytes(reserveBytes)} MiB are kept in reserve. Nothing was written. This node takes appends again as soon as there is space`,
      { path, freeBytes: this.free, reserveBytes },
    );
  }
}

export function mebibytes(bytes: number): number {
  return Math.floor(bytes / (1 << 20));
}
