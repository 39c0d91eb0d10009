import type { MemberId, Message, ReadAnswer } from './types.ts';

/** A message of one of the types `T`. */
export type MessageOf<P, T extends Message<P>['type']> = Extract<Message<P>, { type: T }>;

/** What waits to be collected by `ready()`. */
export class Outbox<P> {
  private now: Message<P>[] = [];
  private after: Message<P>[] = [];
  private answers: ReadAnswer[] = [];

  /** Promises nothing: goes out at once. */
  send(message: Message<P>): void {
    this.now.push(message);
  }

  /** Promises what the log and the hard state hold now: goes out once they are synced (Raft, figure 2). */
  sendAfterSync(message: Message<P>): void {
    this.after.push(message);
  }

  answer(id: number, index: number | undefined): void {
    this.answers.push({ id, index });
  }

  refuse(ids: readonly number[]): void {
    for (const id of ids) this.answer(id, undefined);
  }

  get hasMessages(): boolean {
    return this.now.length > 0;
  }

  get hasWaiting(): boolean {
    return this.after.length > 0;
  }

  get hasAnswers(): boolean {
    return this.answers.length > 0;
  }

  /** Everything promised so far is synced already. */
  releaseWaiting(): void {
    this.now.push(...this.takeWaiting());
  }

  /**
   * Promises made in an older term are dropped when the term rises. Nobody waits for them, and dropping a message is
   * always safe; sending it could vouch for entries that were cut off before they reached the disk.
   */
  dropWaiting(): void {
    this.after = [];
  }

  takeMessages(): Message<P>[] {
    const messages = this.now;
    this.now = [];
    return messages;
  }

  takeWaiting(): Message<P>[] {
    const messages = this.after;
    this.after = [];
    return messages;
  }

  takeAnswers(): ReadAnswer[] {
    const answers = this.answers;
    this.answers = [];
    return answers;
  }
}

/** Who asked for a read index: this node itself, or another one whose batch of reads bears a context. */
export type ReadOrigin = { readonly id: number } | { readonly from: MemberId; readonly context: number };
