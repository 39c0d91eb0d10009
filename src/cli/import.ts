import { createReadStream, statSync } from 'node:fs';
import type { Command } from 'commander';
import { LIMITS } from '../model/limits.ts';
import { type ConnectionFlags, type Context, clusterCommand, examples, standardInput, withStore } from './context.ts';
import { UsageError } from './failure.ts';
import { sourceLines } from './import-source.ts';
import { Importer, type ImportReport, summary } from './importer.ts';
import { jsonText } from './json.ts';
import { ProgressBar } from './progress.ts';

interface Flags extends ConnectionFlags {
  readonly id?: string;
}

const FORMAT = `
Format: one JSON object a line, plain or gzip; each line is one atomic append.
  {"appendId"?, "writes": [{"stream", "expect"?, "events": [{"type", "data", "id"?, "metadata"?, "tags"?,
   "contentType"?, "schemaVersion"?}]}]}
expect is "any", "none", "exists" or a revision. dataBase64 and metadataBase64 take bytes that are not JSON.

A file is imported once: running the same import again goes on where the last one ended, adds what the file has gained
since, and refuses a file that has changed. It is known by its first line, or by the name given with --id. A source whose
beginning may change needs that name: under another first line it would be another source, and be appended once more.
An export is such a source, for it leaves out what its store hides by now. One whose first events are in the store
already is refused. To copy a store again and again, import what has come since: factstore export --after POSITION, each
part under an --id of its own.`;

export function addImport(program: Command, context: Context): void {
  const command = clusterCommand(program, 'import <FILE>', 'append a file of events, - for standard input')
    .option('--id <NAME>', 'the name of this import, instead of one made from its first line')
    .action((file: string, flags: Flags) => importFile(context, file, flags))
    .addHelpText('after', FORMAT);
  examples(command, 'factstore import events.ndjson.gz', 'zcat events.ndjson.gz | factstore import - --id nightly');
}

async function importFile(context: Context, file: string, flags: Flags): Promise<void> {
  const nameBytes = Buffer.byteLength(flags.id ?? '-');
  if (nameBytes === 0 || nameBytes > LIMITS.producerNameBytesMax) {
    throw new UsageError(`--id: has ${nameBytes} bytes; 1 to ${LIMITS.producerNameBytesMax} are possible`);
  }
  const total = file === '-' ? undefined : sizeOf(file);
  const bar = new ProgressBar(context.err, 'importing', total);
  const source = file === '-' ? standardInput(context) : contentOf(file);
  const bytes = counted(source, (done) => bar.update(done));
  let report: ImportReport;
  try {
    report = await withStore(context, flags, async (store) => {
      return new Importer({
        store,
        lines: sourceLines(bytes),
        name: flags.id,
        signal: context.signal,
        onProgress: (counts) => bar.note(summary(counts)),
      }).run();
    });
  } finally {
    bar.stop();
  }
  const { appended, alreadyThere, producer, interrupted } = report;
  await context.out.line(flags.json ? jsonText({ appended, alreadyThere, producer }) : summary(report));
  if (interrupted) context.io.signal.throwIfAborted();
}

/** The size of a file that can be read; ends in a UsageError where it cannot. */
export function sizeOf(file: string): number | undefined {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat) throw new UsageError(`${file}: there is no such file`);
  if (stat.isDirectory()) throw new UsageError(`${file}: is a directory`);
  return stat.isFile() ? stat.size : undefined;
}

/** Opened when it is read: where it cannot be, that is told to whoever reads, and not to nobody while it connects. */
async function* contentOf(file: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(file);
}

async function* counted(source: AsyncIterable<unknown>, onBytes: (total: number) => void): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const chunk of source) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    total += bytes.length;
    onBytes(total);
    yield bytes;
  }
}
