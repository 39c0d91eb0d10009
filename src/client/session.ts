import { setMaxListeners } from 'node:events';
import type { Consistency as WireConsistency } from '../proto/consistency.ts';
import type { Clock } from '../runtime/clock.ts';
import { placeArgument } from './arguments.ts';
import type { Nodes } from './nodes.ts';
import type { Consistency } from './options.ts';
import type { Turns } from './turns.ts';
import type { Upcasting } from './upcasting.ts';

/** What all the calls of one client share. */
export interface Session {
  readonly nodes: Nodes;
  readonly clock: Clock;
  readonly seen: Seen;
  /** Of decisions that are made again after a conflict. */
  readonly turns: Turns;
  /** How long a call may take, unless it says so itself. */
  readonly timeoutMs: number;
  /** Brings the data of events to the version that the application knows. */
  readonly upcasting: Upcasting;
  /** Aborted when the client is closed. */
  readonly closing: AbortSignal;
}

/**
 * The highest position that this client has seen, in an answer of any kind. A read that is not linearizable reads at
 * least that, so that a client never goes back in time when it changes the node (rule Q4).
 */
export class Seen {
  private position = 0;

  /** Remembers a position. */
  saw(position: number): void {
    if (position > this.position) this.position = position;
  }

  /** What a read of this consistency asks of the node. */
  consistency(field: string, asked: Consistency | undefined): WireConsistency {
    if (asked === undefined || asked === 'linearizable') return { kind: 'linearizable' };
    if (asked === 'local') return this.position === 0 ? { kind: 'local' } : this.atLeast(0);
    return this.atLeast(placeArgument(`${field}.atLeast`, asked.atLeast));
  }

  private atLeast(position: number): WireConsistency {
    return { kind: 'atLeast', position: Math.max(position, this.position) };
  }
}

/**
 * Listens to a signal that many calls may share, one for the whole program perhaps. Each takes its listener away when it
 * is over, so however many there are at once, they are not the leak that Node.js would warn of.
 */
export function listenTo(signal: AbortSignal, listener: (event: Event) => void): void {
  if (signal instanceof AbortSignal) setMaxListeners(0, signal);
  signal.addEventListener('abort', listener, { once: true });
}

/** A signal that follows others until it is let go. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  unlink(): void;
}

/**
 * A signal that is aborted when one of these is. Must be unlinked: AbortSignal.any, which needs no such care, leaves a
 * trace of each of its signals at the others for as long as those live, and the client's lives as long as the program.
 */
export function linkSignals(first: AbortSignal, ...others: readonly (AbortSignal | undefined)[]): LinkedSignal {
  const sources = [first, ...others].filter((source) => source !== undefined);
  if (sources.length === 1) return { signal: first, unlink: () => {} };
  const controller = new AbortController();
  // As many calls as there are nodes may hang on it, which is not a leak.
  setMaxListeners(0, controller.signal);
  const abort = (event: Event) => controller.abort((event.target as AbortSignal).reason);
  for (const source of sources) {
    if (source.aborted) controller.abort(source.reason);
    listenTo(source, abort);
  }
  const unlink = () => {
    for (const source of sources) source.removeEventListener('abort', abort);
  };
  return { signal: controller.signal, unlink };
}

/** Does some work under a signal that is aborted when the caller's is or the client is closed. */
export async function underSignals<T>(
  session: Session,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const link = linkSignals(session.closing, signal);
  try {
    return await work(link.signal);
  } finally {
    link.unlink();
  }
}
