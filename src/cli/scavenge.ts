import type { Command } from 'commander';
import { parseUuidFlag } from './args.ts';
import { type ConnectionFlags, type Context, clusterCommand, examples, withStore } from './context.ts';
import { withRepeatFlag } from './failure.ts';
import { jsonText } from './json.ts';
import type { ScavengeStatus } from './store.ts';
import { tableText } from './table.ts';
import { addWatchFlag, show, type WatchFlags } from './watch.ts';

interface Flags extends ConnectionFlags {
  readonly appendId?: string;
}

export function addScavenge(program: Command, context: Context): void {
  const scavenge = program
    .command('scavenge')
    .description('take the content of hidden and erased events from the disks of all nodes');
  const startCommand = wordCommand(
    scavenge,
    'start',
    'start a scavenge of what is hidden by now; every node goes on by itself',
  ).action((flags: Flags) => start(context, flags));
  examples(startCommand, 'factstore scavenge start');
  const statusCommand = addWatchFlag(clusterCommand(scavenge, 'status', 'ask every node how far it is')).action(
    (flags: WatchFlags) => status(context, flags),
  );
  examples(
    statusCommand,
    'factstore scavenge status',
    'factstore scavenge status --watch',
    'factstore scavenge status --json',
  );
  const stopCommand = wordCommand(scavenge, 'stop', 'end the scavenge on every node that is still at it').action(
    (flags: Flags) => stop(context, flags),
  );
  examples(stopCommand, 'factstore scavenge stop');
}

function wordCommand(scavenge: Command, name: string, description: string): Command {
  return clusterCommand(scavenge, name, description).option(
    '--append-id <UUID>',
    'makes repeating this command safe: the second one finds the first',
  );
}

function optionsOf({ signal }: Context, { appendId }: Flags) {
  return { appendId: appendId === undefined ? undefined : parseUuidFlag('--append-id', appendId), signal };
}

function named(error: unknown): never {
  throw withRepeatFlag(error);
}

async function start(context: Context, flags: Flags): Promise<void> {
  const options = optionsOf(context, flags);
  const point = await withStore(context, flags, (store) => store.startScavenge(options).catch(named));
  const text = `scavenging up to position ${point}; factstore scavenge status tells how far every node is`;
  await context.out.line(flags.json ? jsonText({ point }) : text);
}

async function stop(context: Context, flags: Flags): Promise<void> {
  const options = optionsOf(context, flags);
  await withStore(context, flags, (store) => store.stopScavenge(options).catch(named));
  await context.out.line(flags.json ? jsonText({ stopped: true }) : 'stopped; what is erased stays erased');
}

async function status(context: Context, flags: WatchFlags): Promise<void> {
  await withStore(context, flags, (store) =>
    show(context, flags, async () => statusText(context, flags, await store.scavengeStatus(context.signal))),
  );
}

async function statusText(
  { out }: Context,
  flags: ConnectionFlags,
  members: readonly ScavengeStatus[],
): Promise<string> {
  if (flags.json) return members.map((member) => `${jsonText(member)}\n`).join('');
  const head = ['NODE', 'ADDRESS', 'SCAVENGE', 'UP TO', 'PROGRESS', 'ERASED', 'FREED', ''];
  return `${await tableText(out, head, members.map(row))}\n`;
}

function row(member: ScavengeStatus): string[] {
  const { nodeId, address } = member;
  if (!member.reachable) return [nodeId, address, 'unreachable', '-', '-', '-', '-', member.unreachable];
  const { state, point, through, to, events, bytes, waitsFor } = member;
  if (state === 'none') return [nodeId, address, 'none', '-', '-', '-', '-', ''];
  const percent = to === 0n ? 0n : (100n * through) / to;
  const waits = waitsFor && `waits for what it has lost: ${waitsFor}`;
  return [nodeId, address, state, `${point}`, `${percent} %`, `${events} events`, `${bytes} bytes`, waits];
}
