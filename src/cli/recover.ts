import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { FactstoreError } from '../base/errors.ts';
import type { Survivor } from '../ops/recover.ts';
import { systemClock } from '../runtime/clock.ts';
import { type Context, examples, subcommand } from './context.ts';
import { jsonText } from './json.ts';

interface Flags {
  readonly json?: boolean;
  readonly giveUp?: string;
}

export function addRecover(program: Command, context: Context): void {
  const command = subcommand(
    program,
    'recover <DIRECTORY>',
    'last resort, for a cluster that has lost its majority for good: go on with the data of one stopped node',
  )
    .option('--give-up <CLUSTER>', 'the id of the cluster that is given up, instead of typing it when asked')
    .action((directory: string, flags: Flags) => recover(context, directory, flags));
  examples(
    command,
    'factstore recover /var/lib/factstore',
    'factstore recover /var/lib/factstore --give-up 2aef7b09-5c26-438f-98b5-901364fa6eab',
  );
}

async function recover(context: Context, directory: string, flags: Flags): Promise<void> {
  const { out, signal } = context;
  const { Recovery } = await import('../ops/recover.ts');
  const recovery = await Recovery.open(directory, systemClock, signal);
  try {
    const { survivor } = recovery;
    if (flags.json) await out.line(jsonText({ survivor }));
    else
      await out.line(survivor.begun ? `${directory}: a recovery was begun, and goes on` : warning(directory, survivor));
    if (!survivor.begun) await confirmed(context, survivor, flags);
    const clusterId = await recovery.carryOut();
    const { nodeId, lastPosition } = survivor;
    if (flags.json) return await out.line(jsonText({ recovered: { clusterId, nodeId, lastPosition } }));
    await out.line(
      `${nodeId} is the only voter of cluster ${clusterId}, which goes on from position ${lastPosition}. Start it as before; start the others on empty data directories with --join`,
    );
  } finally {
    await recovery.close();
  }
}

/** What is known, what is not, and what it will mean. */
function warning(directory: string, survivor: Survivor): string {
  const { nodeId, clusterId, voters, others, lastIndex, lastTerm, commitIndex, lastPosition } = survivor;
  const created = new Date(survivor.lastCreatedUs / 1000).toISOString();
  const missing = others.map((other) => `${other.nodeId} (${other.silence || 'answers'})`).join(', ');
  const names = others.map((other) => other.nodeId).join(', ');
  return [
    `${directory}: node ${nodeId} of cluster ${clusterId}, whose voters are ${voters.join(', ')}; of the others: ${missing}`,
    `  its last entry   ${lastIndex}, of term ${lastTerm}, of ${created}`,
    `  its last event   position ${lastPosition}`,
    `  known committed  up to entry ${commitIndex}; what follows (${lastIndex - commitIndex} entries) is kept, acknowledged or not`,
    '',
    `What may be lost: whatever ${names} acknowledged without ${nodeId}, after entry ${lastIndex}. Nobody here can tell how much that is.`,
    'If other nodes are left, run this on each, and go on with the one that has the highest term and, of those, the highest last entry.',
    `What becomes of the rest: ${nodeId} begins a new cluster. ${names} can never come back to it with what they hold; they are refused.`,
    `Consumers that have seen positions beyond ${lastPosition} must go back to it: those positions will be given again.`,
  ].join('\n');
}

async function confirmed({ io, out, signal }: Context, { clusterId }: Survivor, flags: Flags): Promise<void> {
  let answer = flags.giveUp;
  if (answer === undefined) {
    if (!flags.json) await out.line(`\nTo give up cluster ${clusterId}, type its id:`);
    await out.flush();
    const lines = createInterface({ input: io.stdin, signal });
    const [line] = await Promise.race([once(lines, 'line'), once(lines, 'close')]);
    lines.close();
    signal.throwIfAborted();
    answer = typeof line === 'string' ? line.trim() : '';
  }
  if (answer === clusterId) return;
  const given = answer === '' ? 'no cluster id was given' : `${answer} is not the id of the cluster`;
  throw new FactstoreError('FAILED_PRECONDITION', `${given}. Nothing was changed`, { clusterId });
}
