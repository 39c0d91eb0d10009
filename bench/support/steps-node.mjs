// Loaded into each node (node --import) by the suite `steps`: SIGUSR2 begins to watch the event loop, a second one ends it
// and writes the longest steps to BENCH_STEPS_DIR, in milliseconds of the main thread's own CPU time: on a machine that
// others use too, wall time would tell of them.
import { openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Shorter ones are not kept. */
const LEAST_MS = 3;
const KEPT = 10;

const nodeId = process.argv[process.argv.indexOf('--node-id') + 1];
const schedule = openSync(`/proc/self/task/${process.pid}/schedstat`);
const buffer = Buffer.alloc(64);
let watching = false;
let steps = [];
let before = 0;

function cpuMs() {
  const length = readSync(schedule, buffer, 0, buffer.length, 0);
  return Number(buffer.toString('latin1', 0, length).split(' ')[0]) / 1e6;
}

function turn() {
  const now = cpuMs();
  if (now - before > LEAST_MS) steps.push(now - before);
  before = cpuMs();
  if (watching) setImmediate(turn);
}

process.on('SIGUSR2', () => {
  watching = !watching;
  if (watching) {
    steps = [];
    before = cpuMs();
    turn();
    return;
  }
  steps.sort((a, b) => b - a);
  const path = join(process.env.BENCH_STEPS_DIR ?? '.', `steps-${nodeId}.json`);
  writeFileSync(path, JSON.stringify(steps.slice(0, KEPT)));
});
