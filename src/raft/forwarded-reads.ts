import type { ReadAnswer } from './types.ts';

interface Batch {
  readonly context: number;
  readonly ids: readonly number[];
  readonly since: number;
}

/**
 * Reads of a node that is not the leader, on their way there and back. One batch is out at a time; what is asked for
 * meanwhile goes with the next one, so a busy follower costs one message a round trip.
 */
export class ForwardedReads {
  private context: number;
  private waiting: { id: number; since: number }[] = [];
  private out: Batch | undefined;
  private now = 0;

  /**
   * Contexts start at a random place, so that a late answer to a batch from before a restart is never taken for the
   * answer to a newer one.
   */
  constructor(firstContext: number) {
    this.context = firstContext;
  }

  request(id: number): void {
    this.waiting.push({ id, since: this.now });
  }

  get canSend(): boolean {
    return this.out === undefined && this.waiting.length > 0;
  }

  /** The context of the batch to be sent now. */
  send(): number {
    this.context += 1;
    this.out = { context: this.context, ids: this.waiting.map((read) => read.id), since: this.now };
    this.waiting = [];
    return this.context;
  }

  answered(context: number, index: number | undefined): ReadAnswer[] {
    if (this.out?.context !== context) return [];
    const answers = this.out.ids.map((id) => ({ id, index }));
    this.out = undefined;
    return answers;
  }

  /** One tick; returns the reads that have waited for too long. */
  tick(ticksMax: number): number[] {
    this.now += 1;
    const expired: number[] = [];
    if (this.out !== undefined && this.now - this.out.since >= ticksMax) {
      expired.push(...this.out.ids);
      this.out = undefined;
    }
    const isOld = (read: { since: number }): boolean => this.now - read.since >= ticksMax;
    if (!this.waiting.some(isOld)) return expired;
    for (const read of this.waiting) if (isOld(read)) expired.push(read.id);
    this.waiting = this.waiting.filter((read) => !isOld(read));
    return expired;
  }

  /** Gives up on all of them, because whoever was asked no longer leads. */
  takeAll(): number[] {
    const ids = [...(this.out?.ids ?? []), ...this.waiting.map((read) => read.id)];
    this.out = undefined;
    this.waiting = [];
    return ids;
  }
}
