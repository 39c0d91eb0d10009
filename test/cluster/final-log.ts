import { connect, type FactstoreClient } from '../../src/client/index.ts';
import { until } from '../support/wait.ts';
import type { Violations } from './check/violations.ts';
import type { Cluster } from './cluster.ts';
import type { LoggedEvent } from './history.ts';
import { seenEvent } from './workload/recorder.ts';
import type { Workload } from './workload/workload.ts';

const CONVERGED_MS_MAX = 30_000;

/**
 * The log, once all nodes have the same one and every subscription has come to its end; which is part of what is
 * checked, as is that each node by itself shows the same events.
 */
export async function finalLog(cluster: Cluster, workload: Workload, violations: Violations): Promise<LoggedEvent[]> {
  const sdk = await connect(cluster.url(), { connectTimeoutMs: 30_000 });
  try {
    const head = await sdk.head({ timeoutMs: CONVERGED_MS_MAX });
    await converged(sdk, head, cluster.nodes.length).catch((error: Error) => violations.add(error.message));
    const log = await readLog(sdk, head);
    await until('every subscription has given the last event', () => workload.hasFollowed(log), CONVERGED_MS_MAX).catch(
      (error: Error) => violations.add(error.message),
    );
    for (const node of cluster.nodes) {
      const own = await connect(node.url, { connectTimeoutMs: 30_000 });
      const shown = await readLog(own, head, 'local').finally(() => own.close());
      const differs = log.findIndex((event, n) => JSON.stringify(event) !== JSON.stringify(shown[n]));
      if (differs >= 0 || shown.length !== log.length)
        violations.add(`${node.id} shows another log than the leader, from position ${differs + 1} on`);
    }
    return log;
  } finally {
    await sdk.close();
  }
}

/** Resolves once every node has applied this position, all of them the same chain. */
async function converged(sdk: FactstoreClient, head: bigint, size: number): Promise<void> {
  await until(
    `all nodes have the same log up to position ${head}`,
    async () => {
      const { members } = await sdk.cluster.status();
      const reachable = members.filter((member) => member.reachable);
      const states = new Set(reachable.map(({ appliedIndex, chainHash }) => `${appliedIndex}/${chainHash}`));
      return reachable.length === size && reachable.every((member) => member.head >= head) && states.size === 1;
    },
    CONVERGED_MS_MAX,
  );
}

async function readLog(sdk: FactstoreClient, head: bigint, consistency?: 'local'): Promise<LoggedEvent[]> {
  const log: LoggedEvent[] = [];
  for await (const batch of sdk.readAll({ ...(consistency && { consistency }), timeoutMs: 60_000 }).batches()) {
    for (const event of batch) {
      if (event.position <= head) log.push({ ...seenEvent(event), createdUs: Number(event.createdUs) });
    }
  }
  return log;
}
