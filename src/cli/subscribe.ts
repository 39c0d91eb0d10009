import type { Command } from 'commander';
import { parseTarget, parseWhole } from './args.ts';
import { type ConnectionFlags, type Context, clusterCommand, examples, withStore } from './context.ts';
import { eventJson, eventLine } from './event-output.ts';
import { UsageError } from './failure.ts';
import { jsonText } from './json.ts';
import { addQueryFlags, parseQuery, type QueryFlags } from './query-flags.ts';
import type { SubscriptionMessage, Target } from './store.ts';

interface Flags extends ConnectionFlags, QueryFlags {
  readonly all?: boolean;
  readonly userEvents?: boolean;
  readonly after?: string;
  readonly lineage?: string;
  readonly fromNow?: boolean;
  readonly resolveLinks?: boolean;
}

export function addSubscribe(program: Command, context: Context): void {
  const command = clusterCommand(
    program,
    'subscribe [STREAM]',
    'follow a stream, a query, or everything: what is there already, then what is appended, until Ctrl-C',
  );
  addQueryFlags(command)
    .option('--all', 'every stream, system streams included')
    .option('--user-events', 'with --all: leave out system streams (their names begin with $)')
    .option('--after <POSITION>', 'begin behind this position, a checkpoint')
    .option('--lineage <CLUSTER-ID>', 'the cluster that --after was told by, as cluster status names it')
    .option('--from-now', 'begin behind the head as it is now')
    .option('--resolve-links', 'show what each link leads to')
    .action((stream: string | undefined, flags: Flags) => subscribe(context, stream, flags));
  examples(
    command,
    'factstore subscribe order-1',
    'factstore subscribe --all --user-events --from-now',
    'factstore subscribe --all --after 1000 --json',
    'factstore subscribe --type OrderPlaced --tag customer:7 --from-now',
  );
}

function targetOf(stream: string | undefined, flags: Flags): Target {
  const query = parseQuery(flags);
  if (!query) return parseTarget(stream, flags.all, flags.userEvents);
  if (stream !== undefined || flags.all || flags.userEvents) {
    throw new UsageError(
      '--type, --tag, --category, --stream and --where stand alone: give no STREAM, --all or --user-events',
    );
  }
  return { query };
}

async function subscribe(context: Context, stream: string | undefined, flags: Flags): Promise<void> {
  const target = targetOf(stream, flags);
  if (flags.after !== undefined && flags.fromNow) throw new UsageError('give --after or --from-now, not both');
  if (flags.lineage !== undefined && flags.after === undefined) throw new UsageError('--lineage goes with --after');
  const options = {
    ...(flags.after === undefined ? {} : { after: parseWhole('--after', flags.after) }),
    ...(flags.lineage === undefined ? {} : { lineage: flags.lineage }),
    fromNow: flags.fromNow ?? false,
    resolveLinks: flags.resolveLinks ?? false,
    signal: context.signal,
  };
  try {
    await withStore(context, flags, async (store) => {
      for await (const message of store.subscribe(target, options)) await show(context, message, flags.json ?? false);
    });
  } catch (error) {
    // Ctrl-C is how a subscription is meant to end.
    if (!context.signal.aborted) throw error;
  }
}

async function show({ out, err }: Context, message: SubscriptionMessage, json: boolean): Promise<void> {
  if (message.kind === 'event') {
    await out.line(json ? eventJson(message.event) : eventLine(message.event, out));
  } else if (json) {
    await out.line(jsonText({ caughtUp: message.position }));
  } else if (out.terminal && err.terminal) {
    await err.line(err.dim(`caught up at position ${message.position}; waiting for more (Ctrl-C ends it)`));
  }
}
