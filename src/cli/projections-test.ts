import { createReadStream } from 'node:fs';
import { parse, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import type { Upcasters } from '../testing/index.ts';
import type { Trial } from '../testing/trial.ts';
import { type Context, examples, standardInput, subcommand } from './context.ts';
import { eventsOfFile } from './event-file.ts';
import { UsageError } from './failure.ts';
import { sizeOf } from './import.ts';
import { sourceOf } from './projections-source.ts';
import { TrialLines, TrialTables } from './projections-trial.ts';

interface Flags {
  readonly events: string;
  readonly upcasters?: string;
  readonly json?: boolean;
}

const AT_ONCE = 1_000;

const HELP = `
Runs the projection here, without a node, and prints its states and what it emits. The events are lines of the import
format, as factstore export writes them, or one event a line, as factstore read --json does; plain or gzip.

It is run twice, the second time in a fresh sandbox after each of the first 100 events, and now and then later, as on a
node that is started anew: a projection that keeps anything outside of its states fails.`;

export function addProjectionTest(group: Command, context: Context): void {
  const command = subcommand(group, 'test <FILE>', 'run the program in FILE over a file of events, without a node')
    .requiredOption('--events <FILE>', 'the events, - for standard input')
    .option('--upcasters <FILE>', 'a JavaScript module whose default export are upcasters, as the SDK takes them')
    .action((file: string, flags: Flags) => test(context, file, flags))
    .addHelpText('after', HELP);
  examples(
    command,
    'factstore projection test totals.js --events events.ndjson.gz',
    'factstore read --all --json | factstore projection test totals.js --events - --json',
  );
}

async function test(context: Context, file: string, flags: Flags): Promise<void> {
  const { events } = flags;
  if (file === '-' && events === '-') throw new UsageError('the program and its events are both standard input');
  if (events !== '-') sizeOf(events);
  const source = await sourceOf(context, file);
  const upcasters = flags.upcasters === undefined ? undefined : await upcastersOf(flags.upcasters);
  const { Trial } = await import('../testing/trial.ts');
  const trial = await Trial.open(source, file === '-' ? 'test' : parse(file).name);
  const report = flags.json ? new TrialLines(context.out) : new TrialTables(context.out);
  let seen = 0;
  try {
    for await (const batch of batchesOf(context, events, upcasters)) {
      seen += batch.length;
      for await (const outcome of trial.process(batch)) await report.processed(outcome);
    }
  } finally {
    // Also what there was before it failed.
    await report.end(trial, seen);
    await trial.close();
  }
}

async function* batchesOf(context: Context, file: string, upcasters: Upcasters | undefined) {
  const { GivenEvents } = await import('../testing/given-events.ts');
  const given = new GivenEvents(upcasters);
  let batch: Parameters<Trial['process']>[0][number][] = [];
  for await (const event of eventsOfFile(file === '-' ? standardInput(context) : createReadStream(file))) {
    context.signal.throwIfAborted();
    if (batch.push(given.take(event)) < AT_ONCE) continue;
    yield batch;
    batch = [];
  }
  yield batch;
}

async function upcastersOf(file: string): Promise<Upcasters> {
  let module: { default?: Upcasters };
  try {
    module = await import(pathToFileURL(resolve(file)).href);
  } catch (error) {
    throw new UsageError(`--upcasters: ${file} cannot be loaded: ${(error as Error).message}`);
  }
  if (module.default === undefined) throw new UsageError(`--upcasters: ${file} has no default export`);
  return module.default;
}
