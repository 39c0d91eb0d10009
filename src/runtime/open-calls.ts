import type { FactstoreError } from '../base/errors.ts';
import { Cancellation, type Signal } from '../base/signal.ts';

/** A call that waits for something. */
interface OpenCall {
  /** Aborted with the caller's, or when all calls end. */
  readonly signal: Signal;
  /** Has to be called once the call is over. */
  end(): void;
}

/**
 * The calls of a node that wait, some of them without end. All of them end once the node can do no more for them: it stops,
 * or it must serve nothing any more (rule Q3). Otherwise who follows it would hear nothing, and not look for another node.
 */
export class OpenCalls {
  private readonly open = new Set<Cancellation>();
  private why: FactstoreError | undefined;

  /** What they have ended in; undefined: they go on. */
  get ended(): FactstoreError | undefined {
    return this.why;
  }

  /** Ends them, those too that begin later. What they are told first stays. */
  endAll(why: FactstoreError): void {
    this.why ??= why;
    for (const call of this.open) call.abort();
  }

  /** AbortSignal.any would leave a trace of each call at a signal that lives as long as the node. */
  begin(caller: Signal): OpenCall {
    const cancellation = new Cancellation();
    const abort = () => cancellation.abort();
    if (caller.aborted || this.why) abort();
    caller.addEventListener('abort', abort, { once: true });
    this.open.add(cancellation);
    return {
      signal: cancellation,
      end: () => {
        this.open.delete(cancellation);
        caller.removeEventListener('abort', abort);
      },
    };
  }

  /** What a call gives, until its caller has enough of it; ends in an error where all calls do. */
  async *follow<T>(caller: Signal, give: (signal: Signal) => AsyncIterable<T>): AsyncGenerator<T> {
    const call = this.begin(caller);
    try {
      yield* give(call.signal);
    } catch (error) {
      if (!this.why) throw error;
    } finally {
      call.end();
    }
    if (this.why) throw this.why;
  }
}
