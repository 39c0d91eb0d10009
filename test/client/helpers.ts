import { expect } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { type ConnectOptions, connect, type FactstoreClient } from '../../src/client/index.ts';
import { FakeCluster, type FakeNode } from './fake-node.ts';

/** A fake cluster and the clients of one test. */
export class Bench {
  readonly cluster = new FakeCluster();
  private readonly clients: FactstoreClient[] = [];

  static async start(nodes = 2): Promise<Bench> {
    const bench = new Bench();
    await bench.cluster.start(nodes);
    return bench;
  }

  async stop(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close()));
    await this.cluster.stop();
  }

  async open(options: ConnectOptions = {}, ...nodes: FakeNode[]): Promise<FactstoreClient> {
    const client = await connect(this.cluster.url(...nodes), options);
    this.clients.push(client);
    return client;
  }

  node(index: number): FakeNode {
    return this.cluster.nodes[index] as FakeNode;
  }
}

/** The FactstoreError in which a promise ends. */
export async function failure(promise: Promise<unknown>): Promise<FactstoreError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof FactstoreError) return error;
  throw new Error(`no FactstoreError but ${String(error)}`);
}

/** One event of each number. */
export function numbered(from: number, to: number): { type: string; data: number }[] {
  return Array.from({ length: to - from }, (_, i) => ({ type: 'T', data: from + i }));
}

/** Resolves once a figure has stopped changing. */
export async function stillness(figure: () => number): Promise<void> {
  let before = -1;
  const unchanged = () => {
    const same = figure() === before;
    before = figure();
    return same;
  };
  await expect.poll(unchanged, { interval: 150, timeout: 5_000 }).toBe(true);
}
