import type { Clock } from './clock.ts';

/** A signal that is aborted with another one, or after `ms` milliseconds. `release` has to be called when it is done with. */
export function withDeadline(clock: Clock, ms: number, signal: AbortSignal): { signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = clock.setTimer(ms, abort);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  return {
    signal: controller.signal,
    release: () => {
      timer.cancel();
      signal.removeEventListener('abort', abort);
    },
  };
}
