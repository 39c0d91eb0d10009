import { FactstoreError } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import type { Replica } from '../replica/replica.ts';

/** How fresh an answer must be (DESIGN §3). */
export type Consistency =
  | { readonly kind: 'linearizable' }
  /** This node has applied the position. */
  | { readonly kind: 'atLeast'; readonly position: number }
  /** What this node has. */
  | { readonly kind: 'local' };

/** Resolves once this node is as fresh as asked; the signal ends the waiting. */
export async function awaitConsistency(replica: Replica, wanted: Consistency, signal: Signal): Promise<void> {
  if (wanted.kind === 'linearizable') return replica.linearize(signal);
  if (wanted.kind === 'local') return;
  if (await replica.head.reached(wanted.position, signal)) return;
  const head = replica.head.value;
  throw new FactstoreError(
    'BEHIND',
    `this node is at position ${head} and did not reach ${wanted.position} in time; ask another node, or wait longer`,
    { head, wanted: wanted.position },
  );
}
