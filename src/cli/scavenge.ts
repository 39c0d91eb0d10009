import type { Command } from 'commander';
import { type ConnectionFlags, type Context, clusterCommand, examples, withStore } from './context.ts';
import { jsonText } from './json.ts';
import type { ScavengeStatus } from './store.ts';
import { tableText } from './table.ts';

export function addScavenge(program: Command, context: Context): void {
  const scavenge = program
    .command('scavenge')
    .description('take the content of hidden and erased events from the disks of all nodes');
  const startCommand = clusterCommand(
    scavenge,
    'start',
    'start a scavenge of what is hidden by now; every node goes on by itself',
  ).action((flags: ConnectionFlags) => start(context, flags));
  examples(startCommand, 'factstore scavenge start');
  const statusCommand = clusterCommand(scavenge, 'status', 'ask every node how far it is').action(
    (flags: ConnectionFlags) => status(context, flags),
  );
  examples(statusCommand, 'factstore scavenge status', 'factstore scavenge status --json');
  const stopCommand = clusterCommand(scavenge, 'stop', 'end the scavenge on every node that is still at it').action(
    (flags: ConnectionFlags) => stop(context, flags),
  );
  examples(stopCommand, 'factstore scavenge stop');
}

async function start(context: Context, flags: ConnectionFlags): Promise<void> {
  const point = await withStore(context, flags, (store) => store.startScavenge(context.signal));
  const text = `scavenging up to position ${point}; factstore scavenge status tells how far every node is`;
  await context.out.line(flags.json ? jsonText({ point }) : text);
}

async function stop(context: Context, flags: ConnectionFlags): Promise<void> {
  await withStore(context, flags, (store) => store.stopScavenge(context.signal));
  await context.out.line(flags.json ? jsonText({ stopped: true }) : 'stopped; what is erased stays erased');
}

async function status(context: Context, flags: ConnectionFlags): Promise<void> {
  const members = await withStore(context, flags, (store) => store.scavengeStatus(context.signal));
  const { out } = context;
  if (flags.json) {
    for (const member of members) await out.line(jsonText(member));
    return;
  }
  const head = ['NODE', 'ADDRESS', 'SCAVENGE', 'UP TO', 'PROGRESS', 'ERASED', 'FREED', ''];
  await out.line(
    await tableText(
      out,
      head,
      members.map((member) => row(member)),
    ),
  );
}

function row(member: ScavengeStatus): string[] {
  const { nodeId, address } = member;
  if (!member.reachable) return [nodeId, address, 'unreachable', '-', '-', '-', '-', member.unreachable];
  const { state, point, through, to, events, bytes } = member;
  if (state === 'none') return [nodeId, address, 'none', '-', '-', '-', '-', ''];
  const percent = to === 0n ? 0n : (100n * through) / to;
  return [nodeId, address, state, `${point}`, `${percent} %`, `${events} events`, `${bytes} bytes`, ''];
}
