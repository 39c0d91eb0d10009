import { FactstoreError } from '../../src/base/errors.ts';
import type { Node } from './node.ts';
import type { Time } from './time.ts';

/** `gone`: the client no longer listens, which the node, if it is paused, has not heard yet. */
type Run<T> = (signal: AbortSignal, gone: () => boolean) => Promise<T>;

/**
 * A call from a client to a node: it happens in the node's process, and ends when the answer is there, when the process
 * dies or when the client's patience does.
 */
export class Calls {
  private readonly time: Time;
  /** How many wait for an answer. */
  open = 0;

  constructor(time: Time) {
    this.time = time;
  }

  call<T>(node: Node, timeoutMs: number, run: Run<T>): Promise<T> {
    const { process } = node;
    const controller = new AbortController();
    this.open++;
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        if (over) return;
        over = true;
        this.open--;
        process.onDeath.delete(died);
        patience.run = undefined;
        settle();
      };
      let over = false;
      const died = () => end(() => reject(new FactstoreError('UNREACHABLE', `the connection to ${node.id} closed`)));
      const patience = this.time.after(timeoutMs, () => {
        process.enter(() => controller.abort());
        end(() => reject(new FactstoreError('DEADLINE_EXCEEDED', `${node.id} did not answer in time`)));
      });
      process.onDeath.add(died);
      process.enter(() => {
        run(controller.signal, () => over).then(
          (value) => end(() => resolve(value)),
          (error: unknown) => end(() => reject(error)),
        );
      });
    });
  }

  /** Ends after `ms` milliseconds of the client's own time. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.time.after(ms, resolve));
  }
}
