import { Cancellation, type Signal } from '../base/signal.ts';
import type { Clock } from './clock.ts';

/** A signal that is aborted with another one, or after `ms` milliseconds. `release` has to be called when it is done with. */
export function withDeadline(clock: Clock, ms: number, signal: Signal): { signal: Signal; release(): void } {
  const cancellation = new Cancellation();
  const abort = () => cancellation.abort();
  const timer = clock.setTimer(ms, abort);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  return {
    signal: cancellation,
    release: () => {
      timer.cancel();
      signal.removeEventListener('abort', abort);
    },
  };
}
