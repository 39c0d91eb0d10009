import type { Command } from 'commander';
import { parseWhole } from './args.ts';
import { type ConnectionFlags, type Context, clusterCommand, examples, withStore } from './context.ts';
import { jsonText } from './json.ts';
import type { ProjectionState } from './store.ts';

interface Flags extends ConnectionFlags {
  readonly atLeast?: string;
}

interface StateFlags extends Flags {
  readonly prefix?: string;
  readonly after?: string;
  readonly limit?: string;
  readonly all?: boolean;
}

export function addProjectionStates(group: Command, context: Context): void {
  const stateCommand = clusterCommand(group, 'state <NAME> [PARTITION]', 'the state of a projection, or of partitions')
    .option('--all', 'all partitions, one a line')
    .option('--prefix <TEXT>', 'the partitions whose names begin with this')
    .option('--after <PARTITION>', 'with --all or --prefix: those behind this one')
    .option('--limit <N>', 'at most so many partitions')
    .option('--at-least <POSITION>', 'wait until the state includes this position')
    .action((name: string, partition: string | undefined, flags: StateFlags) => state(context, name, partition, flags));
  examples(
    stateCommand,
    'factstore projection state totals',
    'factstore projection state orders customer-7 --at-least 1042',
    'factstore projection state orders --prefix customer- --limit 20 --json',
  );
  const resultCommand = clusterCommand(group, 'result <NAME> [PARTITION]', 'the result of a projection, as JSON alone')
    .option('--at-least <POSITION>', 'wait until the result includes this position')
    .action((name: string, partition: string | undefined, flags: Flags) => result(context, name, partition, flags));
  examples(resultCommand, 'factstore projection result totals');
  const watchCommand = clusterCommand(group, 'watch <NAME> [PARTITION]', 'follow states as they change, until Ctrl-C')
    .option('--prefix <TEXT>', 'the partitions whose names begin with this')
    .action((name: string, partition: string | undefined, flags: StateFlags) => watch(context, name, partition, flags));
  examples(watchCommand, 'factstore projection watch totals', 'factstore projection watch orders --prefix customer-');
}

async function state(context: Context, name: string, partition: string | undefined, flags: StateFlags): Promise<void> {
  const fresh = { ...atLeastOf(flags.atLeast), signal: context.signal };
  await withStore(context, flags, async ({ projections }) => {
    if (!flags.all && flags.prefix === undefined) {
      return show(context, await projections.state(name, partition ?? '', fresh), flags);
    }
    const limit = flags.limit === undefined ? undefined : Number(parseWhole('--limit', flags.limit, 1n));
    const page = { ...fresh, limit, prefix: flags.prefix, after: flags.after };
    for await (const row of projections.partitions(name, page)) await show(context, row, flags);
  });
}

async function result(context: Context, name: string, partition = '', flags: Flags): Promise<void> {
  const fresh = { ...atLeastOf(flags.atLeast), signal: context.signal, partition };
  const value = await withStore(context, flags, (store) => store.projections.result(name, fresh));
  await context.out.line(jsonText(value));
}

async function watch(context: Context, name: string, partition: string | undefined, flags: StateFlags): Promise<void> {
  const wanted = { partition, prefix: flags.prefix, signal: context.signal };
  try {
    await withStore(context, flags, async ({ projections }) => {
      for await (const row of projections.watch(name, wanted)) await show(context, row, flags);
    });
  } catch (error) {
    // Ctrl-C is how a watch is meant to end.
    if (!context.signal.aborted) throw error;
  }
}

async function show({ out }: Context, row: ProjectionState, { json }: ConnectionFlags): Promise<void> {
  const { partition, state, result: shown, at, generation } = row;
  if (json) {
    return out.line(jsonText({ partition, state: state ?? null, result: shown ?? null, at, generation }));
  }
  const text = state === undefined ? out.dim('(no state)') : jsonText(state);
  return out.line(partition === '' ? text : `${out.bold(partition)} ${text}`);
}

function atLeastOf(text: string | undefined): { readonly atLeast?: bigint } {
  return text === undefined ? {} : { atLeast: parseWhole('--at-least', text) };
}
