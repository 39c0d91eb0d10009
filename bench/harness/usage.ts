import { readFileSync } from 'node:fs';

/** Linux counts in hundredths of a second wherever Node runs. */
const US_PER_TICK = 10_000;
const MIB = 2 ** 20;
const CLIENT = 'client';

/** A process that takes part: a server, or the client, which is this one. */
export interface Process {
  readonly name: string;
  readonly pid: number | undefined;
}

/** What a process spent on an event (put, row), and the memory it had at the end. */
export interface ProcessUsage {
  readonly name: string;
  /** User and system. On a machine that others use too, the cost of an event is a steadier figure than its rate. */
  readonly cpuUsPerUnit: number;
  /** Memory of its own; tables that LevelDB maps are not in it. */
  readonly rssAnonMiB: number;
  /** What it caused to be written to the disk. */
  readonly writtenBytesPerUnit: number;
}

interface Reading {
  readonly cpuUs: number;
  readonly rssAnonBytes: number;
  readonly writtenBytes: number;
}

export function serversOf(processes: readonly ProcessUsage[] = []): ProcessUsage[] {
  return processes.filter(({ name }) => name !== CLIENT);
}

export function clientOf(processes: readonly ProcessUsage[] = []): ProcessUsage | undefined {
  return processes.find(({ name }) => name === CLIENT);
}

/** The memory of the server that has most; undefined where no server was looked at. */
export function largestServerMiB(processes: readonly ProcessUsage[] = []): number | undefined {
  const servers = serversOf(processes);
  return servers.length === 0 ? undefined : Math.max(...servers.map(({ rssAnonMiB }) => rssAnonMiB));
}

/** Reads the processes' accounts when a measurement begins and when it ends. Where there is no /proc it knows nothing. */
export class UsageMeter {
  private readonly processes: readonly Process[];
  private begun: (Reading | undefined)[] = [];
  private ended: (Reading | undefined)[] = [];

  constructor(servers: readonly Process[]) {
    this.processes = [...servers, { name: CLIENT, pid: process.pid }];
  }

  begin(): void {
    this.begun = this.processes.map(read);
  }

  end(): void {
    if (this.ended.length === 0) this.ended = this.processes.map(read);
  }

  per(units: number): ProcessUsage[] {
    return this.processes.flatMap(({ name }, i) => {
      const [begun, ended] = [this.begun[i], this.ended[i]];
      if (!begun || !ended || units === 0) return [];
      return [
        {
          name,
          cpuUsPerUnit: (ended.cpuUs - begun.cpuUs) / units,
          rssAnonMiB: ended.rssAnonBytes / MIB,
          writtenBytesPerUnit: (ended.writtenBytes - begun.writtenBytes) / units,
        },
      ];
    });
  }
}

function read({ pid }: Process): Reading | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses, which may contain blanks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      cpuUs: (Number(fields[11]) + Number(fields[12])) * US_PER_TICK,
      rssAnonBytes: field(`/proc/${pid}/status`, 'RssAnon') * 1024,
      writtenBytes: field(`/proc/${pid}/io`, 'write_bytes'),
    };
  } catch {
    return undefined;
  }
}

function field(path: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(path, 'utf8'))?.[1]);
}
