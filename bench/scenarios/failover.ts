import type { FactstoreClient } from '../../src/client/index.ts';
import { until } from '../../test/support/wait.ts';
import { factstore } from '../factstore/cluster.ts';
import { sdkAppend } from '../factstore/loads.ts';
import type { Bench } from '../harness/bench.ts';
import type { Measured } from '../harness/result.ts';
import type { Group } from '../harness/scenario.ts';
import type { Payloads } from '../support/payload.ts';

const IN_FLIGHT = 4;
/** Appends run on quietly before each kill. */
const BEFORE_MS = 2_000;
/** The client is watched this long after its first success under the new leader: a second gap would count too. */
const AFTER_MS = 1_500;
const GAP_MAX_MS = 30_000;
/** A node that was started again counts as caught up when it is no further behind than this. */
const LAG_MAX = 1_000n;

/** Appends without a pause and remembers the longest time without a success. */
class ContinuousAppends {
  error: string | undefined;
  successes = 0;
  private longestMs = 0;
  private last = performance.now();
  private stopped = false;
  private readonly loops: Promise<void>[];

  constructor(client: FactstoreClient, payloads: Payloads) {
    const append = sdkAppend(client, payloads, 1);
    this.loops = Array.from({ length: IN_FLIGHT }, async () => {
      while (!this.stopped)
        await new Promise<void>((resolve) => append((error) => resolve(this.ended(error)), performance.now()));
    });
  }

  /** The longest gap since the last call, one that is still open included. */
  takeLongestMs(): number {
    const longest = Math.max(this.longestMs, performance.now() - this.last);
    this.longestMs = 0;
    return longest;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.loops);
  }

  private ended(error: unknown): void {
    if (error) {
      this.error ??= error instanceof Error ? error.message : String(error);
      return;
    }
    const now = performance.now();
    this.longestMs = Math.max(this.longestMs, now - this.last);
    this.last = now;
    this.successes++;
  }
}

/** One kill of the leader under a client that appends all the time, each time it is measured. */
export const failover: Group = {
  name: 'failover',
  rounds: ({ kills }) => ({ heat: 0, rounds: kills }),
  scenarios: () => [{ name: 'failover gap', system: 'factstore', unit: 'ms', prepare }],
};

async function prepare(bench: Bench): Promise<() => Promise<Measured>> {
  const cluster = await bench.use(factstore);
  const appends = new ContinuousAppends(cluster.client, bench.payloads);
  bench.onEnd(() => appends.stop());
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  return async () => {
    await cluster.together(LAG_MAX);
    appends.takeLongestMs();
    await pause(BEFORE_MS);
    const quietMs = appends.takeLongestMs();
    const leader = await cluster.leader();
    appends.takeLongestMs();
    await leader.end('SIGKILL');
    const before = appends.successes;
    await until('an append succeeds again', () => appends.successes > before + IN_FLIGHT, GAP_MAX_MS);
    await pause(AFTER_MS);
    const value = appends.takeLongestMs();
    leader.start();
    // The SDK should have repeated what the leader left unanswered.
    if (appends.error !== undefined) throw new Error(`an append failed: ${appends.error}`);
    return { value, units: 1, also: { 'longest gap in 2 s before, ms': quietMs } };
  };
}
