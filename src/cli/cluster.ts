import type { Command } from 'commander';
import { parseWhole } from './args.ts';
import { type ConnectionFlags, type Context, clusterCommand, examples, withStore } from './context.ts';
import { jsonText } from './json.ts';
import type { ClusterStatus } from './store.ts';
import { tableText } from './table.ts';

export function addCluster(program: Command, context: Context): void {
  const cluster = program.command('cluster').description('look at the cluster, and move its leadership');
  const statusCommand = clusterCommand(cluster, 'status', 'ask every member how it is').action(
    (flags: ConnectionFlags) => status(context, flags),
  );
  examples(
    statusCommand,
    'factstore cluster status',
    'factstore cluster status --url factstore://10.0.0.1:2113,10.0.0.2:2113 --json',
  );
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

async function status(context: Context, flags: ConnectionFlags): Promise<void> {
  const answer = await withStore(context, flags, (store) => store.status(context.signal));
  const { out } = context;
  if (flags.json) {
    for (const member of answer.members) {
      await out.line(jsonText({ clusterId: answer.clusterId, ...member }));
    }
    return;
  }
  await out.line(`${out.dim('cluster')} ${answer.clusterId || '(not founded yet)'}`);
  if (answer.clusterId) await out.line(`${out.dim('feature level')} ${featureLevel(answer.members)}`);
  const head = ['NODE', 'ADDRESS', 'ROLE', 'TERM', 'COMMIT', 'APPLIED', 'HEAD', 'LAG', 'CHAIN', ''];
  await out.line(
    await tableText(
      out,
      head,
      answer.members.map((member) => row(member)),
    ),
  );
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
