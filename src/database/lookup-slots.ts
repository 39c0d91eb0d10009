import { FactstoreError } from '../base/errors.ts';

/** So many look-ups of conditions read from the index at once; more would only make each of them slower. */
const RUNNING_MAX = 32;

/** So many appends wait for their look-up at most, before further ones are refused. */
const WAITING_MAX = 256;

/** Bounds how many look-ups of conditions go on at once, so that they cannot pile up where each takes long (rule S4). */
export class LookupSlots {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  /**
   * Resolves, first come first served, when a look-up may begin. What it gives has to be called at its end. Ends in
   * OVERLOADED where too many wait already; `patient` waits all the same.
   */
  async take(patient: boolean): Promise<() => void> {
    if (this.running < RUNNING_MAX) this.running++;
    else if (patient || this.waiting.length < WAITING_MAX) await new Promise<void>((go) => this.waiting.push(go));
    else throw overloaded(this.waiting.length);
    return () => this.leave();
  }

  /** The place goes to the next in line, if there is one. */
  private leave(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.running--;
  }
}

function overloaded(waiting: number): FactstoreError {
  return new FactstoreError(
    'OVERLOADED',
    `${waiting} appends wait for their conditions to be looked up on the leader. Nothing was written; try again shortly.`,
    { waitingLookups: waiting },
  );
}
