import { invalid } from '../../src/base/errors.ts';
import type {
  BatchOutcome,
  Emission,
  LoadStates,
  Program,
  ProgramDescription,
  ProgramEvent,
} from '../../src/projection/program.ts';

/** What a handler of a small program is given. */
interface Context {
  readonly event: ProgramEvent;
  readonly data: unknown;
  emit(stream: string, type: string, data: unknown): void;
}

/** What the source of a small program evaluates to. */
interface Definition extends Partial<ProgramDescription> {
  partition?(event: ProgramEvent): string;
  handle(state: unknown, context: Context): unknown;
}

/** A program without a sandbox, for tests of what is around it: its source is an expression that gives a definition. */
export async function openSmallProgram(source: string): Promise<Program> {
  let definition: Definition;
  try {
    definition = new Function(`return (${source})`)() as Definition;
  } catch (error) {
    throw invalid('source', (error as Error).message);
  }
  return new SmallProgram(definition);
}

class SmallProgram implements Program {
  readonly description: ProgramDescription;
  readonly memoryBytes = 0;
  private readonly definition: Definition;
  private readonly held = new Map<string, Uint8Array>();

  constructor(definition: Definition) {
    this.definition = definition;
    this.description = {
      source: definition.source ?? { kind: 'all' },
      partitioning: definition.partition ? 'function' : 'none',
      handledTypes: definition.handledTypes ?? 'any',
      handlesDeleted: definition.handlesDeleted ?? false,
      emits: definition.emits ?? true,
      sharesState: false,
      transforms: false,
      outputsState: false,
      options: definition.options ?? {},
    };
  }

  async process(events: readonly ProgramEvent[], load: LoadStates): Promise<BatchOutcome> {
    const partitions = events.map((event) => this.definition.partition?.(event) ?? '');
    const missing = [...new Set(partitions)].filter((partition) => !this.held.has(partition));
    for (const [partition, state] of await load(missing)) this.held.set(partition, state);
    const changed = new Map<string, { state: Uint8Array | null; result: Uint8Array | null }>();
    const emissions: Emission[] = [];
    for (const [n, event] of events.entries()) {
      const partition = partitions[n] as string;
      const before = this.held.get(partition);
      const own: Emission[] = [];
      const emit = (stream: string, type: string, data: unknown) => {
        const bytes = Buffer.from(JSON.stringify(data));
        own.push({ position: event.position, ordinal: own.length, kind: 'emit', stream, type, data: bytes });
      };
      const data = event.data.length > 0 ? JSON.parse(Buffer.from(event.data).toString()) : undefined;
      try {
        const state = before ? JSON.parse(Buffer.from(before).toString()) : undefined;
        const after = Buffer.from(JSON.stringify(this.definition.handle(state, { event, data, emit })));
        this.held.set(partition, after);
        changed.set(partition, { state: after, result: after });
        emissions.push(...own);
      } catch (error) {
        const { message } = error as Error;
        return {
          processed: n,
          changed,
          emissions,
          logs: [],
          fault: { kind: 'threw', message, position: event.position },
        };
      }
    }
    return { processed: events.length, changed, emissions, logs: [] };
  }

  async close(): Promise<void> {}
}
