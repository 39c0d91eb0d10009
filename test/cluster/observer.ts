import { type FactstoreClient, FactstoreError, type ReachableMember } from '../../src/client/index.ts';
import type { Violations } from './check/violations.ts';

const EVERY_MS = 250;

/** Asks all nodes again and again how they are, and holds what may never happen between them. */
export class Observer {
  /** The node that led when it was last asked. */
  leader: string | undefined;
  reachable: readonly ReachableMember[] = [];
  rounds = 0;
  private readonly client: FactstoreClient;
  private readonly violations: Violations;
  private readonly leaders = new Map<bigint, string>();
  private readonly terms = new Map<string, bigint>();
  private readonly chains = new Map<bigint, string>();
  private stopped = false;
  private running: Promise<void> | undefined;

  constructor(client: FactstoreClient, violations: Violations) {
    this.client = client;
    this.violations = violations;
  }

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  /** The terms in which somebody was seen to lead. */
  get elections(): number {
    return this.leaders.size;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      await this.ask();
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }

  private async ask(): Promise<void> {
    try {
      const { members, leader } = await this.client.cluster.status();
      this.reachable = members.filter((member) => member.reachable);
      this.leader = leader;
      this.rounds++;
      for (const member of this.reachable) this.check(member);
    } catch (error) {
      // With all nodes down nobody answers.
      if (!(error instanceof FactstoreError)) throw error;
      this.reachable = [];
      this.leader = undefined;
    }
  }

  private check({ nodeId, directoryId, role, term, appliedIndex, chainHash }: ReachableMember): void {
    if (role === 'leader') {
      const other = this.leaders.get(term) ?? nodeId;
      if (other !== nodeId) this.violations.add(`term ${term} has two leaders, ${other} and ${nodeId}`);
      this.leaders.set(term, nodeId);
    }
    // A node that is still starting does not know its term yet.
    if (role === 'starting') return;
    // On an empty directory a node is another member, and begins anew.
    const member = `${nodeId}/${directoryId}`;
    const before = this.terms.get(member) ?? 0n;
    if (term < before) this.violations.add(`the term of ${nodeId} went back from ${before} to ${term}`);
    this.terms.set(member, term);
    const chain = this.chains.get(appliedIndex) ?? chainHash;
    if (chain !== chainHash) this.violations.add(`at log index ${appliedIndex} the nodes have different chain hashes`);
    this.chains.set(appliedIndex, chain);
  }
}
