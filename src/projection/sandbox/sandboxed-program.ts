import { assert } from '../../base/assert.ts';
import { FactstoreError } from '../../base/errors.ts';
import type {
  BatchOutcome,
  Fault,
  LoadStates,
  ProgramDescription,
  ProgramEvent,
  ProgramLimits,
  RestartableProgram,
} from '../program.ts';
import { Attempt } from './attempt.ts';
import type { Answer, Failure } from './messages.ts';
import { Sandbox } from './sandbox.ts';

/** How many events the sandbox is given at once. Enough that a call from outside costs little of each. */
const EVENTS_AT_ONCE = 1_000;

export async function openSandboxedProgram(source: string, limits: ProgramLimits): Promise<RestartableProgram> {
  if (source.includes('\0')) throw sourceError('contains a zero character');
  const { sandbox, answer } = await Sandbox.start(source, limits);
  if (answer.kind === 'opened') return new SandboxedProgram(source, limits, answer.description, sandbox);
  await sandbox.release();
  if (answer.kind !== 'refused') throw new FactstoreError('INTERNAL', `the sandbox answered ${answer.kind}`);
  throw sourceError(answer.failure.message, answer.failure);
}

/** See ProgramSourceError in program.ts. */
function sourceError(message: string, { line, column }: Partial<Failure> = {}): FactstoreError {
  const place = line === undefined ? '' : `line ${line}, column ${column}: `;
  const details = { field: 'source', ...(line === undefined ? {} : { line, column }) };
  return new FactstoreError('INVALID_ARGUMENT', `source: ${place}${message}`, details);
}

/**
 * A program whose sandbox may break, and which then goes on in a fresh one.
 *
 * States change in place while a batch runs, so a failure in its midst leaves them half changed. They are dropped, and the
 * events before the failed one are run again, from the states as the store has them: that gives exactly what these events
 * amount to, because a projection is deterministic.
 */
class SandboxedProgram implements RestartableProgram {
  readonly description: ProgramDescription;
  readonly #source: string;
  readonly #limits: ProgramLimits;
  #sandbox: Sandbox;

  constructor(source: string, limits: ProgramLimits, description: ProgramDescription, sandbox: Sandbox) {
    this.description = description;
    this.#source = source;
    this.#limits = limits;
    this.#sandbox = sandbox;
  }

  get memoryBytes(): number {
    return this.#sandbox.memoryBytes;
  }

  async process(events: readonly ProgramEvent[], loadStates: LoadStates): Promise<BatchOutcome> {
    let count = events.length;
    let failed: { failure: Failure; logs: readonly string[] } | undefined;
    for (let atOnce = EVENTS_AT_ONCE; ; ) {
      const attempt = await this.#attempt(events.slice(0, count), loadStates, atOnce);
      const { failure } = attempt;
      if (!failure) return outcomeOf(attempt, events, failed && attempt.processed === count ? failed : undefined);
      const at = await this.#placeOf(attempt, failure, events, loadStates);
      if (at === undefined) {
        // The sandbox came to its end somewhere among many events: one by one, it gets through, or does so at a certain one.
        atOnce = 1;
        continue;
      }
      failed = { failure: { ...failure, at }, logs: attempt.logs };
      count = at;
      atOnce = EVENTS_AT_ONCE;
    }
  }

  async restart(): Promise<void> {
    if (this.#sandbox.ended) return this.#makeReady();
    this.#checkReopened(await this.#sandbox.reopen(this.#source, this.#limits));
  }

  async close(): Promise<void> {
    await this.#sandbox.release();
  }

  /** Runs events to the end or to a failure; after a failure the sandbox is fit for another attempt. */
  async #attempt(events: readonly ProgramEvent[], loadStates: LoadStates, atOnce: number): Promise<Attempt> {
    await this.#makeReady();
    const attempt = new Attempt(this.#sandbox, events, loadStates);
    try {
      await attempt.run(atOnce);
    } catch (error) {
      // The store gave no states: the sandbox still waits for them.
      await this.#sandbox.close();
      throw error;
    }
    const { failure } = attempt;
    if (failure && (failure.kind === 'threw' || failure.kind === 'state')) await this.#sandbox.ask({ kind: 'forget' });
    else if (failure) await this.#sandbox.close();
    return attempt;
  }

  async #makeReady(): Promise<void> {
    if (!this.#sandbox.ended) return;
    const { sandbox, answer } = await Sandbox.start(this.#source, this.#limits);
    this.#sandbox = sandbox;
    this.#checkReopened(answer);
  }

  #checkReopened(answer: Answer): void {
    if (answer.kind !== 'refused') return;
    throw new FactstoreError('INTERNAL', `the projection could not be started anew: ${answer.failure.message}`);
  }

  /** The index of the event at which an attempt failed; undefined: not known. */
  async #placeOf(attempt: Attempt, failure: Failure, events: readonly ProgramEvent[], loadStates: LoadStates) {
    if (attempt.phase === 'settling') return this.#firstUnsettled(events.slice(0, attempt.processed), loadStates);
    const isSomewhere = failure.kind === 'died' || failure.kind === 'memoryLimit';
    if (isSomewhere && attempt.underWay > 1) return undefined;
    assert(failure.at >= 0, () => `a handler failed at event ${failure.at} of a batch: ${failure.message}`);
    return attempt.processed + failure.at;
  }

  /**
   * States are looked at only at the end. So the event after which they do not pass is searched for, by halves; the first
   * one first, at which it often is when the events before it are in the store already.
   */
  async #firstUnsettled(events: readonly ProgramEvent[], loadStates: LoadStates): Promise<number> {
    let passes = 0;
    let fails = events.length;
    while (fails - passes > 1) {
      const middle = passes === 0 ? 1 : (passes + fails) >> 1;
      const attempt = await this.#attempt(events.slice(0, middle), loadStates, EVENTS_AT_ONCE);
      if (attempt.failure) fails = middle;
      else {
        passes = middle;
        await this.#sandbox.ask({ kind: 'forget' });
      }
    }
    return fails - 1;
  }
}

function outcomeOf(
  { processed, changed, emissions, logs }: Attempt,
  events: readonly ProgramEvent[],
  failed: { failure: Failure; logs: readonly string[] } | undefined,
): BatchOutcome {
  if (!failed) return { processed, changed, emissions, logs };
  const { kind, message, line, column, at } = failed.failure;
  const place = line === undefined || column === undefined ? {} : { line, column };
  const fault: Fault = { kind, message, ...place, position: (events[at] as ProgramEvent).position };
  return { processed, changed, emissions, logs: failed.logs, fault };
}
