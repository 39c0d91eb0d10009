import type { FactstoreClient, ReachableMember } from '../../src/client/index.ts';
import { ProcessCluster, type ProcessNode } from '../../test/support/process-cluster.ts';
import { until } from '../../test/support/wait.ts';
import type { Bench } from '../harness/bench.ts';
import type { Fixture, System } from '../harness/scenario.ts';
import type { Process } from '../harness/usage.ts';
import { onEnd } from '../support/cleanup.ts';
import { WireClient } from './loads.ts';
import { sdk } from './program.ts';

/** Tests switch these off to be quick; the benchmark runs at the defaults. */
const DEFAULTS = ['--disk-reserve-bytes', String(2 ** 30), '--ballast-bytes', String(64 * 2 ** 20)];

/** A rebuild of a large index may take its time. */
const START_MS = 600_000;

/** Nodes of the built program at default settings, three unless asked for another number, and an SDK client of theirs. */
export class FactstoreCluster implements System {
  readonly processes: ProcessCluster;
  readonly client: FactstoreClient;
  private leading = '';

  private constructor(processes: ProcessCluster, client: FactstoreClient) {
    this.processes = processes;
    this.client = client;
  }

  static async start(size: 1 | 3 = 3): Promise<FactstoreCluster> {
    const processes = await ProcessCluster.prepare(size, DEFAULTS);
    onEnd(() => processes.dispose());
    processes.startAll();
    try {
      const client = await sdk.connect(processes.url, { connectTimeoutMs: 20_000 });
      onEnd(() => client.close());
      const cluster = new FactstoreCluster(processes, client);
      await cluster.leader();
      return cluster;
    } catch (error) {
      throw new Error(`factstore did not start: ${(error as Error).message}\n${processes.tail()}`, { cause: error });
    }
  }

  /** The node that leads and takes appends, once one does. */
  async leader(): Promise<ProcessNode> {
    const node = await this.processes.leader(
      async () => (await this.reachable()).find((member) => member.role === 'leader' && member.notReady === '')?.nodeId,
    );
    this.leading = node.id;
    return node;
  }

  /** A node that follows. */
  async follower(): Promise<ProcessNode> {
    const leader = await this.leader();
    return this.processes.nodes.find((node) => node !== leader) as ProcessNode;
  }

  /** Resolves once all nodes answer and none is more than `lagMax` positions behind the first of them. */
  async together(lagMax: bigint): Promise<void> {
    const { length } = this.processes.nodes;
    await until(
      'all nodes have caught up',
      async () => {
        const members = await this.reachable();
        return members.length === length && members.every(({ lag, leader }) => lag <= lagMax && leader !== '');
      },
      120_000,
    );
  }

  /**
   * Starts a node that does not run, and gives the milliseconds until it answers with the head of the store. A client is
   * made for each attempt: one that has failed once waits before it connects again.
   */
  async startedMs(node: ProcessNode, head: number): Promise<number> {
    const begun = performance.now();
    node.start();
    await until('the node answers with the head of the store', () => headIs(node.address, head), START_MS);
    return performance.now() - begun;
  }

  async dispose(): Promise<void> {
    await this.client.close();
    await this.processes.dispose();
  }

  get servers(): Process[] {
    return this.processes.nodes
      .filter((node) => node.running)
      .map(({ id, pid }) => ({ name: id === this.leading ? `${id}, leader` : id, pid }));
  }

  /** Positions have no gaps: the head counts the events. */
  async written(): Promise<number> {
    return Number(await this.client.head());
  }

  private async reachable(): Promise<ReachableMember[]> {
    const { members } = await this.client.cluster.status();
    return members.filter((member): member is ReachableMember => member.reachable);
  }
}

async function headIs(address: string, head: number): Promise<boolean> {
  const client = new WireClient(address);
  try {
    return (await client.head()) === head;
  } finally {
    client.close();
  }
}

/** Three nodes that begin empty. */
export const factstore: Fixture<FactstoreCluster> = {
  system: 'factstore',
  start: (bench) => startFactstore(bench, 3),
};

/** Nodes that go with the group. */
export async function startFactstore(bench: Bench, size: 1 | 3): Promise<FactstoreCluster> {
  const cluster = await FactstoreCluster.start(size);
  bench.onEnd(() => cluster.dispose());
  bench.profiled = cluster;
  return cluster;
}
