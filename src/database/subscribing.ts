import { FactstoreError } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import type { Replica } from '../replica/replica.ts';
import type { Source } from '../subscription/subscription.ts';
import type { Reads, Target } from './reads.ts';

/** What to follow, and from where. */
export interface SubscribeRequest {
  readonly target: Target;
  /** Undefined: from the first event. */
  readonly start: { readonly kind: 'after'; readonly position: number } | { readonly kind: 'now' } | undefined;
  readonly userEvents: boolean;
  /** True: links are followed. */
  readonly resolveLinks?: boolean | undefined;
}

/** Makes the source of a subscription out of reads and the head. */
export class Subscribing {
  private readonly replica: Replica;
  private readonly reads: Reads;

  constructor(replica: Replica, reads: Reads) {
    this.replica = replica;
    this.reads = reads;
  }

  /** Ends in INVALID_ARGUMENT, or in OUT_OF_RANGE where the checkpoint lies beyond the cluster's head. */
  async begin(request: SubscribeRequest, signal: Signal): Promise<{ source: Source; after: number }> {
    this.reads.checkTarget(request.target);
    const after = await this.start(request, signal);
    const source: Source = {
      head: this.replica.head,
      read: (from) => this.reads.behind(request, from, signal),
      freshHead: (until) => this.freshHead(until),
    };
    return { source, after };
  }

  private async start(request: SubscribeRequest, signal: Signal): Promise<number> {
    if (request.start === undefined) return 0;
    if (request.start.kind === 'now') return this.freshHead(signal);
    const { position } = request.start;
    if (position <= this.replica.head.value) return position;
    const head = await this.freshHead(signal);
    if (position <= head) return position;
    throw new FactstoreError(
      'OUT_OF_RANGE',
      `after: position ${position} lies beyond the head of the cluster, which is ${head}. Does the checkpoint belong to another cluster?`,
      { field: 'after', position, head },
    );
  }

  /** The head of the cluster, applied on this node (rule Q3). It waits as long as the subscription lives. */
  private async freshHead(signal: Signal): Promise<number> {
    await this.replica.linearize(signal);
    return this.replica.head.value;
  }
}
