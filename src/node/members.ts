import { FactstoreError } from '../base/errors.ts';
import type { NodeOptions } from '../config/options.ts';
import { formatAddress } from '../config/values.ts';
import type { PeerPlaces } from '../peer/entries.ts';
import { nodeIdOf } from '../peer/identity.ts';
import type { Membership } from '../peer/membership-codec.ts';
import type { PeerAddress } from '../peer/peer-network.ts';
import { isVoter } from '../raft/configuration.ts';
import type { MemberId } from '../raft/types.ts';

/** What a node knows of a member. */
export interface KnownMember extends PeerAddress {
  readonly nodeId: string;
  readonly directoryId: Uint8Array;
  /** Where clients reach it. */
  readonly address: string;
  /** Whether it counts in a majority. */
  readonly voter: boolean;
}

/** The members as this node's log tells of them, those of a change that is under way included. */
export class Members {
  private readonly given: ReadonlyMap<string, string>;
  private readonly founded: ReadonlyMap<string, string>;
  private known: readonly KnownMember[] = [];
  private current: Membership;

  /**
   * Node id to peer address: `given` by --cluster now, `founded` by the founding record. What is given goes before that.
   * A later change of an address in the log goes before what is given, which may not have been told of it; but it is
   * looked for there, too, should all have moved while none of them ran.
   */
  constructor(
    memberships: readonly Membership[],
    given: ReadonlyMap<string, string>,
    founded: ReadonlyMap<string, string>,
  ) {
    this.given = given;
    this.founded = founded;
    this.current = begun(memberships[0] as Membership);
    this.update(memberships);
  }

  /** The configuration in force first, then those that are on their way. */
  update(memberships: readonly Membership[]): void {
    const [inForce] = memberships;
    if (inForce) this.current = begun(inForce);
    const nodes = new Map(memberships.flatMap((one) => [...one.members]));
    this.known = Array.from(nodes, ([memberId, { nodeId, directoryId, address, peerAddress }]) => ({
      memberId,
      nodeId,
      directoryId,
      address,
      recordedAddress: peerAddress,
      ...this.dialled(nodeId, peerAddress),
      voter: isVoter(this.current, memberId),
    }));
  }

  get all(): readonly KnownMember[] {
    return this.known;
  }

  get inForce(): Membership {
    return this.current;
  }

  private dialled(nodeId: string, recorded: string): Pick<KnownMember, 'peerAddress' | 'otherAddress'> {
    const given = this.given.get(nodeId) ?? recorded;
    const moved = recorded !== (this.founded.get(nodeId) ?? recorded);
    return moved && given !== recorded
      ? { peerAddress: recorded, otherAddress: given }
      : { peerAddress: given, otherAddress: undefined };
  }

  byId(id: MemberId | undefined): KnownMember | undefined {
    return this.known.find((member) => member.memberId === id);
  }

  /** The others, and where they may be, for which `mayBeAsked` holds, `last` behind them. */
  peersBut(self: MemberId, last: MemberId, mayBeAsked: (member: MemberId) => boolean): PeerPlaces {
    const others = this.known.filter(({ memberId }) => memberId !== self && memberId !== last && mayBeAsked(memberId));
    const end = this.byId(last);
    return new Map((end ? [...others, end] : others).map((member) => [member.memberId, placesOf(member)]));
  }

  /** The member of this node id or, in full, node id/directory UUID. Ends in NOT_FOUND, or where there are two. */
  named(name: string): KnownMember {
    const exact = this.byId(name);
    if (exact) return exact;
    const [member, other] = this.known.filter(({ nodeId }) => nodeId === name);
    if (!member) {
      const names = this.known.map(({ nodeId }) => nodeId).join(', ');
      throw new FactstoreError('NOT_FOUND', `${name} is not a member of this cluster, whose members are ${names}`);
    }
    if (!other) return member;
    throw new FactstoreError(
      'FAILED_PRECONDITION',
      `there are two members with the node id ${nodeIdOf(member.memberId)}, as one takes the place of the other: say which one, ${member.memberId} or ${other.memberId}`,
    );
  }
}

/** Where a member may be, the likeliest first. */
export function placesOf({ peerAddress, otherAddress, recordedAddress }: PeerAddress): readonly string[] {
  return [...new Set([peerAddress, otherAddress ?? recordedAddress ?? peerAddress])];
}

/** A cluster that has begun goes on in steps: what is in force does not begin it once more. */
function begun({ begins, ...inForce }: Membership): Membership {
  return inForce;
}

/** Node id to the peer address that --cluster gives now. */
export function givenAddresses({ cluster = [] }: NodeOptions): Map<string, string> {
  return new Map(cluster.map((member) => [member.nodeId, formatAddress(member)]));
}
