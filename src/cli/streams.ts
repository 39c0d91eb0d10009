import type { Command } from 'commander';
import { FactstoreError } from '../base/errors.ts';
import { objectText } from '../client/json-object.ts';
import { parseConsistency } from './args.ts';
import { type ConnectionFlags, type Context, clusterCommand, examples, withStore } from './context.ts';
import { jsonText, oneLine, timeText } from './json.ts';
import type { StreamInfo } from './store.ts';
import { addStreamChanges } from './streams-change.ts';
import { addStreamsList } from './streams-list.ts';
import { pairsText } from './table.ts';

interface Flags extends ConnectionFlags {
  readonly consistency: string;
}

export function addStreams(program: Command, context: Context): void {
  const streams = program.command('streams').description('look at streams, and say what becomes of them');
  const command = clusterCommand(streams, 'get <STREAM>', 'the state of one stream; exit code 1 where it has no events')
    .option('--consistency <LEVEL>', 'linearizable, local, or atLeast:POSITION', 'linearizable')
    .action((stream: string, flags: Flags) => get(context, stream, flags));
  examples(command, 'factstore streams get order-1', 'factstore streams get order-1 --json');
  addStreamsList(streams, context);
  addStreamChanges(streams, context);
}

async function get(context: Context, stream: string, flags: Flags): Promise<void> {
  const consistency = parseConsistency(flags.consistency);
  const info = await withStore(context, flags, (store) => store.stream(stream, consistency, context.signal));
  await context.out.line(flags.json ? streamJson(info) : streamText(info, context));
  if (info.count === 0n) throw withoutEvents(info);
}

/** Also of a stream that is known and shows no event: whether it has any is what the exit code tells. */
function withoutEvents({ stream, state }: StreamInfo): FactstoreError {
  const why = {
    none: 'none was ever written',
    exists: 'all are hidden',
    deleted: 'it is deleted',
    tombstoned: 'it is tombstoned',
  };
  const text = `stream ${JSON.stringify(stream)} has no events: ${why[state]}`;
  return new FactstoreError('NOT_FOUND', text, { stream, state });
}

function streamJson(info: StreamInfo): string {
  const { createdUs, lastAppendedUs, metadata, metadataRevision, ...rest } = info;
  const known = jsonText({
    ...rest,
    created: createdUs > 0n ? timeText(createdUs) : null,
    lastAppended: lastAppendedUs > 0n ? timeText(lastAppendedUs) : null,
    metadataRevision: metadataRevision ?? null,
  });
  return `${known.slice(0, -1)},"metadata":${metadata ? metadataText(metadata) : null}}`;
}

/** Its objects are shown as they were written. */
function metadataText(metadata: NonNullable<StreamInfo['metadata']>): string {
  const members = Object.entries(metadata).map(([name, value]) => {
    const text = typeof value === 'object' ? oneLine(objectText(value)) : jsonText(value);
    return `${JSON.stringify(name)}:${text}`;
  });
  return `{${members.join(',')}}`;
}

function streamText(info: StreamInfo, context: Context): string {
  return pairsText(context.out, [
    ['stream', info.stream],
    ['state', info.state],
    ['events', String(info.count)],
    ['first revision', String(info.firstRevision)],
    ['head revision', String(info.headRevision)],
    ['last position', String(info.lastPosition)],
    ['created', info.createdUs > 0n ? timeText(info.createdUs) : '-'],
    ['last appended', info.lastAppendedUs > 0n ? timeText(info.lastAppendedUs) : '-'],
    ['metadata', info.metadata ? metadataText(info.metadata) : '-'],
    ['metadata revision', info.metadataRevision === undefined ? '-' : String(info.metadataRevision)],
  ]);
}
