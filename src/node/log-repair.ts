import { FactstoreError } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import { entriesFromPeers } from '../peer/entries.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { FetchEntries } from '../storage/raft-log-rewrite.ts';
import type { NodeStorage } from './open-storage.ts';

export interface LogRepairOptions {
  readonly storage: NodeStorage;
  /** Node ids and peer addresses of the other members. */
  readonly peers: () => ReadonlyMap<string, string>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: Signal;
}

/** How long to wait before all peers are asked once more for what none of them had. */
const ASK_AGAIN_MS = 1_000;

/**
 * Mends the log of a node before the node takes part in anything (rule D7). Until then it answers peers that need
 * entries it still has: two damaged nodes can mend each other.
 */
export class LogRepair {
  private readonly options: LogRepairOptions;
  private readonly what: string;
  private percent = 0;
  private obstacle = '';

  constructor(options: LogRepairOptions) {
    this.options = options;
    this.what = options.storage.damage?.text ?? '';
  }

  get percentDone(): number {
    return this.percent;
  }

  /** What is damaged and how far the repair is, for status. */
  get progress(): string {
    return `repairing its log, ${this.percent} % (${this.what})${this.obstacle && `: ${this.obstacle}`}`;
  }

  /** Resolves once the log is whole and open. Rejects where it is damaged beyond what peers can mend, or on abort. */
  async run(): Promise<void> {
    const { storage, logger, clock } = this.options;
    const begunMs = clock.monotonicMs();
    logger.warn(
      { event: 'log.repairing', damage: this.what },
      `the log is damaged and is being repaired: ${this.what}`,
    );
    let fetched = 0;
    for await (const progress of storage.repair(this.patientFetch())) {
      this.percent = Math.floor((100 * progress.copiedTo) / progress.to);
      fetched = progress.fetched;
    }
    const ms = Math.round(clock.monotonicMs() - begunMs);
    logger.warn({ event: 'log.repaired', fetched, ms }, `the log is whole again: ${fetched} entries came from peers`);
  }

  /** Asks until somebody has what is missing, however long that takes: without it the node is of no use. */
  private patientFetch(): FetchEntries {
    const { storage, peers, clock, signal } = this.options;
    const fetch = entriesFromPeers(storage.clusterId, peers, { clock, signal });
    return async (from, to, refusal) => {
      for (;;) {
        if (signal.aborted) throw new FactstoreError('CANCELLED', 'the node stops while its log is repaired');
        try {
          const records = await fetch(from, to, refusal);
          this.obstacle = '';
          return records;
        } catch (error) {
          if (!(error instanceof FactstoreError) || error.code !== 'UNREACHABLE') throw error;
          this.obstacle = error.message;
          await clock.sleep(ASK_AGAIN_MS, signal);
        }
      }
    };
  }
}
