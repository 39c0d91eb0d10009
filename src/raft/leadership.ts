import type { ReadOrigin } from './outbox.ts';
import type { Progress } from './progress.ts';
import type { MemberId } from './types.ts';

/** A read index that was given and waits for a heartbeat round to confirm it. */
export interface PendingRead {
  readonly origin: ReadOrigin;
  readonly index: number;
}

/** Reads that one heartbeat round confirms. */
export interface ReadBatch {
  readonly round: number;
  readonly reads: readonly PendingRead[];
}

/** A hand-over under way (thesis §3.10). */
export interface Transfer {
  readonly to: MemberId;
  /** The target must have applied this much before it is told to campaign (rule C2). */
  readonly appliedMin: number;
  readonly since: number;
  /** When it was last told to campaign. */
  askedAt: number | undefined;
}

/** What a node knows only while it leads. It is made anew for each term and thrown away with it. */
export class Leadership {
  /** Of each other member. */
  readonly progress: Map<MemberId, Progress>;
  /** The entry that began this term; before it is committed nothing is known to be (Raft §5.4.2, §8). */
  readonly noopIndex: number;
  /** Once this is committed, a quorum knows durably which configuration is in force. */
  fenceIndex: number;
  ticks = 0;
  heartbeatElapsed = 0;
  quorumElapsed = 0;
  /** The newest heartbeat round. */
  round = 0;
  transfer: Transfer | undefined;
  /** Members to whom a hand-over was given up. */
  readonly askedInVain = new Set<MemberId>();
  unappliedBytes = 0;
  /** What is committed up to here is told without waiting for the next append. */
  announced = 0;
  /** Reads that may not have an index yet. */
  held: ReadOrigin[] = [];
  /** Reads that have an index and wait for a round to begin. */
  waiting: PendingRead[] = [];
  /** Reads whose round is out, oldest first. */
  unconfirmed: ReadBatch[] = [];

  constructor(progress: Map<MemberId, Progress>, noopIndex: number) {
    this.progress = progress;
    this.noopIndex = noopIndex;
    this.fenceIndex = noopIndex;
  }
}
