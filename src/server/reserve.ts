import type { ServerInterceptor } from '@grpc/grpc-js';

/** A call as interceptors see it. */
export type Call = Parameters<ServerInterceptor>[1];

/**
 * A few places beyond a bound. Whoever comes when all are taken has the place of the one that has been there longest, so
 * that nobody can shut out others by keeping what he has.
 */
export class Reserve<Key, Held> {
  private readonly held = new Map<Key, Held>();
  private readonly places: number;
  private readonly giveUp: (held: Held) => void;

  constructor(places: number, giveUp: (held: Held) => void) {
    this.places = places;
    this.giveUp = giveUp;
  }

  add(key: Key, held: Held): void {
    this.held.set(key, held);
    if (this.held.size <= this.places) return;
    for (const [oldest, given] of this.held) {
      this.held.delete(oldest);
      return this.giveUp(given);
    }
  }

  has(key: Key): boolean {
    return this.held.has(key);
  }

  delete(key: Key): void {
    this.held.delete(key);
  }
}

const CHECK = '/grpc.health.v1.Health/Check';

/** Whether a call is answered however much there is to do: who gets no answer to this one kills the node, and then the next. */
export function passesOverload(path: string): boolean {
  return path === CHECK;
}

const onReserve = new WeakSet<Call>();

/** Marks the calls of connections beyond connectionsMax: `countCalls` refuses those that do not pass. */
export const markReserved: ServerInterceptor = (_, call) => {
  onReserve.add(call);
  return call as ReturnType<ServerInterceptor>;
};

/** Whether a call came on a connection beyond connectionsMax. */
export function isReserved(call: Call): boolean {
  return onReserve.has(call);
}
