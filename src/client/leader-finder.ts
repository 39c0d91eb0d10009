import { FactstoreError } from '../base/errors.ts';
import type { StatusResponse__Output } from '../proto/gen/factstore/v1/StatusResponse.ts';
import type { Clock } from '../runtime/clock.ts';
import { Inquiry } from './inquiry.ts';
import type { Node } from './node.ts';
import type { Nodes } from './nodes.ts';
import { aborted } from './status-error.ts';

/** Where appends go. */
export interface Route {
  readonly node: Node;
  /** False: a follower that forwards them, because the leader's own address does not work from here. */
  readonly leads: boolean;
}

/** While a leader is being elected, a follower may still name the lost one; it is not taken at its word before this. */
const NAMED_IN_VAIN_MS = 3_000;

/** Finds the leader by asking every node that is known, at once. Only who says so of itself leads. */
export class LeaderFinder {
  private readonly nodes: Nodes;
  private readonly clock: Clock;
  private known: Route | undefined;
  /** When the search began that has not found a leader yet. */
  private searchingSinceMs: number | undefined;
  private everFound = false;
  /** The highest term in which a node was found to lead. */
  private term = 0;

  constructor(nodes: Nodes, clock: Clock) {
    this.nodes = nodes;
    this.clock = clock;
  }

  /** Says that a node does not lead (any more), and which address does, if that was told. */
  lost(node: Node, leader?: string): void {
    if (this.known && this.known.node !== node) return;
    this.known = leader ? { node: this.nodes.add(leader), leads: true } : undefined;
  }

  /** Where appends go. Ends in NO_LEADER or UNREACHABLE where no node leads, both definite. */
  async find(signal: AbortSignal): Promise<Route> {
    return this.known ?? (await this.search(signal));
  }

  /** Asks every node; the route where there is one. Ends in UNREACHABLE where not one node answers. */
  async search(signal: AbortSignal): Promise<Route> {
    const round = new Inquiry(this.clock, (node, limits) => node.status(limits));
    await round.ask(this.nodes.all, signal, (status) => {
      // Members that were not known are asked in the same round.
      const members = status.members
        .filter(({ address }) => address !== '')
        .map(({ address }) => this.nodes.add(address));
      return this.leads(status) ? 'enough' : members;
    });
    if (signal.aborted) throw aborted('the search for the leader', signal);
    return this.conclude(round);
  }

  /** One that was deposed may not know it yet: it is not taken any more once a leader of a later term was seen. */
  private leads({ role, term }: StatusResponse__Output): boolean {
    return role === 'ROLE_LEADER' && term >= this.term;
  }

  private conclude(round: Inquiry): Route {
    const leaders = round.answers.filter(({ status }) => this.leads(status));
    const leader = leaders.sort((a, b) => b.status.term - a.status.term)[0];
    if (leader) {
      this.term = leader.status.term;
      this.searchingSinceMs = undefined;
      this.everFound = true;
      this.known = { node: leader.node, leads: true };
      return this.known;
    }
    const now = this.clock.monotonicMs();
    this.searchingSinceMs ??= now;
    const follower = round.answers.find(({ status }) => status.leader !== '' && status.role !== 'ROLE_LEADER');
    const inVain = !this.everFound || now - this.searchingSinceMs >= NAMED_IN_VAIN_MS;
    if (follower && inVain) {
      this.known = { node: follower.node, leads: false };
      return this.known;
    }
    if (round.answers.length > 0) throw noLeader(round);
    throw round.silence();
  }
}

function noLeader(round: Inquiry): FactstoreError {
  const told = round.answers.map(({ node, status }) => `${status.nodeId || node.address} says: ${whyNone(status)}`);
  const silent = [...round.reasons].map(([address, reason]) => `${address}: ${reason}`);
  return new FactstoreError('NO_LEADER', `no leader: ${[...told, ...silent].join('; ')}.`);
}

function whyNone({ notReady, leader, role, term }: StatusResponse__Output): string {
  if (notReady) return notReady;
  if (role === 'ROLE_LEADER') return `it led in term ${term}, and another has led since`;
  return leader ? `it follows ${leader}, which cannot be reached` : 'it knows none';
}
