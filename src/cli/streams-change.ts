import type { Command } from 'commander';
import { FactstoreError } from '../base/errors.ts';
import { memberTexts } from '../base/json-spans.ts';
import { parseObjectText } from '../client/json-object.ts';
import { kindOfChange } from '../model/retention-fact.ts';
import { systemStreamOf } from '../model/stream.ts';
import { parseDurationMs, parseExpectation, parseObject, parseUuidFlag, parseWhole } from './args.ts';
import { type ConnectionFlags, type Context, clusterCommand, examples, withStore } from './context.ts';
import { UsageError, withRepeatFlag } from './failure.ts';
import { jsonText } from './json.ts';
import { addConditionFlags, type ConditionFlags, parseConditions } from './query-flags.ts';
import type { ChangeOptions, ChangeResult, Store, StreamMetadata } from './store.ts';

interface Flags extends ConnectionFlags, ConditionFlags {
  readonly expect: string;
  readonly appendId?: string;
}

interface SetFlags extends Flags {
  readonly maxAge?: string;
  readonly maxCount?: string;
  readonly truncateBefore?: string;
  readonly acl?: string;
  readonly custom?: string;
  readonly unset: readonly string[];
}

/** The type of the facts that set metadata. */
const METADATA_SET = kindOfChange({ kind: 'metadata', metadata: {} });

/** What `--unset` takes, and what it means. */
const UNSET = {
  'max-age': 'maxAgeMs',
  'max-count': 'maxCount',
  'truncate-before': 'truncateBefore',
  acl: 'acl',
  custom: 'custom',
} as const satisfies Record<string, keyof StreamMetadata>;

export function addStreamChanges(streams: Command, context: Context): void {
  addSet(streams, context);
  const truncate = changeCommand(streams, 'truncate <STREAM>', 'hide the events below a revision, for good')
    .requiredOption('--before <REVISION>', 'the first revision that stays; beyond the head, none stays')
    .action((stream: string, flags: Flags & { before: string }) => {
      const before = parseWhole('--before', flags.before);
      return change(context, stream, flags, 'truncated', (store, options) =>
        store.streams.truncate(stream, before, options),
      );
    });
  examples(truncate, 'factstore streams truncate order-1 --before 100');
  const erase = changeCommand(
    streams,
    'erase <STREAM>',
    'hide single events, for good; the next scavenge takes their content from the disks',
  )
    .requiredOption('--from <REVISION>', 'the first revision')
    .option('--to <REVISION>', 'the revision behind the last one; without it, --from alone')
    .action((stream: string, flags: Flags & { from: string; to?: string }) => {
      const from = parseWhole('--from', flags.from);
      const to = flags.to === undefined ? undefined : parseWhole('--to', flags.to);
      return change(context, stream, flags, 'erased in part', (store, options) =>
        store.streams.erase(stream, { from, to }, options),
      );
    });
  examples(erase, 'factstore streams erase order-1 --from 3', 'factstore streams erase order-1 --from 3 --to 8');
  const remove = changeCommand(
    streams,
    'delete <STREAM>',
    'hide all events; a later append goes on with the revisions',
  ).action((stream: string, flags: Flags) =>
    change(context, stream, flags, 'deleted', (store, options) => store.streams.delete(stream, options)),
  );
  examples(remove, 'factstore streams delete order-1', 'factstore streams delete order-1 --expect 41');
  const tombstone = changeCommand(
    streams,
    'tombstone <STREAM>',
    'hide all events and take no other one, for ever',
  ).action((stream: string, flags: Flags) =>
    change(context, stream, flags, 'tombstoned', (store, options) => store.streams.tombstone(stream, options)),
  );
  examples(tombstone, 'factstore streams tombstone order-1');
}

function addSet(streams: Command, context: Context): void {
  const command = changeCommand(streams, 'set <STREAM>', 'set metadata; what is not named stays as it is')
    .option('--max-age <TIME>', 'hide events that are older, such as 90s, 15m, 12h or 30d')
    .option('--max-count <N>', 'show the last N events')
    .option('--truncate-before <REVISION>', 'hide the events below this revision')
    .option('--acl <JSON>', 'an object, kept for access control')
    .option('--custom <JSON>', 'an object of your own')
    .option('--unset <NAME>', `takes one away: ${Object.keys(UNSET).join(', ')}; may be repeated`, collect, [])
    .action((stream: string, flags: SetFlags) => set(context, stream, flags));
  examples(
    command,
    'factstore streams set order-1 --max-count 1000 --max-age 30d',
    `factstore streams set order-1 --custom '{"owner": "sales"}' --unset max-age`,
  );
}

function changeCommand(streams: Command, nameAndArguments: string, description: string): Command {
  return addConditionFlags(clusterCommand(streams, nameAndArguments, description))
    .option('--expect <STATE>', 'any, none, exists, or the revision that the stream must be at', 'any')
    .option('--append-id <UUID>', 'makes repeating this command safe: the second one finds the first');
}

function collect(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}

async function set(context: Context, stream: string, flags: SetFlags): Promise<void> {
  const wanted: StreamMetadata = {
    ...(flags.maxAge !== undefined && { maxAgeMs: parseDurationMs('--max-age', flags.maxAge) }),
    ...(flags.maxCount !== undefined && { maxCount: parseWhole('--max-count', flags.maxCount) }),
    ...(flags.truncateBefore !== undefined && {
      truncateBefore: parseWhole('--truncate-before', flags.truncateBefore),
    }),
    ...(flags.acl !== undefined && { acl: parseObject('--acl', flags.acl) }),
    ...(flags.custom !== undefined && { custom: parseObject('--custom', flags.custom) }),
    ...Object.fromEntries(flags.unset.map((name) => [unsetKey(name), undefined])),
  };
  if (Object.keys(wanted).length === 0) throw new UsageError('say what to set, such as --max-count 1000');
  await change(context, stream, flags, 'set', async (store, options) => {
    const setOn = ({ metadata, revision }: MetadataAt) =>
      store.streams.setMetadata(stream, { ...metadata, ...wanted }, { ...options, expectMetadata: revision });
    const now = await current(store, stream, context.signal);
    try {
      return await setOn(now);
    } catch (error) {
      if (!(error instanceof FactstoreError) || error.code !== 'APPEND_ID_REUSED') throw error;
      // A repeat has to say again what the first attempt said, and that was made of what there was before it.
      const before = await beforeChange(store, stream, options);
      if (!before) throw error;
      return setOn(before);
    }
  });
}

function unsetKey(name: string): keyof StreamMetadata {
  if (Object.hasOwn(UNSET, name)) return UNSET[name as keyof typeof UNSET];
  throw new UsageError(`--unset: ${JSON.stringify(name)} is none of ${Object.keys(UNSET).join(', ')}`);
}

/** Metadata as it was at a revision of `$$stream`. */
interface MetadataAt {
  readonly metadata: StreamMetadata | undefined;
  readonly revision: bigint | 'none';
}

async function current(store: Store, stream: string, signal: AbortSignal): Promise<MetadataAt> {
  try {
    const { metadata, metadataRevision } = await store.stream(stream, 'linearizable', signal);
    return { metadata, revision: metadataRevision ?? 'none' };
  } catch (error) {
    // Metadata may be set before there is anything else to know of a stream.
    if (error instanceof FactstoreError && error.code === 'NOT_FOUND') return { metadata: undefined, revision: 'none' };
    throw error;
  }
}

/** The metadata on which the change with this append id was made; undefined: the id is not that of a change of this stream. */
async function beforeChange(
  store: Store,
  stream: string,
  { appendId, signal }: ChangeOptions,
): Promise<MetadataAt | undefined> {
  let revision: bigint | undefined;
  const place = { backwards: true, appendIds: true, ...(signal && { signal }) };
  for await (const fact of store.read({ stream: systemStreamOf(stream) }, place)) {
    if (revision === undefined) {
      if (fact.appendId === appendId) revision = fact.revision;
    } else if (fact.type === METADATA_SET) {
      return { metadata: metadataOf(Buffer.from(fact.data).toString('utf8')), revision: revision - 1n };
    }
  }
  if (revision === undefined) return undefined;
  return { metadata: undefined, revision: revision === 0n ? 'none' : revision - 1n };
}

/** The metadata that a fact sets; its objects stay as they stand there. */
function metadataOf(text: string): StreamMetadata {
  const objects = [...memberTexts(text)].filter(([name]) => name === 'acl' || name === 'custom');
  return { ...JSON.parse(text), ...Object.fromEntries(objects.map(([name, own]) => [name, parseObjectText(own)])) };
}

async function change(
  context: Context,
  stream: string,
  flags: Flags,
  done: string,
  work: (store: Store, options: ChangeOptions) => Promise<ChangeResult>,
): Promise<void> {
  const options = {
    expect: parseExpectation('--expect', flags.expect),
    conditions: parseConditions(flags),
    appendId: flags.appendId === undefined ? undefined : parseUuidFlag('--append-id', flags.appendId),
    signal: context.signal,
  };
  const { metadataRevision, position, repeated } = await withStore(context, flags, (store) =>
    work(store, options).catch((error: unknown) => {
      throw withRepeatFlag(error);
    }),
  );
  if (flags.json) return context.out.line(jsonText({ stream, metadataRevision, position, repeated }));
  const verb = repeated ? `had been ${done} before` : done;
  return context.out.line(`${stream} ${verb}, at revision ${metadataRevision} of $$${stream}, position ${position}`);
}
