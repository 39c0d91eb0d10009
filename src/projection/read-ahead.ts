import type { Watched } from '../runtime/watched.ts';
import type { IndexView } from '../storage/index/index-view.ts';
import type { EventSource, SourceBatch } from './event-source.ts';
import { nextDigestAt } from './state-digest.ts';

/** With fewer events than this ahead, the program has nearly caught up: a batch of what there is now would be a small one. */
const AHEAD_MIN = 500;

/**
 * Reads the next batch while the program has the one before it: that runs in a thread of its own. What was read ahead is
 * never behind a fact that ends the generation's part, for nothing behind it was applied when the batch was read.
 */
export class ReadAhead {
  private readonly source: EventSource;
  private readonly head: Watched;
  private readonly view: () => IndexView;
  private next: { readonly after: number; readonly batch: Promise<SourceBatch> } | undefined;

  constructor(source: EventSource, { head, view }: { readonly head: Watched; view(): IndexView }) {
    this.source = source;
    this.head = head;
    this.view = view;
  }

  /** The events behind a position and up to another, as many as a batch may hold. */
  async read(after: number, until: number): Promise<SourceBatch> {
    const { next } = this;
    this.next = undefined;
    const batch = await (next?.after === after ? next.batch : this.begin(after, until));
    const { lookedTo } = batch;
    if (lookedTo > after && Math.min(this.head.value, until) - lookedTo >= AHEAD_MIN) {
      this.next = { after: lookedTo, batch: this.begin(lookedTo, until) };
      // Whoever takes it sees why it failed.
      this.next.batch.catch(() => undefined);
    }
    return batch;
  }

  /** Resolves once nothing is read any more. */
  async end(): Promise<void> {
    await this.next?.batch.catch(() => undefined);
  }

  private begin(after: number, until: number): Promise<SourceBatch> {
    return this.source.read(this.view(), after, Math.min(until, nextDigestAt(after)));
  }
}
