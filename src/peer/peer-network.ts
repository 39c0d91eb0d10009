import { randomInt } from 'node:crypto';
import type { MemberId } from '../raft/types.ts';
import type { Inbound, PeerMessage, Transport } from '../replica/ports.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { ServerCall } from './grpc.ts';
import type { Handshake } from './handshake.ts';
import { refused } from './identity.ts';
import { Incoming } from './incoming.ts';
import { PeerConnection } from './peer-connection.ts';
import { RareLog } from './rare-log.ts';

/** A member and where its peers reach it. */
export interface PeerAddress {
  readonly memberId: MemberId;
  readonly peerAddress: string;
}

export interface PeerStatus {
  readonly reachable: boolean;
  /** Why it is not reachable; empty where it is. */
  readonly reason: string;
}

export interface PeerNetworkOptions {
  readonly handshake: Handshake;
  readonly inbound: Inbound;
  readonly clock: Clock;
  readonly logger: Logger;
  /** An integer from `from` (inclusive) to `to` (exclusive). */
  readonly random?: (from: number, to: number) => number;
}

/** What is kept of one other member. */
interface Peer {
  readonly address: string;
  readonly control: PeerConnection;
  readonly bulk: PeerConnection;
  /** That no connection is left was told; it is told again only after there was another. */
  lossTold: boolean;
}

const REPEAT_LOG_MS = 60_000;

/**
 * The network between the members. This node dials every other member twice: heartbeats, votes and read indexes go
 * through one connection, log ranges and their answers through another, so that a range of 4 MiB never delays a
 * heartbeat. Each connection carries messages one way; the other way is dialled by the other member.
 */
export class PeerNetwork implements Transport {
  private readonly options: PeerNetworkOptions;
  private readonly incoming: Incoming;
  private readonly peers = new Map<MemberId, Peer>();
  private readonly log: RareLog;

  constructor(options: PeerNetworkOptions) {
    this.options = options;
    this.log = new RareLog(options.clock, REPEAT_LOG_MS);
    this.incoming = new Incoming({
      ...options,
      up: (member, bulk, peerAddress) => {
        this.answerTo(member, peerAddress);
        this.up(member, bulk);
      },
      lost: (member, bulk, reason) => this.lost(member, bulk, reason),
    });
    options.handshake.onSuperseded((member) => this.superseded(member));
  }

  /** Connects to the members that are new, and lets go of those that are gone or have moved. */
  setMembers(members: readonly PeerAddress[]): void {
    const { handshake } = this.options;
    handshake.setMembers(new Set(members.map((member) => member.memberId)));
    const wanted = new Map(members.map((member) => [member.memberId, member.peerAddress]));
    wanted.delete(handshake.self);
    for (const [member, peer] of this.peers) {
      if (wanted.get(member) !== peer.address && !handshake.isAhead(member))
        this.forget(member, peer, !wanted.has(member));
    }
    for (const [member, address] of wanted) {
      if (!this.peers.has(member)) this.peers.set(member, this.connect(member, address));
    }
  }

  send(message: PeerMessage): void {
    const peer = this.peers.get(message.to);
    if (!peer) return;
    const bulk = message.type === 'append' || message.type === 'appendResponse';
    (bulk ? peer.bulk : peer.control).send(message);
  }

  status(member: MemberId): PeerStatus {
    if (member === this.options.handshake.self) return { reachable: true, reason: '' };
    const peer = this.peers.get(member);
    if (!peer) return { reachable: false, reason: 'not a member' };
    const down = [peer.control, peer.bulk].find((connection) => !connection.established);
    return down ? { reachable: false, reason: down.reason } : { reachable: true, reason: '' };
  }

  /** Where peers reach the member; undefined where it is not one. */
  addressOf(member: MemberId): string | undefined {
    return this.peers.get(member)?.address;
  }

  /** For the peer server: a call of Messages came in. */
  accept(call: ServerCall): void {
    this.incoming.accept(call);
  }

  close(): void {
    for (const [member, peer] of this.peers) this.forget(member, peer, false);
    this.incoming.end(refused('identity', 'this node is stopping'));
  }

  /** A member of whom this node has yet to read in the log dialled it: a leader, say, that came after this node's log ends. */
  private answerTo(member: MemberId, address: string): void {
    if (this.peers.has(member) || address === '' || !this.options.handshake.isAhead(member)) return;
    this.peers.set(member, this.connect(member, address));
  }

  private connect(member: MemberId, address: string): Peer {
    const { handshake, clock, random = randomInt } = this.options;
    const connection = (bulk: boolean) =>
      new PeerConnection({
        member,
        address,
        bulk,
        handshake,
        clock,
        random,
        up: () => this.up(member, bulk),
        lost: (reason) => this.lost(member, bulk, reason),
        failed: (reason) => this.failed(member, reason),
      });
    return { address, control: connection(false), bulk: connection(true), lossTold: true };
  }

  private forget(member: MemberId, peer: Peer, gone: boolean): void {
    this.peers.delete(member);
    peer.control.close();
    peer.bulk.close();
    if (gone) this.incoming.end(refused('member', `${member} is no longer a member of this cluster`), member);
  }

  private up(member: MemberId, bulk: boolean): void {
    const peer = this.peers.get(member);
    if (bulk || !peer) return;
    peer.lossTold = false;
    this.options.logger.debug({ event: 'peer.connected', peer: member }, `connected with ${member}`);
  }

  /**
   * The end of a control connection, whichever side dialled it, is how the death of a leader is noticed within
   * milliseconds (rule C4). When a process dies both directions end; that is told once.
   */
  private lost(member: MemberId, bulk: boolean, reason: string): void {
    const peer = this.peers.get(member);
    if (bulk || !peer || peer.lossTold) return;
    peer.lossTold = true;
    this.options.logger.info({ event: 'peer.lost', peer: member, reason }, `connection with ${member} lost: ${reason}`);
    this.options.inbound.connectionLost(member);
  }

  private failed(member: MemberId, reason: string): void {
    this.log.once(`${member} ${reason}`, () =>
      this.options.logger.warn(
        { event: 'peer.unreachable', peer: member, reason },
        `cannot reach ${member}: ${reason}`,
      ),
    );
  }

  /** Rule D9: what was established with an earlier process of the member's directory ends. */
  private superseded(member: MemberId): void {
    const reason = 'another process of the same data directory has appeared';
    const live = this.incoming.end(refused('duplicate', reason), member);
    const peer = this.peers.get(member);
    const outgoing = [peer?.control, peer?.bulk].filter((connection) => connection?.established);
    for (const connection of outgoing) connection?.drop(reason);
    if (live + outgoing.length === 0) return;
    this.options.logger.error(
      { event: 'peer.twoProcesses', peer: member },
      `${member} has appeared anew while it was still connected: either its machine lost power a moment ago, or two processes run from copies of one data directory, of which the older is refused from now on`,
    );
  }
}
