import { type ErrorCode, FactstoreError } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import type { StatePiece } from './state-copy.ts';

/** A state that another node may have. */
export interface WantedState {
  readonly projection: string;
  readonly generation: number;
  /** It has processed everything up to here. */
  readonly atLeast: number;
}

/** Another node that may have it. */
export interface StatePeer {
  readonly nodeId: string;
  /** Ends in NOT_FOUND where the node does not have it and will not come to it either. */
  give(wanted: WantedState, signal: Signal): AsyncIterable<StatePiece>;
}

/** `nobody`: all have said so. `unknown`: some could not say. */
export type FetchOutcome =
  | { readonly kind: 'fetched'; readonly nodeId: string }
  | { readonly kind: 'nobody' }
  | { readonly kind: 'unknown'; readonly reason: string };

/** What may be wrong with a peer or with what comes from it; anything else is this node's own. */
const OF_PEERS: readonly ErrorCode[] = ['NOT_FOUND', 'UNREACHABLE', 'DATA_LOSS', 'INVALID_ARGUMENT'];

/** Damage that this node's own database tells of names where that is. */
function isOfDisk({ code, details }: FactstoreError): boolean {
  return code === 'DATA_LOSS' && details.path !== undefined;
}

/** Asks one node after another for a state, and has the first that comes installed. */
export async function fetchState(
  peers: readonly StatePeer[],
  wanted: WantedState,
  install: (pieces: AsyncIterable<StatePiece>) => Promise<void>,
  signal: Signal,
): Promise<FetchOutcome> {
  const reasons: string[] = [];
  for (const peer of peers) {
    if (signal.aborted) break;
    try {
      await install(peer.give(wanted, signal));
      return { kind: 'fetched', nodeId: peer.nodeId };
    } catch (error) {
      if (!(error instanceof FactstoreError)) throw error;
      // There is no room here for what any of them has; there may be later.
      if (error.code === 'DISK_RESERVE') return { kind: 'unknown', reason: error.message };
      if (!OF_PEERS.includes(error.code) || isOfDisk(error)) throw error;
      if (error.code !== 'NOT_FOUND') reasons.push(`${peer.nodeId}: ${error.message}`);
    }
  }
  if (signal.aborted) return { kind: 'unknown', reason: 'it is stopped' };
  return reasons.length === 0 ? { kind: 'nobody' } : { kind: 'unknown', reason: reasons.join('; ') };
}
