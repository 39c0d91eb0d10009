import { FactstoreError } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import { entriesFromPeers } from '../peer/entries.ts';
import { RareLog } from '../peer/rare-log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { type DiskReserve, mebibytes } from '../storage/disk-reserve.ts';
import type { FetchEntries } from '../storage/raft-log-rewrite.ts';
import type { NodeStorage } from './open-storage.ts';

export interface LogRepairOptions {
  readonly storage: NodeStorage;
  readonly reserve: DiskReserve;
  /** Node ids and peer addresses of the other members. */
  readonly peers: () => ReadonlyMap<string, string>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: Signal;
}

/** How long to wait before all peers are asked once more for what none of them had. */
const ASK_AGAIN_MS = 1_000;
/** How long to wait before the disk is looked at again that had no room. */
const LOOK_AGAIN_MS = 1_000;
/** How often it is logged that there is no room. */
const LOG_MS = 60_000;

/**
 * Mends the log of a node before the node takes part in anything (rule D7). Until then it answers peers that need
 * entries it still has: two damaged nodes can mend each other.
 */
export class LogRepair {
  private readonly options: LogRepairOptions;
  private readonly what: string;
  private readonly log: RareLog;
  private percent = 0;
  private obstacle = '';

  constructor(options: LogRepairOptions) {
    this.options = options;
    this.log = new RareLog(options.clock, LOG_MS);
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
    const { logger, clock } = this.options;
    const begunMs = clock.monotonicMs();
    logger.warn(
      { event: 'log.repairing', damage: this.what },
      `the log is damaged and is being repaired: ${this.what}`,
    );
    let fetched: number | undefined;
    while (fetched === undefined) {
      await this.waitForRoom();
      fetched = await this.rewrite();
    }
    const ms = Math.round(clock.monotonicMs() - begunMs);
    logger.warn({ event: 'log.repaired', fetched, ms }, `the log is whole again: ${fetched} entries came from peers`);
  }

  /** The new log and the old one need their place at the same time, and the reserve is not for that (rule D1). */
  private async waitForRoom(): Promise<void> {
    const { storage, reserve, clock, signal } = this.options;
    this.percent = 0;
    for (;;) {
      this.checkGoesOn();
      const needed = await storage.repairBytes();
      await reserve.measure(clock.monotonicMs());
      if (reserve.hasRoomFor(needed)) break;
      this.tellNoRoom(needed);
      await clock.sleep(LOOK_AGAIN_MS, signal);
    }
    this.obstacle = '';
  }

  private tellNoRoom(needed: number): void {
    const { storage, reserve, logger } = this.options;
    const { freeBytes, reserveBytes } = reserve;
    this.obstacle = `writing it anew needs ${mebibytes(needed + reserveBytes)} MiB free on the disk of ${storage.path} (${mebibytes(reserveBytes)} of them are kept in reserve), and ${mebibytes(freeBytes)} MiB are: make room there, and it goes on by itself; or stop the node, empty its data directory, and let it join anew`;
    this.log.once('room', () =>
      logger.warn(
        { event: 'log.repair_waits', needed, freeBytes, reserveBytes },
        `the log is not repaired yet: ${this.obstacle}`,
      ),
    );
  }

  /** How many entries came from peers; undefined: the disk ran short meanwhile, so it was given up. */
  private async rewrite(): Promise<number | undefined> {
    const { storage, reserve, clock } = this.options;
    let fetched = 0;
    for await (const progress of storage.repair(this.patientFetch())) {
      this.percent = Math.floor((100 * progress.copiedTo) / progress.to);
      fetched = progress.fetched;
      const short = await reserve.measure(clock.monotonicMs());
      // What remains after the last entry takes no space, and then the old log gives back its own.
      if (short && progress.copiedTo < progress.to) return undefined;
    }
    return fetched;
  }

  private checkGoesOn(): void {
    if (this.options.signal.aborted) throw new FactstoreError('CANCELLED', 'the node stops while its log is repaired');
  }

  /** Asks until somebody has what is missing, however long that takes: without it the node is of no use. */
  private patientFetch(): FetchEntries {
    const { storage, peers, clock, signal } = this.options;
    const fetch = entriesFromPeers(storage.clusterId, peers, { clock, signal });
    return async (...lost) => {
      for (;;) {
        this.checkGoesOn();
        try {
          const records = await fetch(...lost);
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
