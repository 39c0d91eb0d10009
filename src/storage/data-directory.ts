import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../base/assert.ts';
import { FactstoreError, invalid } from '../base/errors.ts';
import { BALLAST_BYTES, ensureBallast, freeBytes, releaseBallast } from './ballast.ts';
import { DirectoryLock } from './directory-lock.ts';
import { codeOf, isThere } from './files.ts';
import { settleReturn } from './former-self.ts';
import { DIRECTORY_FORMAT, type Identity, isUuid, readIdentity, writeIdentity } from './identity.ts';
import { PromiseFile } from './promise-file.ts';
import { refuseHalfRecovered } from './recovery-note.ts';

export interface DataDirectoryOptions {
  readonly nodeId: string;
  /** Size of the ballast file in bytes; 64 MiB unless given. */
  readonly ballastBytes?: number;
  /** How much is free, in bytes; the file system's own answer unless given. */
  readonly freeBytes?: (path: string) => Promise<number>;
}

/**
 * A node's directory, and the right to use it:
 *
 *     identity.json   who it is (identity.ts)
 *     promise         what the node has promised (promise-file.ts)
 *     peers.json      what it has seen of the other members (peer-memory.ts)
 *     log/            LevelDB: the raft log (raft-log-rows.ts); beside it, while it is repaired, two more (log-swap.ts)
 *     recovery.json   a recovery of its cluster that was begun (recovery-note.ts); absent: none
 *     damaged.json    damage that was found while the node ran (damage-note.ts); absent: none
 *     index-damaged.json  the same of the index
 *     return.json     it is to be a member again whose former self is in former-…/ (former-self.ts); absent: it is not
 *     index/          LevelDB: the event index, which follows from the log
 *     projections/    LevelDB: the states of projections, which follow from the log
 *     lock/           held while a node runs on it (directory-lock.ts)
 *     ballast         removed when the disk is full (ballast.ts)
 */
export class DataDirectory {
  readonly path: string;
  readonly promises: PromiseFile;
  /** True: the disk was so full that the ballast was removed to open it. */
  readonly ballastReleased: boolean;
  private readonly lock: DirectoryLock;
  private known: Identity;
  private writing = false;

  private constructor(path: string, lock: DirectoryLock, promises: PromiseFile, known: Identity, released: boolean) {
    this.path = path;
    this.lock = lock;
    this.promises = promises;
    this.known = known;
    this.ballastReleased = released;
  }

  /**
   * Opens a data directory, or makes one. Ends in FAILED_PRECONDITION where it cannot be used (not writable, in use, of
   * a newer version, of another node), in DATA_LOSS where something in it is damaged or missing.
   */
  static async open(path: string, options: DataDirectoryOptions): Promise<DataDirectory> {
    if (options.nodeId === '') throw invalid('nodeId', 'is empty');
    await makeWritable(path);
    const { lock, released } = await takeLock(path, options);
    let promises: PromiseFile | undefined;
    try {
      await settleReturn(path);
      const identity = (await readIdentity(join(path, 'identity.json'))) ?? (await create(path, options.nodeId));
      if (identity.nodeId !== options.nodeId) throw otherNode(path, identity.nodeId, options.nodeId);
      await refuseHalfRecovered(path);
      promises = await PromiseFile.open(join(path, 'promise'));
      refuseOlderIdentity(path, identity, promises);
      if (!released) await ensureBallast(join(path, 'ballast'), options.ballastBytes ?? BALLAST_BYTES);
      return new DataDirectory(path, lock, promises, identity, released);
    } catch (error) {
      await promises?.close();
      await lock.release();
      throw error;
    }
  }

  get identity(): Identity {
    return this.known;
  }

  get logPath(): string {
    return join(this.path, 'log');
  }

  get indexPath(): string {
    return join(this.path, 'index');
  }

  get projectionsPath(): string {
    return join(this.path, 'projections');
  }

  /** Counts a start of the node, durably, and gives its number (rule D9). */
  async raiseIncarnation(): Promise<number> {
    await this.replace({ ...this.known, incarnation: this.known.incarnation + 1 });
    return this.known.incarnation;
  }

  /**
   * To be called before the log gets the record of the cluster that was founded: what is written then is of this cluster,
   * also where a crash comes before `setCluster`.
   */
  async prepareCluster(clusterId: string, foundedAs: string): Promise<void> {
    const { joining: before, ...others } = this.known;
    const joining = clusterId === foundedAs ? undefined : clusterId;
    if (others.clusterId !== null || joining === before) return;
    await this.replace({ ...others, ...(joining !== undefined && { joining }) });
  }

  /**
   * Makes the directory part of a cluster, durably and for good, whose log was founded as that cluster, or as another.
   * FAILED_PRECONDITION where it is part of another.
   */
  async setCluster(clusterId: string, foundedAs = clusterId): Promise<void> {
    if (!isUuid(clusterId)) throw invalid('clusterId', `${JSON.stringify(clusterId)} is not a UUID in lower case`);
    if (this.known.clusterId === clusterId) return;
    if (this.known.clusterId !== null)
      throw new FactstoreError(
        'FAILED_PRECONDITION',
        `data directory ${this.path} belongs to cluster ${this.known.clusterId} and cannot become part of cluster ${clusterId}. Start the node with an empty directory to let it join another cluster`,
        { path: this.path, clusterId: this.known.clusterId },
      );
    const { joining: _, ...others } = this.known;
    await this.replace({ ...others, clusterId, ...(foundedAs !== clusterId && { foundedAs }) });
  }

  /** Syncs the promise file and gives the directory back. The databases in it are closed before. */
  async close(): Promise<void> {
    try {
      await this.promises.close();
    } finally {
      await this.lock.release();
    }
  }

  private async replace(identity: Identity): Promise<void> {
    assert(!this.writing, 'two changes of the identity at a time');
    this.writing = true;
    try {
      await writeIdentity(join(this.path, 'identity.json'), identity);
    } catch (error) {
      if (codeOf(error) === 'ENOSPC') throw diskFull(this.path, error);
      throw error;
    } finally {
      this.writing = false;
    }
    this.known = identity;
  }
}

/** A full disk is not its concern: the lock and the ballast deal with it. */
async function makeWritable(path: string): Promise<void> {
  const probe = join(path, '.writable');
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await writeFile(probe, '');
    await rm(probe);
  } catch (error) {
    if (codeOf(error) === 'ENOSPC') return;
    throw new FactstoreError(
      'FAILED_PRECONDITION',
      `data directory ${path} is not writable: ${(error as Error).message}. Give the user that runs factstore the right to write there, or name another directory`,
      { path },
      { cause: error },
    );
  }
}

/**
 * Takes the lock, with the help of the ballast where the disk is full. A refusal for want of space comes after LevelDB
 * has had the lock, so nobody else's ballast is ever removed.
 */
async function takeLock(
  path: string,
  options: DataDirectoryOptions,
): Promise<{ lock: DirectoryLock; released: boolean }> {
  const ballast = join(path, 'ballast');
  let lock: DirectoryLock;
  let released = false;
  try {
    lock = await DirectoryLock.take(path);
  } catch (error) {
    if (!(error instanceof FactstoreError) || error.code !== 'DISK_RESERVE') throw error;
    released = await releaseBallast(ballast);
    if (!released) throw diskFull(path, error);
    lock = await DirectoryLock.take(path);
  }
  const free = await (options.freeBytes ?? freeBytes)(path);
  if (free < (options.ballastBytes ?? BALLAST_BYTES)) released = (await releaseBallast(ballast)) || released;
  return { lock, released };
}

function diskFull(path: string, cause: unknown): FactstoreError {
  return new FactstoreError(
    'DISK_RESERVE',
    `the disk of data directory ${path} is full, and there is no ballast file left to remove: make room on it and start again. Nothing in the directory itself may be deleted`,
    { path },
    { cause },
  );
}

/** Makes the identity of a directory that has none yet: the promise file first, so that it is never missing later. */
async function create(path: string, nodeId: string): Promise<Identity> {
  for (const name of ['log', 'index'])
    if (await isThere(join(path, name)))
      throw new FactstoreError(
        'DATA_LOSS',
        `data directory ${path} has ${name}/ but no identity.json: without it nobody knows which member of which cluster it is. Put the file back, or move the directory away and let the node join again with an empty one`,
        { path },
      );
  await refuseForgottenPromise(path);
  await PromiseFile.create(join(path, 'promise'));
  const identity = { format: DIRECTORY_FORMAT, clusterId: null, nodeId, directoryId: randomUUID(), incarnation: 0 };
  await writeIdentity(join(path, 'identity.json'), identity);
  return identity;
}

/** Without an identity only a promise file that was being created may be there: it promises nothing, or is half written. */
async function refuseForgottenPromise(path: string): Promise<void> {
  const promises = await PromiseFile.open(join(path, 'promise')).catch(() => undefined);
  if (!promises) return;
  const { incarnation } = promises.read();
  await promises.close();
  if (incarnation === 0) return;
  throw new FactstoreError(
    'DATA_LOSS',
    `data directory ${path} has a promise file in use but no identity.json and no log/: put both back, or move the directory away and let the node join again with an empty one`,
    { path },
  );
}

/** A promise of an incarnation that the identity does not know yet: an older copy of the identity was put back. */
function refuseOlderIdentity(path: string, identity: Identity, promises: PromiseFile): void {
  const promised = promises.read().incarnation;
  if (promised <= identity.incarnation) return;
  throw new FactstoreError(
    'DATA_LOSS',
    `data directory ${path}: identity.json knows ${identity.incarnation} starts, but the promise file was written in start ${promised}, so an older copy of identity.json was put back. Put back the newest one, or move the directory away and let the node join again with an empty one`,
    { path },
  );
}

function otherNode(path: string, owner: string, nodeId: string): FactstoreError {
  return new FactstoreError(
    'FAILED_PRECONDITION',
    `data directory ${path} belongs to node ${owner}, but this node is called ${nodeId}: name the node ${owner} (--node-id), or give it another directory (--data)`,
    { path, nodeId: owner },
  );
}
