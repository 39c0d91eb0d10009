import { FactstoreError } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import { decodeEntriesResponse, encodeEntriesRequest } from '../peer/entries.ts';
import { ask } from '../peer/grpc.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RaftLog } from '../storage/raft-log.ts';

export interface ChainComparisonPorts {
  readonly log: Pick<RaftLog, 'get' | 'hardState'>;
  readonly clusterId: Uint8Array;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: Signal;
  /** Why this node was fenced in an earlier life; undefined: it was not. */
  readonly known: string | undefined;
  /** Node ids and peer addresses of the other voters. */
  voters(): ReadonlyMap<string, string>;
  /** The node id of the leader. */
  leader(): string | undefined;
  /** This node is fenced from now on; resolves once that is kept. */
  fenced(why: string): Promise<void>;
}

const ASK_TIMEOUT_MS = 5_000;

/**
 * Compares the log of this node with those of the others. The chain hash of one entry stands for everything before it, so two
 * nodes have the same history if and only if they have the same hash at the same index (rule D4). What is compared was
 * committed here at the comparison before, so by now the others have it too, if they keep up.
 */
export class ChainComparison {
  private readonly ports: ChainComparisonPorts;
  private index = 0;
  private differing: readonly string[] = [];
  private verdict: string | undefined;
  /** The verdict is kept for later starts. */
  private noted: boolean;

  constructor(ports: ChainComparisonPorts) {
    this.ports = ports;
    this.verdict = ports.known;
    this.noted = ports.known !== undefined;
  }

  /** Why this node must serve nothing: the cluster has another history. It stays so, whatever is started anew. */
  get fence(): string | undefined {
    return this.verdict;
  }

  /** Node ids of the voters whose history was another one when they were asked last. */
  get diverged(): readonly string[] {
    return this.differing;
  }

  async compare(): Promise<void> {
    const { log } = this.ports;
    const { index } = this;
    this.index = log.hardState.commit;
    const own = index > 0 ? await log.get(index) : undefined;
    if (!own) return;
    const others = this.ports.voters();
    const chains = await Promise.all(
      [...others].map(async ([nodeId, address]) => [nodeId, await this.chainAt(address, index)] as const),
    );
    const mine = own.chain.toString('hex');
    const differing = chains.filter((one): one is readonly [string, string] => one[1] !== undefined && one[1] !== mine);
    this.differing = differing.map(([nodeId]) => nodeId);
    if (differing.length > 0) await this.alarm(index, differing, others.size + 1);
  }

  private async alarm(index: number, differing: readonly (readonly [string, string])[], voters: number): Promise<void> {
    const { nodeId, logger } = this.ports;
    const names = differing.map(([name]) => name).join(', ');
    const text = `the log of ${nodeId} has another history than that of ${names}: their chain hashes at entry ${index} differ`;
    const judged = this.verdict === undefined ? this.judgement(differing, voters) : undefined;
    if (judged !== undefined) {
      this.verdict = `${text}. ${judged}, and not with ${nodeId}, which serves nothing any more. ${voters === 2 ? 'The cluster still needs its vote: add a third member first. Then stop' : 'Stop'} it, move its data directory away and start it again: it comes back as a new member. Keep the directory, and report this`;
    }
    const what =
      this.verdict ??
      `${text}. Which of them is wrong the other members tell: those that a majority disagrees with stop serving`;
    logger.error({ event: 'log.diverged', index, members: differing.map(([name]) => name) }, what);
    if (this.verdict === undefined || this.noted) return;
    await this.ports.fenced(this.verdict);
    this.noted = true;
  }

  /** Who agrees with the history that is not this node's, and makes it the cluster's; undefined: nobody can tell. */
  private judgement(differing: readonly (readonly [string, string])[], voters: number): string | undefined {
    const counts = new Map<string, number>();
    for (const [, chain] of differing) counts.set(chain, (counts.get(chain) ?? 0) + 1);
    if (Math.max(...counts.values()) >= (voters >> 1) + 1) return 'A majority of the voters agrees';
    // Two cannot outvote each other. But a leader has every committed entry (Raft §5.4.3): what its follower has committed
    // otherwise is not what the cluster goes on with.
    const [only] = differing;
    return voters === 2 && only && this.ports.leader() === only[0]
      ? 'The cluster goes on with that of its leader'
      : undefined;
  }

  /** The chain hash that another node has at an index; undefined: it does not say, or has not come so far. */
  private async chainAt(address: string, index: number): Promise<string | undefined> {
    const { clusterId, clock, signal } = this.ports;
    const request = encodeEntriesRequest({ clusterId, from: index, to: index, uncommitted: false });
    try {
      const answer = await ask(address, 'Entries', request, { clock, signal, timeoutMs: ASK_TIMEOUT_MS });
      return decodeEntriesResponse(answer, index)[0]?.chain.toString('hex');
    } catch (error) {
      if (error instanceof FactstoreError) return undefined;
      throw error;
    }
  }
}
