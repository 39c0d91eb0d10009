import { FactstoreError } from '../base/errors.ts';
import {
  type Emission,
  type Fault,
  openProgram,
  type PartitionState,
  type ProgramDescription,
  type ProgramEvent,
} from '../projection/program.ts';
import { differenceOf } from './difference.ts';
import { selectionOf } from './selection.ts';
import { type RunOutcome, TrialRun } from './trial-run.ts';

export type { Emission, PartitionState, RunOutcome };

/** So many events are looked at one by one, those behind them in pieces: a fresh sandbox takes milliseconds. */
const ONE_BY_ONE = 100;
const PIECE = 1_000;

/**
 * Runs a projection twice over the same events (rule P4): once as a node that is never stopped, and once as one that is
 * started anew after each event. What it keeps outside of its states makes the two differ.
 */
export class Trial {
  readonly description: ProgramDescription;
  /** How many events the projection was given. */
  processed = 0;
  private readonly held: TrialRun;
  private readonly restarted: TrialRun;
  private readonly select: (event: ProgramEvent) => ProgramEvent | undefined;

  /** Results are written under the projection's name. Ends in INVALID_ARGUMENT, with line and column, for what is none. */
  static async open(source: string, name: string): Promise<Trial> {
    const held = await openProgram(source);
    try {
      return new Trial(new TrialRun(held, name), new TrialRun(await openProgram(source), name));
    } catch (error) {
      await held.close();
      throw error;
    }
  }

  private constructor(held: TrialRun, restarted: TrialRun) {
    this.description = held.program.description;
    this.held = held;
    this.restarted = restarted;
    this.select = selectionOf(this.description);
  }

  /** The partitions, as they are after the events so far. */
  get partitions(): ReadonlyMap<string, PartitionState> {
    return this.held.partitions;
  }

  /**
   * Takes the next of all events, and gives what comes of them, piece by piece. Ends in a FactstoreError where the
   * projection stops at one, or is not deterministic.
   */
  async *process(events: readonly ProgramEvent[]): AsyncGenerator<RunOutcome> {
    const chosen = events.map(this.select).filter((event) => event !== undefined);
    for (let done = 0; done < chosen.length; ) {
      const piece = chosen.slice(done, done + (this.processed < ONE_BY_ONE ? 1 : PIECE));
      const outcome = await this.processTwice(piece);
      yield outcome;
      if (outcome.fault) throw faultError(outcome.fault, piece);
      done += piece.length;
      this.processed += piece.length;
      await this.restarted.program.restart();
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.held.program.close(), this.restarted.program.close()]);
  }

  private async processTwice(piece: readonly ProgramEvent[]): Promise<RunOutcome> {
    const [held, fresh] = await Promise.all([this.held.process(piece), this.restarted.process(piece)]);
    // Limits do not repeat exactly: which of the two meets one says nothing of the source.
    const limit = [held.fault, fresh.fault].find((fault) => fault && fault.kind !== 'threw');
    if (limit) throw faultError(limit, piece);
    const difference = differenceOf(held, fresh);
    if (difference !== undefined) throw differenceError(difference, piece);
    return held;
  }
}

function faultError({ kind, message, line, column, position }: Fault, piece: readonly ProgramEvent[]): FactstoreError {
  const place = line === undefined ? '' : `line ${line}, column ${column}: `;
  const event = piece.find((event) => event.position === position);
  const details = { kind, position, ...(line === undefined ? {} : { line, column }) };
  return new FactstoreError('FAILED_PRECONDITION', `${place}${message}, ${eventText(event)}`, details);
}

function differenceError(difference: string, piece: readonly ProgramEvent[]): FactstoreError {
  const [first] = piece;
  const last = piece.at(-1);
  const where = piece.length === 1 ? eventText(first) : `between positions ${first?.position} and ${last?.position}`;
  return new FactstoreError(
    'FAILED_PRECONDITION',
    `the projection is not deterministic, ${where}: it was run twice, the second time in a fresh sandbox after each ` +
      `event, as on a node that was started anew; ${difference}. Something is kept outside of the states: a variable ` +
      'at the top of the source, or a Map or Set there',
    { kind: 'nondeterministic', position: last?.position },
  );
}

function eventText(event: ProgramEvent | undefined): string {
  return event ? `at position ${event.position} (${event.type}, ${event.stream}@${event.revision})` : 'at its event';
}
