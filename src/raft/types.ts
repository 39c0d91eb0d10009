/**
 * The words of the consensus core. The core is a pure, synchronous state machine: inputs are method calls, outputs are
 * collected by `ready()`. It has no clock, no timer, no I/O, no randomness of its own. `P` is whatever the driver keeps
 * in an entry; the core never looks into it.
 */

/** A member, as the core sees it: an opaque text ("node id/directory UUID" in production). */
export type MemberId = string;

/** What an entry is. The numbers are stored on disk. */
export const EntryType = { events: 1, membership: 2, noop: 3 } as const;
export type EntryType = (typeof EntryType)[keyof typeof EntryType];

/** One entry of the raft log. */
export interface Entry<P> {
  readonly index: number;
  readonly term: number;
  readonly type: EntryType;
  /** Its size for the purposes of limits, in bytes. */
  readonly bytes: number;
  /** The core makes its no-ops without one. */
  readonly payload: P | undefined;
}

/** What a node must not forget, whatever happens (Raft §5.1, figure 2). */
export interface HardState {
  readonly term: number;
  /** Whom it voted for in that term. */
  readonly vote: MemberId | undefined;
  /** The newest commit index that it knows. */
  readonly commit: number;
}

/** A configuration, possibly joint (Raft §6). */
export interface Configuration {
  /** Two halves; the second (outgoing) one is empty unless a joint configuration is in force. */
  readonly voters: readonly [incoming: ReadonlySet<MemberId>, outgoing: ReadonlySet<MemberId>];
  /** Receive the log, do not vote. */
  readonly learners: ReadonlySet<MemberId>;
  /** Become learners when the joint configuration is left. */
  readonly learnersNext: ReadonlySet<MemberId>;
  /**
   * It begins a new cluster with the log of an old one that has lost its majority. It is no step from the configuration
   * before, and nobody proposes it: it was put into the log of the first member of the new one, as committed.
   */
  readonly begins?: boolean;
}

/** A membership entry of the log, and the configuration that it puts in force. */
export interface ConfigurationEntry {
  readonly index: number;
  readonly configuration: Configuration;
}

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

/** What a member has acknowledged and is committed: its log never ends below this index again (rule D9). */
export interface Acknowledged {
  readonly member: MemberId;
  readonly index: number;
}

/** The part that all messages share. */
interface Envelope {
  readonly from: MemberId;
  readonly to: MemberId;
  readonly term: number;
}

export type Message<P> =
  | (Envelope & {
      readonly type: 'append';
      /** The entry before the first one. */
      readonly index: number;
      readonly logTerm: number;
      readonly commit: number;
      /**
       * Present: the entries. Absent: the driver loads the range `index + 1` … `index + loadMax` from disk, or names what
       * of it is committed for the receiver's driver to get (rule C5). It drops the message if, once it is loaded, the core's term is no longer the message's: in the same term a leader's log only grows, but
       * after it these places may hold another leader's entries.
       */
      readonly entries: readonly Entry<P>[] | undefined;
      /** With `entries` undefined: how many entries the driver loads at most; it may load fewer, but at least one. */
      readonly loadMax: number;
    })
  | (Envelope & {
      readonly type: 'appendResponse';
      /** The index up to which the logs match; when rejected, the index that did not match. */
      readonly index: number;
      readonly reject: boolean;
      /** When rejected: the highest index that may match, and the follower's term there. */
      readonly rejectHint: number;
      readonly logTerm: number;
      readonly applied: number;
    })
  | (Envelope & {
      readonly type: 'heartbeat';
      readonly commit: number;
      readonly context: number;
      /** So that every member remembers what the leader saw (rule D9). */
      readonly acknowledged: readonly Acknowledged[];
    })
  | (Envelope & { readonly type: 'heartbeatResponse'; readonly context: number; readonly applied: number })
  | (Envelope & {
      readonly type: 'preVote' | 'vote';
      readonly index: number;
      readonly logTerm: number;
      /** A leader asked for this election, so that leases do not hinder it (thesis §3.10). */
      readonly transfer: boolean;
    })
  | (Envelope & { readonly type: 'preVoteResponse' | 'voteResponse'; readonly reject: boolean })
  | (Envelope & { readonly type: 'readIndex'; readonly context: number })
  | (Envelope & {
      readonly type: 'readIndexResponse';
      readonly context: number;
      readonly index: number;
      readonly reject: boolean;
    })
  | (Envelope & { readonly type: 'timeoutNow' });

/** What must be on disk, synced, in one batch, before `messagesAfter` may be sent. */
export interface Persist<P> {
  /** Entries of the old log above this index are deleted in the same batch; undefined: none. */
  readonly truncateAfter: number | undefined;
  /** To be written, contiguous. */
  readonly entries: readonly Entry<P>[];
  readonly hardState: HardState;
  /**
   * What promises something that this batch makes durable: votes, confirmations, and a candidate's requests for votes.
   * They go out after the sync even if the core has moved on meanwhile: each carries the term in which it was true, and
   * is then nothing but a message that was slow.
   */
  readonly messagesAfter: readonly Message<P>[];
  /** To be handed to `persisted()` when the batch is synced. */
  readonly token: PersistToken;
}

/** Names the state of the log that a batch made durable. */
export interface PersistToken {
  readonly sequence: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
}

/** A read that was asked for with `requestRead()` and now has its answer. */
export interface ReadAnswer {
  readonly id: number;
  /** The read may be served once this index is applied; undefined: refused (no leader, or leadership lost). */
  readonly index: number | undefined;
}

/** Everything that the core wants done. */
export interface Ready<P> {
  /** May be sent at once, in order. */
  readonly messages: readonly Message<P>[];
  /** Only when the driver said that its disk is idle. */
  readonly persist: Persist<P> | undefined;
  /** Entries up to here may be applied: committed, and synced on this node (rule D8). */
  readonly committedTo: number;
  readonly reads: readonly ReadAnswer[];
}

/** Runs of equal terms: `[first index, term]`, ascending; from these the term of every index follows. */
export type TermRun = readonly [firstIndex: number, term: number];

/** What the core starts from. */
export interface InitialState {
  readonly hardState: HardState;
  readonly lastIndex: number;
  readonly termRuns: readonly TermRun[];
  /** The last index that the driver has applied already. */
  readonly applied: number;
  /** What the last membership entry says that is known to be committed. */
  readonly configuration: Configuration;
  /** The index of that entry; 0 unless given. */
  readonly configurationIndex?: number;
  /** Later membership entries of the log, oldest first; none unless given. */
  readonly changes?: readonly ConfigurationEntry[];
}

export interface RaftOptions {
  readonly id: MemberId;
  /** An election timeout is drawn from this to twice this, in ticks. */
  readonly electionTimeoutTicks: number;
  readonly heartbeatTicks: number;
  /** Append messages in flight to one follower, at most. */
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  /** Entries in one append message, in bytes (one entry always passes) and in number. */
  readonly messageBytesMax: number;
  readonly messageEntriesMax: number;
  /** Entries in one batch for the disk, in bytes (one entry always passes). */
  readonly batchBytesMax: number;
  /** Entries that are synced are kept in memory up to this many bytes, for sending and applying. */
  readonly tailBytesMax: number;
  /** A voter whose applied index lags its commit index by more stretches its election timeout (rule C2). */
  readonly appliedLagMax: number;
  /** Makes the payload of the no-op that begins a term; without it no-ops have none. */
  readonly noop?: (index: number, term: number) => unknown;
  /** Reads the configuration out of the payload of a membership entry; a log with such entries needs it. */
  readonly configurationIn?: (payload: unknown) => Configuration;
  /** An integer from `from` (inclusive) to `to` (exclusive). */
  readonly random: (from: number, to: number) => number;
}

/** A follower as its leader sees it. */
export interface ProgressStatus {
  readonly id: MemberId;
  readonly state: 'probe' | 'replicate';
  readonly match: number;
  readonly applied: number;
  /** Heard from since the leader checked its quorum for the last time but one. */
  readonly recentlyActive: boolean;
}

export interface RaftStatus {
  readonly role: Role;
  readonly term: number;
  readonly vote: MemberId | undefined;
  readonly leader: MemberId | undefined;
  readonly commit: number;
  readonly applied: number;
  readonly lastIndex: number;
  readonly persisted: number;
  /** Set while leadership is being handed over. */
  readonly transferee: MemberId | undefined;
  /** The configuration in force. */
  readonly configuration: Configuration;
  /** The index of a membership entry that is not known to be committed yet. */
  readonly pendingChange: number | undefined;
  /** Only on a leader: the entry with which its term began. What stood there before it has not written itself. */
  readonly begunAt: number | undefined;
  /** Only on a leader: a quorum has it on disk that the last change of members is committed. */
  readonly changeSettled: boolean;
  /** Only on a leader. */
  readonly progress: readonly ProgressStatus[];
}

/**
 * The core's face. `class Raft<P> implements RaftCore<P>` stands in raft.ts.
 *
 * The driver's loop, after every input: `ready()`; send `messages`; if there is a `persist` batch, write it (one at a
 * time), then send its `messagesAfter` and call `persisted(token)`; apply up to `committedTo` and call `applied()`.
 */
export interface RaftCore<P> {
  readonly role: Role;
  readonly term: number;
  readonly leader: MemberId | undefined;
  readonly commit: number;
  readonly lastIndex: number;
  readonly persistedIndex: number;
  /** True once this leader has applied the no-op of its term and no transfer is under way: it may take proposals. */
  readonly acceptsProposals: boolean;
  /** Bytes of entries that were appended as leader and are not yet applied. */
  readonly unappliedBytes: number;
  /** What each other member is known to have acknowledged of what is committed (rule D9). */
  readonly acknowledged: ReadonlyMap<MemberId, number>;

  tick(): void;
  step(message: Message<P>): void;
  /**
   * Appends an entry to the leader's log. Never refuses while `role` is leader and no transfer is under way (rule S1);
   * anything else is an InvariantViolation, and so is a membership entry against which `changeRefusal` has something.
   */
  propose(type: EntryType, bytes: number, payload: P, ready?: boolean): Entry<P>;
  /**
   * Entries up to this index, which were proposed with `ready` false, are ready now: they may be written and sent. What
   * is not ready when leadership is lost is dropped from the log.
   */
  release(index: number): void;
  /** The configuration in force: that of the last membership entry known to be committed. */
  readonly configuration: Configuration;
  /** Configurations that entries not known to be committed will put in force, oldest first. */
  readonly changes: readonly Configuration[];
  /** Why the members cannot be changed to these now (thesis §4); undefined: they can. */
  changeRefusal(to: Configuration): string | undefined;
  /** True: a change of members has come into force, and an entry must follow it; any will do, an empty one too. */
  readonly lacksFence: boolean;
  /** True: this node leads a joint configuration, and must propose to leave it. */
  readonly mayLeaveJoint: boolean;
  /** Asks for a read index (thesis §6.4); the answer comes in `ready().reads`. On a follower it travels to the leader. */
  requestRead(id: number): void;
  /** Hands leadership over (thesis §3.10); undefined: to the most advanced voter. False: there is nobody to take it. */
  transferLeadership(to: MemberId | undefined): boolean;
  /** A batch is synced. Safe in any order and after any change of term. */
  persisted(token: PersistToken): void;
  /** The driver has applied everything up to here. */
  applied(index: number): void;
  /** The connection to a peer closed: stop pipelining to it; if it leads, campaign soon (rule C4). */
  connectionLost(peer: MemberId): void;
  /** True: this node leads, and a follower that replicates has not been told all that it may be. The next append will tell it. */
  readonly owesCommit: boolean;
  /** What is committed up to this index is told without waiting for the next append. */
  announce(index: number): void;
  ready(diskIdle: boolean): Ready<P>;
  /** True when `ready` would return anything at all. */
  hasReady(diskIdle: boolean): boolean;
  /** The term at an index; 0 for index 0; undefined beyond the last one. */
  termAt(index: number): number | undefined;
  /** The entry, if it is still in memory. */
  entryInMemory(index: number): Entry<P> | undefined;
  status(): RaftStatus;
}
