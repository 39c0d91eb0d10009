import {
  type BatchOutcome,
  type LoadStates,
  openProgram,
  PROGRAM_LIMITS,
  type Program,
  type ProgramEvent,
  type ProgramLimits,
} from '../../src/projection/program.ts';

/** What a test says of an event; the rest follows from its place. */
export interface Given extends Partial<Omit<ProgramEvent, 'data' | 'metadata'>> {
  readonly type: string;
  readonly data?: unknown;
  readonly metadata?: unknown;
}

const NOON_US = 1_764_072_000_000_000n;

/** Events one after the other, from position 1, with revisions counted per stream. Data that is bytes stays as it is. */
export function eventsOf(...given: readonly Given[]): ProgramEvent[] {
  const revisions = new Map<string, bigint>();
  return given.map((event, i) => {
    const stream = event.stream ?? 's-1';
    const revision = revisions.get(stream) ?? 0n;
    revisions.set(stream, revision + 1n);
    return {
      stream,
      revision,
      position: BigInt(i + 1),
      id: Uint8Array.from({ length: 16 }, (_, n) => (n === 15 ? i : n)),
      contentType: '',
      tags: [],
      created: NOON_US + BigInt(i),
      ...event,
      data: event.kind === 'deleted' ? new Uint8Array(0) : bytesOf(event.data ?? {}),
      metadata: event.metadata === undefined ? new Uint8Array(0) : bytesOf(event.metadata),
    };
  });
}

function bytesOf(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : new TextEncoder().encode(JSON.stringify(value));
}

export function jsonOf(bytes: Uint8Array | null | undefined): unknown {
  return bytes ? JSON.parse(textOf(bytes)) : bytes;
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A program, and the store of its states. */
export class Run {
  readonly program: Program;
  readonly stored = new Map<string, Uint8Array>();
  readonly results = new Map<string, Uint8Array | null>();
  /** Each list of partitions that the program asked for. */
  readonly asked: (readonly string[])[] = [];

  static async of(source: string, limits: Partial<ProgramLimits> = {}): Promise<Run> {
    return new Run(await openProgram(source, { ...PROGRAM_LIMITS, ...limits }));
  }

  constructor(program: Program) {
    this.program = program;
  }

  readonly #load: LoadStates = async (partitions) => {
    this.asked.push(partitions);
    return new Map(partitions.flatMap((name) => (this.stored.has(name) ? [[name, this.stored.get(name)!]] : [])));
  };

  async process(events: readonly ProgramEvent[]): Promise<BatchOutcome> {
    const outcome = await this.program.process(events, this.#load);
    for (const [partition, { state, result }] of outcome.changed) {
      if (state) this.stored.set(partition, state);
      else this.stored.delete(partition);
      this.results.set(partition, result);
    }
    return outcome;
  }

  /** Everything, in as many calls as the program wants; ends in an Error at a fault. */
  async processAll(events: readonly ProgramEvent[]): Promise<BatchOutcome[]> {
    const outcomes: BatchOutcome[] = [];
    for (let done = 0; done < events.length; ) {
      const outcome = await this.process(events.slice(done));
      if (outcome.fault)
        throw new Error(`${outcome.fault.kind} at ${outcome.fault.position}: ${outcome.fault.message}`);
      outcomes.push(outcome);
      done += outcome.processed;
    }
    return outcomes;
  }

  get states(): Record<string, unknown> {
    return Object.fromEntries([...this.stored].map(([partition, state]) => [partition, jsonOf(state)]));
  }

  state(partition = ''): unknown {
    return jsonOf(this.stored.get(partition));
  }

  result(partition = ''): unknown {
    return jsonOf(this.results.get(partition));
  }
}

const open: Run[] = [];

/** A run that `closeAll` ends. */
export async function run(source: string, limits?: Partial<ProgramLimits>): Promise<Run> {
  const started = await Run.of(source, limits);
  open.push(started);
  return started;
}

export async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map(({ program }) => program.close()));
}
