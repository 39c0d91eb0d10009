import type { Signal } from '../base/signal.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { damageIn } from '../storage/damage.ts';

export interface LostEntryPorts {
  readonly clock: Clock;
  readonly logger: Logger;
}

const AGAIN_MS = 5_000;

/**
 * An entry that a generation has to be given and this node has lost. Where others have it the node is mended by its next
 * start, to which it comes without this; else it goes on with all that it still has (rule D7), and the generation waits.
 */
export class LostEntry {
  private readonly ports: LostEntryPorts;
  private readonly projection: string;
  private text: string | undefined;

  constructor(ports: LostEntryPorts, projection: string) {
    this.ports = ports;
    this.projection = projection;
  }

  /** What it waits for, in words; undefined: nothing. */
  get obstacle(): string | undefined {
    return this.text;
  }

  /** Waits for some time where an error tells of such an entry; ends in any other. */
  async wait(error: unknown, signal: Signal): Promise<void> {
    const damage = damageIn(error);
    if (damage?.kind !== 'belowCommit') throw error;
    const { clock, logger } = this.ports;
    const { projection } = this;
    const text = `this node has lost what comes next, and waits until that is restored: ${damage.text}`;
    if (this.text !== text)
      logger.error({ event: 'projection.waits', projection }, `projection ${projection}: ${text}`);
    this.text = text;
    await clock.sleep(AGAIN_MS, signal);
  }

  /** The generation has come further. */
  passed(): void {
    this.text = undefined;
  }
}
