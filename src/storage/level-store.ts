import { readdir } from 'node:fs/promises';
import { Level } from 'level';
import { assert } from '../base/assert.ts';
import { FactstoreError } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import { deferred } from '../runtime/deferred.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import { compactionPieces } from './compaction-pieces.ts';
import { codeOf, isMissing } from './files.ts';
import type { CompactionRest, Operation, Scan, ScanRange, Store } from './store.ts';

export interface LevelOptions {
  readonly writeBufferBytes: number;
  readonly tableBytes: number;
  readonly cacheBytes: number;
  /** How much of the tables `compact` rewrites at a time; 32 MiB unless given. */
  readonly compactionBytes?: number;
}

/** A native call of a scan gives at most about this much, so that no turn of the event loop is long (rule C3). */
const SCAN_BYTES = 64 << 10;

/** So much of the tables is rewritten at a time. */
const COMPACTION_BYTES = 32 << 20;

type Database = Level<Uint8Array, Uint8Array>;

interface NativeDatabase {
  /** What `batch` calls once it has cloned and encoded every operation, which takes 5 to 10 µs each: ours are bytes already. */
  _batch(operations: readonly Operation[], options: { readonly sync: boolean }): Promise<void>;
  compactRange(from: Uint8Array, to: Uint8Array): Promise<void>;
  approximateSize(from: Uint8Array, to: Uint8Array): Promise<number>;
}

/**
 * A store on LevelDB. Its `buffer` encoding gives Buffers, which its types can express only as Uint8Array.
 *
 * LevelDB locks a database against other processes with a POSIX lock on the file LOCK. Such a lock is gone as soon as
 * this process closes *any* descriptor of that file, and LevelDB does just that when the database is opened a second
 * time in one process. So: open a database once, behind the directory lock; never read or copy its LOCK file.
 */
export class LevelStore implements Store {
  private readonly path: string;
  private readonly database: Database;
  private readonly compactionBytes: number;
  /** Those that are not closed, each with the promise that it will be. */
  private readonly scans = new Set<Promise<void>>();
  /** Set by the first write that failed: nothing that LevelDB says afterwards can be believed (rule D1). */
  private failure: FactstoreError | undefined;

  private constructor(path: string, database: Database, compactionBytes: number) {
    this.path = path;
    this.database = database;
    this.compactionBytes = compactionBytes;
  }

  /** Ends in FAILED_PRECONDITION where another process has it open, in DATA_LOSS where LevelDB cannot make sense of it. */
  static async open(path: string, options: LevelOptions): Promise<LevelStore> {
    await refuseWithoutCurrent(path);
    const database: Database = new Level(path, {
      keyEncoding: 'buffer' as 'view',
      valueEncoding: 'buffer' as 'view',
      writeBufferSize: options.writeBufferBytes,
      maxFileSize: options.tableBytes,
      cacheSize: options.cacheBytes,
      compression: true,
    });
    try {
      await database.open();
    } catch (error) {
      throw openError(path, error);
    }
    return new LevelStore(path, database, options.compactionBytes ?? COMPACTION_BYTES);
  }

  get(key: Uint8Array): Promise<Buffer | undefined> {
    return this.reading(this.database.get(key) as Promise<Buffer | undefined>);
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    return this.reading(this.database.getMany([...keys]) as Promise<(Buffer | undefined)[]>);
  }

  async write(operations: readonly Operation[], sync: boolean): Promise<void> {
    if (this.failure) throw this.failure;
    try {
      assert(this.database.status === 'open', () => `a write to ${this.path} while it is ${this.database.status}`);
      await this.native._batch(operations, { sync });
    } catch (error) {
      this.failure = new FactstoreError(
        codeOf(error) === 'LEVEL_CORRUPTION' ? 'DATA_LOSS' : 'INTERNAL',
        `a write to ${this.path} failed (${reasonOf(error)}). What LevelDB acknowledges after this may be lost, so this process must end and start anew`,
        { path: this.path },
        { cause: error },
      );
      throw this.failure;
    }
  }

  scan(range: ScanRange): Scan {
    const iterator = this.database.iterator({
      ...(range.from && { gte: range.from }),
      ...(range.to && { lt: range.to }),
      reverse: range.backwards === true,
      limit: range.limit ?? -1,
      highWaterMarkBytes: SCAN_BYTES,
    });
    const closed = deferred<void>();
    this.scans.add(closed.promise);
    return {
      next: (count) => this.reading(iterator.nextv(count) as Promise<[Buffer, Buffer][]>),
      close: () =>
        iterator.close().finally(() => {
          this.scans.delete(closed.promise);
          closed.resolve();
        }),
    };
  }

  /**
   * LevelDB drops old values only while it merges tables, and leaves a table alone that no newer one overlaps; such a
   * table may well hold a row twice, as it was in memory. So what is in memory becomes a table first, and then two
   * deletions of what never was make one that overlaps all of them.
   *
   * A row that an open scan can still see goes into the new tables too, and stays there: nothing overlaps those. The old
   * tables themselves, which a scan may be reading, are removed when the next one comes into being. So scans are waited
   * for at the beginning and at the end, and then one more small table is made.
   *
   * All databases of a process share one thread for this: what a long merge of one keeps waiting are the others' memory
   * tables, and behind two full ones their writes. Hence the pieces, and the rests between them.
   */
  async compact(from: Uint8Array, to: Uint8Array, signal: Signal, rest?: CompactionRest): Promise<boolean> {
    if (!(await this.scansEnded(signal))) return false;
    const facts = {
      bytesOf: (start: Uint8Array, end: Uint8Array) => this.native.approximateSize(start, end),
      edgesOf: (start: Uint8Array, end: Uint8Array) => this.edgesOf(start, end),
    };
    await this.native.compactRange(from, from);
    for (const piece of await compactionPieces(from, to, this.compactionBytes, facts)) {
      await this.rewrite(piece.from, piece.to);
      if (signal.aborted || (rest && !(await rest(piece.bytes)))) return false;
    }
    if (!(await this.scansEnded(signal))) return false;
    await this.rewrite(from, from);
    return true;
  }

  private async edgesOf(from: Uint8Array, to: Uint8Array): Promise<readonly [Uint8Array, Uint8Array] | undefined> {
    const first = await this.edgeOf({ from, to });
    const last = await this.edgeOf({ from, to, backwards: true });
    return first && last && [first, last];
  }

  private async edgeOf(range: ScanRange): Promise<Uint8Array | undefined> {
    const scan = this.scan({ ...range, limit: 1 });
    try {
      return (await scan.next(1))[0]?.[0];
    } finally {
      await scan.close();
    }
  }

  private async rewrite(from: Uint8Array, to: Uint8Array): Promise<void> {
    const [first, last] = [await this.unusedKey(from), await this.unusedKey(to)];
    await this.native.compactRange(first, first);
    await this.write(
      [first, last].map((key) => ({ type: 'del', key })),
      true,
    );
    await this.native.compactRange(first, last);
  }

  /** Waits for the scans that are open now; false: the signal came first. */
  private async scansEnded(signal: Signal): Promise<boolean> {
    await untilAborted(Promise.all(this.scans), signal).catch(() => undefined);
    return !signal.aborted;
  }

  /** The key, or the next one behind it that is of no row. */
  private async unusedKey(key: Uint8Array): Promise<Uint8Array> {
    let unused = key;
    while (await this.get(unused)) unused = Buffer.concat([unused, Uint8Array.of(0)]);
    return unused;
  }

  /** What the types of `level`, which also has an implementation for browsers, leave out. */
  private get native(): NativeDatabase {
    return this.database as unknown as NativeDatabase;
  }

  close(): Promise<void> {
    return this.database.close();
  }

  private async reading<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (!isDamage(error)) throw error;
      throw new FactstoreError(
        'DATA_LOSS',
        `a read from ${this.path} failed: ${reasonOf(error)}`,
        { path: this.path },
        { cause: error },
      );
    }
  }
}

/** Where CURRENT is missing LevelDB makes a new database, and deletes the files of the one that was there. */
async function refuseWithoutCurrent(path: string): Promise<void> {
  const names: readonly string[] = await readdir(path).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  if (names.includes('CURRENT') || !names.some((name) => /^\d+\.(ldb|sst|log)$/.test(name))) return;
  throw new FactstoreError('DATA_LOSS', `database ${path} cannot be opened: its file CURRENT is missing`, { path });
}

/** Every failure of a file counts: which of them will pass, only the operator of the disk can know. */
function isDamage(error: unknown): boolean {
  return codeOf(error) === 'LEVEL_CORRUPTION' || codeOf(error) === 'LEVEL_IO_ERROR';
}

function openError(path: string, error: unknown): FactstoreError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (codeOf(cause) === 'LEVEL_LOCKED')
    return new FactstoreError(
      'FAILED_PRECONDITION',
      `database ${path} is in use by another process`,
      { path },
      { cause },
    );
  const code = /no space left/i.test(reasonOf(cause)) ? 'DISK_RESERVE' : isDamage(cause) ? 'DATA_LOSS' : 'INTERNAL';
  return new FactstoreError(code, `database ${path} cannot be opened: ${reasonOf(cause)}`, { path }, { cause });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
