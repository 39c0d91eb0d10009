import { openProgram, type Program, type ProgramEvent } from '../../src/projection/program.ts';

export interface SandboxRun {
  readonly eventsPerSecond: number;
  readonly cpuUsPerEvent: number;
}

/** What a projection's sandbox does alone, without node or disk: from bytes in to states out, its states in memory. */
export async function runSandbox(source: string, events: readonly ProgramEvent[], batch: number): Promise<SandboxRun> {
  const program = await openProgram(source);
  try {
    return await measured(program, events, batch);
  } finally {
    await program.close();
  }
}

async function measured(program: Program, events: readonly ProgramEvent[], batch: number): Promise<SandboxRun> {
  const states = new Map<string, Uint8Array>();
  const stored = async (partitions: readonly string[]) =>
    new Map(partitions.flatMap((name) => (states.has(name) ? [[name, states.get(name) as Uint8Array] as const] : [])));
  const begun = performance.now();
  const cpu = process.cpuUsage();
  for (let done = 0; done < events.length; ) {
    const outcome = await program.process(events.slice(done, done + batch), stored);
    if (outcome.fault) throw new Error(outcome.fault.message);
    for (const [partition, { state }] of outcome.changed) if (state) states.set(partition, state);
    done += outcome.processed;
  }
  const seconds = (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { eventsPerSecond: events.length / seconds, cpuUsPerEvent: (user + system) / events.length };
}

export const CUSTOMERS = 100_000;

/** The data of the nth event: what the projections that are measured read is in it, and what nobody looks at. */
export function eventData(n: number) {
  return {
    amount: n % 100,
    currency: 'EUR',
    customer: `customer-${n % CUSTOMERS}`,
    note: 'a text that nobody looks at',
  };
}

export function sandboxEvents(count: number): ProgramEvent[] {
  const encoder = new TextEncoder();
  return Array.from({ length: count }, (_, n) => ({
    stream: `account-${n % 1_000}`,
    revision: BigInt(Math.floor(n / 1_000)),
    position: BigInt(n + 1),
    id: new Uint8Array(16).fill(n),
    type: `Type${n % 10}`,
    data: encoder.encode(JSON.stringify(eventData(n))),
    contentType: '',
    metadata: new Uint8Array(0),
    tags: [`customer:${n}`],
    created: 1_700_000_000_000_000n + BigInt(n),
  }));
}
