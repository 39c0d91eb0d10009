import type { Prng } from '../../../src/base/prng.ts';
import type { FactstoreClient } from '../../../src/client/index.ts';
import { read } from './reads.ts';
import type { Recorder } from './recorder.ts';
import type { Streams } from './streams.ts';

export interface ReaderOptions {
  /** Knows one node only. */
  readonly client: { readonly name: string; readonly sdk: FactstoreClient };
  readonly recorder: Recorder;
  readonly random: Prng;
  readonly streams: Streams;
}

const OPEN_MAX = 40;

/**
 * Asks one node again and again, without waiting for its answers: also while it is paused or cut off, so that there are
 * questions which it finds when it comes back, and must not answer by what it knew before (rule Q1).
 */
export class Reader {
  private readonly options: ReaderOptions;
  private readonly open = new Set<Promise<unknown>>();
  private stopped = false;

  constructor(options: ReaderOptions) {
    this.options = options;
  }

  stop(): void {
    this.stopped = true;
  }

  async run(): Promise<void> {
    const { random } = this.options;
    while (!this.stopped) {
      if (this.open.size < OPEN_MAX) this.ask();
      await new Promise((resolve) => setTimeout(resolve, random.between(50, 250)));
    }
    await Promise.all(this.open);
  }

  private ask(): void {
    const { client, recorder, random, streams } = this.options;
    const stream = random.between(0, 3) === 0 ? {} : { stream: streams.current(random) };
    const question = { ...stream, level: 'linearizable' as const, backwards: true, limit: random.between(1, 4) };
    const asked = read(recorder, client, question, random.between(2_000, 8_000));
    this.open.add(asked);
    void asked.then(() => this.open.delete(asked));
  }
}
