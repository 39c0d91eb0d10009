import { FactstoreError } from '../base/errors.ts';
import type { PartitionState__Output } from '../proto/gen/factstore/v1/PartitionState.ts';
import { projectionsService } from '../proto/load.ts';
import type { Node } from './node.ts';
import { Attempts } from './nodes.ts';
import { ServerStream } from './server-stream.ts';
import { linkSignals, type Session } from './session.ts';

/** Which states to follow; all unless one of the two is given. */
export interface WatchOptions {
  /** This partition; its state as it is comes first. */
  readonly partition?: string | undefined;
  /** Partitions whose names begin with this. */
  readonly prefix?: string | undefined;
  /**
   * Called each time the watch has begun at a node: at first, and after each loss of its node. What changes behind `at` is
   * told from then on; what had changed before that is not, unless one partition is asked for by name. Who keeps the states
   * of many reads them there, with `partitions(name, { atLeast: at })`. An older node never says so.
   */
  readonly onBegun?: ((at: bigint) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What of a WatchProjectionRequest says what to follow. */
export interface WatchRequest {
  readonly name: string;
  readonly partition?: string;
  readonly prefix?: string;
}

/** Follows the states of a projection, at whichever node there is. The signal, and `break`, end it quietly. */
export async function* watchProjection<T>(
  session: Session,
  which: WatchRequest,
  { onBegun, signal: caller }: WatchOptions,
  decode: (state: PartitionState__Output) => T,
): AsyncGenerator<T, void, undefined> {
  const request = { ...which, tellBegun: onBegun !== undefined };
  const { signal, unlink } = linkSignals(session.closing, caller);
  const limits = { timeoutMs: Number.POSITIVE_INFINITY, signal };
  const attempts = new Attempts(`the watch of projection "${request.name}"`, session.nodes, limits, session.clock);
  try {
    while (!signal.aborted) {
      const node = session.nodes.current();
      try {
        await attempts.reach(node);
        for await (const state of statesOf(session, node, request, signal)) {
          attempts.found();
          if (state.begun) onBegun?.(BigInt(state.at));
          else yield decode(state);
        }
      } catch (error) {
        if (signal.aborted) return;
        await attempts.failed(node, error);
      }
    }
  } finally {
    unlink();
  }
}

async function* statesOf(
  session: Session,
  node: Node,
  request: WatchRequest,
  signal: AbortSignal,
): AsyncGenerator<PartitionState__Output, void, undefined> {
  const stream = new ServerStream(node.serverStream(projectionsService.Watch, request), node.address, session.clock);
  const stop = () => stream.cancel();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for (;;) {
      const state = await stream.next(0);
      if (signal.aborted) return;
      if (!state) {
        const reason = 'it ended the watch';
        throw new FactstoreError('UNREACHABLE', `${node.address}: ${reason}`, { address: node.address, reason });
      }
      yield state;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    stream.cancel();
  }
}
