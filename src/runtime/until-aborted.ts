import { FactstoreError } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';

/** The promise's outcome, or CANCELLED once the signal is aborted: nobody waits for it any longer then. */
export function untilAborted<T>(promise: Promise<T>, signal: Signal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new FactstoreError('CANCELLED', 'nobody waits for the answer any more'));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
