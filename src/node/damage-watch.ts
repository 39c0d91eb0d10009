import type { FactstoreError } from '../base/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import { type Damage, damageError, isDerivedDamage } from '../storage/damage.ts';
import type { DataDirectory } from '../storage/data-directory.ts';
import type { NodeStorage } from './open-storage.ts';

export interface DamageWatchPorts {
  readonly directory: DataDirectory;
  readonly storage: NodeStorage;
  readonly logger: Logger;
  /** Whether there are other members, which may have what this node has lost. */
  hasPeers(): boolean;
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
  private leaving: Promise<void> | undefined;

  constructor(ports: DamageWatchPorts) {
    this.ports = ports;
  }

  /** Settles once what was met is noted. */
  get noted(): Promise<void> {
    return this.leaving ?? Promise.resolve();
  }

  /** The record is missed by whoever asked for it. A lone node goes on with all that it still has. */
  log(damage: Damage): void {
    const { logger, hasPeers, storage, directory } = this.ports;
    if (this.leaving) return;
    logger.error({ event: 'log.damaged', index: damage.index }, `the raft log is damaged: ${damage.text}`);
    if (damage.kind !== 'belowCommit' || !hasPeers()) return;
    this.leaving = this.leave(damageError(directory.path, damage), () => storage.noteDamage(damage));
  }

  /** The index follows from the log: also a lone node has it built anew. */
  index(error: Error): void {
    if (this.leaving) return;
    this.ports.logger.error({ event: 'index.damaged', err: error }, error.message);
    this.leaving = this.leave(error, async () => this.ports.storage.noteIndexDamage());
  }

  /** The node ends with this. Where LevelDB could not go on with a database, damage may be anywhere in it. */
  end(error: Error): void {
    if (this.leaving || !isDerivedDamage(error)) return;
    const { storage, directory } = this.ports;
    const { path, database } = (error as FactstoreError).details;
    if (path === directory.indexPath || database === 'index') storage.noteIndexDamage();
    if (path !== directory.logPath) return;
    this.leaving = storage.noteDamage({ kind: 'belowCommit', index: 0, text: error.message }).catch(() => undefined);
  }

  private async leave(reason: Error, note: () => Promise<void>): Promise<void> {
    const { handOver, fail } = this.ports;
    try {
      await note();
      await handOver();
      fail(reason);
    } catch (error) {
      fail(error);
    }
  }
}
