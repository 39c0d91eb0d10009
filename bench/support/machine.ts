import { execFileSync } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Spread, spread } from './statistics.ts';

const FSYNCS = 200;
const FSYNC_BYTES = 4_096;

/** The machine a result comes from. */
export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly commit: string;
  /** What it costs to add 4 KiB to a file and sync it, on the disk that the nodes use. */
  readonly fsyncMs: Spread;
}

export async function describeMachine(directory: string): Promise<Machine> {
  const processors = cpus();
  return {
    cores: processors.length,
    cpu: processors[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    commit: commit(),
    fsyncMs: await measureFsync(directory),
  };
}

/** The average number of processes that wanted a core in the last minute. */
export function load(): number {
  return loadavg()[0] ?? 0;
}

async function measureFsync(directory: string): Promise<Spread> {
  const path = join(directory, 'fsync');
  const file = await open(path, 'w');
  const block = Buffer.alloc(FSYNC_BYTES, 7);
  const costs: number[] = [];
  try {
    for (let i = 0; i < FSYNCS; i++) {
      const begun = performance.now();
      await file.write(block);
      await file.datasync();
      costs.push(performance.now() - begun);
    }
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
  return spread(costs);
}

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--', 'src') === '' ? '' : '+changes');
  } catch {
    return 'unknown';
  }
}
