import type { MemberId, ProgressStatus } from './types.ts';

interface Inflight {
  readonly lastIndex: number;
  readonly bytes: number;
}

/**
 * A follower as its leader sees it.
 *
 * - `probe`: it is not known where the logs part. One append at a time; `next` does not move until it is answered.
 * - `replicate`: the logs agree at `match`. Appends from memory are pipelined and `next` runs ahead of the answers,
 *   within a window. A range that the driver loads from disk goes alone, because only the driver knows how far it went.
 */
export class Progress {
  readonly id: MemberId;
  state: 'probe' | 'replicate' = 'probe';
  /** The highest index known to be synced there. */
  match = 0;
  /** The next index to send; always above `match`. */
  next: number;
  /** What it last said to have applied. Can fall: a node that lost its index starts anew. */
  applied = 0;
  /** Heard from since the leader last checked its quorum. */
  recentlyActive = false;
  private activeBefore = false;
  /** The highest commit index that an append has told it, since it replicates. */
  commitSent = 0;
  /** The newest heartbeat round that it answered. */
  roundAnswered = 0;
  /** In `probe`: the one append is out. */
  probeSent = false;
  /** In `replicate`: a range loaded from disk is out. */
  loading = false;
  /** The leader's tick at which an append last went out or was answered. */
  lastExchange = 0;
  private inflight: Inflight[] = [];
  private inflightBytes = 0;

  constructor(id: MemberId, next: number) {
    this.id = id;
    this.next = next;
  }

  get hasInflight(): boolean {
    return this.inflight.length > 0;
  }

  /** Heard from since the check before the last one: whoever answers has this at any moment, also right after a check. */
  get answers(): boolean {
    return this.recentlyActive || this.activeBefore;
  }

  /** The quorum was checked. */
  checked(): void {
    this.activeBefore = this.recentlyActive;
    this.recentlyActive = false;
  }

  windowFull(messagesMax: number, bytesMax: number): boolean {
    return this.inflight.length >= messagesMax || this.inflightBytes >= bytesMax;
  }

  /** An append from memory went out while replicating: assume that it arrives. */
  pipelined(lastIndex: number, bytes: number): void {
    this.inflight.push({ lastIndex, bytes });
    this.inflightBytes += bytes;
    this.next = lastIndex + 1;
  }

  /** It confirmed the log up to `index`. True if that is news, or ends the probing. */
  acknowledged(index: number): boolean {
    const news = index > this.match;
    if (news) {
      this.match = index;
      this.loading = false;
    }
    this.next = Math.max(this.next, this.match + 1);
    while (this.inflight[0] !== undefined && this.inflight[0].lastIndex <= index) {
      this.inflightBytes -= this.inflight.shift()?.bytes ?? 0;
    }
    if (this.state === 'replicate') return news;
    // An old answer, from before the probing, does not say that the append that is out was accepted.
    if (index < this.match) return false;
    this.state = 'replicate';
    this.probeSent = false;
    this.commitSent = 0;
    this.next = this.match + 1;
    return true;
  }

  /**
   * It refused the append after `index`; `candidate` is the highest index at which the logs may agree. False when the
   * answer is out of date.
   */
  rejected(index: number, candidate: number): boolean {
    if (index <= this.match) return false;
    if (this.state === 'replicate') {
      // `match` is known to agree, so nothing has to be searched: something in between was lost.
      this.becomeProbe();
      return true;
    }
    if (index !== this.next - 1) return false;
    this.next = Math.max(Math.min(index, candidate + 1), this.match + 1);
    this.probeSent = false;
    return true;
  }

  /** Whatever was out is given up. */
  becomeProbe(): void {
    this.state = 'probe';
    this.next = this.match + 1;
    this.probeSent = false;
    this.loading = false;
    this.inflight = [];
    this.inflightBytes = 0;
  }

  status(): ProgressStatus {
    const { id, state, match, applied, answers } = this;
    return { id, state, match, applied, recentlyActive: answers };
  }
}
