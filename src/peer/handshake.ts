import { randomBytes } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import type { FactstoreError } from '../base/errors.ts';
import type { MemberId } from '../raft/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { type Greeting, PROTOCOL_VERSION } from './codec.ts';
import { type FeatureLevels, memberId, type PeerIdentity, type RefusalKind, refusal, refused } from './identity.ts';
import type { Lineage } from './lineage.ts';
import { RareLog } from './rare-log.ts';

/** What this node has seen of each member; it should outlive a restart (rule D9). */
export interface SeenPeers {
  /** The highest; 0: none seen. */
  incarnation(member: MemberId): number;
  raiseIncarnation(member: MemberId, incarnation: number): void;
  /** The log index that it has acknowledged, as far as it is committed: its log cannot end before it. */
  acknowledged(member: MemberId): number;
}

/** Forgets with the process: for tests, and where nothing better is at hand. */
export function seenInMemory(): SeenPeers {
  const seen = new Map<MemberId, number>();
  return {
    incarnation: (member) => seen.get(member) ?? 0,
    raiseIncarnation: (member, incarnation) => seen.set(member, Math.max(incarnation, seen.get(member) ?? 0)),
    acknowledged: () => 0,
  };
}

export interface HandshakeOptions {
  readonly me: PeerIdentity;
  /** Where peers reach this node: named in refusals. */
  readonly peerAddress: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly seen?: SeenPeers;
  /** The last log index on this node's disk; 0 unless given. */
  readonly logIndex?: () => number;
  /** Log index of the newest membership entry that this node's disk knows to be committed; 0 unless given. */
  readonly membershipIndex?: () => number;
  /** Level 1, the first, unless given. */
  readonly levels?: () => FeatureLevels;
  /** The cluster is the one that was founded, unless given. */
  readonly lineage?: () => Lineage | undefined;
}

const REPEAT_LOG_MS = 60_000;
/** Refusals that tell of a copied or damaged data directory, which somebody must look into. */
const DIRECTORY_IS_WRONG: ReadonlySet<string> = new Set<RefusalKind>(['incarnation', 'duplicate', 'lostLog']);

/** A process that was accepted. */
interface Met {
  readonly incarnation: number;
  readonly processId: string;
  readonly knownFeatureLevel: number;
}

/** Greets peers and judges their greetings, for all streams of a node alike. */
export class Handshake {
  readonly self: MemberId;
  private readonly options: HandshakeOptions;
  private readonly seen: SeenPeers;
  private readonly processId: Uint8Array = randomBytes(16);
  private readonly log: RareLog;
  /** The process that was seen with the highest incarnation of each member. */
  private readonly processes = new Map<MemberId, Met>();
  private members: ReadonlySet<MemberId> = new Set();
  /** Those that this node does not know as members, with the newer membership entry that they know of. */
  private readonly ahead = new Map<MemberId, number>();
  private superseded: (member: MemberId) => void = () => undefined;

  constructor(options: HandshakeOptions) {
    this.options = options;
    this.self = memberId(options.me.nodeId, options.me.directoryId);
    this.seen = options.seen ?? seenInMemory();
    this.log = new RareLog(options.clock, REPEAT_LOG_MS);
  }

  setMembers(members: ReadonlySet<MemberId>): void {
    this.members = members;
  }

  /** A member of whom this node has yet to read in the log. */
  isAhead(member: MemberId): boolean {
    return !this.members.has(member) && (this.ahead.get(member) ?? 0) > this.membershipIndex;
  }

  private get membershipIndex(): number {
    return this.options.membershipIndex?.() ?? 0;
  }

  /** `end` must close every stream of the member: the process behind them is no longer the one to talk to. */
  onSuperseded(end: (member: MemberId) => void): void {
    this.superseded = end;
  }

  greeting(to: MemberId, bulk: boolean): Greeting {
    const { clusterId, nodeId, directoryId, incarnation } = this.options.me;
    const { processId } = this;
    const logIndex = this.options.logIndex?.() ?? 0;
    const identity = { clusterId, nodeId, directoryId, incarnation, processId };
    const { level, known } = this.levels();
    const levels = { featureLevel: level, knownFeatureLevel: known };
    const place = { membershipIndex: this.membershipIndex, peerAddress: this.options.peerAddress };
    return { ...identity, protocolVersion: PROTOCOL_VERSION, to, bulk, logIndex, ...levels, ...place };
  }

  /** The highest feature level that a member has shown to know; undefined: it was not met since this node started. */
  knownFeatureLevel(member: MemberId): number | undefined {
    return this.processes.get(member)?.knownFeatureLevel;
  }

  /** Judges a greeting. `dialled` stands on the side that opened the stream. */
  refusal(greeting: Greeting, dialled?: { member: MemberId; address: string }): FactstoreError | undefined {
    const { me, peerAddress, logger } = this.options;
    const other = memberId(greeting.nodeId, greeting.directoryId);
    const error =
      refusal(greeting, {
        me,
        address: dialled?.address ?? peerAddress,
        dialled: dialled?.member,
        members: this.members,
        membershipIndex: this.membershipIndex,
        highestIncarnation: (member) => this.seen.incarnation(member),
        levels: this.levels(),
        lineage: this.options.lineage?.(),
      }) ??
      this.duplicate(greeting, other) ??
      this.lostLog(greeting, other);
    if (error) {
      const kind = String(error.details.refusal);
      const level = DIRECTORY_IS_WRONG.has(kind) ? 'error' : 'warn';
      this.log.once(`${other} ${kind} ${dialled?.member}`, () =>
        logger[level]({ event: 'peer.refused', peer: other, reason: kind }, error.message),
      );
      return error;
    }
    if (!this.members.has(other)) this.ahead.set(other, greeting.membershipIndex);
    this.meet(greeting, other);
    return undefined;
  }

  /** Logs what could not be understood, once in a while for each member; for all strangers together. */
  badMessage(member: MemberId | undefined, address: string, error: FactstoreError): void {
    const from = member ?? `somebody at ${address}`;
    this.log.once(`bad ${member} ${error.code}`, () =>
      this.options.logger.error(
        { event: 'peer.badMessage', peer: from, code: error.code },
        `${from} sent a bad message: ${error.message}`,
      ),
    );
  }

  private levels(): FeatureLevels {
    return this.options.levels?.() ?? { level: 1, known: 1 };
  }

  /**
   * Rule D9: two processes with one start number. Nobody can say which of the two is the right one: each start raises
   * the number, so they run from copies, and both are fenced until one of them is started anew.
   */
  private duplicate(greeting: Greeting, other: MemberId): FactstoreError | undefined {
    const { incarnation } = greeting;
    const met = this.processes.get(other);
    if (met?.incarnation !== incarnation || met.processId === toHex(greeting.processId)) return undefined;
    this.seen.raiseIncarnation(other, incarnation + 1);
    this.superseded(other);
    const text = `two processes say that they are ${other} in its start number ${incarnation}: they run from copies of one data directory. Both are refused. Stop both, and start the right one`;
    return refused('duplicate', text);
  }

  /**
   * Rule D9: a process whose log ends before what its directory has acknowledged. Entries were answered for because it
   * held them, and it may vote as if they had never been. One that was met before is not judged again: it had all it
   * needed then, and its newest acknowledgements may be faster than its greeting.
   */
  private lostLog(greeting: Greeting, other: MemberId): FactstoreError | undefined {
    const { logIndex } = greeting;
    const acknowledged = this.seen.acknowledged(other);
    if (logIndex >= acknowledged || this.processes.get(other)?.processId === toHex(greeting.processId))
      return undefined;
    const text = `the log of ${other} ends at entry ${logIndex}, but it has acknowledged everything up to entry ${acknowledged}: its data directory has lost entries, or is an old copy. It would break promises that it has forgotten, so it is refused. Stop it and start it on its newest directory; where that is lost, it cannot come back as this member`;
    return refused('lostLog', text);
  }

  /** A later start of a directory supersedes an earlier one, whose streams end and which is refused from now on. */
  private meet(greeting: Greeting, other: MemberId): void {
    const { incarnation, knownFeatureLevel } = greeting;
    const met = this.processes.get(other);
    if (met && met.incarnation >= incarnation) return;
    this.processes.set(other, { incarnation, processId: toHex(greeting.processId), knownFeatureLevel });
    this.seen.raiseIncarnation(other, incarnation);
    if (met) this.superseded(other);
  }
}
