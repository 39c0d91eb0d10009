import type { Command } from 'commander';
import { type ConnectionFlags, type Context, clusterCommand, examples, withStore } from './context.ts';
import { UsageError } from './failure.ts';
import { jsonText } from './json.ts';
import { sourceOf } from './projections-source.ts';
import { addProjectionStates } from './projections-state.ts';
import { projectionJson, projectionTable, statusTable } from './projections-table.ts';
import { addProjectionTest } from './projections-test.ts';
import type { Projections } from './store.ts';

interface DefineFlags extends ConnectionFlags {
  readonly onError?: string;
}

/** What is done to a projection by its name alone. */
const ACTIONS = [
  [
    'enable',
    'enabled',
    'go on where it stood, also after a fault',
    (all: Projections, name: string) => all.enable(name),
  ],
  ['disable', 'disabled', 'stand still; states can still be asked for', (all, name) => all.disable(name)],
  [
    'reset',
    'reset',
    'build all states anew from the first event on; nothing is emitted twice',
    (all, name) => all.reset(name),
  ],
  ['roll-back', 'rolled back', 'go back to the generation before the last update', (all, name) => all.rollBack(name)],
  ['delete', 'deleted', 'end it, states and all; what it has emitted stays', (all, name) => all.delete(name)],
] as const satisfies readonly (readonly [
  string,
  string,
  string,
  (all: Projections, name: string) => ReturnType<Projections['enable']>,
])[];

export function addProjections(program: Command, context: Context): Command {
  const group = program.command('projection').description('states that follow from the events, kept on every node');
  addDefinition(group, context, 'create', 'begin a projection with the program in FILE');
  addDefinition(
    group,
    context,
    'update',
    'build another program beside the one there is; it takes over once caught up',
  );
  for (const [verb, done, description, act] of ACTIONS) {
    const command = clusterCommand(group, `${verb} <NAME>`, description).action(
      (name: string, flags: ConnectionFlags) => change(context, name, flags, done, (all) => act(all, name)),
    );
    examples(command, `factstore projection ${verb} orders`);
  }
  const listCommand = clusterCommand(group, 'list', 'all projections, as the node that answers has them').action(
    (flags: ConnectionFlags) => list(context, flags),
  );
  examples(listCommand, 'factstore projection list');
  const statusCommand = clusterCommand(group, 'status <NAME>', 'one projection, on every node').action(
    (name: string, flags: ConnectionFlags) => status(context, name, flags),
  );
  examples(statusCommand, 'factstore projection status orders', 'factstore projection status orders --json');
  addProjectionStates(group, context);
  addProjectionTest(group, context);
  return group;
}

function addDefinition(group: Command, context: Context, verb: 'create' | 'update', description: string): void {
  const command = clusterCommand(group, `${verb} <NAME> <FILE>`, `${description} (- for standard input)`)
    .option('--on-error <POLICY>', 'what becomes of an event at which a handler throws: fault (stand still) or park')
    .action((name: string, file: string, flags: DefineFlags) => define(context, verb, name, file, flags));
  examples(
    command,
    `factstore projection ${verb} orders orders.js`,
    `factstore projection ${verb} orders - --on-error park < orders.js`,
  );
}

async function define(
  context: Context,
  verb: 'create' | 'update',
  name: string,
  file: string,
  flags: DefineFlags,
): Promise<void> {
  const { onError } = flags;
  if (onError !== undefined && onError !== 'fault' && onError !== 'park') {
    throw new UsageError(`--on-error: ${JSON.stringify(onError)} is none of fault, park`);
  }
  const source = await sourceOf(context, file);
  await change(context, name, flags, `${verb}d`, (all) => all[verb](name, source, { onError, signal: context.signal }));
}

async function change(
  context: Context,
  name: string,
  flags: ConnectionFlags,
  done: string,
  work: (all: Projections) => ReturnType<Projections['enable']>,
): Promise<void> {
  const { position, generation, repeated } = await withStore(context, flags, (store) => work(store.projections));
  if (flags.json) return context.out.line(jsonText({ projection: name, position, generation, repeated }));
  const text = repeated ? `was ${done} already` : `${done}, at position ${position}`;
  return context.out.line(`${name} ${text}, generation ${generation}`);
}

async function list(context: Context, flags: ConnectionFlags): Promise<void> {
  const all = await withStore(context, flags, (store) => store.projections.list({ signal: context.signal }));
  if (flags.json) for (const info of all) await context.out.line(projectionJson(info));
  else await context.out.line(await projectionTable(context.out, all));
}

async function status(context: Context, name: string, flags: ConnectionFlags): Promise<void> {
  const members = await withStore(context, flags, (store) =>
    store.projections.status(name, { signal: context.signal }),
  );
  if (!flags.json) return context.out.line(await statusTable(context.out, members));
  for (const member of members) {
    await context.out.line('info' in member ? projectionJson(member.info, member.address) : jsonText(member));
  }
}
