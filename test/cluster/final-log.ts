import { connect, type FactstoreClient } from '../../src/client/index.ts';
import { until } from '../support/wait.ts';
import type { Violations } from './check/violations.ts';
import type { Cluster } from './cluster.ts';
import type { LoggedEvent } from './history.ts';
import { seenEvent } from './workload/recorder.ts';
import type { Workload } from './workload/workload.ts';

const CONVERGED_MS_MAX = 30_000;
/** The cluster tells of its members within about a second; then nobody appends any more. */
const RESTS_MS = 2_500;

/**
 * The log, once all nodes have the same one and every subscription has come to its end; which is part of what is
 * checked, as is that each node by itself shows the same events. Undefined: it could not be read, which is a violation.
 */
export async function finalLog(
  cluster: Cluster,
  workload: Workload,
  violations: Violations,
): Promise<LoggedEvent[] | undefined> {
  const fails = (error: Error) => violations.add(error.message);
  const log = await wholeLog(cluster, violations).catch(fails);
  if (!log) return undefined;
  const followed = () => workload.hasFollowed(log);
  await until('every subscription has given the last event', followed, CONVERGED_MS_MAX).catch(fails);
  for (const { id, url } of cluster.nodes) {
    const shown = await reading(url, (own) => readLog(own, log.at(-1)?.position ?? 0, 'local')).catch(fails);
    if (!shown) continue;
    const differs = log.findIndex((event, n) => JSON.stringify(event) !== JSON.stringify(shown[n]));
    if (differs >= 0 || shown.length !== log.length)
      violations.add(`${id} shows another log than the leader, from position ${differs + 1} on`);
  }
  return log;
}

async function wholeLog(cluster: Cluster, violations: Violations): Promise<LoggedEvent[]> {
  return reading(cluster.url(), async (sdk) => {
    const head = await headAtRest(sdk);
    await converged(sdk, head, cluster.nodes.length).catch((error: Error) => violations.add(error.message));
    return readLog(sdk, Number(head));
  });
}

async function headAtRest(sdk: FactstoreClient): Promise<bigint> {
  let head = -1n;
  let sinceMs = 0;
  const resting = async () => {
    const now = await sdk.head({ timeoutMs: CONVERGED_MS_MAX });
    if (now !== head) sinceMs = performance.now();
    head = now;
    return performance.now() - sinceMs > RESTS_MS || undefined;
  };
  await until('the log comes to rest', resting, CONVERGED_MS_MAX);
  return head;
}

async function reading<T>(url: string, work: (sdk: FactstoreClient) => Promise<T>): Promise<T> {
  const sdk = await connect(url, { connectTimeoutMs: 30_000 });
  return work(sdk).finally(() => sdk.close());
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

async function readLog(sdk: FactstoreClient, head: number, consistency?: 'local'): Promise<LoggedEvent[]> {
  const log: LoggedEvent[] = [];
  for await (const batch of sdk.readAll({ ...(consistency && { consistency }), timeoutMs: 60_000 }).batches()) {
    for (const event of batch) {
      if (Number(event.position) <= head) log.push({ ...seenEvent(event), createdUs: Number(event.createdUs) });
    }
  }
  return log;
}
