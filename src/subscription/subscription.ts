import type { Signal } from '../base/signal.ts';
import type { FollowedLink } from '../model/link.ts';
import type { Watched } from '../runtime/watched.ts';
import type { OpenSubscription } from './open-subscriptions.ts';

/** A part of what a subscription delivers; the events are RecordedEvents as bytes. */
export interface Delivery {
  readonly events: readonly Uint8Array[];
  /** Where it was asked for: what the links among the events lead to. */
  readonly links?: readonly FollowedLink[];
  /** Set: everything up to this position has been delivered. */
  readonly caughtUp?: number;
  /** How far the subscription has looked. */
  readonly checkpoint: number;
}

/** What a subscription reads from: matching events behind a position, up to the head as it is when asked. */
export interface Source {
  /** The last applied position. */
  readonly head: Watched;
  /**
   * The matching events in (`after`, head] in bounded batches, in order. Each batch tells how far it has looked; the
   * last one has looked up to the head.
   */
  read(after: number): AsyncIterable<Pick<Delivery, 'events' | 'links'> & { readonly lookedTo: number }>;
  /** The head of the whole cluster as of now: a read index, taken and applied (rule Q3). */
  freshHead(signal: Signal): Promise<number>;
}

/** Without a matching event, a checkpoint is still told every so many positions. */
const CHECKPOINT_EVERY = 10_000;

/**
 * One loop: read what is behind the cursor; when there is nothing, say "caught up" once and wait for the head to move.
 * History and live events come from the same read, so there is no hand-over between them to get wrong (DESIGN §8).
 * `progress` is told what the subscriber has taken, or need not take.
 */
export async function* follow(
  source: Source,
  after: number,
  signal: Signal,
  progress: OpenSubscription = { lookedTo: after },
): AsyncGenerator<Delivery> {
  let cursor = after;
  let told = after;
  // What was committed when the subscription began, or when it fell behind, has to be delivered before "caught up".
  let behind: Promise<number> | undefined = quietly(source.freshHead(signal));
  while (!signal.aborted) {
    for await (const batch of source.read(cursor)) {
      cursor = batch.lookedTo;
      if (batch.events.length > 0 || cursor - told >= CHECKPOINT_EVERY) {
        const { events, links } = batch;
        yield { events, checkpoint: cursor, ...(links && { links }) };
        told = cursor;
      }
      progress.lookedTo = cursor;
      if (signal.aborted) return;
    }
    if (cursor < source.head.value) continue;
    if (behind !== undefined) {
      const fresh: number = await behind;
      if (signal.aborted) return;
      behind = undefined;
      if (cursor < fresh) {
        behind = Promise.resolve(fresh);
        await source.head.reached(fresh, signal);
        continue;
      }
      yield { events: [], caughtUp: cursor, checkpoint: cursor };
      told = cursor;
    }
    await source.head.reached(cursor + 1, signal);
  }
}

/** The promise may fail before anyone waits for it; whoever does wait sees the failure. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
