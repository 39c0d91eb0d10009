import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SingleBar } from 'cli-progress';
import type { PlanOptions } from './plan.ts';
import type { Result } from './simulation.ts';

/** What a worker is asked to run. */
export interface Order {
  readonly plan: PlanOptions;
}

interface Report {
  runs: number;
  virtualMs: number;
  readonly failures: { readonly seed: number; readonly violation: string }[];
}

interface ManyOptions {
  readonly from: number;
  readonly seeds: number;
  readonly jobs: number;
  readonly plan: PlanOptions;
}

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));

/** Runs seeds in as many processes as asked for, each of which takes the next seed when it is done with one. */
export async function runMany({ from, seeds, jobs, plan }: ManyOptions): Promise<Report> {
  const report: Report = { runs: 0, virtualMs: 0, failures: [] };
  const bar = new SingleBar({
    format: '{bar} {value}/{total} seeds, {failed} failed, {eta_formatted} left',
    stream: process.stderr,
    noTTYOutput: true,
    notTTYSchedule: 10_000,
  });
  bar.start(seeds, 0, { failed: 0 });
  let next = from;
  const order = (): Order | undefined => (next < from + seeds ? { plan: { ...plan, seed: next++ } } : undefined);
  const done = (result: Result) => {
    report.runs++;
    report.virtualMs += result.virtualMs;
    if (result.violation !== undefined) report.failures.push({ seed: result.seed, violation: result.violation });
    if (result.violation !== undefined) process.stderr.write(`\nseed ${result.seed}: ${result.violation}\n`);
    bar.increment(1, { failed: report.failures.length });
  };
  try {
    await Promise.all(Array.from({ length: Math.min(jobs, seeds) }, () => work(fork(WORKER), order, done)));
  } finally {
    bar.stop();
  }
  report.failures.sort((a, b) => a.seed - b.seed);
  return report;
}

function work(worker: ChildProcess, order: () => Order | undefined, done: (result: Result) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let current: Order | undefined;
    const give = () => {
      current = order();
      if (current) worker.send(current);
      else worker.disconnect();
    };
    worker.on('message', (result: Result) => {
      done(result);
      give();
    });
    worker.on('error', reject);
    worker.on('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`the process that ran seed ${current?.plan.seed} ended with ${code}`));
    });
    give();
  });
}
