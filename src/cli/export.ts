import type { Command } from 'commander';
import { FactstoreError } from '../base/errors.ts';
import { parseTarget, parseWhole } from './args.ts';
import { type ConnectionFlags, type Context, clusterCommand, examples, withStore } from './context.ts';
import { exportLine, groupIntoAppends } from './export-format.ts';
import { jsonText } from './json.ts';
import { ProgressBar } from './progress.ts';
import type { Store, Target } from './store.ts';

interface Flags extends ConnectionFlags {
  readonly all?: boolean;
  readonly after?: string;
}

const PARTS = `
At its end an export tells the position to which it has come, on standard error (with --json as a JSON object). Another
one --after that position gives what has come since, and is imported under an --id of its own.`;

export function addExport(program: Command, context: Context): void {
  const command = clusterCommand(
    program,
    'export [STREAM]',
    'write a stream, or everything, in the format that import reads, one append a line',
  )
    .option('--all', 'every stream but those of the system (their names begin with $); so too with no STREAM')
    .option('--after <POSITION>', 'only what stands behind this position, to which another export has come')
    .action((stream: string | undefined, flags: Flags) => exportEvents(context, stream, flags))
    .addHelpText('after', PARTS);
  examples(
    command,
    'factstore export | gzip > events.ndjson.gz',
    'factstore export order-1 > order-1.ndjson',
    'factstore export | factstore import - --url factstore://10.0.0.9:2113 --id copy',
    'factstore export --after 4711 | factstore import - --url factstore://10.0.0.9:2113 --id copy-after-4711',
  );
}

async function exportEvents(context: Context, stream: string | undefined, flags: Flags): Promise<void> {
  const target: Target =
    stream === undefined ? { all: true, userEvents: true } : parseTarget(stream, flags.all, undefined);
  const after = flags.after === undefined ? 0n : parseWhole('--after', flags.after);
  const { out, err, signal } = context;
  await withStore(context, flags, async (store) => {
    let appends = 0;
    let events = 0;
    let position = after;
    await refuseBeyondHead(store, after, signal);
    // A bar on a terminal that also shows the lines would only be in their way.
    const head = out.terminal || !err.terminal || stream !== undefined ? undefined : await lastPosition(store);
    const bar = new ProgressBar(err, 'exporting', head);
    try {
      for await (const group of groupIntoAppends(
        store.read(target, { ...(after > 0n && { after }), appendIds: true, signal }),
      )) {
        await out.line(exportLine(group, stream));
        appends++;
        events += group.length;
        position = group.at(-1)?.position ?? position;
        bar.update(Number(position));
        bar.note(`${events} events`);
      }
    } finally {
      bar.stop();
    }
    context.io.signal.throwIfAborted();
    await out.sync();
    if (out.closed) return;
    const note = stream === undefined ? '; system streams (their names begin with $) are left out' : '';
    const text = `${events} events in ${appends} lines, up to position ${position}${note}`;
    await err.line(flags.json ? jsonText({ events, lines: appends, position }) : err.dim(text));
  });
}

/** Behind a position that does not exist yet there is nothing; the next part would begin there, and leave a gap. */
async function refuseBeyondHead(store: Store, after: bigint, signal: AbortSignal): Promise<void> {
  if (after === 0n) return;
  const head = await store.head(signal);
  if (after <= head) return;
  const text = `--after: position ${after} is beyond the last one of this store, ${head}`;
  throw new FactstoreError('OUT_OF_RANGE', text, { field: 'after', head });
}

async function lastPosition(store: Store): Promise<number | undefined> {
  for await (const event of store.read({ all: true, userEvents: true }, { backwards: true, limit: 1n })) {
    return Number(event.position);
  }
  return undefined;
}
