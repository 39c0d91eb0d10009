// Loaded into each node (node --import) by `--profile`: SIGUSR2 starts V8's sampling profiler, a second one ends it and
// writes its file to BENCH_PROFILE_DIR.
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';

const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.setSamplingInterval', { interval: 500 });
let running = false;
const nodeId = process.argv[process.argv.indexOf('--node-id') + 1];

process.on('SIGUSR2', () => {
  if (!running) {
    running = true;
    session.post('Profiler.start');
    return;
  }
  running = false;
  session.post('Profiler.stop', (error, result) => {
    if (error) return;
    const path = join(process.env.BENCH_PROFILE_DIR ?? '.', `node-${nodeId}.cpuprofile`);
    writeFileSync(path, JSON.stringify(result.profile));
  });
});
