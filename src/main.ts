#!/usr/bin/env node
import { standardOutput } from './cli/file-output.ts';
import { runCli } from './cli/run.ts';
import { environment } from './config/load.ts';
import { letGarbageGather } from './runtime/garbage.ts';

letGarbageGather();

const interrupted = new AbortController();

for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
] as const) {
  process.on(signal, () => {
    // The first one asks for an end, the second one does not ask.
    if (interrupted.signal.aborted) process.exit(128 + number);
    interrupted.abort();
  });
}

const code = await runCli(process.argv.slice(2), {
  // Only opened by commands that read it.
  get stdin() {
    return process.stdin;
  },
  stdout: standardOutput(),
  stderr: process.stderr,
  env: environment(),
  signal: interrupted.signal,
});
process.exit(code);
