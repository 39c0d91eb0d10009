import { appendWrites } from './append.ts';
import type { AppendPipeline } from './append-pipeline.ts';
import { textArgument } from './arguments.ts';
import type { ConflictCheck } from './conflict.ts';
import type { EventShape, NewEvent, RecordedEvent } from './event-types.ts';
import type { AppendResult, UpdateOptions } from './options.ts';
import { EventRead, readRequest } from './read.ts';
import { type Decision, type Limits, untilDecided } from './retrying.ts';
import { type Session, underSignals } from './session.ts';

/** What `decide` is told besides the events. */
export interface UpdateContext {
  readonly stream: string;
  /** The revision of the stream's last event, also where retention hides it; -1 where none was ever written. */
  readonly revision: bigint;
  /** 1 at first; one more after each conflict. */
  readonly attempt: number;
}

/**
 * Decides, from the events of a stream, what is to be appended to it. Nothing, or an empty list: there is nothing to do.
 * It may be called more than once, and must have no effects of its own.
 */
export type Decide<E extends EventShape> = (
  events: readonly RecordedEvent<E>[],
  context: UpdateContext,
) => readonly NewEvent<E>[] | undefined | Promise<readonly NewEvent<E>[] | undefined>;

interface StreamAsRead<E extends EventShape> {
  readonly events: RecordedEvent<E>[];
  readonly revision: bigint;
}

/** Reads, decides, appends what was decided if the stream is still as it was read, and else does so again. */
export async function updateStream<E extends EventShape>(
  session: Session,
  pipeline: AppendPipeline,
  stream: string,
  decide: Decide<E>,
  options: UpdateOptions = {},
): Promise<AppendResult | undefined> {
  textArgument('stream', stream);
  return underSignals(session, options.signal, (signal) =>
    untilDecided(session, signal, decisionOn(session, pipeline, stream, decide, options)),
  );
}

function decisionOn<E extends EventShape>(
  session: Session,
  pipeline: AppendPipeline,
  stream: string,
  decide: Decide<E>,
  { attemptsMax, timeoutMs, producer }: UpdateOptions,
): Decision<StreamAsRead<E>, E> {
  return {
    what: `update of "${stream}"`,
    about: `stream ${stream}`,
    exclusive: true,
    attemptsMax,
    timeoutMs,
    read: (limits) => readStream<E>(session, stream, limits),
    decide: async ({ events, revision }, attempt) => {
      const decided = await decide(events, { stream, revision, attempt });
      if (!decided || decided.length === 0) return undefined;
      const expect = revision < 0n ? 'none' : revision;
      return [{ stream, expect, events: decided as readonly NewEvent[] }];
    },
    append: (writes, _known, limits) => appendWrites(session, pipeline, writes, { ...limits, producer }),
    catchUp: (known, { checks: [check] }) => (check?.stream === stream ? catchUp(known, check) : undefined),
  };
}

async function readStream<E extends EventShape>(
  session: Session,
  stream: string,
  limits: Limits,
): Promise<StreamAsRead<E>> {
  const read = new EventRead<E>(session, readRequest(session, { kind: 'stream', stream }, {}), limits);
  const { revision = -1n } = await read.start();
  return { events: await read.toArray(), revision };
}

/**
 * The stream as it is now, if the conflict told all that has happened since; else it must be read again. Where it was
 * deleted and begun anew, no event is missing, but those that were read are hidden: `cut` tells.
 */
function catchUp<E extends EventShape>(known: StreamAsRead<E>, check: ConflictCheck<E>): StreamAsRead<E> | undefined {
  const missing = check.actualRevision - known.revision;
  const told = check.events;
  if (check.cut || check.actual !== 'exists' || missing < 1n || BigInt(told.length) !== missing) return undefined;
  if (told[0]?.revision !== known.revision + 1n) return undefined;
  return { events: [...known.events, ...told], revision: check.actualRevision };
}
