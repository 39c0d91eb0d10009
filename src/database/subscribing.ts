import { uuidBytes, uuidText } from '../base/bytes.ts';
import { FactstoreError, invalid } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import { ancestorOf, type Lineage, sharedUpTo } from '../peer/lineage.ts';
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
  /** The cluster that has told the position to begin behind, a UUID; undefined: this one. */
  readonly afterClusterId?: string | undefined;
}

/** Makes the source of a subscription out of reads and the head. */
export class Subscribing {
  private readonly replica: Replica;
  private readonly reads: Reads;
  private readonly lineage: () => Lineage;

  constructor(replica: Replica, reads: Reads, lineage: () => Lineage) {
    this.replica = replica;
    this.reads = reads;
    this.lineage = lineage;
  }

  /** Ends in INVALID_ARGUMENT, or in OUT_OF_RANGE where the checkpoint lies beyond the cluster's head, or means something else. */
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
    await this.checkLineage(position, request.afterClusterId, signal);
    if (position <= this.replica.head.value) return position;
    const head = await this.freshHead(signal);
    if (position <= head) return position;
    throw new FactstoreError(
      'OUT_OF_RANGE',
      `after: position ${position} lies beyond the head of the cluster, which is ${head}. Does the checkpoint belong to another cluster?`,
      { field: 'after', position, head },
    );
  }

  /** A position of another cluster counts up to where this one has gone on from it (rule R3). */
  private async checkLineage(position: number, clusterId: string | undefined, signal: Signal): Promise<void> {
    if (clusterId === undefined) return;
    const id = uuidBytes(clusterId);
    if (!id) throw invalid('after_cluster_id', `${JSON.stringify(clusterId)} is not a UUID`);
    if (position <= sharedUpTo(this.lineage(), id)) return;
    // A node that lags does not know yet what its cluster goes on from.
    await this.freshHead(signal);
    const lineage = this.lineage();
    const shared = sharedUpTo(lineage, id);
    if (position <= shared) return;
    const ours = uuidText(lineage.clusterId);
    const text = ancestorOf(lineage, id)
      ? `cluster ${ours} has gone on from that one's position ${shared}, without what stood behind it. Take back what was made of that, and begin behind ${shared}.`
      : `cluster ${ours} does not go on from that one. Begin with the first event.`;
    throw new FactstoreError('OUT_OF_RANGE', `after: position ${position} is of cluster ${clusterId}, and ${text}`, {
      field: 'after',
      position,
      clusterId,
      shared,
    });
  }

  /** The head of the cluster, applied on this node (rule Q3). It waits as long as the subscription lives. */
  private async freshHead(signal: Signal): Promise<number> {
    await this.replica.linearize(signal);
    return this.replica.head.value;
  }
}
