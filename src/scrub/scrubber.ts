import { FactstoreError } from '../base/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Damage } from '../storage/damage.ts';
import { verifyIndex } from '../storage/index/verify-index.ts';
import type { RaftLog } from '../storage/raft-log.ts';
import type { Store } from '../storage/store.ts';
import type { TableCheck } from '../storage/table-check.ts';

/** A node that has just started has more urgent things to read. */
const FIRST_MS = 5_000;
/**
 * For each millisecond that it read and decoded, the scrubber rests so many. Bytes alone are no measure of what it takes from
 * appends and reads: rows of the index cost ten times as much as those of the log. On a busy node everything takes longer,
 * and so do the rests.
 */
const REST_TIMES = 4;

export interface ScrubberPorts {
  readonly log: Pick<RaftLog, 'verify'>;
  readonly index: Store;
  /** The tables that the index has when it is called. */
  indexTables(): Promise<Pick<TableCheck, 'run'>>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How much is read in a second, at most. */
  readonly bytesPerSecond: number;
  /** How long it rests between two passes. */
  readonly restMs: number;
  /** What has been taken out of sealed rows so far; undefined: they are being changed, and their number means nothing. */
  rowsAtRest(): string | undefined;
  logDamaged(damage: Damage): void;
  indexDamaged(error: FactstoreError): void;
}

export interface ScrubProgress {
  /** What is being read; `nothing` between two passes. */
  readonly at: 'nothing' | 'index' | 'log';
  /** Of the log, in this pass. */
  readonly percent: number;
  /** Bytes and whole passes since the node started. */
  readonly bytes: number;
  readonly passes: number;
  /** Places that were found damaged since then. */
  readonly damages: number;
}

/**
 * Reads everything that a node has on its disk, again and again, because damage is only met by whoever reads: every row of
 * the index and their number, and every entry of the log with digest, chain and place. The index comes first: a row that
 * was lost is missed by nobody else, while each read of the log checks what it reads.
 */
export class Scrubber {
  private readonly ports: ScrubberPorts;
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private now: { -readonly [K in keyof ScrubProgress]: ScrubProgress[K] } = {
    at: 'nothing',
    percent: 0,
    bytes: 0,
    passes: 0,
    damages: 0,
  };

  constructor(ports: ScrubberPorts) {
    this.ports = ports;
  }

  get progress(): ScrubProgress {
    return { ...this.now };
  }

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { clock, logger, restMs } = this.ports;
    const { signal } = this.stopping;
    await clock.sleep(FIRST_MS, signal);
    while (!signal.aborted) {
      try {
        await this.pass();
      } catch (error) {
        if (!signal.aborted) logger.error({ event: 'scrub.failed', err: error }, 'a pass of the scrubber was given up');
      }
      this.now.at = 'nothing';
      await clock.sleep(restMs, signal);
    }
  }

  private async pass(): Promise<void> {
    const { logger } = this.ports;
    const { bytes, damages } = this.now;
    await this.scrubIndex();
    await this.scrubLog();
    this.now.passes++;
    const found = this.now.damages - damages;
    const read = this.now.bytes - bytes;
    logger.info({ event: 'scrub.done', bytes: read, damages: found }, `scrubbed ${read} bytes: ${found} damages`);
  }

  private async scrubIndex(): Promise<void> {
    const { index, rowsAtRest, indexDamaged } = this.ports;
    this.now.at = 'index';
    const before = rowsAtRest();
    if (before === undefined) return;
    const miscounts = await this.indexDamages(async () => (await verifyIndex(index, this.pacer())).damages);
    const damages = [
      ...(before === rowsAtRest() ? miscounts : []),
      ...(await this.indexDamages(() => this.tableDamages())),
    ];
    if (damages.length === 0) return;
    this.now.damages += damages.length;
    const more = damages.length > 1 ? ` (and ${damages.length - 1} more)` : '';
    const first = damages[0]?.replace(/^index: /, '');
    indexDamaged(new FactstoreError('DATA_LOSS', `index: ${first}${more}`, { database: 'index' }));
  }

  /** The checksums of whole blocks: a filter that is damaged hides rows from look-ups which a scan still finds. */
  private async tableDamages(): Promise<readonly string[]> {
    await (await this.ports.indexTables()).run(this.pacer());
    return [];
  }

  private async indexDamages(find: () => Promise<readonly string[]>): Promise<readonly string[]> {
    try {
      return await find();
    } catch (error) {
      if (error instanceof FactstoreError && error.code === 'DATA_LOSS') return [error.message];
      throw error;
    }
  }

  private async scrubLog(): Promise<void> {
    this.now.at = 'log';
    this.now.percent = 0;
    const pace = this.pacer();
    let bytes = 0;
    for await (const progress of this.ports.log.verify()) {
      for (const damage of progress.damages) {
        this.now.damages++;
        this.ports.logDamaged(damage);
      }
      await pace(progress.bytes - bytes);
      bytes = progress.bytes;
      this.now.percent = Math.floor((100 * progress.checkedTo) / progress.to);
    }
  }

  /** To be called with what was just read: waits until so much may have been read. Ends in CANCELLED at a stop. */
  private pacer(): (bytes: number) => Promise<void> {
    const { clock, bytesPerSecond } = this.ports;
    const { signal } = this.stopping;
    let resumedMs = clock.monotonicMs();
    let bytesDueMs = resumedMs;
    let restDueMs = resumedMs;
    return async (bytes) => {
      this.now.bytes += bytes;
      const nowMs = clock.monotonicMs();
      bytesDueMs = Math.max(bytesDueMs, nowMs - 1_000) + (bytes * 1_000) / bytesPerSecond;
      restDueMs = Math.max(restDueMs, resumedMs) + (nowMs - resumedMs) * (REST_TIMES + 1);
      const restMs = Math.max(bytesDueMs, restDueMs) - nowMs;
      if (restMs >= 1) await clock.sleep(restMs, signal);
      else await clock.yieldTurn();
      resumedMs = clock.monotonicMs();
      if (signal.aborted) throw new FactstoreError('CANCELLED', 'the scrubber stops');
    };
  }
}
