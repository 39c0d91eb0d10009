import type { Command } from 'commander';
import { parseTarget } from './args.ts';
import { type ConnectionFlags, type Context, clusterCommand, examples, withStore } from './context.ts';
import { exportLine, groupIntoAppends } from './export-format.ts';
import { ProgressBar } from './progress.ts';
import type { Store, Target } from './store.ts';

interface Flags extends ConnectionFlags {
  readonly all?: boolean;
}

export function addExport(program: Command, context: Context): void {
  const command = clusterCommand(
    program,
    'export [STREAM]',
    'write a stream, or everything, in the format that import reads, one append a line',
  )
    .option('--all', 'every stream but those of the system (their names begin with $); so too with no STREAM')
    .action((stream: string | undefined, flags: Flags) => exportEvents(context, stream, flags));
  examples(
    command,
    'factstore export | gzip > events.ndjson.gz',
    'factstore export order-1 > order-1.ndjson',
    'factstore export | factstore import - --url factstore://10.0.0.9:2113',
  );
}

async function exportEvents(context: Context, stream: string | undefined, flags: Flags): Promise<void> {
  const target: Target =
    stream === undefined ? { all: true, userEvents: true } : parseTarget(stream, flags.all, undefined);
  const { out, err, signal } = context;
  await withStore(context, flags, async (store) => {
    let appends = 0;
    let events = 0;
    // A bar on a terminal that also shows the lines would only be in their way.
    const head = out.terminal || !err.terminal || stream !== undefined ? undefined : await lastPosition(store);
    const bar = new ProgressBar(err, 'exporting', head);
    try {
      for await (const group of groupIntoAppends(store.read(target, { appendIds: true, signal }))) {
        await out.line(exportLine(group, stream));
        appends++;
        events += group.length;
        bar.update(Number(group[group.length - 1]?.position ?? 0n));
        bar.note(`${events} events`);
      }
    } finally {
      bar.stop();
    }
    context.io.signal.throwIfAborted();
    const note = stream === undefined ? '; system streams (their names begin with $) are left out' : '';
    if (!flags.json) await err.line(err.dim(`${events} events in ${appends} lines${note}`));
  });
}

async function lastPosition(store: Store): Promise<number | undefined> {
  for await (const event of store.read({ all: true, userEvents: true }, { backwards: true, limit: 1n })) {
    return Number(event.position);
  }
  return undefined;
}
