import { FactstoreError } from '../base/errors.ts';
import { ask } from './lookups.ts';
import type { CallLimits, Node } from './node.ts';
import type { CallOptions } from './options.ts';
import { mayBeWritten } from './pending-append.ts';
import type { Session } from './session.ts';
import { isRetryable } from './status-error.ts';

/**
 * Asks any node for a change that carries this append id, so that another attempt finds what the first one did. Where the
 * last word is no judgement of the change, and an attempt may have made it, the error is not definite and names the id.
 */
export async function askForChange<T>(
  session: Session,
  what: string,
  { appendId, ...options }: CallOptions & { readonly appendId: string },
  work: (node: Node, limits: CallLimits) => Promise<T>,
): Promise<T> {
  let uncertain = false;
  try {
    return await ask(session, what, options, async (node, limits) => {
      try {
        return await work(node, limits);
      } catch (error) {
        // An attempt that the caller gives up says of itself that nothing came of it.
        if (!(error instanceof FactstoreError) || !error.definite || error.code === 'CANCELLED') uncertain = true;
        throw error;
      }
    });
  } catch (error) {
    if (!uncertain || !(error instanceof FactstoreError)) throw error;
    if (error.code !== 'CANCELLED' && !isRetryable(error)) throw error;
    const reason = error.code === 'CANCELLED' ? `${what} was cancelled` : `${what} was not answered (${error.message})`;
    const details = { ...error.details, appendId };
    throw new FactstoreError(error.code, `${reason}. ${mayBeWritten(appendId)}`, details, {
      cause: error,
      definite: false,
    });
  }
}
