import type { Signal } from '../base/signal.ts';
import type { Database } from '../database/database.ts';
import type { Facts } from '../database/facts.ts';
import { decodeFact, MEMBERS_CHANGED, MEMBERSHIP_STREAM } from '../model/fact.ts';
import type { FoundingMember } from '../peer/founding-codec.ts';
import { idOf, type Membership } from '../peer/membership-codec.ts';
import { isJoint } from '../raft/changer.ts';
import type { Replica } from '../replica/replica.ts';

export interface MembershipFactsPorts {
  readonly replica: Pick<Replica, 'acceptsProposals' | 'configurations'>;
  readonly database: Pick<Database, 'read' | 'openLane'>;
  readonly facts: Facts;
  /** The members that founded the cluster, of whom no fact tells. */
  readonly founders: readonly FoundingMember[];
}

/** What a fact says: the members, each node id/directory UUID. */
interface Told {
  readonly voters: readonly string[];
  readonly learners: readonly string[];
  /** Where each member is reached. */
  readonly addresses: Readonly<Record<string, { readonly clients: string; readonly peers: string }>>;
}

/**
 * Tells in a stream who the members are, whenever they have changed (rule C7): readers of the log see it as any other
 * fact. The leader compares what is in force with the last fact, so that none is missed when leadership moves.
 */
export class MembershipFacts {
  private readonly ports: MembershipFactsPorts;
  private told: Membership | undefined;
  private busy = false;

  constructor(ports: MembershipFactsPorts) {
    this.ports = ports;
  }

  /** Called about once a second. Rejects where the fact could not be appended; then it is tried again. */
  async keep(signal: Signal): Promise<void> {
    const { replica, facts } = this.ports;
    const [inForce, ...changes] = replica.configurations as readonly Membership[];
    if (this.busy || !inForce || inForce === this.told || changes.length > 0 || isJoint(inForce)) return;
    if (!replica.acceptsProposals || !facts.allows(MEMBERS_CHANGED)) return;
    this.busy = true;
    try {
      await this.tell(inForce, signal);
      this.told = inForce;
    } finally {
      this.busy = false;
    }
  }

  private async tell(inForce: Membership, signal: Signal): Promise<void> {
    const { facts, database, founders } = this.ports;
    const now = toldOf(inForce.voters[0], inForce.learners, [...inForce.members.values()]);
    const last = (await this.lastTold(signal)) ?? toldOf(founders.map(idOf), [], founders);
    if (JSON.stringify(now) === JSON.stringify(last)) return;
    await facts.write(database.openLane(true), MEMBERSHIP_STREAM, { kind: MEMBERS_CHANGED, data: now });
  }

  private async lastTold(signal: Signal): Promise<Told | undefined> {
    const { database } = this.ports;
    const target = { kind: 'stream', stream: MEMBERSHIP_STREAM } as const;
    const newest = { start: undefined, backwards: true, limit: 1, userEvents: false } as const;
    for await (const { events } of database.read({ target, ...newest, consistency: { kind: 'local' } }, signal)) {
      for (const event of events) return decodeFact(event)?.data as Told;
    }
    return undefined;
  }
}

function toldOf(voters: Iterable<string>, learners: Iterable<string>, members: readonly FoundingMember[]): Told {
  const addresses = members.map((one) => [idOf(one), { clients: one.address, peers: one.peerAddress }] as const);
  addresses.sort(([a], [b]) => (a < b ? -1 : 1));
  return { voters: [...voters].sort(), learners: [...learners].sort(), addresses: Object.fromEntries(addresses) };
}
