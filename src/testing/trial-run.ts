import type {
  BatchOutcome,
  Emission,
  Fault,
  PartitionState,
  ProgramEvent,
  RestartableProgram,
} from '../projection/program.ts';
import { withResultStreams } from '../projection/result-stream.ts';

/** What came of some events. */
export interface RunOutcome {
  readonly changed: ReadonlyMap<string, PartitionState>;
  readonly emissions: readonly Emission[];
  readonly logs: readonly string[];
  readonly fault: Fault | undefined;
}

/** A program, and the store of its states, in memory. */
export class TrialRun {
  /** The partitions, as they are after the events so far. */
  readonly partitions = new Map<string, PartitionState>();
  readonly program: RestartableProgram;
  private readonly name: string;

  constructor(program: RestartableProgram, name: string) {
    this.program = program;
    this.name = name;
  }

  /** All of the events, up to a fault. */
  async process(events: readonly ProgramEvent[]): Promise<RunOutcome> {
    const changed = new Map<string, PartitionState>();
    const emissions: Emission[] = [];
    const logs: string[] = [];
    let fault: Fault | undefined;
    for (let done = 0; done < events.length && !fault; ) {
      const outcome = await this.program.process(events.slice(done), async (names) => this.states(names));
      this.keep(outcome, changed);
      emissions.push(...withResultStreams(outcome.emissions, this.name, this.program.description.options));
      logs.push(...outcome.logs);
      done += outcome.processed;
      fault = outcome.fault;
    }
    return { changed, emissions, logs, fault };
  }

  private states(names: readonly string[]): ReadonlyMap<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    for (const name of names) {
      const state = this.partitions.get(name)?.state;
      if (state) found.set(name, state);
    }
    return found;
  }

  private keep(outcome: BatchOutcome, changed: Map<string, PartitionState>): void {
    for (const [name, { state, result }] of outcome.changed) {
      // They are views of what holds all states of the batch.
      const kept = { state: state?.slice() ?? null, result: result?.slice() ?? null };
      changed.set(name, kept);
      if (state || result) this.partitions.set(name, kept);
      else this.partitions.delete(name);
    }
  }
}
