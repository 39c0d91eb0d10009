import { link, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FactstoreError } from '../base/errors.ts';
import { isMissing } from './files.ts';
import { LevelDbTable } from './leveldb-table.ts';

/** Beside the tables, so that it is gone with them; LevelDB leaves alone what has no name of its own. */
const LINKS = 'check';

/**
 * Compares the tables that a database has at one moment with their checksums. LevelDB does so neither when it reads nor when
 * it compacts: a flipped bit in a key hides a row, or has an older one found in its place, and once compacted the damage
 * has a checksum that is right. So the tables are held by links of their own until they are checked, also over a crash.
 */
export class TableCheck {
  /** False: the file system holds no links, so that the check must end before LevelDB opens the database. */
  readonly canWait: boolean;
  private readonly database: string;
  private readonly unchecked: Set<string>;
  private stopped = false;

  private constructor(database: string, tables: readonly string[], canWait: boolean) {
    this.database = database;
    this.unchecked = new Set(tables);
    this.canWait = canWait;
  }

  /** Takes hold of the tables that there are, and of those that an earlier check has not come to. */
  static async begin(database: string): Promise<TableCheck> {
    const links = join(database, LINKS);
    const tables = await tablesIn(database);
    try {
      if (tables.length > 0) await mkdir(links, { recursive: true });
      for (const name of tables) await link(join(database, name), join(links, name)).catch(unlessThere);
    } catch {
      return new TableCheck(database, tables, false);
    }
    return new TableCheck(database, await tablesIn(links), true);
  }

  /**
   * Checks the tables that may hold rows from this key on; without one, all that are left. `pace` is told how many bytes were
   * read, and may wait. Ends in DATA_LOSS at the first damage, in CANCELLED once it is stopped.
   */
  async run(pace: (bytes: number) => Promise<void>, fromKey?: Uint8Array): Promise<void> {
    const { database, canWait } = this;
    const links = join(database, LINKS);
    for (const name of this.unchecked) {
      const path = join(canWait ? links : database, name);
      const table = await LevelDbTable.open(path, join(database, name)).catch((error: unknown) => {
        // LevelDB may have compacted what nobody held.
        if (!canWait && isMissing(error)) return undefined;
        throw error;
      });
      if (!table) continue;
      try {
        if (fromKey && Buffer.compare(table.lastKey, fromKey) < 0) continue;
        await table.check(async (bytes) => {
          await pace(bytes);
          if (this.stopped) throw new FactstoreError('CANCELLED', 'the check of the tables was stopped');
        });
      } finally {
        await table.close();
      }
      this.unchecked.delete(name);
      if (canWait) await rm(path, { force: true });
    }
    if (canWait && this.unchecked.size === 0) await rm(links, { recursive: true, force: true });
  }

  /** What is not checked is left to the next check. */
  stop(): void {
    this.stopped = true;
  }

  get isStopped(): boolean {
    return this.stopped;
  }
}

async function tablesIn(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).filter((name) => /\.(ldb|sst)$/.test(name));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function unlessThere(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
}
