import { randomUUID } from 'node:crypto';
import { Prng } from '../../../src/base/prng.ts';
import { connect, type FactstoreClient } from '../../../src/client/index.ts';
import type { Cluster } from '../cluster.ts';
import type { LoggedEvent } from '../history.ts';
import { append } from './appends.ts';
import { Follower } from './follower.ts';
import { Reader } from './reader.ts';
import { Recorder } from './recorder.ts';
import { Streams } from './streams.ts';
import { Worker } from './worker.ts';

const CLIENTS = 5;
const WORKERS_PER_CLIENT = 2;

/** Clients of the public SDK that append, read and subscribe all at once. */
export class Workload {
  readonly recorder: Recorder;
  private readonly clients: readonly FactstoreClient[];
  /** They ask until they are stopped. */
  private readonly workers: readonly (Worker | Reader)[];
  private readonly followers: readonly Follower[];
  private readonly running: Promise<unknown>[] = [];
  private readonly followed: Promise<unknown>[] = [];

  private constructor(
    recorder: Recorder,
    clients: readonly FactstoreClient[],
    workers: readonly (Worker | Reader)[],
    followers: readonly Follower[],
  ) {
    this.recorder = recorder;
    this.clients = clients;
    this.workers = workers;
    this.followers = followers;
  }

  /** Each client begins with another node; one more for each node knows no other. */
  static async connect(cluster: Cluster, seed: number): Promise<Workload> {
    const recorder = new Recorder();
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, async (_, n) => ({
        name: `c${n + 1}`,
        sdk: await connect(cluster.url(n), { connectTimeoutMs: 30_000 }),
      })),
    );
    const random = new Prng(seed);
    const streams = new Streams(new Prng(random.next()));
    const workers = clients.flatMap((client) =>
      Array.from({ length: WORKERS_PER_CLIENT }, (_, n) => {
        const name = `${client.name}-${n + 1}`;
        const own = `own-${name}`;
        return new Worker({ name, client, recorder, random: new Prng(random.next()), streams, own });
      }),
    );
    const nodes = await Promise.all(
      cluster.nodes.map(async ({ id, url }) => ({
        name: `of-${id}`,
        sdk: await connect(url, { connectTimeoutMs: 30_000 }),
      })),
    );
    const readers = nodes.map((client) => new Reader({ client, recorder, random: new Prng(random.next()), streams }));
    const follower = (first: number, more: { stream?: string; restarting: boolean }) =>
      new Follower({
        recorder,
        random: new Prng(random.next()),
        clients: [...clients.slice(first), ...clients.slice(0, first)],
        ...more,
      });
    const followers = [
      follower(0, { restarting: false }),
      follower(1, { restarting: true }),
      follower(2, { stream: 'own-c1-1', restarting: false }),
      follower(3, { stream: 'own-c2-2', restarting: true }),
    ];
    return new Workload(
      recorder,
      [...clients, ...nodes].map(({ sdk }) => sdk),
      [...workers, ...readers],
      followers,
    );
  }

  start(): void {
    for (const worker of this.workers) this.running.push(worker.run());
    for (const follower of this.followers) this.followed.push(follower.run());
  }

  /** An append of its own, which must succeed within this time. */
  async probe(timeoutMs: number): Promise<void> {
    const { recorder } = this;
    const [sdk] = this.clients as [FactstoreClient];
    const writes = [{ stream: 'probe', expect: 'any' as const, events: [recorder.newEvent()] }];
    const outcome = await append(recorder, { name: 'c1', sdk }, { appendId: randomUUID(), writes }, { timeoutMs });
    if (outcome.kind !== 'appended') throw new Error(`an append ended in ${JSON.stringify(outcome)}`);
  }

  /** Resolves once every operation has its answer. */
  async stopAsking(): Promise<void> {
    for (const worker of this.workers) worker.stop();
    await Promise.all(this.running);
  }

  /** True once every subscription has given the last event of what it follows. */
  hasFollowed(log: readonly LoggedEvent[]): boolean {
    return this.followers.every(({ stream, checkpoint }) => {
      const last = log.findLast((event) => stream === undefined || event.stream === stream);
      return Number(checkpoint) >= (last?.position ?? 0);
    });
  }

  async close(): Promise<void> {
    for (const worker of this.workers) worker.stop();
    for (const follower of this.followers) follower.stop();
    await Promise.all(this.followed);
    await Promise.all(this.clients.map((client) => client.close()));
  }
}
