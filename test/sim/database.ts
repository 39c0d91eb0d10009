import type { Operation, Scan, ScanRange, Store } from '../../src/storage/store.ts';
import { type Row, Rows } from '../support/rows.ts';
import type { Chance } from './chance.ts';
import type { Process } from './process.ts';

/** How the disk of a run behaves; drawn once a run. */
export interface DiskHabits {
  readonly readMs: number;
  readonly writeMs: number;
  /** How often a write takes long, and how long. */
  readonly stallChance: number;
  readonly stallMs: number;
  /** After about so many batches the memtable becomes a table, and the write-ahead file starts anew. */
  readonly batchesPerTable: number;
}

interface Batch {
  readonly operations: readonly Operation[];
  synced: boolean;
}

/** A write-ahead file is read in blocks; what is wrong in one loses the records from there to its end. */
const BATCHES_PER_BLOCK = 4;

/**
 * One database on a disk, as LevelDB was measured to keep it (rules D1, D2, D5): tables, and a write-ahead file of batches
 * behind them. It outlives the processes that open it. What is not synced is lost with the power; damage makes it forget
 * records from the middle or the end, or give a wrong value, and never an error.
 */
export class Database {
  readonly chance: Chance;
  habits: DiskHabits;
  /** Told of every batch that is safe from now on. */
  readonly onSafe: (operations: readonly Operation[]) => void;
  private tables = new Rows();
  private ahead: Batch[] = [];
  private current = new Rows();
  private inFlight: Batch | undefined;
  /** Set by a write that failed: from then on writes are acknowledged and lost at the next start. */
  private lies = false;
  /** The next write fails. */
  failNext: string | undefined;

  constructor(chance: Chance, habits: DiskHabits, onSafe: (operations: readonly Operation[]) => void = () => {}) {
    this.chance = chance;
    this.habits = habits;
    this.onSafe = onSafe;
  }

  get writing(): boolean {
    return this.inFlight !== undefined;
  }

  get rows(): readonly Row[] {
    return this.current.all;
  }

  /** Opens it for a process: what the tables and the write-ahead file hold, and not a word about what they do not. */
  open(process: Process): Store {
    this.current = new Rows(this.tables.all);
    for (const batch of this.ahead) this.current.apply(batch.operations);
    this.lies = false;
    this.failNext = undefined;
    return new OpenDatabase(this, process);
  }

  /** The process is gone. What it had handed to the operating system stays, the batch under way perhaps. */
  killed(): void {
    const batch = this.inFlight;
    this.inFlight = undefined;
    if (batch && this.chance.of(0.5)) this.keep(batch);
    this.survive();
  }

  /** The power is gone: what was not synced is lost from some batch on; a torn batch is lost whole. */
  powerLost(): void {
    const batch = this.inFlight;
    this.inFlight = undefined;
    if (batch && this.chance.of(0.2)) this.keep(batch);
    const firstUnsynced = this.ahead.findIndex(({ synced }) => !synced);
    if (firstUnsynced >= 0) this.ahead.length = this.chance.between(firstUnsynced, this.ahead.length + 1);
    this.survive();
  }

  /** A bit flips in the write-ahead file: records are skipped from there to the end of the block. */
  flipAhead(): boolean {
    if (this.ahead.length === 0) return false;
    const at = this.chance.between(0, this.ahead.length);
    this.ahead.splice(at, Math.min(this.chance.between(1, BATCHES_PER_BLOCK + 1), this.ahead.length - at));
    return true;
  }

  /** The end of the write-ahead file is cut off. */
  cutAhead(): boolean {
    if (this.ahead.length === 0) return false;
    this.ahead.length -= this.chance.between(1, Math.min(4, this.ahead.length) + 1);
    return true;
  }

  /** The write-ahead file is gone. */
  loseAhead(): boolean {
    const lost = this.ahead.length > 0;
    this.ahead = [];
    return lost;
  }

  /** A bit flips in a table: a value is another one, also for the process that runs. */
  flipTable(): boolean {
    const { all } = this.tables;
    if (all.length === 0) return false;
    const [key, value] = this.chance.pick(all);
    if (value.length === 0) return false;
    const wrong = Buffer.from(value);
    const at = this.chance.between(0, wrong.length);
    wrong[at] = (wrong[at] as number) ^ (1 << this.chance.between(0, 8));
    const unchanged = this.current.get(key)?.equals(value) === true;
    this.tables.apply([{ type: 'put', key, value: wrong }]);
    if (unchanged) this.current.apply([{ type: 'put', key, value: wrong }]);
    return unchanged;
  }

  /** A page of a table is gone, and a row with it. */
  loseFromTable(): boolean {
    const { all } = this.tables;
    if (all.length === 0) return false;
    const [key, value] = this.chance.pick(all);
    const shown = this.current.get(key)?.equals(value) === true;
    this.tables.apply([{ type: 'del', key }]);
    if (shown) this.current.apply([{ type: 'del', key }]);
    return shown;
  }

  heal(): void {
    this.habits = { ...this.habits, readMs: 0, writeMs: 0.3, stallChance: 0 };
    this.failNext = undefined;
  }

  /** Another database takes its place. */
  become(other: Database): void {
    this.tables = new Rows(other.rows);
    this.ahead = [];
  }

  wipe(): void {
    this.tables = new Rows();
    this.ahead = [];
  }

  get(key: Uint8Array): Buffer | undefined {
    return this.current.get(key);
  }

  scan(range: ScanRange): Pick<Scan, 'next'> {
    return this.current.scan(range);
  }

  begin(operations: readonly Operation[], sync: boolean): void {
    if (this.inFlight) throw new Error('two writes to one database are under way');
    this.inFlight = { operations, synced: sync };
  }

  /** The write that is under way ends; with an error perhaps, after which anything may have become of it. */
  finish(): void {
    const batch = this.inFlight as Batch;
    this.inFlight = undefined;
    const failure = this.failNext;
    this.failNext = undefined;
    if (failure !== undefined) {
      if (!this.lies && this.chance.of(0.3)) this.keep(batch);
      this.lies = true;
      throw new Error(failure);
    }
    if (this.lies) this.current.apply(batch.operations);
    else this.keep(batch);
  }

  private keep(batch: Batch): void {
    this.current.apply(batch.operations);
    this.ahead.push(batch);
    if (batch.synced) this.makeSafe();
    if (this.ahead.length < this.habits.batchesPerTable) return;
    this.survive();
    for (const { operations } of this.ahead) this.tables.apply(operations);
    this.ahead = [];
  }

  private makeSafe(): void {
    for (let at = this.ahead.length - 1; at >= 0; at--) {
      const batch = this.ahead[at] as Batch;
      if (at < this.ahead.length - 1 && batch.synced) break;
      batch.synced = true;
      this.onSafe(batch.operations);
    }
  }

  /** What is still there now stays. */
  private survive(): void {
    for (const batch of this.ahead) {
      if (!batch.synced) this.onSafe(batch.operations);
      batch.synced = true;
    }
  }
}

/** A database while a process has it open. */
class OpenDatabase implements Store {
  private readonly database: Database;
  private readonly process: Process;
  private closed = false;

  constructor(database: Database, process: Process) {
    this.database = database;
    this.process = process;
  }

  async get(key: Uint8Array): Promise<Buffer | undefined> {
    await this.reading();
    return this.database.get(key);
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    const found = keys.map((key) => this.database.get(key));
    await this.reading();
    return found;
  }

  async write(operations: readonly Operation[], sync: boolean): Promise<void> {
    this.check();
    const { habits, chance } = this.database;
    const copies = operations.map((operation) =>
      operation.type === 'put'
        ? { ...operation, key: Buffer.from(operation.key), value: Buffer.from(operation.value) }
        : { ...operation, key: Buffer.from(operation.key) },
    );
    this.database.begin(copies, sync);
    const stall = chance.of(habits.stallChance) ? chance.within(0, habits.stallMs) : 0;
    await this.process.wait(chance.around(habits.writeMs) + stall);
    this.database.finish();
  }

  scan(range: ScanRange): Scan {
    this.check();
    const rows = this.database.scan(range);
    return {
      next: async (count) => {
        await this.reading();
        return rows.next(count);
      },
      close: async () => {},
    };
  }

  async compact(): Promise<boolean> {
    return true;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  private async reading(): Promise<void> {
    this.check();
    const { readMs } = this.database.habits;
    if (readMs > 0) await this.process.wait(this.database.chance.around(readMs));
  }

  private check(): void {
    if (this.closed) throw new Error('the database is closed');
  }
}
