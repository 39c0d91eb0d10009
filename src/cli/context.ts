import { addAbortSignal, type Readable } from 'node:stream';
import type { Command } from 'commander';
import { clusterUrl } from '../config/load.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import type { Io, Output } from './io.ts';
import type { Store } from './store.ts';

/** What every command is given. */
export interface Context {
  readonly io: Io;
  readonly out: Output;
  readonly err: Output;
  /** Aborted by Ctrl-C and SIGTERM, and when nobody reads standard output any more. */
  readonly signal: AbortSignal;
  readonly connect: (url: string) => Promise<Store>;
}

/** The flags that every command which talks to a cluster has. */
export interface ConnectionFlags {
  readonly url?: string;
  readonly json?: boolean;
}

/** Makes a command of `parent`, with what all of them share. */
export function subcommand(parent: Command, nameAndArguments: string, description: string): Command {
  const command = parent.command(nameAndArguments).description(description).allowExcessArguments(false);
  return command.option('--json', 'write one JSON object a line, for programs');
}

/** As `subcommand`, for commands that talk to a cluster. */
export function clusterCommand(parent: Command, nameAndArguments: string, description: string): Command {
  return subcommand(parent, nameAndArguments, description).option(
    '--url <URL>',
    'the nodes of the cluster, one or more (default: FACTSTORE_URL, else factstore://127.0.0.1:2113)',
  );
}

/** The examples at the end of a help text. */
export function examples(command: Command, ...lines: readonly string[]): void {
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`);
}

/**
 * Standard input, for a command that reads it. Reading ends in an AbortError once the command is interrupted: a pipe may
 * stay open without a word for as long as it likes.
 */
export function standardInput({ io, signal }: Context): Readable {
  return addAbortSignal(signal, io.stdin);
}

/** Connects, does the work, and closes whatever happens. */
export async function withStore<T>(
  context: Context,
  flags: ConnectionFlags,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  // Ctrl-C does not wait until a cluster that cannot be reached is given up.
  const connecting = untilAborted(context.connect(clusterUrl(flags.url, context.io.env)), context.signal);
  const store = await connecting.catch((error: unknown) => {
    context.signal.throwIfAborted();
    throw error;
  });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
