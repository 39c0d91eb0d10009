import { readFile, realpath, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { FactstoreError } from '../base/errors.ts';
import { LevelStore } from './level-store.ts';

/** The directories that this process holds, by their real paths: see `LevelStore` why it must not open one twice. */
const held = new Set<string>();

/**
 * The lock of a data directory: an empty LevelDB database in `lock/`, kept open. Node has no file locks, LevelDB has: a
 * POSIX lock that the kernel gives back when the process ends, however it ends. The file `lock/owner` only serves the
 * message to whoever comes second; it decides nothing, so a stale one, or one with a process id that another program
 * has by now, hinders nobody.
 */
export class DirectoryLock {
  private readonly path: string;
  private readonly store: LevelStore;

  private constructor(path: string, store: LevelStore) {
    this.path = path;
    this.store = store;
  }

  /** Ends in FAILED_PRECONDITION where another process, or this one, holds the directory. */
  static async take(directory: string): Promise<DirectoryLock> {
    const path = await realpath(directory);
    if (held.has(path)) throw inUse(directory, 'this process');
    held.add(path);
    const lockPath = join(path, 'lock');
    try {
      const store = await LevelStore.open(lockPath, { writeBufferBytes: 64 << 10, tableBytes: 1 << 20, cacheBytes: 0 });
      await writeFile(join(lockPath, 'owner'), `process ${process.pid} on ${hostname()}\n`).catch(() => {
        // A full disk: the lock holds without the message.
      });
      return new DirectoryLock(path, store);
    } catch (error) {
      held.delete(path);
      if (!(error instanceof FactstoreError)) throw error;
      if (error.code === 'FAILED_PRECONDITION') throw inUse(directory, await ownerOf(lockPath));
      if (error.code !== 'DATA_LOSS') throw error;
      throw new FactstoreError(
        'DATA_LOSS',
        `the lock of data directory ${directory} is damaged (${error.message}). It holds no data: make sure that no factstore runs on the directory, remove ${lockPath} and start again`,
        { path: directory },
        { cause: error },
      );
    }
  }

  async release(): Promise<void> {
    try {
      await this.store.close();
    } finally {
      held.delete(this.path);
    }
  }
}

async function ownerOf(lockPath: string): Promise<string> {
  const owner = await readFile(join(lockPath, 'owner'), 'utf8').catch(() => '');
  return owner.trim() || 'another process';
}

function inUse(directory: string, owner: string): FactstoreError {
  return new FactstoreError(
    'FAILED_PRECONDITION',
    `data directory ${directory} is in use by ${owner}. One process at a time may use it: stop that one, or give this node another directory`,
    { path: directory, owner },
  );
}
