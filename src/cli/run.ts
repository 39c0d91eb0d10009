import { Command, CommanderError } from 'commander';
import { FactstoreError } from '../base/errors.ts';
import { programVersion } from '../runtime/version.ts';
import { addAppend } from './append.ts';
import { addCluster } from './cluster.ts';
import { connectStore } from './connect.ts';
import type { Context } from './context.ts';
import { addExport } from './export.ts';
import { ExitCode, errorJson, errorText, exitCodeOf, UsageError } from './failure.ts';
import { addImport } from './import.ts';
import { type Io, Output } from './io.ts';
import { addProjections } from './projections.ts';
import { addQuery } from './query.ts';
import { addRead } from './read.ts';
import { addRecover } from './recover.ts';
import { addScavenge } from './scavenge.ts';
import { addServe } from './serve.ts';
import type { Store } from './store.ts';
import { addStreams } from './streams.ts';
import { addSubscribe } from './subscribe.ts';
import { addVerify } from './verify.ts';

/** Runs one command and gives its exit code; never throws. `argv` begins behind the program's name. */
export async function runCli(
  argv: readonly string[],
  io: Io,
  connect: (url: string) => Promise<Store> = connectStore,
): Promise<number> {
  const ended = new AbortController();
  const out = new Output(io.stdout, io.env, () => ended.abort());
  const err = new Output(io.stderr, io.env, () => {});
  const context: Context = { io, out, err, signal: AbortSignal.any([io.signal, ended.signal]), connect };
  const json = argv.includes('--json');
  let code = await attempt(context, argv, json);
  await out.flush();
  if (out.failure) {
    await err.line(`cannot write to standard output: ${out.failure.message}`);
    code = ExitCode.failed;
  }
  await err.flush();
  return code;
}

async function attempt(context: Context, argv: readonly string[], json: boolean): Promise<number> {
  try {
    const program = await buildProgram(context, argv, json);
    await program.parseAsync(argv, { from: 'user' });
    return ExitCode.done;
  } catch (error) {
    // Whoever reads the output has seen enough (`| head`): not a failure, and nothing to tell.
    if (context.out.closed) return ExitCode.done;
    if (error instanceof CommanderError) return reportUsage(context, error, json);
    const interrupted = context.io.signal.aborted && isAbort(error);
    // Who interrupts a command knows that it was: what is told is what it may have done all the same, and how to find out.
    if (!interrupted || leavesOpen(error)) {
      const { err } = context;
      await err.line(json ? errorJson(error) : `${err.red('error:')} ${errorText(error)}`);
    }
    return interrupted ? ExitCode.interrupted : exitCodeOf(error);
  }
}

function isAbort(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'AbortError' || ('code' in error && error.code === 'CANCELLED');
}

function leavesOpen(error: unknown): boolean {
  return error instanceof FactstoreError && !error.definite;
}

/** Commander has printed helps, versions and, for people, what is wrong. */
async function reportUsage({ err }: Context, error: CommanderError, json: boolean): Promise<number> {
  if (error.exitCode === 0) return ExitCode.done;
  if (json) await err.line(errorJson(new UsageError(error.message.replace(/^error: /, ''))));
  return ExitCode.usage;
}

const EXIT_CODES = `
Exit codes: 0 done, 1 the operation failed (conflict, not found), 2 wrong usage, 3 cannot reach the cluster,
130 interrupted.
Documentation: each command's --help.`;

async function buildProgram(context: Context, argv: readonly string[], json: boolean): Promise<Command> {
  const program = new Command('factstore')
    .description('factstore: a distributed event sourcing database')
    .version(programVersion(), '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void context.out.write(text),
      writeErr: (text) => {
        if (!json) void context.err.write(text);
      },
      getOutHasColors: () => context.out.colour,
      getErrHasColors: () => context.err.colour,
    })
    .showHelpAfterError('(--help tells more)')
    .addHelpText('after', EXIT_CODES);
  await addServe(program, context, argv.includes('serve'));
  addAppend(program, context);
  addRead(program, context);
  addQuery(program, context);
  addSubscribe(program, context);
  addStreams(program, context);
  addImport(program, context);
  addExport(program, context);
  addProjections(program, context);
  addCluster(program, context);
  addScavenge(program, context);
  addVerify(program, context);
  addRecover(program, context);
  return program;
}
