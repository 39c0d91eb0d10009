import type { Clock } from '../runtime/clock.ts';

/** Long enough for a hiccup, or a compaction, not to count. */
const WINDOW_MS = 10_000;
/** A disk that wrote for less of it has not said enough. */
const WRITING_MS_MIN = 1_000;
/** Batches that take less on average are no reason for a change of leader. */
const BATCH_MS_MIN = 20;
/** Of the time that a batch takes, this share passes after a quorum of others has it on disk: they are four times as quick. */
const IDLE_SHARE_MIN = 0.75;
/** What made a disk slow may do so to the next leader's; leadership must not go round. */
const AGAIN_MS = 60_000;

interface Batch {
  readonly lastIndex: number;
  readonly begunMs: number;
  /** When the others had committed it; undefined: they have not. */
  committedMs: number | undefined;
}

/**
 * Notices when a leader's disk is far slower than those of a quorum of its followers: what it writes is committed long
 * before it is written. It applies, and answers, only what its own disk has synced (rule D8), so every client waits for that
 * one disk. Where a quorum needs its disk as well it is never called slow: another leader would be no quicker.
 */
export class DiskWatch {
  private readonly clock: Clock;
  private batch: Batch | undefined;
  private windowMs: number;
  private commit = 0;
  private batches = 0;
  private writingMs = 0;
  private idleMs = 0;
  private quietUntilMs = 0;

  constructor(clock: Clock) {
    this.clock = clock;
    this.windowMs = clock.monotonicMs();
  }

  /** A batch that ends with this entry is about to be written. */
  begun(lastIndex: number): void {
    const now = this.clock.monotonicMs();
    this.batch = { lastIndex, begunMs: now, committedMs: this.commit >= lastIndex ? now : undefined };
  }

  /** Entries up to here are committed. */
  committed(index: number): void {
    const { batch } = this;
    this.commit = index;
    if (batch && batch.committedMs === undefined && index >= batch.lastIndex)
      batch.committedMs = this.clock.monotonicMs();
  }

  /** The batch is on disk. */
  written(): void {
    if (!this.batch) return;
    this.count(this.batch, this.clock.monotonicMs());
    this.batches++;
    this.batch = undefined;
  }

  /** Called about once a second. True, once in a while: the node leads, and had better not. */
  slow(leads: boolean): boolean {
    const now = this.clock.monotonicMs();
    if (!leads) this.begin(now);
    if (now - this.windowMs < WINDOW_MS) return false;
    // One that hangs is not written for as long as it does.
    if (this.batch) this.count(this.batch, now);
    const { writingMs, idleMs } = this;
    const batches = this.batches + (this.batch ? 1 : 0);
    this.begin(now);
    const slow =
      writingMs >= WRITING_MS_MIN && writingMs >= BATCH_MS_MIN * batches && idleMs >= IDLE_SHARE_MIN * writingMs;
    if (!slow || now < this.quietUntilMs) return false;
    this.quietUntilMs = now + AGAIN_MS;
    return true;
  }

  /** Of a batch that was begun in an earlier window only what falls into this one. */
  private count({ begunMs, committedMs }: Batch, now: number): void {
    this.writingMs += now - Math.max(begunMs, this.windowMs);
    if (committedMs !== undefined) this.idleMs += now - Math.max(committedMs, this.windowMs);
  }

  private begin(now: number): void {
    this.windowMs = now;
    this.batches = 0;
    this.writingMs = 0;
    this.idleMs = 0;
  }
}
