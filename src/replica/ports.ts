import type { Configuration, HardState, MemberId, Message } from '../raft/types.ts';
import type { EntryRecord, LogPlace } from '../storage/record.ts';

/** The clock of another member, as somebody has heard it. */
export interface MemberClock {
  readonly member: MemberId;
  /** Against the clock of whoever tells of it. */
  readonly aheadUs: number;
  /** How long ago it was heard. */
  readonly ageMs: number;
}

type Heartbeat = Extract<Message<EntryRecord>, { type: 'heartbeat' }>;

/**
 * A Raft message between nodes: its entries are sealed records. A heartbeat tells followers of each other's clocks, which
 * the core does not look at.
 */
export type PeerMessage =
  | Exclude<Message<EntryRecord>, Heartbeat>
  | (Heartbeat & { readonly clocks?: readonly MemberClock[] });

/** What the replica needs of the network. */
export interface Transport {
  /**
   * Sends one message, in order per receiver and kind, or drops it: a full queue, a broken connection and an unknown
   * member lose messages, which Raft recovers from. Never blocks, never throws.
   */
  send(message: PeerMessage): void;
}

/** What the network brings to the replica. */
export interface Inbound {
  /** A message of an authenticated member. `clockUs` is the sender's clock, 0 where the message does not carry one. */
  receive(message: PeerMessage, clockUs: number): void;
  /** The last connection to a member closed (rule C4). */
  connectionLost(member: MemberId): void;
}

/** One synced batch of the raft log. */
interface LogBatch {
  /** Entries above this index are deleted in the same batch; undefined: none. */
  readonly truncateAfter: number | undefined;
  readonly records: readonly EntryRecord[];
  readonly hardState: HardState;
}

/** What the replica needs of the raft log on disk. */
export interface DurableLog {
  /** One at a time; durable once it returns; any error is fatal (rule D1). */
  write(batch: LogBatch): Promise<void>;
  /** The durable entry at an index; what the next one joins on to. */
  placeAt(index: number): Promise<LogPlace>;
  /**
   * From `from` to `to`, both inclusive, at most about `bytesMax` but at least one; none where the log was cut off
   * below `from`.
   */
  read(from: number, to: number, bytesMax: number): Promise<EntryRecord[]>;
}

/** What the replica needs to know of the payloads of membership entries. */
export interface MembershipCodec {
  /** The configuration that an entry puts in force. */
  read(record: EntryRecord): Configuration;
  /** The payload of the entry that leaves a joint configuration, which `read` has told of. */
  leaveJoint(joint: Configuration): Uint8Array;
}

/** What the replica needs of the index. */
export interface AppliedState {
  readonly appliedIndex: number;
  /** The last applied position. */
  readonly head: number;
  /** Loads what applying these records needs. */
  prepare(records: readonly EntryRecord[]): Promise<void> | undefined;
  /** Resolves once the index takes further records. */
  ready(): Promise<void> | undefined;
  apply(record: EntryRecord): void;
  /** Applies an entry with many events in steps that leave the event loop its turns (rule C3). */
  applyInSteps(record: EntryRecord, yieldTurn: () => Promise<void>): Promise<void>;
}

/** Space on the disk, against the reserve of rule D1. */
export interface SpaceGuard {
  /** True while free space is above the reserve. */
  enough(): Promise<boolean>;
}
