import type { Command } from 'commander';
import { parseConsistency, parseWhole } from './args.ts';
import { type ConnectionFlags, type Context, clusterCommand, examples, withStore } from './context.ts';
import { UsageError } from './failure.ts';
import { jsonText, timeText } from './json.ts';
import type { ListedStream } from './store.ts';
import { tableText } from './table.ts';

interface Flags extends ConnectionFlags {
  readonly prefix?: string;
  readonly category?: string;
  readonly order: string;
  readonly limit?: string;
  readonly deleted?: boolean;
  readonly consistency: string;
}

/** As many rows share a table: its columns are as wide as the widest of them, and they have to be in memory. */
const ROWS_PER_TABLE = 1_000;

export function addStreamsList(streams: Command, context: Context): void {
  const command = clusterCommand(streams, 'list', 'streams by name or by creation; without those of the system')
    .option('--prefix <TEXT>', 'names that begin with this; $ for the streams of the system')
    .option('--category <NAME>', 'names of this category: up to their first -')
    .option('--order <ORDER>', 'name or creation', 'name')
    .option('--limit <N>', 'at most so many streams')
    .option('--deleted', 'also streams that are deleted or tombstoned')
    .option('--consistency <LEVEL>', 'linearizable, local, or atLeast:POSITION', 'linearizable')
    .action((flags: Flags) => list(context, flags));
  examples(
    command,
    'factstore streams list --category order --limit 20',
    'factstore streams list --prefix invoice-2026 --order creation --json',
  );
}

async function list(context: Context, flags: Flags): Promise<void> {
  const { prefix, category, order, limit, deleted } = flags;
  if (prefix !== undefined && category !== undefined) throw new UsageError('give --prefix or --category, not both');
  if (order !== 'name' && order !== 'creation') {
    throw new UsageError(`--order: ${JSON.stringify(order)} is none of name, creation`);
  }
  const options = {
    prefix,
    category,
    order,
    deleted,
    limit: limit === undefined ? undefined : Number(parseWhole('--limit', limit, 1n)),
    consistency: parseConsistency(flags.consistency),
    signal: context.signal,
  } as const;
  await withStore(context, flags, async (store) => {
    let rows: ListedStream[] = [];
    for await (const stream of store.streams.list(options)) {
      if (flags.json) await context.out.line(listedJson(stream));
      else rows.push(stream);
      if (rows.length < ROWS_PER_TABLE) continue;
      await show(context, rows);
      rows = [];
    }
    if (rows.length > 0) await show(context, rows);
  });
}

async function show({ out }: Context, streams: readonly ListedStream[]): Promise<void> {
  const rows = streams.map(({ stream, state, headRevision, createdUs, lastAppendedUs }) => [
    stream,
    state,
    String(headRevision),
    timeText(createdUs),
    timeText(lastAppendedUs),
  ]);
  await out.line(await tableText(out, ['STREAM', 'STATE', 'HEAD', 'CREATED', 'LAST APPENDED'], rows));
}

function listedJson({ createdUs, lastAppendedUs, ...rest }: ListedStream): string {
  return jsonText({ ...rest, created: timeText(createdUs), lastAppended: timeText(lastAppendedUs) });
}
