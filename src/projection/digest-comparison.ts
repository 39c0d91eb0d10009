import type { Signal } from '../base/signal.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { StoredDigest } from './generation-store.ts';
import type { GenerationRunner } from './runner.ts';

/** A question: what a generation came to at the digest places behind a position. */
interface DigestQuestion {
  readonly projection: string;
  readonly generation: number;
  readonly after: number;
}

/** Another node that may run the same projections. */
export interface DigestPeer {
  readonly nodeId: string;
  /** One answer for each question, in order; empty where it knows nothing. */
  ask(questions: readonly DigestQuestion[], signal: Signal): Promise<readonly (readonly StoredDigest[])[]>;
}

export interface ComparisonPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  peers(): readonly DigestPeer[];
  runners(): readonly { readonly projection: string; readonly runner: GenerationRunner }[];
}

const ROUND_MS = 5_000;
/** So many digests stand in one answer. */
export const DIGESTS_PER_ANSWER = 256;

/**
 * Compares what the projections of this node have come to with what they have come to on the others (rule P4). Where they
 * differ, one of the two nodes is wrong, and nobody can say which: it is said in log and status of both.
 */
export class DigestComparison {
  private readonly ports: ComparisonPorts;
  /** Up to where a generation was compared with a node. */
  private readonly compared = new Map<string, number>();
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;

  constructor(ports: ComparisonPorts) {
    this.ports = ports;
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { clock, logger, peers } = this.ports;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await clock.sleep(ROUND_MS, signal);
      for (const peer of peers()) {
        if (signal.aborted) return;
        await this.compareWith(peer).catch((error: Error) =>
          logger.debug({ event: 'projection.notCompared', peer: peer.nodeId, err: error }, error.message),
        );
      }
    }
  }

  private async compareWith(peer: DigestPeer): Promise<void> {
    const asked = this.ports.runners().flatMap(({ projection, runner }) => {
      const { generation } = runner.generation;
      const key = `${peer.nodeId}\n${projection}\n${generation}`;
      const after = this.compared.get(key) ?? 0;
      return runner.lastDigestAt > after ? [{ key, runner, projection, generation, after }] : [];
    });
    if (asked.length === 0) return;
    const answers = await peer.ask(asked, this.stopping.signal);
    for (const [n, { key, runner, projection, after }] of asked.entries()) {
      const own = await runner.store.digests(after, DIGESTS_PER_ANSWER);
      const theirs = new Map((answers[n] ?? []).map(({ position, digest }) => [position, digest]));
      for (const { position, digest } of own) {
        const other = theirs.get(position);
        if (!other) continue;
        this.compared.set(key, position);
        if (Buffer.compare(digest, other) !== 0) this.alarm(peer.nodeId, projection, runner, position);
      }
    }
  }

  private alarm(peer: string, projection: string, runner: GenerationRunner, position: number): void {
    // What has diverged stays so: it is said once.
    if (runner.divergences.has(peer)) return;
    runner.divergences.set(peer, position);
    const { generation } = runner.generation;
    this.ports.logger.error(
      { event: 'projection.diverged', projection, generation, peer, position },
      `projection ${projection}: its ${describeDivergences(runner.divergences)}; a reset builds them anew on every node`,
    );
  }
}

/** Which nodes a state differs from, and where that was seen first; empty: from none. */
export function describeDivergences(divergences: ReadonlyMap<string, number>): string {
  if (divergences.size === 0) return '';
  const others = Array.from(divergences, ([nodeId, position]) => `${nodeId} (in the span up to position ${position})`);
  return `states differ from those on ${others.join(' and ')}`;
}
