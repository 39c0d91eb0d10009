import { join } from 'node:path';
import { uuidBytes } from '../base/bytes.ts';
import { FactstoreError } from '../base/errors.ts';
import { systemClock } from '../runtime/clock.ts';
import { DirectoryLock } from '../storage/directory-lock.ts';
import { refuseOtherUser } from '../storage/directory-owner.ts';
import { isThere } from '../storage/files.ts';
import { type Identity, readIdentity } from '../storage/identity.ts';
import { newestSeal } from '../storage/index/open-index.ts';
import { verifyIndex } from '../storage/index/verify-index.ts';
import { LevelStore } from '../storage/level-store.ts';
import { settleSwap } from '../storage/log-swap.ts';
import { PromiseFile } from '../storage/promise-file.ts';
import { RAFT_LOG_DATABASE } from '../storage/raft-log.ts';
import { RaftLogReader } from '../storage/raft-log-reader.ts';
import { brokenPromise, readHardState } from '../storage/raft-log-recovery.ts';
import { verifyLog } from '../storage/raft-log-verify.ts';
import { genesisChain } from '../storage/record.ts';
import { TableCheck } from '../storage/table-check.ts';

/** What a check of a data directory found. */
export interface DirectoryReport {
  readonly nodeId: string;
  /** Empty: it belongs to no cluster yet. */
  readonly clusterId: string;
  /** Entries of the log that were checked, and the bytes of their records. */
  readonly entries: number;
  readonly bytes: number;
  readonly indexRows: number;
  /** What is wrong, one sentence each; empty: nothing. No more than `DAMAGES_MAX`. */
  readonly damages: readonly string[];
}

/** Whoever has so many knows enough. */
const DAMAGES_MAX = 100;
const INDEX_WAY_OUT = ' (the index follows from the log: delete index/)';

/**
 * Checks a data directory that no node runs on, end to end: identity, promises, every record, digest and chain hash of
 * the log, every row of the index, and that the index follows from this log. It changes nothing but what LevelDB does
 * when it opens a database, and finishes the change to a new log that a crash interrupted, as a start does. Ends in
 * FAILED_PRECONDITION where there is none, a node runs on it, or its files are another user's, and with the reason of the
 * signal once that is aborted.
 */
export async function verifyDirectory(
  path: string,
  onProgress: (checked: number, of: number) => void,
  signal?: AbortSignal,
): Promise<DirectoryReport> {
  await refuseOtherUser(path);
  if (!(await isThere(join(path, 'identity.json'))) && !(await isThere(join(path, 'log'))))
    throw new FactstoreError(
      'FAILED_PRECONDITION',
      `${path} is not a data directory: it has neither identity.json nor log/`,
      { path },
    );
  const lock = await DirectoryLock.take(path);
  try {
    await settleSwap(path);
    return await new DirectoryCheck(path, onProgress, signal).run();
  } finally {
    await lock.release();
  }
}

class DirectoryCheck {
  private readonly path: string;
  private readonly onProgress: (checked: number, of: number) => void;
  private readonly signal: AbortSignal | undefined;
  private readonly damages: string[] = [];
  private entries = 0;
  private bytes = 0;
  private indexRows = 0;

  constructor(path: string, onProgress: (checked: number, of: number) => void, signal: AbortSignal | undefined) {
    this.path = path;
    this.onProgress = onProgress;
    this.signal = signal;
  }

  async run(): Promise<DirectoryReport> {
    const identity = await this.noting(() => readIdentity(join(this.path, 'identity.json')));
    if (!identity && this.damages.length === 0) this.report('identity.json is missing');
    if (identity) await this.checkDatabases(identity);
    const { entries, bytes, indexRows, damages } = this;
    return { nodeId: identity?.nodeId ?? '', clusterId: identity?.clusterId ?? '', entries, bytes, indexRows, damages };
  }

  /** The checksums of LevelDB's own, before it opens the database and may rewrite it. */
  private async checkTables(database: 'log' | 'index', wayOut = ''): Promise<void> {
    const check = await TableCheck.inPlace(join(this.path, database));
    await this.noting(() => check.run(() => this.turn()), wayOut);
  }

  /** Lets others have their turn, the signal among them; ends the check once that is aborted. */
  private async turn(): Promise<void> {
    await systemClock.yieldTurn();
    this.signal?.throwIfAborted();
  }

  private async checkDatabases({ clusterId, foundedAs }: Identity): Promise<void> {
    const genesisId = foundedAs ?? clusterId;
    const clusterBytes = genesisId === null ? undefined : uuidBytes(genesisId);
    // LevelDB would make an empty one.
    if (!(await isThere(join(this.path, 'log')))) {
      if (clusterBytes) this.report('log/ is missing');
      return;
    }
    await this.checkTables('log');
    await this.checkTables('index', INDEX_WAY_OUT);
    await this.noting(async () => {
      const log = await LevelStore.open(join(this.path, 'log'), RAFT_LOG_DATABASE);
      try {
        const reader = new RaftLogReader(log, this.path);
        // Without a cluster there is no entry, hence no chain.
        if (clusterBytes) await this.checkLog(reader, genesisChain(clusterBytes));
        if (await isThere(join(this.path, 'index'))) await this.noting(() => this.checkIndex(reader));
      } finally {
        await log.close();
      }
    });
  }

  private async checkLog(reader: RaftLogReader, genesis: Uint8Array): Promise<void> {
    const row = await this.noting(() => readHardState(reader));
    if (!row) return this.report('the log has no hard state');
    reader.moveTo(row.lastIndex, row.commit);
    await this.noting(() => this.checkPromise(reader, row));
    for await (const { checkedTo, to, bytes, damages } of verifyLog(reader, genesis, row.lastIndex)) {
      for (const damage of damages) this.report(damage.text);
      this.entries = checkedTo;
      this.bytes = bytes;
      this.onProgress(checkedTo, to);
      await this.turn();
    }
    const last = await this.noting(() => reader.get(row.lastIndex));
    if (last && !last.chain.equals(row.chain))
      this.report(`entry ${row.lastIndex}: it has another chain hash than the hard state behind it`);
  }

  private async checkPromise(
    reader: RaftLogReader,
    row: NonNullable<Awaited<ReturnType<typeof readHardState>>>,
  ): Promise<void> {
    const promises = await PromiseFile.open(join(this.path, 'promise'));
    try {
      const broken = await brokenPromise(reader, row, promises.read());
      if (broken !== undefined) this.report(`the log is not the one that was promised: ${broken}`);
    } finally {
      await promises.close();
    }
  }

  private async checkIndex(reader: RaftLogReader): Promise<void> {
    const options = { writeBufferBytes: 1 << 20, tableBytes: 8 << 20, cacheBytes: 8 << 20 };
    const index = await LevelStore.open(join(this.path, 'index'), options);
    try {
      const { rows, damages } = await verifyIndex(index, () => this.turn());
      this.indexRows = rows;
      for (const damage of damages) this.report(`index: ${damage.replace(/^index: /, '')}${INDEX_WAY_OUT}`);
      const { newest: seal } = await newestSeal(index);
      if (!seal) return;
      const entry = await reader.get(seal.logIndex);
      if (entry?.chain.equals(seal.chain) !== true)
        this.report(`index: it has applied an entry ${seal.logIndex} which is not the one in the log`);
    } finally {
      await index.close();
    }
  }

  /** What is wrong enough to end one check hinders none of the others. */
  private async noting<T>(check: () => Promise<T>, wayOut = ''): Promise<T | undefined> {
    try {
      return await check();
    } catch (error) {
      if (!(error instanceof FactstoreError) || error.code !== 'DATA_LOSS') throw error;
      this.report(`${error.message}${wayOut}`);
      return undefined;
    }
  }

  private report(what: string): void {
    if (this.damages.length < DAMAGES_MAX) this.damages.push(what);
  }
}
