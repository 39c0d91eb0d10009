import type { Prng } from '../../../src/base/prng.ts';
import type { FactstoreClient } from '../../../src/client/index.ts';
import type { SubscriptionRecord } from '../history.ts';
import { type Recorder, seenEvent } from './recorder.ts';

export interface FollowerOptions {
  readonly recorder: Recorder;
  readonly random: Prng;
  /** It takes them in turn where it is one that begins anew again and again. */
  readonly clients: readonly { readonly name: string; readonly sdk: FactstoreClient }[];
  /** Undefined: all streams. */
  readonly stream?: string;
  /** True: it is broken off after a while and taken up from its checkpoint. */
  readonly restarting: boolean;
}

/** A consumer that follows a stream, or all of them, and remembers what it was given. */
export class Follower {
  /** Everything up to here has been given. */
  checkpoint = 0n;
  private readonly options: FollowerOptions;
  private stopping = new AbortController();
  private stopped = false;

  constructor(options: FollowerOptions) {
    this.options = options;
  }

  get stream(): string | undefined {
    return this.options.stream;
  }

  stop(): void {
    this.stopped = true;
    this.stopping.abort();
  }

  async run(): Promise<void> {
    const { clients, restarting, random } = this.options;
    for (let turn = 0; !this.stopped; turn++) {
      this.stopping = new AbortController();
      const timer = restarting ? setTimeout(() => this.stopping.abort(), random.between(200, 6_000)) : undefined;
      try {
        await this.follow(clients[turn % clients.length] as FollowerOptions['clients'][number]);
      } catch (error) {
        this.options.recorder.surprises.push(`a subscription ended: ${(error as Error).message}`);
        return;
      } finally {
        clearTimeout(timer);
      }
    }
  }

  private async follow(client: FollowerOptions['clients'][number]): Promise<void> {
    const { recorder, stream } = this.options;
    const record: SubscriptionRecord = {
      client: client.name,
      ...(stream !== undefined && { stream }),
      after: Number(this.checkpoint),
      startedMs: recorder.nowMs(),
      messages: [],
    };
    recorder.subscriptions.push(record);
    const what = stream === undefined ? { all: true as const } : { stream };
    const subscription = client.sdk.subscribe({ ...what, after: this.checkpoint, signal: this.stopping.signal });
    for await (const message of subscription) {
      const atMs = recorder.nowMs();
      if (message.kind === 'event') record.messages.push({ kind: 'event', atMs, event: seenEvent(message.event) });
      else record.messages.push({ kind: 'caughtUp', atMs, position: Number(message.position) });
      this.checkpoint = subscription.checkpoint ?? this.checkpoint;
    }
  }
}
