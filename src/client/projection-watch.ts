import { FactstoreError } from '../base/errors.ts';
import type { PartitionState__Output } from '../proto/gen/factstore/v1/PartitionState.ts';
import { projectionsService } from '../proto/load.ts';
import type { Node } from './node.ts';
import { Attempts } from './nodes.ts';
import { ServerStream } from './server-stream.ts';
import { linkSignals, type Session } from './session.ts';

/** A WatchProjectionRequest. */
export interface WatchRequest {
  readonly name: string;
  readonly partition?: string;
  readonly prefix?: string;
}

/** Follows the states of a projection, at whichever node there is. The signal, and `break`, end it quietly. */
export async function* watchProjection<T>(
  session: Session,
  request: WatchRequest,
  caller: AbortSignal | undefined,
  decode: (state: PartitionState__Output) => T,
): AsyncGenerator<T, void, undefined> {
  const { signal, unlink } = linkSignals(session.closing, caller);
  const limits = { timeoutMs: Number.POSITIVE_INFINITY, signal };
  const attempts = new Attempts(`the watch of projection "${request.name}"`, session.nodes, limits, session.clock);
  try {
    while (!signal.aborted) {
      const node = session.nodes.current();
      try {
        await node.reach(attempts.left());
        for await (const state of statesOf(session, node, request, signal)) {
          attempts.found();
          yield decode(state);
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
