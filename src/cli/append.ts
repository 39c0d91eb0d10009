import type { Command } from 'commander';
import { decodeUtf8, encodeUtf8 } from '../base/bytes.ts';
import { FactstoreError } from '../base/errors.ts';
import { LIMITS } from '../model/limits.ts';
import { checkJson, parseExpectation, parseUuidFlag } from './args.ts';
import { type ConnectionFlags, type Context, clusterCommand, examples, standardInput, withStore } from './context.ts';
import { UsageError, withRepeatFlag } from './failure.ts';
import { jsonText } from './json.ts';
import { addConditionFlags, type ConditionFlags, collect, parseConditions } from './query-flags.ts';
import type { WriteToAppend } from './store.ts';

interface Flags extends ConnectionFlags, ConditionFlags {
  readonly type: string;
  readonly data?: string;
  readonly metadata?: string;
  readonly tag: readonly string[];
  readonly expect: string;
  readonly appendId?: string;
}

export function addAppend(program: Command, context: Context): void {
  const command = addConditionFlags(clusterCommand(program, 'append <STREAM>', 'append one event to a stream'))
    .requiredOption('--type <TYPE>', 'what happened, such as OrderPlaced')
    .option('--data <JSON>', 'the payload; - reads it from standard input (default: {})')
    .option('--metadata <JSON>', 'about the event: correlation, causation, trace context')
    .option('--tag <TAG>', 'a tag, such as customer:7; may be repeated', collect, [])
    .option('--expect <STATE>', 'any, none, exists, or the revision that the stream must be at', 'any')
    .option('--append-id <UUID>', 'makes repeating this command safe: the second one finds the first')
    .action((stream: string, flags: Flags) => append(context, stream, flags));
  examples(
    command,
    `factstore append order-1 --type OrderPlaced --data '{"total": 12}' --tag customer:7`,
    `factstore append order-1 --type OrderPaid --expect 0`,
    `factstore append user-7 --type Named --tag name:ada --fail-if-events-match '[{"tags": ["name:ada"]}]'`,
    `curl -s https://example.org/order.json | factstore append order-2 --type OrderPlaced --data - --expect none`,
  );
}

async function append(context: Context, stream: string, flags: Flags): Promise<void> {
  const expect = parseExpectation('--expect', flags.expect);
  const appendId = flags.appendId === undefined ? undefined : parseUuidFlag('--append-id', flags.appendId);
  if (flags.metadata !== undefined) checkJson('--metadata', flags.metadata);
  const data = flags.data === '-' ? await readInput(context) : (flags.data ?? '{}');
  checkJson('--data', data);
  const write: WriteToAppend = {
    stream,
    expect,
    events: [
      {
        type: flags.type,
        data: encodeUtf8(data),
        tags: flags.tag,
        ...(flags.metadata === undefined ? {} : { metadata: encodeUtf8(flags.metadata) }),
      },
    ],
  };
  const conditions = parseConditions(flags);
  const done = await withStore(context, flags, (store) =>
    store.append([write], { appendId, conditions, signal: context.signal }).catch((error: unknown) => {
      throw inWordsOfTheCommand(error);
    }),
  );
  const { position, revision, repeated } = done;
  if (flags.json) return context.out.line(jsonText({ position, revision, repeated }));
  const verb = repeated ? 'had been appended before' : 'appended';
  return context.out.line(`${flags.type} ${verb} to ${stream} at revision ${revision}, position ${position}`);
}

/** Advice that the SDK gives to programs, as it is meant on a command line. */
function inWordsOfTheCommand(error: unknown): unknown {
  if (!(error instanceof FactstoreError) || error.code !== 'CONFLICT') return withRepeatFlag(error);
  const message = error.message.replace('or expect any.', 'or pass --expect any.');
  return new FactstoreError(error.code, message, error.details, { cause: error });
}

async function readInput(context: Context): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of standardInput(context)) {
    const bytes = Buffer.from(part);
    length += bytes.length;
    if (length > LIMITS.eventBytesMax) {
      throw new UsageError(`--data: standard input has more than ${LIMITS.eventBytesMax} bytes, the limit of an event`);
    }
    parts.push(bytes);
  }
  const text = decodeUtf8(Buffer.concat(parts));
  if (text === undefined) throw new UsageError('--data: standard input is not valid UTF-8');
  return text;
}
