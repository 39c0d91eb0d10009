import { randomInt } from 'node:crypto';
import { assert } from '../base/assert.ts';
import { bytesEqual, uuidBytes, uuidText } from '../base/bytes.ts';
import { FactstoreError } from '../base/errors.ts';
import { APPEND_ID_GAP_MAX_MS, APPEND_ID_KEPT_MS, APPEND_ID_WINDOW_APPENDS, APPEND_IDS_MAX } from '../model/limits.ts';
import { ENTRIES_BYTES_MAX, type EntriesRequest } from '../peer/entries.ts';
import { clusterOf, decodeFoundingRecord, type FoundingRecord } from '../peer/founding-codec.ts';
import { EntryType } from '../raft/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { type Damage, damageError, damageIn, isDerivedDamage } from '../storage/damage.ts';
import {
  readDamageNote,
  readIndexDamageNote,
  removeDamagedIndex,
  writeDamageNote,
  writeIndexDamageNote,
} from '../storage/damage-note.ts';
import type { DataDirectory } from '../storage/data-directory.ts';
import type { DiskReserve } from '../storage/disk-reserve.ts';
import { readDivergenceNote, writeDivergenceNote } from '../storage/divergence-note.ts';
import { bytesIn } from '../storage/files.ts';
import { checkedStore } from '../storage/index/checked-store.ts';
import { EventIndex } from '../storage/index/event-index.ts';
import { Kind } from '../storage/index/keys.ts';
import type { StaleIndex } from '../storage/index/open-index.ts';
import { LevelStore } from '../storage/level-store.ts';
import { dropDamagedLog, dropRewrittenLog, rewrittenLogPath, settleSwap, swapLogs } from '../storage/log-swap.ts';
import { RAFT_LOG_DATABASE, RaftLog } from '../storage/raft-log.ts';
import { RaftLogReader } from '../storage/raft-log-reader.ts';
import { newestIntactMembership, readHardState } from '../storage/raft-log-recovery.ts';
import { type FetchEntries, type RewriteProgress, rewriteLog } from '../storage/raft-log-rewrite.ts';
import { entryKey } from '../storage/raft-log-rows.ts';
import { EntryRecord, genesisChain, recordDamage, sealEntry } from '../storage/record.ts';
import type { Store } from '../storage/store.ts';
import { TableCheck } from '../storage/table-check.ts';
import { indexSpace } from './index-space.ts';

const MIB = 1 << 20;
const INDEX_OPTIONS = { writeBufferBytes: 8 * MIB, tableBytes: 8 * MIB, cacheBytes: 32 * MIB };
/** Between two chunks of a block of the index, of which there may be a hundred. */
const SEAL_PAUSE_MS = 20;
/** So much more than what is copied a repair takes: LevelDB's buffers, and what it has not compacted yet. */
const REPAIR_GROWTH = 17 / 16;
const REPAIR_BUFFERS = 4;
/** The founding record is entry 1 of every log, and of term 1, in which nobody votes. */
const FOUNDING = { index: 1, term: 1, type: EntryType.membership, firstPosition: 1, count: 0 };

export interface IndexPorts {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly reserve: Pick<DiskReserve, 'halfUsed' | 'refresh'>;
  /** Ends the node, with the reason. */
  readonly fatal: (error: unknown) => void;
  readonly onSystemEvent: (event: Uint8Array) => void;
}

/** The raft log of a data directory, which may not belong to a cluster yet. */
export class NodeStorage {
  /** Told of every damage that a read of the log meets. */
  onDamage: (damage: Damage) => void = () => undefined;
  /** Told of damage that is met in the index: it is built anew at the next start. */
  onIndexDamage: (error: Error) => void = () => undefined;
  /** Told when an index that is damaged is built anew. One that is only short of rows may have lost them with the power. */
  onIndexRebuilt: () => void = () => undefined;
  private readonly directory: DataDirectory;
  private readonly incarnation: number;
  private readonly measured: (store: Store) => Store;
  private store: LevelStore;
  private opened: RaftLog | undefined;
  private index: { readonly index: EventIndex; readonly store: Store } | undefined;
  private tableCheck: TableCheck | undefined;
  private tablesChecked: Promise<void> = Promise.resolve();
  private found: Damage | undefined;
  private diverged: string | undefined;
  private indexDamaged = false;
  private indexNoted = false;
  /** How far a repair came that was given up. */
  private copiedBytes = 0;
  /** Of a log that is damaged, so that it is not open: its newest membership row that is not. */
  private lastMembership: EntryRecord | undefined;
  private founded: { readonly bytes: Uint8Array; readonly record: FoundingRecord } | undefined;

  private constructor(
    directory: DataDirectory,
    incarnation: number,
    store: LevelStore,
    measured: (store: Store) => Store,
  ) {
    this.directory = directory;
    this.incarnation = incarnation;
    this.store = store;
    this.measured = measured;
  }

  /**
   * Opens and verifies the log, where there is one. Damage that peers can mend is told by `damage`, and the log is open
   * only after `repair`; DATA_LOSS where it is damaged beyond that. The log writes through what `measured` gives.
   */
  static async open(
    directory: DataDirectory,
    incarnation: number,
    measured: (store: Store) => Store = (store) => store,
  ): Promise<NodeStorage> {
    await settleSwap(directory.path);
    const store = await openLogStore(directory);
    const storage = new NodeStorage(directory, incarnation, store, measured);
    try {
      storage.found = await readDamageNote(directory.path);
      storage.diverged = await readDivergenceNote(directory.path);
      await storage.openExisting();
    } catch (error) {
      await store.close();
      throw error;
    }
    return storage;
  }

  /** The founding record as it is stored; undefined while the directory belongs to no cluster. */
  get foundingBytes(): Uint8Array | undefined {
    return this.founded?.bytes;
  }

  /** The cluster that the directory belongs to, which may go on with the log of the one that was founded; empty: none. */
  get clusterId(): Uint8Array {
    return (this.founded && uuidBytes(this.directory.identity.clusterId ?? '')) ?? new Uint8Array(0);
  }

  get founding(): FoundingRecord {
    assert(this.founded, 'the node belongs to no cluster yet');
    return this.founded.record;
  }

  /** Membership entries that name whom this node can ask for what it has lost. */
  get memberships(): readonly EntryRecord[] {
    if (this.opened) return this.opened.memberships;
    return this.lastMembership ? [this.lastMembership] : [];
  }

  get path(): string {
    return this.directory.path;
  }

  get projectionsPath(): string {
    return this.directory.projectionsPath;
  }

  get log(): RaftLog {
    assert(this.opened, 'the raft log is not open yet');
    return this.opened;
  }

  get indexStore(): Store {
    assert(this.index, 'the index is not open yet');
    return this.index.store;
  }

  /** What is damaged, at or below the durable commit index; undefined: nothing is known to be. */
  get damage(): Damage | undefined {
    return this.found;
  }

  /** Whether the log is open: damage in the middle of it does not hinder that. */
  get usable(): boolean {
    return this.opened !== undefined;
  }

  /** Whether the next start mends what is known to be damaged. */
  get mendable(): boolean {
    return this.found !== undefined || this.indexDamaged;
  }

  /** The index was found damaged while the node ran: the next start, whatever ends this one, builds it anew. */
  async noteIndexDamage(text: string): Promise<void> {
    this.indexDamaged = true;
    await writeIndexDamageNote(this.directory.path, text);
    this.indexNoted = true;
  }

  /** The log was found damaged while the node ran: the next start mends it. */
  async noteDamage(damage: Damage): Promise<void> {
    this.found = damage;
    await writeDamageNote(this.directory.path, damage);
  }

  /** Why this log is not the cluster's; undefined: that is not known of it. */
  get divergence(): string | undefined {
    return this.diverged;
  }

  /** The log was found to be another one than the cluster's: every later start knows it. */
  async noteDivergence(text: string): Promise<void> {
    this.diverged = text;
    await writeDivergenceNote(this.directory.path, text);
  }

  /**
   * How much `repair` writes before it frees anything, as far as can be told: about what the log takes, or more where a
   * copy that was given up had come to that, as tables of the log may be lost.
   */
  async repairBytes(): Promise<number> {
    const log = await bytesIn(this.directory.logPath);
    return (
      Math.ceil(Math.max(log, this.copiedBytes) * REPAIR_GROWTH) + REPAIR_BUFFERS * RAFT_LOG_DATABASE.writeBufferBytes
    );
  }

  /**
   * Writes the log anew, with what peers have of the damaged entries, and opens it (rule D7). Yields after each step; one
   * that is given up there, or fails, leaves nothing of the new log.
   */
  async *repair(fetch: FetchEntries): AsyncGenerator<RewriteProgress, void, undefined> {
    const { path } = this.directory;
    const genesis = genesisChain(this.founding.clusterId);
    const rewritten = await LevelStore.open(rewrittenLogPath(path), RAFT_LOG_DATABASE);
    let complete = false;
    let erased = false;
    const noting: FetchEntries = async (...lost) => {
      const records = await fetch(...lost);
      erased ||= records.some((record) => record.erased);
      return records;
    };
    try {
      yield* rewriteLog(this.store, rewritten, { path, genesis, fetch: noting });
      complete = true;
    } finally {
      await rewritten.close();
      if (!complete) {
        this.copiedBytes = await bytesIn(rewrittenLogPath(path));
        await dropRewrittenLog(path);
      }
    }
    // The log holds the store, where it is open.
    await this.store.close();
    this.opened = undefined;
    // Nothing in the new log tells under which names the index knows them (rule R2).
    if (erased) await writeIndexDamageNote(path, 'it may know events that were erased before the log was mended');
    await swapLogs(path);
    this.found = undefined;
    this.store = await LevelStore.open(this.directory.logPath, RAFT_LOG_DATABASE);
    await this.openExisting();
    await dropDamagedLog(path);
  }

  /**
   * Entries for a peer that has lost them, also while this node mends its own. Committed ones, unless the peer can tell those
   * that it has lost from others: this node may learn that they are committed only when that peer takes part again. What
   * it has `applied` is committed as well: the disk hears of a commit with the next batch only, and an idle cluster has none.
   */
  async entries({ clusterId, from, to, uncommitted }: EntriesRequest, applied = 0): Promise<readonly EntryRecord[]> {
    if (!this.founded || !bytesEqual(this.clusterId, clusterId))
      throw new FactstoreError('FAILED_PRECONDITION', 'this node is not of that cluster');
    if (this.opened) {
      const { lastIndex, hardState } = this.opened;
      const committed = Math.max(hardState.commit, applied);
      return this.opened.read(from, Math.min(to, uncommitted ? lastIndex : committed), ENTRIES_BYTES_MAX);
    }
    const reader = new RaftLogReader(this.store, this.directory.path);
    const { commit, lastIndex } = (await readHardState(reader)) ?? { commit: 0, lastIndex: 0 };
    reader.moveTo(lastIndex, commit);
    return reader.read(from, Math.min(to, uncommitted ? lastIndex : commit), ENTRIES_BYTES_MAX);
  }

  /**
   * Makes the directory a member of the cluster that the record founds, or of the one with this id that goes on with its
   * log: synced, once it returns. After a crash meanwhile the next start finds it done, or nothing of it.
   */
  async adopt(bytes: Uint8Array, clusterId: Uint8Array = new Uint8Array(0)): Promise<void> {
    const record = decodeFoundingRecord(bytes);
    const cluster = uuidText(clusterOf({ record: bytes, clusterId }));
    const founded = uuidText(record.clusterId);
    const log = await this.openLog(record);
    if (log.lastIndex === 0) {
      await this.directory.prepareCluster(cluster, founded);
      const entry = sealEntry(
        { ...FOUNDING, createdUs: record.createdUs, payload: bytes },
        genesisChain(record.clusterId),
      );
      const hardState = { term: FOUNDING.term, vote: undefined, commit: FOUNDING.index };
      await log.write({ truncateAfter: undefined, records: [entry], hardState });
    }
    await this.directory.setCluster(cluster, founded);
    this.founded = { bytes, record };
  }

  /** The index of this log. One that LevelDB cannot open, or that has lost rows, is built anew: it follows from the log. */
  async openIndex(ports: IndexPorts): Promise<EventIndex> {
    const index = await this.openOrRebuildIndex(ports);
    this.tablesChecked.catch((error) => {
      if (isDerivedDamage(error)) this.onIndexDamage(error);
      else if (!this.tableCheck?.isStopped) ports.fatal(error);
    });
    return index;
  }

  private async openOrRebuildIndex(ports: IndexPorts): Promise<EventIndex> {
    const { path } = this.directory;
    let why = await readIndexDamageNote(path);
    if (why === undefined) {
      try {
        return await this.openExistingIndex(ports);
      } catch (error) {
        await this.endTableCheck();
        if (!isDerivedDamage(error)) throw error;
        why = error instanceof Error ? error.message : '';
      }
      // A start that dies while the index is removed leaves half of one, which the next must not take for the whole. Where the
      // disk has no room for that note, removing makes some.
      await writeIndexDamageNote(path, why).catch(() => undefined);
    }
    this.onIndexRebuilt();
    ports.logger.warn({ event: 'index.rebuilt' }, `the index is damaged and is built anew from the log: ${why}`);
    await removeDamagedIndex(path);
    return this.openExistingIndex(ports);
  }

  private async openExistingIndex(ports: IndexPorts): Promise<EventIndex> {
    const { logger, clock, fatal, onSystemEvent } = ports;
    await this.checkIndexTables(ports);
    const level = await LevelStore.open(this.directory.indexPath, INDEX_OPTIONS);
    const store = checkedStore(level, this.tablesChecked);
    const { log } = this;
    try {
      const index = await EventIndex.open(store, async (logIndex) => (await log.get(logIndex))?.chain, {
        hashSeed: randomInt(2 ** 31),
        appendIdsMin: APPEND_ID_WINDOW_APPENDS,
        appendIdsMax: APPEND_IDS_MAX,
        appendIdWindowUs: APPEND_ID_KEPT_MS * 1000,
        appendIdGapMaxUs: APPEND_ID_GAP_MAX_MS * 1000,
        pause: () => clock.sleep(SEAL_PAUSE_MS),
        space: indexSpace(ports.reserve, clock, logger),
        onSystemEvent,
        onWriteError: fatal,
        onDamage: (error) => this.onIndexDamage(error),
        onStale: (stale) => {
          keepProofOfLoss(stale, this.directory.path);
          const why = stale.reason === 'damaged' ? 'has lost rows' : 'is of another format';
          logger.warn({ event: 'index.rebuilt' }, `the index ${why} and is built anew from the log`);
        },
      });
      this.index = { index, store };
      return index;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /**
   * Rows that change are checked before any is read, as an older one may be found in the place of one that is lost; of the
   * others only look-ups by name wait.
   */
  private async checkIndexTables({ clock }: IndexPorts): Promise<void> {
    const pace = () => clock.yieldTurn();
    const check = await TableCheck.hold(this.directory.indexPath);
    this.tableCheck = check;
    await check.run(pace, check.holds ? Uint8Array.of(Kind.head) : undefined);
    this.tablesChecked = check.run(pace);
    // Whoever waits for it is told; `openIndex` tells of it otherwise.
    this.tablesChecked.catch(() => undefined);
  }

  private async endTableCheck(): Promise<void> {
    this.stopChecking();
    await this.tablesChecked.catch(() => undefined);
  }

  /** A check of tables under way ends, and with it the opening of an index that waits for it, in CANCELLED. */
  stopChecking(): void {
    this.tableCheck?.stop();
  }

  /** The tables that the index has now. */
  tablesOfIndex(): Promise<TableCheck> {
    return TableCheck.inPlace(this.directory.indexPath);
  }

  async close(): Promise<void> {
    await this.endTableCheck();
    await this.index?.index.close();
    await this.index?.store.close();
    if (this.opened) await this.opened.close();
    else await this.store.close();
    if (this.indexDamaged && !this.indexNoted) await removeDamagedIndex(this.directory.path).catch(() => undefined);
  }

  private async openExisting(): Promise<void> {
    const bytes = await this.store.get(entryKey(FOUNDING.index)).catch((error: Error) => {
      throw isDerivedDamage(error) ? this.damaged(`entry 1, the founding record: ${error.message}`) : error;
    });
    const { clusterId, foundedAs = clusterId, joining } = this.directory.identity;
    if (!bytes) {
      // Without entry 1 there is no log; whatever else says that there was one (identity, promises) means damage.
      if (clusterId !== null) throw this.damaged('entry 1, the founding record, is missing');
      return;
    }
    const reason = recordDamage(FOUNDING.index, bytes);
    if (reason !== undefined) throw this.damaged(`entry 1, the founding record: ${reason}`);
    const founding = Buffer.from(new EntryRecord(FOUNDING.index, bytes).payload);
    const record = decodeFoundingRecord(founding);
    if (foundedAs !== null && foundedAs !== uuidText(record.clusterId)) {
      throw new FactstoreError(
        'FAILED_PRECONDITION',
        `data directory ${this.directory.path}: identity.json is of cluster ${foundedAs}, but the log is of cluster ${uuidText(record.clusterId)}: files of two directories were mixed. Put the right ones together again, or restore a backup`,
      );
    }
    this.founded = { bytes: founding, record };
    try {
      // Where a crash came between the two, the log has the record, and the identity is still to follow.
      await this.adopt(founding, uuidBytes(clusterId ?? joining ?? ''));
    } catch (error) {
      const damage = damageIn(error);
      if (damage?.kind !== 'belowCommit') throw error;
      this.found = damage;
      this.lastMembership = await newestIntactMembership(this.store);
    }
  }

  private async openLog(record: FoundingRecord): Promise<RaftLog> {
    const { directory, incarnation, store } = this;
    this.opened ??= await RaftLog.open(this.measured(store), {
      path: directory.path,
      promises: directory.promises,
      genesis: genesisChain(record.clusterId),
      incarnation,
      onDamage: (damage) => this.onDamage(damage),
    });
    return this.opened;
  }

  private damaged(text: string): FactstoreError {
    return damageError(this.directory.path, { kind: 'promiseLost', index: FOUNDING.index, text });
  }
}

/** Where LevelDB cannot open the log nobody can tell which promises are still in it. */
async function openLogStore({ path, logPath }: DataDirectory): Promise<LevelStore> {
  try {
    return await LevelStore.open(logPath, RAFT_LOG_DATABASE);
  } catch (error) {
    if (!isDerivedDamage(error)) throw error;
    throw damageError(path, { kind: 'promiseLost', index: 0, text: (error as Error).message }, error);
  }
}

/** An index that knows of committed entries which the log no longer has is proof of loss (rule D8), and ends the start. */
export function keepProofOfLoss({ reason, logIndex: index }: StaleIndex, path: string): void {
  if (reason !== 'beyondLog' && reason !== 'otherChain') return;
  const text =
    reason === 'beyondLog'
      ? `the index has applied entry ${index}, which the log no longer has`
      : `entry ${index} is not the one that the index has applied`;
  throw damageError(path, { kind: 'promiseLost', index, text });
}
