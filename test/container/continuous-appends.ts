import type { FactstoreClient } from '../../src/client/index.ts';

const WRITERS = 4;

/** Appends without a pause, and remembers what was acknowledged. */
export class ContinuousAppends {
  private readonly db: FactstoreClient;
  private readonly name: string;
  private readonly acknowledged: number[] = Array.from({ length: WRITERS }, () => 0);
  private readonly failures: unknown[] = [];
  private readonly writers: Promise<void>[];
  private stopping = false;
  longestMs = 0;

  constructor(db: FactstoreClient, name: string) {
    this.db = db;
    this.name = name;
    this.writers = this.acknowledged.map((_, writer) => this.write(writer));
  }

  get count(): number {
    return this.acknowledged.reduce((sum, count) => sum + count, 0);
  }

  /** Ends it; gives what failed at the SDK. */
  async stop(): Promise<readonly unknown[]> {
    this.stopping = true;
    await Promise.all(this.writers);
    return this.failures;
  }

  /** What the streams hold: by writer, the numbers in the order of their revisions. */
  async written(): Promise<number[][]> {
    return Promise.all(
      this.acknowledged.map(async (_, writer) => {
        const events = await this.db.read<{ type: 'Worked'; data: { n: number } }>(this.stream(writer)).toArray();
        return events.map((event) => event.data.n);
      }),
    );
  }

  /** What was acknowledged, each once and in order. */
  expected(): number[][] {
    return this.acknowledged.map((count) => Array.from({ length: count }, (_, n) => n));
  }

  private stream(writer: number): string {
    return `${this.name}-${writer}`;
  }

  private async write(writer: number): Promise<void> {
    while (!this.stopping) {
      const began = performance.now();
      try {
        const n = this.acknowledged[writer] as number;
        await this.db.append(this.stream(writer), [{ type: 'Worked', data: { n } }]);
        this.acknowledged[writer] = n + 1;
        this.longestMs = Math.max(this.longestMs, performance.now() - began);
      } catch (error) {
        this.failures.push(error);
        return;
      }
    }
  }
}
