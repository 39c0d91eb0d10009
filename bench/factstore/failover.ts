import type { FactstoreClient } from '../../src/client/index.ts';
import { until } from '../../test/support/wait.ts';
import type { Payloads } from '../support/payload.ts';
import { FactstoreCluster } from './cluster.ts';
import { sdkAppend } from './loads.ts';

const IN_FLIGHT = 4;
/** Appends run on quietly before each kill. */
const BEFORE_MS = 2_000;
/** The client is watched this long after its first success under the new leader: a second gap would count too. */
const AFTER_MS = 1_500;
const GAP_MAX_MS = 30_000;
/** A node that was started again counts as caught up when it is no further behind than this. */
const LAG_MAX = 1_000n;

export interface FailoverResult {
  /** The longest gap around each kill. */
  readonly gapsMs: readonly number[];
  /** The longest gap in the quiet time before each kill: what the machine alone does. */
  readonly quietGapsMs: readonly number[];
  /** Appends that ended in an error; the SDK should have repeated them. */
  readonly errors: readonly string[];
}

/** Appends without a pause and remembers the longest time without a success. */
class ContinuousAppends {
  readonly errors: string[] = [];
  successes = 0;
  private longestMs = 0;
  private last = performance.now();
  private stopped = false;
  private readonly loops: Promise<void>[];

  constructor(client: FactstoreClient, payloads: Payloads) {
    const append = sdkAppend(client, payloads, 1);
    this.loops = Array.from({ length: IN_FLIGHT }, async () => {
      while (!this.stopped) await new Promise<void>((resolve) => append((error) => resolve(this.ended(error))));
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
      this.errors.push(error instanceof Error ? error.message : String(error));
      return;
    }
    const now = performance.now();
    this.longestMs = Math.max(this.longestMs, now - this.last);
    this.last = now;
    this.successes++;
  }
}

/** Kills the leader again and again under a client that appends all the time; each killed node is started again. */
export async function measureFailover(
  payloads: Payloads,
  kills: number,
  progress: (text: string) => void,
): Promise<FailoverResult> {
  const cluster = await FactstoreCluster.start();
  const appends = new ContinuousAppends(cluster.client, payloads);
  const gapsMs: number[] = [];
  const quietGapsMs: number[] = [];
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  try {
    for (let kill = 1; kill <= kills; kill++) {
      await cluster.together(LAG_MAX);
      appends.takeLongestMs();
      await pause(BEFORE_MS);
      quietGapsMs.push(appends.takeLongestMs());
      const leader = await cluster.leader();
      appends.takeLongestMs();
      await leader.end('SIGKILL');
      const before = appends.successes;
      await until('an append succeeds again', () => appends.successes > before + IN_FLIGHT, GAP_MAX_MS);
      await pause(AFTER_MS);
      const gap = appends.takeLongestMs();
      gapsMs.push(gap);
      progress(`kill ${kill} of ${kills} (${leader.id}): ${gap.toFixed(0)} ms`);
      leader.start();
    }
  } finally {
    await appends.stop();
  }
  await cluster.dispose();
  return { gapsMs, quietGapsMs, errors: appends.errors };
}
