import type { RaftCore } from '../raft/types.ts';
import { type Clock, every, type Timer } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { EntryRecord } from '../storage/record.ts';
import { ClockWatch } from './clock-watch.ts';
import { CommitWatch } from './commit-watch.ts';
import { DiskWatch } from './disk-watch.ts';
import type { PeerMessage } from './ports.ts';

const CHECK_MS = 1_000;
/** A hand-over gates reads and appends until it is given up; one that nobody took is tried again after this long. */
const STEP_ASIDE_AGAIN_MS = 10_000;

export interface FitnessPorts {
  readonly core: RaftCore<EntryRecord>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Hands leadership over, if somebody takes it. */
  handOver(): void;
}

/**
 * Judges whether this node had better lead: its clock must be right, its disk not far slower than those of the others, and as a
 * leader it must get something committed.
 */
export class Fitness {
  /** To be told of what is written and committed. */
  readonly disk: DiskWatch;
  private readonly ports: FitnessPorts;
  private readonly clocks: ClockWatch;
  private readonly commits: CommitWatch;
  private checker: Timer | undefined;
  private stopped = false;
  private fit = true;
  private stepAsideFromMs = 0;

  constructor(ports: FitnessPorts) {
    this.ports = ports;
    this.clocks = new ClockWatch(ports.clock, ports.logger);
    this.commits = new CommitWatch(ports.clock);
    this.disk = new DiskWatch(ports.clock);
  }

  start(): void {
    this.checker = every(this.ports.clock, CHECK_MS, () => this.check());
  }

  stop(): void {
    this.stopped = true;
    this.checker?.cancel();
  }

  /** False while this node's clock is too far off to give events their time (rule S15). */
  get mayLead(): boolean {
    return this.fit;
  }

  /** True: this node's clock has jumped by more than a day, and gives no event its time (rule S15). */
  get clockHasJumped(): boolean {
    return this.clocks.jumped;
  }

  /** The clock of another member, as a message carried it, and those that it told of. */
  hear(message: PeerMessage, clockUs: number): void {
    this.clocks.hear(message.from, clockUs, message.type === 'heartbeat' ? message.clocks : undefined);
  }

  /** The message with what this node has heard of the clocks of others. */
  telling(message: PeerMessage): PeerMessage {
    return message.type === 'heartbeat' ? { ...message, clocks: this.clocks.heardFor(message.to) } : message;
  }

  /** A node that may not lead asks for no votes; it still gives them, and follows. */
  maySend(message: PeerMessage): boolean {
    return this.fit || (message.type !== 'preVote' && message.type !== 'vote');
  }

  /** This node had better not lead: hands over, if it leads and somebody takes it. */
  stepAside(): void {
    const { core, clock, handOver } = this.ports;
    const now = clock.monotonicMs();
    // Not only once it takes appends: one that cannot write its no-op never does, and would lead in vain for ever.
    if (this.stopped || core.role !== 'leader' || now < this.stepAsideFromMs) return;
    this.stepAsideFromMs = now + STEP_ASIDE_AGAIN_MS;
    handOver();
  }

  private check(): void {
    this.fit = this.clocks.check();
    const { role, commit, lastIndex } = this.ports.core;
    const stalled = this.commits.stalled(role === 'leader', commit, lastIndex);
    const slow = this.disk.slow(role === 'leader');
    if (slow) {
      const text = 'the disk of this leader is far slower than those of the others; it hands leadership over';
      this.ports.logger.warn({ event: 'disk.slow' }, text);
    }
    if (!this.fit || stalled || slow) this.stepAside();
  }
}
