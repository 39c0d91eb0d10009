import { FactstoreError } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import { entriesFromPeers, type PeerPlaces } from '../peer/entries.ts';
import { RareLog } from '../peer/rare-log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { type Damage, damageError } from '../storage/damage.ts';
import { type DiskReserve, mebibytes } from '../storage/disk-reserve.ts';
import type { FetchEntries } from '../storage/raft-log-rewrite.ts';
import type { EntryRecord } from '../storage/record.ts';
import type { NodeStorage } from './open-storage.ts';

export interface LogRepairOptions {
  readonly storage: NodeStorage;
  readonly reserve: DiskReserve;
  /** The other members, by node id. */
  readonly peers: () => PeerPlaces;
  /** This node alone votes: what none of the others has by now, none of them will get. */
  readonly alone: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: Signal;
}

/** How long to wait before all peers are asked once more for what none of them had. */
const ASK_AGAIN_MS = 1_000;
/** So often a node asks that votes alone and could serve without what it has lost. */
const TRIES_ALONE = 10;
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

  /**
   * Resolves once the log is open: with true where it is whole; with false where none of the others has what it has lost,
   * and the rest of it is at hand. Rejects where it is damaged beyond what peers can mend, or on abort.
   */
  async run(): Promise<boolean> {
    const { logger, alone, storage } = this.options;
    logger.warn(
      { event: 'log.repairing', damage: this.what },
      `the log is damaged and is being repaired: ${this.what}`,
    );
    try {
      if (alone && storage.usable) await this.seekHelp();
      await this.mend();
      return true;
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      if (!storage.usable) throw damageError(storage.path, storage.damage as Damage, error);
      const text = `the log stays damaged, and this node goes on with all that it still has: ${error.message}`;
      logger.error({ event: 'log.unmended', damage: this.what }, text);
      return false;
    }
  }

  /** Where nobody has the entry that is known to be lost, the node need not copy all before it first, and can serve. */
  private async seekHelp(): Promise<void> {
    const { index } = this.options.storage.damage as Damage;
    const refusal = (records: readonly EntryRecord[]) =>
      records.length === 0 ? `it has no entry ${index}` : undefined;
    if (index > 0) await this.patientFetch()(index, index, refusal, async () => ({ to: index, refusal }));
  }

  private async mend(): Promise<void> {
    const { logger, clock } = this.options;
    const begunMs = clock.monotonicMs();
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

  /**
   * Asks until somebody has what is missing, however long that takes: without it the node is of no use. Not where it votes
   * alone: it is of use to all others where its log is open, so it waits only for those that start beside it; and where all of
   * them have answered, nothing will change.
   */
  private patientFetch(): FetchEntries {
    const { storage, peers, alone, clock, signal } = this.options;
    const fetch = entriesFromPeers(storage.clusterId, peers, { clock, signal });
    return async (...lost) => {
      for (let tries = 1; ; tries++) {
        this.checkGoesOn();
        try {
          const records = await fetch(...lost);
          this.obstacle = '';
          return records;
        } catch (error) {
          if (!isUnreachable(error)) throw error;
          if (alone && (error.details.unheard === 0 || (storage.usable && tries >= TRIES_ALONE))) throw error;
          this.obstacle = error.message;
          await clock.sleep(ASK_AGAIN_MS, signal);
        }
      }
    };
  }
}

/** Nobody has what was asked for. */
function isUnreachable(error: unknown): error is FactstoreError {
  return error instanceof FactstoreError && error.code === 'UNREACHABLE';
}
