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
  /** Where it may be, too. */
  readonly otherAddress?: string | undefined;
  /** What the log says; `peerAddress` unless given. */
  readonly recordedAddress?: string;
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
  /** Where the log and the settings say that it is. */
  known: PeerAddress;
  /** Where it says itself that it is, if that is news. */
  told: string | undefined;
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
        this.hearAddress(member, peerAddress);
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
    const wanted = new Map(members.map((member) => [member.memberId, member]));
    wanted.delete(handshake.self);
    for (const [member, peer] of this.peers) {
      const known = wanted.get(member);
      if (known) move(peer, known, peer.told);
      else if (!handshake.isAhead(member)) this.forget(member, peer);
    }
    for (const [member, known] of wanted) {
      if (!this.peers.has(member)) this.peers.set(member, this.connect(known));
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
    return this.peers.get(member)?.control.address;
  }

  /** For the peer server: a call of Messages came in. */
  accept(call: ServerCall): void {
    this.incoming.accept(call);
  }

  close(): void {
    for (const peer of this.peers.values()) closeConnections(peer);
    this.peers.clear();
    this.incoming.end(refused('identity', 'this node is stopping'));
  }

  /**
   * A member that dialled this node tells where it is. Either this node has yet to read of it in the log (a leader, say,
   * that came after this node's log ends), or it has moved: the log will say so once a quorum knows, which may take this
   * very connection.
   */
  private hearAddress(member: MemberId, address: string): void {
    if (address === '') return;
    const peer = this.peers.get(member);
    if (peer) move(peer, peer.known, address);
    else if (this.options.handshake.isAhead(member))
      this.peers.set(member, this.connect({ memberId: member, peerAddress: address }));
  }

  private connect(known: PeerAddress): Peer {
    const { handshake, clock, random = randomInt } = this.options;
    const { memberId: member } = known;
    const connection = (bulk: boolean) =>
      new PeerConnection({
        member,
        addresses: addressesOf(known, undefined),
        bulk,
        handshake,
        clock,
        random,
        up: () => this.up(member, bulk),
        lost: (reason) => this.lost(member, bulk, reason),
        failed: (reason) => this.failed(member, reason),
      });
    return { known, told: undefined, control: connection(false), bulk: connection(true), lossTold: true };
  }

  private forget(member: MemberId, peer: Peer): void {
    this.peers.delete(member);
    closeConnections(peer);
    this.incoming.end(refused('member', `${member} is no longer a member of this cluster`), member);
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

function closeConnections({ control, bulk }: Peer): void {
  control.close();
  bulk.close();
}

/** What it tells itself goes before what is known of it, unless it tells what the log says, too. */
function move(peer: Peer, known: PeerAddress, told: string | undefined): void {
  peer.known = known;
  peer.told = told === (known.recordedAddress ?? known.peerAddress) ? undefined : told;
  const addresses = addressesOf(known, peer.told);
  for (const connection of [peer.control, peer.bulk]) connection.moveTo(addresses);
}

function addressesOf({ peerAddress, otherAddress }: PeerAddress, told: string | undefined): readonly string[] {
  return [...new Set([told, peerAddress, otherAddress].filter((address) => address !== undefined))];
}
