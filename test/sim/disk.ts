import { FactstoreError } from '../../src/base/errors.ts';
import {
  encodeSlot,
  NOTHING_PROMISED,
  PromiseFile,
  SLOT_BYTES,
  SLOTS,
  type SlotBytes,
} from '../../src/storage/promise-file.ts';
import { parseKey } from '../../src/storage/raft-log-rows.ts';
import { EntryRecord } from '../../src/storage/record.ts';
import type { Operation } from '../../src/storage/store.ts';
import type { Chance } from './chance.ts';
import { Database, type DiskHabits } from './database.ts';
import type { Process } from './process.ts';

/** The disk of one node: what is left of it when its process or its machine dies. */
export class Disk {
  readonly log: Database;
  readonly index: Database;
  incarnation = 0;
  freeBytes = Number.POSITIVE_INFINITY;
  /** What was done to its databases that a sound disk does not do. A node that mends its log does nothing for its index. */
  readonly damages: { log?: string; index?: string } = {};
  /** The node has met damage in its log while it ran, and has noted that for its next start. */
  noted = false;
  /** Chain hashes of the entries that it has kept, synced, whatever damage did to them since. */
  readonly kept = new Map<number, Buffer>();
  private promised = Buffer.alloc(SLOTS * SLOT_BYTES);
  private promisedDurably: Buffer;
  private readonly chance: Chance;
  private readonly habits: DiskHabits;
  private promiseFails = false;
  private syncing = false;
  /** A write has failed since it was opened last. */
  failed = false;

  constructor(chance: Chance, habits: DiskHabits) {
    this.chance = chance;
    this.habits = habits;
    this.log = new Database(chance.fork(), habits, (operations) => this.noteKept(operations));
    this.index = new Database(chance.fork(), habits);
    encodeSlot(this.promised, 1, NOTHING_PROMISED);
    this.promisedDurably = Buffer.from(this.promised);
  }

  /** The node may refuse to go on with it. */
  get damage(): string | undefined {
    return this.damages.log ?? this.damages.index;
  }

  /** A crash is likelier to show something then. */
  get writing(): boolean {
    return this.log.writing || this.index.writing || this.syncing;
  }

  /** The next write somewhere fails; what then becomes of later ones, nobody knows. */
  failWrite(where: 'log' | 'index' | 'promise', reason: string): void {
    this.failed = true;
    if (where === 'promise') this.promiseFails = true;
    else this[where].failNext = reason;
  }

  openPromises(process: Process, path: string): PromiseFile {
    this.promiseFails = false;
    this.syncing = false;
    this.failed = false;
    const file: SlotBytes = {
      write: (from, length, offset) => {
        if (this.promiseFails) throw new FactstoreError('INTERNAL', 'the promise file could not be written');
        from.copy(this.promised, offset, 0, length);
        return length;
      },
      sync: async () => {
        const reached = Buffer.from(this.promised);
        this.syncing = true;
        await process.wait(this.chance.around(this.habits.writeMs));
        this.syncing = false;
        if (this.promiseFails) throw new FactstoreError('INTERNAL', 'the promise file could not be synced');
        this.promisedDurably = reached;
      },
      close: async () => {},
    };
    this.promisedDurably = Buffer.from(this.promised);
    return PromiseFile.over(file, Buffer.from(this.promised), path);
  }

  /** Of a directory nothing stays, the promises included. */
  wipe(what: 'log' | 'index' | 'directory'): void {
    if (what !== 'index') this.log.wipe();
    if (what !== 'log') this.index.wipe();
    if (what !== 'directory') return;
    encodeSlot(this.promised.fill(0), 1, NOTHING_PROMISED);
    this.promisedDurably = Buffer.from(this.promised);
    this.incarnation = 0;
  }

  killed(): void {
    this.log.killed();
    this.index.killed();
  }

  /** Each page of the promise file that was written since the last sync is the new one, the old one, or torn. */
  powerLost(): void {
    this.log.powerLost();
    this.index.powerLost();
    for (let slot = 0; slot < SLOTS; slot++) {
      const [from, to] = [slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES];
      const fresh = this.chance.pick([from, to, from + this.chance.between(0, 120)]);
      this.promisedDurably.copy(this.promised, fresh, fresh, to);
    }
    this.promisedDurably = Buffer.from(this.promised);
  }

  /** From now on it is quick and sound. What damage it has stays. */
  heal(): void {
    this.freeBytes = Number.POSITIVE_INFINITY;
    for (const database of [this.log, this.index]) database.heal();
  }

  private noteKept(operations: readonly Operation[]): void {
    for (const operation of operations) {
      const row = parseKey(operation.key as Buffer);
      if (row?.kind !== 'entry') continue;
      if (operation.type === 'del') this.kept.delete(row.index);
      else this.kept.set(row.index, Buffer.from(new EntryRecord(row.index, operation.value as Buffer).chain));
    }
  }
}
