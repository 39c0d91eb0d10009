import type { Clock } from '../runtime/clock.ts';
import {
  draftEntry,
  type EntryDraft,
  type EntryRecord,
  type LogPlace,
  sealInPieces,
  type UnwrittenPayload,
} from '../storage/record.ts';

export interface SealerPorts {
  readonly clock: Clock;
  /** Whether the entry still stands in this node's log: it goes with the leadership. */
  stands(record: EntryRecord): boolean;
  /** The entry, and everything before it, is sealed. */
  sealed(record: EntryRecord): void;
  fatal(error: unknown): void;
}

type Draft = EntryDraft & { readonly payload: UnwrittenPayload };

interface Waiting {
  readonly record: EntryRecord;
  readonly payload: UnwrittenPayload;
  readonly previous: LogPlace;
}

/**
 * Seals the large entries of a leader in pieces, between which the event loop has its turns (rule C3). They have their
 * place in the log before that (rule S1); what is proposed meanwhile, large or small, waits behind them, because its
 * chain hash follows from theirs.
 */
export class Sealer {
  private readonly ports: SealerPorts;
  private waiting: Waiting[] = [];
  private running = false;

  constructor(ports: SealerPorts) {
    this.ports = ports;
  }

  /** Nothing waits to be sealed, so that a small entry can be sealed at once. */
  get idle(): boolean {
    if (this.waiting.length === 0) return true;
    this.forgetTheGone();
    return this.waiting.length === 0;
  }

  /** Gives the entry that is to be put into the log before anything else is done. `previous` may itself wait here. */
  begin(draft: Draft, previous: LogPlace): EntryRecord {
    const record = draftEntry(draft);
    this.waiting.push({ record, payload: draft.payload, previous });
    if (!this.running) void this.run();
    return record;
  }

  private async run(): Promise<void> {
    const { clock, sealed, fatal } = this.ports;
    this.running = true;
    try {
      await clock.yieldTurn();
      while (!this.idle) {
        const next = this.waiting[0] as Waiting;
        if (!(await this.seal(next))) continue;
        this.waiting.shift();
        sealed(next.record);
      }
    } catch (error) {
      fatal(error);
    } finally {
      this.running = false;
    }
  }

  /** False: the entry was gone before it was sealed. */
  private async seal(next: Waiting): Promise<boolean> {
    for (const _ of sealInPieces(next.record, next.payload, next.previous)) {
      await this.ports.clock.yieldTurn();
      if (this.idle || this.waiting[0] !== next) return false;
    }
    return true;
  }

  private forgetTheGone(): void {
    this.waiting = this.waiting.filter(({ record }) => this.ports.stands(record));
  }
}
