import type { ReadAnswer } from '../raft/types.ts';
import { type Deferred, deferred } from '../runtime/deferred.ts';

/** Reads that wait for their read index (thesis §6.4). All that are asked for in one turn share one round. */
export class ReadBarrier {
  private nextId = 1;
  private readonly waiting = new Map<number, Deferred<number | undefined>>();
  private shared: Deferred<number | undefined> | undefined;
  private readonly request: (id: number) => void;
  private readonly soon: (run: () => void) => void;

  constructor(request: (id: number) => void, soon: (run: () => void) => void) {
    this.request = request;
    this.soon = soon;
  }

  /** Resolves with the read index, or with undefined where it was refused: no leader, or leadership was lost. */
  readIndex(): Promise<number | undefined> {
    if (!this.shared) {
      const round = deferred<number | undefined>();
      this.shared = round;
      this.soon(() => {
        this.shared = undefined;
        const id = this.nextId++;
        this.waiting.set(id, round);
        this.request(id);
      });
    }
    return this.shared.promise;
  }

  answer(answer: ReadAnswer): void {
    this.waiting.get(answer.id)?.resolve(answer.index);
    this.waiting.delete(answer.id);
  }

  /** The node stops. */
  close(): void {
    for (const waiting of this.waiting.values()) waiting.resolve(undefined);
    this.waiting.clear();
  }
}
