import type { Command } from 'commander';
import { type Context, clusterCommand, examples } from './context.ts';
import { UsageError } from './failure.ts';
import { addQueryFlags, parseQuery, type QueryFlags } from './query-flags.ts';
import { addReadFlags, type ReadFlags, showEvents } from './read.ts';

export function addQuery(program: Command, context: Context): void {
  const command = clusterCommand(
    program,
    'query',
    'read the events of some types, tags, categories or streams, up to the head as it is when the read begins',
  );
  addQueryFlags(command)
    .option('--from <N>', 'begin with this position')
    .option('--from-revision <N>', 'begin with this revision; only with one --stream')
    .action((flags: QueryFlags & ReadFlags) => query(context, flags));
  addReadFlags(command);
  examples(
    command,
    'factstore query --tag customer:7',
    'factstore query --type OrderPlaced --type OrderPaid --tag customer:7 --backwards --limit 10',
    'factstore query --stream order-7 --type OrderPaid --from-revision 12',
    "factstore query --category order --stream 'invoice-2026*' --json",
    `factstore query --where '[{"types": ["CourseDefined"], "tags": ["course:1"]}, {"tags": ["student:7"]}]'`,
  );
}

async function query(context: Context, flags: QueryFlags & ReadFlags): Promise<void> {
  const wanted = parseQuery(flags);
  if (!wanted) {
    throw new UsageError('say what to look for: --type, --tag, --category, --stream or --where (read --all reads all)');
  }
  await showEvents(context, { query: wanted }, flags);
}
