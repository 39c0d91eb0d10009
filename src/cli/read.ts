import type { Command } from 'commander';
import { parseConsistency, parseTarget, parseTimeFlag, parseWhole } from './args.ts';
import { type ConnectionFlags, type Context, clusterCommand, examples, withStore } from './context.ts';
import { eventJson, eventLine } from './event-output.ts';
import { UsageError } from './failure.ts';
import type { ReadOptions, Target } from './store.ts';

export interface ReadFlags extends ConnectionFlags {
  readonly from?: string;
  readonly fromRevision?: string;
  readonly fromPosition?: string;
  readonly fromTime?: string;
  readonly limit?: string;
  readonly backwards?: boolean;
  readonly resolveLinks?: boolean;
  readonly consistency: string;
}

interface Flags extends ReadFlags {
  readonly all?: boolean;
  readonly userEvents?: boolean;
}

export function addRead(program: Command, context: Context): void {
  const command = clusterCommand(
    program,
    'read [STREAM]',
    'read a stream, or everything, up to the head as it is when the read begins',
  )
    .option('--all', 'every stream, system streams included')
    .option('--user-events', 'with --all: leave out system streams (their names begin with $)')
    .option('--from <N>', 'begin with this revision of the STREAM; with --all, with this position')
    .option('--from-position <N>', 'begin with this position')
    .action((stream: string | undefined, flags: Flags) => read(context, stream, flags));
  addReadFlags(command);
  examples(
    command,
    'factstore read order-1',
    'factstore read order-1 --backwards --limit 1',
    'factstore read --all --user-events --from 1000 --json | head -n 5',
    'factstore read --all --from-time 2026-02-28T12:00:00Z',
  );
}

/** The flags that all reads have. */
export function addReadFlags(command: Command): void {
  command
    .option('--from-time <TIME>', 'begin with the first event at or after this time (backwards: the last one until it)')
    .option('--limit <N>', 'the most events to read (default: all)')
    .option('--backwards', 'the newest first')
    .option('--resolve-links', 'show what each link leads to')
    .option('--consistency <LEVEL>', 'linearizable, local, or atLeast:POSITION', 'linearizable');
}

/** The options of a read out of its flags. */
function readOptions(flags: ReadFlags, target: Target): ReadOptions {
  const { from, fromRevision, fromPosition, fromTime } = flags;
  const starts = [from, fromRevision, fromPosition, fromTime].filter((start) => start !== undefined);
  if (starts.length > 1) throw new UsageError('give one of --from, --from-revision, --from-position and --from-time');
  const ofStream = 'stream' in target;
  return {
    ...(flags.from !== undefined && ofStream ? { fromRevision: parseWhole('--from', flags.from) } : {}),
    ...(flags.from !== undefined && !ofStream ? { fromPosition: parseWhole('--from', flags.from) } : {}),
    ...(fromRevision === undefined ? {} : { fromRevision: parseWhole('--from-revision', fromRevision) }),
    ...(flags.fromPosition === undefined ? {} : { fromPosition: parseWhole('--from-position', flags.fromPosition) }),
    ...(flags.fromTime === undefined ? {} : { fromTimeUs: parseTimeFlag('--from-time', flags.fromTime) }),
    ...(flags.limit === undefined ? {} : { limit: parseWhole('--limit', flags.limit, 1n) }),
    backwards: flags.backwards ?? false,
    resolveLinks: flags.resolveLinks ?? false,
    consistency: parseConsistency(flags.consistency),
  };
}

async function read(context: Context, stream: string | undefined, flags: Flags): Promise<void> {
  await showEvents(context, parseTarget(stream, flags.all, flags.userEvents), flags);
}

/** Reads and writes out what was read, an event a line. */
export async function showEvents(context: Context, target: Target, flags: ReadFlags): Promise<void> {
  const options = readOptions(flags, target);
  const { out, signal } = context;
  await withStore(context, flags, async (store) => {
    for await (const event of store.read(target, { ...options, signal })) {
      await out.line(flags.json ? eventJson(event) : eventLine(event, out));
    }
  });
  context.io.signal.throwIfAborted();
}
