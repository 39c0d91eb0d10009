import { link, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FactstoreError } from '../base/errors.ts';
import { codeOf, isMissing } from './files.ts';
import { type LiveTable, liveTables } from './leveldb-manifest.ts';
import { LevelDbTable } from './leveldb-table.ts';

/** Beside the tables, so that it is gone with them; LevelDB leaves alone what has no name of its own. */
const LINKS = 'check';

/** By file name; undefined: nothing is known of one that an earlier check has left. */
type Tables = Map<string, LiveTable | undefined>;

/**
 * Compares the tables that a database consists of at one moment with their checksums. LevelDB does so neither when it reads
 * nor when it compacts: a flipped bit in a key hides a row, or has an older one found in its place, and once compacted the
 * damage has a checksum that is right.
 */
export class TableCheck {
  /** Where the links are by which the tables are held; undefined: LevelDB may delete them as soon as it is open. */
  private readonly links: string | undefined;
  private readonly database: string;
  private readonly unchecked: Tables;
  private stopped = false;

  private constructor(database: string, unchecked: Tables, links?: string) {
    this.database = database;
    this.unchecked = unchecked;
    this.links = links;
  }

  /** Of the tables as they lie there. One that is compacted before it is looked at is left out. */
  static async inPlace(database: string): Promise<TableCheck> {
    return new TableCheck(database, await tablesOf(database));
  }

  /**
   * Takes hold of the tables, and of those that an earlier check has not come to, so that LevelDB may open the database and
   * compact it before they are checked, and the process may end. Without links (`holds`) they are checked in place.
   */
  static async hold(database: string): Promise<TableCheck> {
    const tables = await tablesOf(database);
    const links = join(database, LINKS);
    try {
      if (tables.size > 0) await mkdir(links, { recursive: true });
      for (const name of tables.keys()) await link(join(database, name), join(links, name)).catch(unlessThere);
    } catch {
      await rm(links, { recursive: true, force: true });
      return new TableCheck(database, tables);
    }
    for (const name of await namesIn(links)) if (!tables.has(name)) tables.set(name, undefined);
    return new TableCheck(database, tables, links);
  }

  /** Whether LevelDB may open the database before the check has ended. */
  get holds(): boolean {
    return this.links !== undefined;
  }

  get isStopped(): boolean {
    return this.stopped;
  }

  /**
   * Checks the tables that may hold rows from this key on; without one, all that are left. `pace` is told how many bytes were
   * read, and may wait. Ends in DATA_LOSS at the first damage, in CANCELLED once it is stopped.
   */
  async run(pace: (bytes: number) => Promise<void>, fromKey?: Uint8Array): Promise<void> {
    const { links, unchecked } = this;
    for (const [name, table] of unchecked) {
      if (fromKey && table && Buffer.compare(table.lastKey, fromKey) < 0) continue;
      await this.checkTable(name, table?.bytes, pace);
      unchecked.delete(name);
      if (links !== undefined) await rm(join(links, name), { force: true });
    }
    if (links !== undefined && unchecked.size === 0) await rm(links, { recursive: true, force: true });
  }

  /** What is not checked is left to the next check. */
  stop(): void {
    this.stopped = true;
  }

  private async checkTable(
    name: string,
    bytes: number | undefined,
    pace: (bytes: number) => Promise<void>,
  ): Promise<void> {
    this.refuseStopped();
    const { database, links = database } = this;
    const table = await LevelDbTable.open(join(links, name), join(database, name), bytes).catch(unlessMissing);
    try {
      await table?.check(async (read) => {
        await pace(read);
        this.refuseStopped();
      });
    } finally {
      await table?.close();
    }
  }

  private refuseStopped(): void {
    if (this.stopped) throw new FactstoreError('CANCELLED', 'the check of the tables was stopped');
  }
}

async function tablesOf(database: string): Promise<Tables> {
  const tables = (await liveTables(database)) ?? [];
  return new Map(tables.map((table) => [`${String(table.number).padStart(6, '0')}.ldb`, table]));
}

async function namesIn(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch(unlessMissing);
  return names ?? [];
}

function unlessThere(error: unknown): void {
  if (codeOf(error) !== 'EEXIST') throw error;
}

/** One that is missing from the database itself is LevelDB's to tell when it opens it. */
function unlessMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}
