import type { FactstoreClient, ReachableMember } from '../../src/client/index.ts';
import { ProcessCluster, type ProcessNode } from '../../test/support/process-cluster.ts';
import { until } from '../../test/support/wait.ts';
import { onEnd } from '../support/cleanup.ts';
import { sdk } from './program.ts';

/** Tests switch these off to be quick; the benchmark runs at the defaults. */
const DEFAULTS = ['--disk-reserve-bytes', String(2 ** 30), '--ballast-bytes', String(64 * 2 ** 20)];

/** Three nodes of the built program at default settings, and an SDK client of theirs. */
export class FactstoreCluster {
  readonly processes: ProcessCluster;
  readonly client: FactstoreClient;

  private constructor(processes: ProcessCluster, client: FactstoreClient) {
    this.processes = processes;
    this.client = client;
  }

  static async start(): Promise<FactstoreCluster> {
    const processes = await ProcessCluster.prepare(3, DEFAULTS);
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
  leader(): Promise<ProcessNode> {
    return this.processes.leader(
      async () => (await this.reachable()).find((member) => member.role === 'leader' && member.notReady === '')?.nodeId,
    );
  }

  /** Resolves once all three nodes answer and none is more than `lagMax` positions behind the first of them. */
  async together(lagMax: bigint): Promise<void> {
    await until(
      'all three nodes have caught up',
      async () => {
        const members = await this.reachable();
        return members.length === 3 && members.every(({ lag, leader }) => lag <= lagMax && leader !== '');
      },
      120_000,
    );
  }

  async dispose(): Promise<void> {
    await this.client.close();
    await this.processes.dispose();
  }

  /** The processes of the nodes. */
  get pids(): (number | undefined)[] {
    return this.processes.nodes.map((node) => (node.running ? node.pid : undefined));
  }

  private async reachable(): Promise<ReachableMember[]> {
    const { members } = await this.client.cluster.status();
    return members.filter((member): member is ReachableMember => member.reachable);
  }
}
