import { randomBytes } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import type { FactstoreError } from '../base/errors.ts';
import type { MemberId } from '../raft/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { type Greeting, PROTOCOL_VERSION } from './codec.ts';
import { memberId, type PeerIdentity, refusal, refused } from './identity.ts';
import { RareLog } from './rare-log.ts';

/** The highest incarnation that this node has seen of each member; it should outlive a restart (rule D9). */
export interface Incarnations {
  /** 0: none seen. */
  highest(member: MemberId): number;
  raise(member: MemberId, incarnation: number): void;
}

/** Forgets with the process: for tests, and where nothing better is at hand. */
export function incarnationsInMemory(): Incarnations {
  const seen = new Map<MemberId, number>();
  return {
    highest: (member) => seen.get(member) ?? 0,
    raise: (member, incarnation) => seen.set(member, Math.max(incarnation, seen.get(member) ?? 0)),
  };
}

export interface HandshakeOptions {
  readonly me: PeerIdentity;
  /** Where peers reach this node: named in refusals. */
  readonly peerAddress: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly incarnations?: Incarnations;
}

const REPEAT_LOG_MS = 60_000;

/** Greets peers and judges their greetings, for all streams of a node alike. */
export class Handshake {
  readonly self: MemberId;
  private readonly options: HandshakeOptions;
  private readonly incarnations: Incarnations;
  private readonly processId: Uint8Array = randomBytes(16);
  private readonly log: RareLog;
  /** The process that was seen with the highest incarnation of each member. */
  private readonly processes = new Map<MemberId, { readonly incarnation: number; readonly processId: string }>();
  private members: ReadonlySet<MemberId> = new Set();
  private superseded: (member: MemberId) => void = () => undefined;

  constructor(options: HandshakeOptions) {
    this.options = options;
    this.self = memberId(options.me.nodeId, options.me.directoryId);
    this.incarnations = options.incarnations ?? incarnationsInMemory();
    this.log = new RareLog(options.clock, REPEAT_LOG_MS);
  }

  setMembers(members: ReadonlySet<MemberId>): void {
    this.members = members;
  }

  /** `end` must close every stream of the member: the process behind them is no longer the one to talk to. */
  onSuperseded(end: (member: MemberId) => void): void {
    this.superseded = end;
  }

  greeting(to: MemberId, bulk: boolean): Greeting {
    const { clusterId, nodeId, directoryId, incarnation } = this.options.me;
    const { processId } = this;
    return { clusterId, nodeId, directoryId, incarnation, processId, protocolVersion: PROTOCOL_VERSION, to, bulk };
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
        highestIncarnation: (member) => this.incarnations.highest(member),
      }) ?? this.twoProcesses(greeting, other);
    if (error) {
      const kind = String(error.details.refusal);
      // Incarnations tell of a copied data directory, which somebody must look into.
      const level = kind === 'incarnation' || kind === 'duplicate' ? 'error' : 'warn';
      this.log.once(`${other} ${kind} ${dialled?.member}`, () =>
        logger[level]({ event: 'peer.refused', peer: other, reason: kind }, error.message),
      );
    }
    return error;
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

  /**
   * Rule D9: two processes of one data directory. A higher start number supersedes the lower one, whose streams end and
   * which is refused from now on. With equal numbers nobody can say which of the two is the right one: each start
   * raises the number, so they run from copies, and both are fenced until one of them is started anew.
   */
  private twoProcesses(greeting: Greeting, other: MemberId): FactstoreError | undefined {
    const processId = toHex(greeting.processId);
    const { incarnation } = greeting;
    const seen = this.processes.get(other);
    if (seen?.incarnation === incarnation && seen.processId !== processId) {
      this.incarnations.raise(other, incarnation + 1);
      this.superseded(other);
      const text = `two processes say that they are ${other} in its start number ${incarnation}: they run from copies of one data directory. Both are refused. Stop both, and start the right one`;
      return refused('duplicate', text);
    }
    if (seen === undefined || seen.incarnation < incarnation) {
      this.processes.set(other, { incarnation, processId });
      this.incarnations.raise(other, incarnation);
      if (seen) this.superseded(other);
    }
    return undefined;
  }
}
