import { FactstoreError } from '../base/errors.ts';
import type { StatusResponse__Output } from '../proto/gen/factstore/v1/StatusResponse.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { CallLimits, Node } from './node.ts';
import { PROBE_TIMEOUT_MS } from './node.ts';
import type { Nodes } from './nodes.ts';
import { linkSignals } from './session.ts';
import { aborted, isRetryable, unreachable } from './status-error.ts';

/** Where appends go. */
export interface Route {
  readonly node: Node;
  /** False: a follower that forwards them, because the leader's own address does not work from here. */
  readonly leads: boolean;
}

/** While a leader is being elected, a follower may still name the lost one; it is not taken at its word before this. */
const NAMED_IN_VAIN_MS = 3_000;

/** Once one node has answered, the others have this long, so that a node which hangs does not hold up the search. */
const GRACE_MS = 500;

interface Round {
  readonly asked: Set<Node>;
  readonly reasons: Map<string, string>;
  readonly answers: { readonly node: Node; readonly status: StatusResponse__Output }[];
  fatal?: FactstoreError;
}

/** Finds the leader by asking every node that is known, at once. Only who says so of itself leads. */
export class LeaderFinder {
  private readonly nodes: Nodes;
  private readonly clock: Clock;
  private known: Route | undefined;
  /** When the search began that has not found a leader yet. */
  private searchingSinceMs: number | undefined;
  private everFound = false;

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
    const stop = new AbortController();
    const link = linkSignals(stop.signal, signal);
    const limits = { timeoutMs: PROBE_TIMEOUT_MS, signal: link.signal };
    const round: Round = { asked: new Set(), reasons: new Map(), answers: [] };
    let found: Node | undefined;
    let grace: Timer | undefined;
    await new Promise<void>((resolve) => {
      let open = 0;
      const ask = (node: Node): void => {
        if (round.asked.has(node)) return;
        round.asked.add(node);
        open++;
        void this.ask(node, limits, round).then((status) => {
          if (status?.role === 'ROLE_LEADER') {
            found = node;
            resolve();
          }
          // Members that were not known are asked in the same round.
          for (const member of status?.members ?? []) if (member.address) ask(this.nodes.add(member.address));
          if (--open === 0) resolve();
          else if (status) grace ??= this.clock.setTimer(GRACE_MS, resolve);
        });
      };
      for (const node of this.nodes.all) ask(node);
    });
    grace?.cancel();
    stop.abort();
    link.unlink();
    if (signal.aborted) throw aborted('the search for the leader', signal);
    return this.conclude(found, round);
  }

  private async ask(node: Node, limits: CallLimits, round: Round): Promise<StatusResponse__Output | undefined> {
    try {
      const status = await node.status(limits);
      round.answers.push({ node, status });
      return status;
    } catch (error) {
      const failure = error as FactstoreError;
      round.reasons.set(node.address, String(failure.details.reason ?? failure.message));
      if (!isRetryable(failure) && failure.code !== 'CANCELLED') round.fatal = failure;
      return undefined;
    }
  }

  private conclude(leader: Node | undefined, round: Round): Route {
    if (leader) {
      this.searchingSinceMs = undefined;
      this.everFound = true;
      this.known = { node: leader, leads: true };
      return this.known;
    }
    const now = this.clock.monotonicMs();
    this.searchingSinceMs ??= now;
    const follower = round.answers.find(({ status }) => status.leader !== '');
    const inVain = !this.everFound || now - this.searchingSinceMs >= NAMED_IN_VAIN_MS;
    if (follower && inVain) {
      this.known = { node: follower.node, leads: false };
      return this.known;
    }
    if (round.answers.length > 0) throw noLeader(round);
    if (round.fatal) throw round.fatal;
    throw unreachable(round.reasons, true);
  }
}

function noLeader(round: Round): FactstoreError {
  const told = round.answers.map(({ node, status }) => {
    const why =
      status.notReady || (status.leader ? `it follows ${status.leader}, which cannot be reached` : 'it knows none');
    return `${status.nodeId || node.address} says: ${why}`;
  });
  const silent = [...round.reasons].map(([address, reason]) => `${address}: ${reason}`);
  return new FactstoreError('NO_LEADER', `no leader: ${[...told, ...silent].join('; ')}.`);
}
