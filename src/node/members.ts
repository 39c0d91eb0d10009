import { FactstoreError } from '../base/errors.ts';
import { nodeIdOf } from '../peer/identity.ts';
import type { Membership } from '../peer/membership-codec.ts';
import { isVoter } from '../raft/configuration.ts';
import type { MemberId } from '../raft/types.ts';

/** What a node knows of a member. */
export interface KnownMember {
  readonly memberId: MemberId;
  readonly nodeId: string;
  readonly directoryId: Uint8Array;
  /** Where clients reach it. */
  readonly address: string;
  readonly peerAddress: string;
  /** Whether it counts in a majority. */
  readonly voter: boolean;
}

/** The members as this node's log tells of them, those of a change that is under way included. */
export class Members {
  private readonly addresses: ReadonlyMap<string, string>;
  private known: readonly KnownMember[] = [];
  private current: Membership;

  /** `addresses`: node id to the peer address that --cluster gives now, which goes before what the log says. */
  constructor(memberships: readonly Membership[], addresses: ReadonlyMap<string, string>) {
    this.addresses = addresses;
    this.current = memberships[0] as Membership;
    this.update(memberships);
  }

  /** The configuration in force first, then those that are on their way. */
  update(memberships: readonly Membership[]): void {
    const [inForce] = memberships;
    if (inForce) this.current = inForce;
    const nodes = new Map(memberships.flatMap((one) => [...one.members]));
    this.known = Array.from(nodes, ([memberId, { nodeId, directoryId, address, peerAddress }]) => ({
      memberId,
      nodeId,
      directoryId,
      address,
      peerAddress: this.addresses.get(nodeId) ?? peerAddress,
      voter: isVoter(this.current, memberId),
    }));
  }

  get all(): readonly KnownMember[] {
    return this.known;
  }

  get inForce(): Membership {
    return this.current;
  }

  byId(id: MemberId | undefined): KnownMember | undefined {
    return this.known.find((member) => member.memberId === id);
  }

  /** Node ids and peer addresses of the others for which `mayBeAsked` holds, `last` behind them. */
  peersBut(self: MemberId, last: MemberId, mayBeAsked: (member: MemberId) => boolean): ReadonlyMap<string, string> {
    const others = this.known.filter(({ memberId }) => memberId !== self && memberId !== last && mayBeAsked(memberId));
    const end = this.byId(last);
    return new Map((end ? [...others, end] : others).map(({ memberId, peerAddress }) => [memberId, peerAddress]));
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
