import { assert } from '../base/assert.ts';
import type { HardState, MemberId, PersistToken } from './types.ts';

/** A batch that the driver is writing. */
interface Batch {
  readonly token: PersistToken;
  readonly hardState: HardState;
  /** The part of the log, as it is now, that this batch makes durable: what was cut off since does not count. */
  validTo: number;
  done: boolean;
}

/**
 * What is on disk and what is on its way there.
 *
 * Whether a finished batch covers an index cannot be told from its last index and term alone: the suffix may have been
 * cut off and written again meanwhile, even with the same term (ABA). So each batch on its way remembers how much of it
 * still stands, and every truncation lowers that.
 */
export class DiskState {
  private readonly batches: Batch[] = [];
  private sequence = 0;
  private persisted: number;
  /** The log up to here has been handed to the driver. */
  private handed: number;
  /** The disk holds, or will hold, entries above this that are no longer in the log. */
  private cutAfter: number | undefined;
  private handedState: { term: number; vote: MemberId | undefined };
  private durableState: { term: number; vote: MemberId | undefined };

  constructor(lastIndex: number, hardState: HardState) {
    this.persisted = lastIndex;
    this.handed = lastIndex;
    this.handedState = hardState;
    this.durableState = hardState;
  }

  get persistedIndex(): number {
    return this.persisted;
  }

  /** The log up to here is on disk or on its way there. */
  get handedIndex(): number {
    return this.handed;
  }

  /** True when no batch is on its way. */
  get idle(): boolean {
    return this.batches.length === 0;
  }

  /** Whether the disk lacks anything: entries, the term, or the vote. A newer commit index alone can wait (rule D3). */
  lacks(lastIndex: number, term: number, vote: MemberId | undefined): boolean {
    if (this.handed < lastIndex || this.cutAfter !== undefined) return true;
    return this.handedState.term !== term || this.handedState.vote !== vote;
  }

  /** Whether a vote given in a term can no longer be forgotten. */
  holdsVote(term: number, vote: MemberId): boolean {
    return this.durableState.term === term && this.durableState.vote === vote;
  }

  truncatedAfter(index: number): void {
    if (index < this.handed) {
      this.handed = index;
      this.cutAfter = index;
    }
    this.persisted = Math.min(this.persisted, index);
    for (const batch of this.batches) batch.validTo = Math.min(batch.validTo, index);
  }

  /** The log behind `handedIndex` goes into a new batch, up to `lastIndex`. */
  handOut(lastIndex: number, lastTerm: number, hardState: HardState): HandedOut {
    const truncateAfter = this.cutAfter;
    assert(truncateAfter === undefined || truncateAfter === this.handed, 'a batch must replace what it cuts off');
    this.sequence += 1;
    const token = { sequence: this.sequence, lastIndex, lastTerm };
    this.batches.push({ token, hardState, validTo: lastIndex, done: false });
    this.handed = lastIndex;
    this.cutAfter = undefined;
    this.handedState = hardState;
    return { token, truncateAfter };
  }

  /**
   * A batch is synced. Batches count in the order in which they were handed out, so that one whose completion comes
   * early waits for those before it; a completion that is unknown or comes twice means nothing.
   */
  completed(token: PersistToken): void {
    const batch = this.batches.find((one) => one.token.sequence === token.sequence);
    if (batch === undefined) return;
    assert(
      batch.token.lastIndex === token.lastIndex && batch.token.lastTerm === token.lastTerm,
      'a completion must come with the token of its batch',
    );
    batch.done = true;
    for (let next = this.batches[0]; next?.done; next = this.batches[0]) {
      this.batches.shift();
      this.persisted = Math.max(this.persisted, next.validTo);
      this.durableState = next.hardState;
    }
  }
}

export interface HandedOut {
  readonly token: PersistToken;
  readonly truncateAfter: number | undefined;
}
