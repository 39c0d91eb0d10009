import { isQuorum, isVoter } from './configuration.ts';
import { DiskState } from './disk-state.ts';
import { ForwardedReads } from './forwarded-reads.ts';
import type { Leadership } from './leadership.ts';
import { Outbox } from './outbox.ts';
import { RaftLog } from './raft-log.ts';
import type {
  Configuration,
  ConfigurationEntry,
  HardState,
  InitialState,
  MemberId,
  RaftOptions,
  Role,
} from './types.ts';

/**
 * The state that the concerns of the core share. Each file beside this one holds one concern, as functions over it;
 * raft.ts is the face.
 */
export class RaftState<P> {
  readonly options: RaftOptions;
  readonly id: MemberId;
  /** In force: that of the last membership entry known to be committed. */
  configuration: Configuration;
  /** The index of that entry. */
  configurationIndex: number;
  /**
   * Whether a leader has told this node, since it started, of the configuration in force. Who does not vote in it is told
   * only once it is settled.
   */
  toldOfConfiguration = false;
  /** Membership entries that are not known to be committed, oldest first. */
  readonly changes: ConfigurationEntry[];
  readonly log: RaftLog<P>;
  readonly disk: DiskState;
  readonly outbox = new Outbox<P>();
  readonly forwarded: ForwardedReads;

  role: Role = 'follower';
  term: number;
  vote: MemberId | undefined;
  leader: MemberId | undefined = undefined;
  /** Only while leading. */
  leadership: Leadership | undefined = undefined;
  /** Only while leading: entries from here on are not ready to be written or sent. */
  heldFrom: number | undefined = undefined;

  /** What each other member is known to hold of what is committed; it never falls (rule D9). */
  readonly acknowledged = new Map<MemberId, number>();

  /** Ticks since a leader was last heard from, a vote was given, or a campaign began. */
  electionElapsed = 0;
  /** Campaign after so many of them. */
  electionTimeout: number;
  /** Answers to the ballot under way. */
  readonly votes = new Map<MemberId, boolean>();

  constructor(options: RaftOptions, initial: InitialState) {
    this.options = options;
    this.id = options.id;
    this.configuration = initial.configuration;
    this.configurationIndex = initial.configurationIndex ?? 0;
    this.changes = [...(initial.changes ?? [])];
    this.term = initial.hardState.term;
    this.vote = initial.hardState.vote;
    this.log = new RaftLog(initial);
    this.disk = new DiskState(initial.lastIndex, initial.hardState);
    this.electionTimeout = this.drawElectionTimeout();
    // 31 random bits above 20 that count: far from any context of an earlier life, and still a safe integer.
    this.forwarded = new ForwardedReads(options.random(0, 0x7fff_ffff) * 0x10_0000);
  }

  get hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.commit };
  }

  /** The log up to here may be written and sent. */
  get readyIndex(): number {
    return this.heldFrom === undefined ? this.log.lastIndex : this.heldFrom - 1;
  }

  /** Applying has fallen far behind, so that leading would mean a long pause (rule C2). */
  get lagging(): boolean {
    return this.log.commit - this.log.applied > this.options.appliedLagMax;
  }

  /** The only voter: what it decides is decided. */
  get isAlone(): boolean {
    return isVoter(this.configuration, this.id) && isQuorum(this.configuration, (id) => id === this.id);
  }

  /**
   * From T to 2T, so that two nodes seldom campaign at the same moment (Raft §5.2). The only voter has nobody to
   * wait for.
   */
  drawElectionTimeout(): number {
    if (this.isAlone) return 1;
    const base = this.options.electionTimeoutTicks;
    return this.options.random(base, 2 * base);
  }

  restartElectionTimer(): void {
    this.electionElapsed = 0;
    this.electionTimeout = this.drawElectionTimeout();
  }
}
