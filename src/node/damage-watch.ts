import type { FactstoreError } from '../base/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import { type Damage, damageError, damageIn, isDerivedDamage } from '../storage/damage.ts';
import type { DataDirectory } from '../storage/data-directory.ts';
import type { NodeStorage } from './open-storage.ts';

export interface DamageWatchPorts {
  readonly directory: DataDirectory;
  readonly storage: NodeStorage;
  readonly logger: Logger;
  /** It comes back as another member, as its log was damaged beyond what it may mend. */
  readonly returning: boolean;
  /** Whether there are other members, whom this process has not asked in vain. */
  mayAsk(): boolean;
  /** Whether they may have what this node has lost. */
  mayBeMended(damage: Damage): boolean;
  /** Another member leads from here on, where one can. */
  handOver(): Promise<void>;
  /** Ends the node, with the reason. */
  fail(error: unknown): void;
}

/**
 * What becomes of damage that a running node meets. It is noted for the next start, the node hands leadership over and ends
 * itself, and is mended when it starts anew: its log by its peers (rule D7), its index from its log (rule D5).
 */
export class DamageWatch {
  private readonly ports: DamageWatchPorts;
  private met = 0;
  private note: Promise<void> | undefined;
  /** The damaged entry that was told of last. */
  private told = -1;

  constructor(ports: DamageWatchPorts) {
    this.ports = ports;
    const { storage, returning } = ports;
    // Who has met it is another node, which ended for it: figures that begin anew would not tell of it.
    if (storage.damage !== undefined || returning) this.met++;
    storage.onDamage = (damage) => this.log(damage);
    storage.onIndexDamage = (error) => this.index(error);
    storage.onIndexRebuilt = () => this.met++;
  }

  /** Damages that were met since the start, and those that this start is to mend. */
  get count(): number {
    return this.met;
  }

  /** Settles once what was met is noted, or cannot be. */
  get noted(): Promise<void> {
    return this.note ?? Promise.resolve();
  }

  /** The record is missed by whoever asked for it. A node that nobody can mend goes on with all that it still has. */
  log(damage: Damage): void {
    const { logger, mayAsk, mayBeMended, storage, directory } = this.ports;
    if (this.note) return;
    // Whoever needs it asks again and again.
    if (damage.index !== this.told) {
      this.met++;
      logger.error({ event: 'log.damaged', index: damage.index }, `the raft log is damaged: ${damage.text}`);
    }
    this.told = damage.index;
    if (damage.kind !== 'belowCommit' || !mayAsk() || !mayBeMended(damage)) return;
    this.leave(damageError(directory.path, damage), storage.noteDamage(damage));
  }

  /** The index follows from the log: also a lone node has it built anew. */
  index(error: Error): void {
    if (this.note) return;
    this.met++;
    this.ports.logger.error({ event: 'index.damaged', err: error }, error.message);
    this.leave(error, this.ports.storage.noteIndexDamage(error.message));
  }

  /**
   * The node ends with this. A record without which it cannot even start is asked for at the next start, whatever is known of
   * the others by now. Where LevelDB could not go on with a database, damage may be anywhere in it.
   */
  end(error: Error): void {
    if (this.note) return;
    const { storage, directory, mayAsk } = this.ports;
    const damage = damageIn(error);
    if (damage?.kind === 'belowCommit' && mayAsk()) return this.keep(storage.noteDamage(damage));
    if (!isDerivedDamage(error)) return;
    const { path, database } = (error as FactstoreError).details;
    if (path === directory.indexPath || database === 'index') this.keep(storage.noteIndexDamage(error.message));
    else if (path === directory.logPath)
      this.keep(storage.noteDamage({ kind: 'belowCommit', index: 0, text: error.message }));
  }

  /** The note comes first: the process may be killed while it hands over, or is stopped. */
  private leave(reason: Error, note: Promise<void>): void {
    const { handOver, fail } = this.ports;
    this.keep(note);
    note.then(handOver).then(() => fail(reason), fail);
  }

  /** A disk that does not take the note is fatal by itself, and the node ends already. */
  private keep(note: Promise<void>): void {
    this.note = note.catch(() => undefined);
  }
}
