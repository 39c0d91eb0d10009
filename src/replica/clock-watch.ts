import type { MemberId } from '../raft/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { MemberClock } from './ports.ts';

/** A wall clock that is further than this from the median is warned of (rule S15). */
const WARN_US = 500_000;
/** One that is further than this must not give events their time: its node does not campaign, and hands over. */
const REFUSE_US = 10_000_000;
/** One that moved by so much while the node ran is wrong now or was wrong before: its node is to be started anew. */
const JUMP_US = 86_400_000_000;
/** A clock may have been set since it was heard: later than this it says nothing. */
const HEARD_MS = 10_000;
/** With fewer clocks, this node's own among them, nobody can tell which one is wrong. */
const CLOCKS_MIN = 3;

interface Heard {
  readonly clockUs: number;
  readonly atMs: number;
}

/**
 * Compares this node's wall clock with those that its peers send along with heartbeats and their answers (rule S15). A
 * leader tells its followers what it hears, so that each of them knows of its own clock before it campaigns. What was heard
 * is carried on by the monotonic clock, so that a jump of the own clock does not move the others.
 */
export class ClockWatch {
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly heard = new Map<MemberId, Heard>();
  private readonly startedWallUs: number;
  private readonly startedMs: number;
  private warned = false;
  private warnedOfJump = false;

  constructor(clock: Clock, logger: Logger) {
    this.clock = clock;
    this.logger = logger;
    this.startedWallUs = clock.nowUs();
    this.startedMs = clock.monotonicMs();
  }

  /** Whether the wall clock of this node has moved by more than a day against time itself since the node started. */
  get jumped(): boolean {
    const elapsedUs = (this.clock.monotonicMs() - this.startedMs) * 1000;
    return Math.abs(this.clock.nowUs() - this.startedWallUs - elapsedUs) > JUMP_US;
  }

  /** A clock, and those that its node tells of. `clockUs` 0: the message did not carry one. */
  hear(from: MemberId, clockUs: number, others: readonly MemberClock[] = []): void {
    if (clockUs <= 0) return;
    const nowMs = this.clock.monotonicMs();
    this.heard.set(from, { clockUs, atMs: nowMs });
    for (const { member, aheadUs, ageMs } of others) {
      this.heard.set(member, { clockUs: clockUs + aheadUs - ageMs * 1000, atMs: nowMs - ageMs });
    }
  }

  /** What a member is told: the clocks of all others that were heard. */
  heardFor(to: MemberId): MemberClock[] {
    const own = this.clock.nowUs();
    const nowMs = this.clock.monotonicMs();
    const told: MemberClock[] = [];
    for (const [member, { clockUs, atMs }] of this.heard) {
      const ageMs = Math.round(nowMs - atMs);
      if (member !== to) told.push({ member, aheadUs: Math.round(clockUs + ageMs * 1000 - own), ageMs });
    }
    return told;
  }

  /** How far this node's clock is ahead of the median of all; 0 where there are too few to tell. */
  aheadUs(): number {
    const own = this.clock.nowUs();
    const nowMs = this.clock.monotonicMs();
    for (const [member, { atMs }] of this.heard) if (nowMs - atMs > HEARD_MS) this.heard.delete(member);
    if (this.heard.size + 1 < CLOCKS_MIN) return 0;
    const others = Array.from(this.heard.values(), ({ clockUs, atMs }) => clockUs + (nowMs - atMs) * 1000);
    const all = [own, ...others].sort((a, b) => a - b);
    const upper = all[all.length >> 1] as number;
    const lower = all[(all.length - 1) >> 1] as number;
    return own - (upper + lower) / 2;
  }

  /** Whether this node may give events their time. Warns when its clock goes astray, and once it is right again. */
  check(): boolean {
    const { jumped } = this;
    if (jumped && !this.warnedOfJump) {
      const text =
        'the clock of this node moved by more than a day while it ran; it does not lead. Set the clock right and restart the node';
      this.logger.warn({ event: 'clock.jump' }, text);
    }
    this.warnedOfJump = jumped;
    const aheadUs = Math.abs(this.aheadUs());
    if (aheadUs > WARN_US !== this.warned) {
      this.warned = !this.warned;
      const text = this.warned
        ? `the clock of this node is ${(aheadUs / 1e6).toFixed(1)} s from the median of the cluster; it should be synchronised`
        : 'the clock of this node agrees with the cluster again';
      this.logger.warn({ event: 'clock.skew', skewMs: Math.round(aheadUs / 1000) }, text);
    }
    return aheadUs <= REFUSE_US && !jumped;
  }
}
