import type { Command } from 'commander';
import { parseWhole } from './args.ts';
import { type ConnectionFlags, type Context, clusterCommand, examples, withStore } from './context.ts';
import { jsonText } from './json.ts';
import type { ClusterStatus, Members, Store } from './store.ts';
import { tableText } from './table.ts';
import { addWatchFlag, show, type WatchFlags } from './watch.ts';

export function addCluster(program: Command, context: Context): void {
  const cluster = program
    .command('cluster')
    .description('look at the cluster, change its members, and move its leadership');
  const statusCommand = addWatchFlag(clusterCommand(cluster, 'status', 'ask every member how it is')).action(
    (flags: WatchFlags) => status(context, flags),
  );
  examples(
    statusCommand,
    'factstore cluster status',
    'factstore cluster status --watch',
    'factstore cluster status --url factstore://10.0.0.1:2113,10.0.0.2:2113 --json',
  );
  addMemberCommands(cluster, context);
  const transferCommand = clusterCommand(
    cluster,
    'transfer [NODE]',
    'hand leadership to NODE, or to the most advanced of the others',
  ).action((node: string | undefined, flags: ConnectionFlags) => transfer(context, node, flags));
  examples(transferCommand, 'factstore cluster transfer', 'factstore cluster transfer n2');
  const raiseCommand = clusterCommand(
    cluster,
    'raise-level [LEVEL]',
    'after all members run a newer version: raise the feature level to LEVEL, or to the highest that all know',
  ).action((level: string | undefined, flags: ConnectionFlags) => raiseLevel(context, level, flags));
  examples(raiseCommand, 'factstore cluster raise-level', 'factstore cluster raise-level 2');
}

/** What changes the members; each answers once the change is in force. */
function addMemberCommands(cluster: Command, context: Context): void {
  const add = clusterCommand(cluster, 'add HOST:PORT', 'add the node at this peer address, started with --join').action(
    (address: string, flags: ConnectionFlags) => change(context, flags, (members, call) => members.add(address, call)),
  );
  examples(add, 'factstore cluster add 10.0.0.4:2114');
  const promote = clusterCommand(cluster, 'promote NODE', 'let a learner vote that has caught up').action(
    (node: string, flags: ConnectionFlags) => change(context, flags, (members, call) => members.promote(node, call)),
  );
  examples(promote, 'factstore cluster promote n4');
  const remove = clusterCommand(cluster, 'remove NODE', 'remove a member, which may be the leader').action(
    (node: string, flags: ConnectionFlags) => change(context, flags, (members, call) => members.remove(node, call)),
  );
  examples(remove, 'factstore cluster remove n3');
  const replace = clusterCommand(
    cluster,
    'replace NODE BY',
    'put the learner BY in the place of NODE, in one step',
  ).action((node: string, by: string, flags: ConnectionFlags) =>
    change(context, flags, (members, call) => members.replace(node, by, call)),
  );
  examples(replace, 'factstore cluster replace n3 n4');
  const move = clusterCommand(
    cluster,
    'move NODE HOST:PORT',
    'tell the members that NODE was started at this peer address, where it has not told them itself',
  ).action((node: string, address: string, flags: ConnectionFlags) =>
    change(context, flags, (members, call) => members.move(node, address, call)),
  );
  examples(move, 'factstore cluster move n3 10.0.0.9:2114');
}

async function change(
  context: Context,
  flags: ConnectionFlags,
  ask: (members: Store['membership'], call: { signal: AbortSignal }) => Promise<Members>,
): Promise<void> {
  const { signal, out } = context;
  const { voters, learners } = await withStore(context, flags, (store) => ask(store.membership, { signal }));
  const learn = learners.length === 0 ? '' : `; ${learners.join(', ')} ${learners.length === 1 ? 'learns' : 'learn'}`;
  const vote = voters.length === 1 ? 'votes' : 'vote';
  await out.line(flags.json ? jsonText({ voters, learners }) : `${voters.join(', ')} ${vote} now${learn}`);
}

async function status(context: Context, flags: WatchFlags): Promise<void> {
  await withStore(context, flags, (store) =>
    show(context, flags, async () => statusText(context, flags, await store.status(context.signal))),
  );
}

async function statusText({ out }: Context, flags: ConnectionFlags, answer: ClusterStatus): Promise<string> {
  const { clusterId, members } = answer;
  if (flags.json) return members.map((member) => `${jsonText({ clusterId, ...member })}\n`).join('');
  const lines = [`${out.dim('cluster')} ${clusterId || '(not founded yet)'}`];
  if (clusterId) lines.push(`${out.dim('feature level')} ${featureLevel(members)}`);
  const head = ['NODE', 'ADDRESS', 'ROLE', 'TERM', 'COMMIT', 'APPLIED', 'HEAD', 'LAG', 'CHAIN', ''];
  lines.push(await tableText(out, head, members.map(row)), '');
  return lines.join('\n');
}

/** The level, and whether it can be raised: where all members have answered and know a higher one. */
function featureLevel(members: ClusterStatus['members']): string {
  const answered = members.filter((member) => member.reachable);
  const level = Math.max(...answered.map((member) => member.featureLevel));
  const known = Math.min(...answered.map((member) => member.knownFeatureLevel));
  if (answered.length < members.length || known <= level) return String(level);
  return `${level} (all members know ${known}: factstore cluster raise-level)`;
}

function row(member: ClusterStatus['members'][number]): string[] {
  if (!member.reachable) {
    const unknown = ['-', '-', '-', '-', '-', '-'];
    return [member.nodeId, member.address, 'unreachable', ...unknown, member.unreachable];
  }
  const figures = [member.term, member.commitIndex, member.appliedIndex, member.head, member.lag].map(String);
  const role = member.voter ? member.role : `${member.role} (learner)`;
  return [member.nodeId, member.address, role, ...figures, member.chainHash.slice(0, 12), member.notReady];
}

async function transfer(context: Context, node: string | undefined, flags: ConnectionFlags): Promise<void> {
  const leader = await withStore(context, flags, (store) => store.transfer(node, context.signal));
  await context.out.line(flags.json ? jsonText({ leader }) : `${leader} leads now`);
}

async function raiseLevel(context: Context, text: string | undefined, flags: ConnectionFlags): Promise<void> {
  const level = text === undefined ? undefined : Number(parseWhole('LEVEL', text, 1n));
  const now = await withStore(context, flags, (store) => store.raiseLevel(level, context.signal));
  await context.out.line(flags.json ? jsonText({ featureLevel: now }) : `the cluster is at feature level ${now} now`);
}
