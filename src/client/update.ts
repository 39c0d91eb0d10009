import { FactstoreError, invalid } from '../base/errors.ts';
import { appendWrites } from './append.ts';
import type { AppendPipeline } from './append-pipeline.ts';
import { textArgument } from './arguments.ts';
import { conflictBackoffMs } from './backoff.ts';
import { conflictOf } from './conflict.ts';
import type { EventShape, NewEvent, RecordedEvent } from './event-types.ts';
import type { AppendResult, StreamWrite, UpdateOptions } from './options.ts';
import { EventRead, readRequest } from './read.ts';
import { type Session, underSignals } from './session.ts';
import { aborted } from './status-error.ts';

const ATTEMPTS_MAX = 20;

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
    untilDecided(session, pipeline, stream, decide, { ...options, signal }),
  );
}

async function untilDecided<E extends EventShape>(
  session: Session,
  pipeline: AppendPipeline,
  stream: string,
  decide: Decide<E>,
  options: UpdateOptions & { readonly signal: AbortSignal },
): Promise<AppendResult | undefined> {
  const { attemptsMax = ATTEMPTS_MAX, timeoutMs = session.timeoutMs, producer, signal } = options;
  if (!(attemptsMax >= 1)) throw invalid('attemptsMax', `${attemptsMax} is below 1`);
  const deadlineMs = session.clock.monotonicMs() + timeoutMs;
  const left = () => Math.max(1, deadlineMs - session.clock.monotonicMs());
  let known: StreamAsRead<E> | undefined;
  for (let attempt = 1; ; attempt++) {
    known ??= await readStream<E>(session, stream, { signal, timeoutMs: left() });
    const events = await decide(known.events, { stream, revision: known.revision, attempt });
    if (!events || events.length === 0) return undefined;
    const expect = known.revision < 0n ? 'none' : known.revision;
    const write: StreamWrite = { stream, expect, events: events as readonly NewEvent[] };
    try {
      return await appendWrites(session, pipeline, [write], { signal, timeoutMs: left(), producer });
    } catch (error) {
      const conflict = conflictOf<E>(error);
      // Only a definite conflict leads to a new decision: after anything else the first one may yet hold (rule S8).
      if (!conflict) throw error;
      const check = conflict.checks[0];
      const waitMs = conflictBackoffMs(attempt);
      if (check?.actual === 'tombstoned' || attempt >= attemptsMax || waitMs >= left()) {
        throw gaveUp(stream, attempt, error as FactstoreError);
      }
      known = check && catchUp(known, check);
      await session.clock.sleep(waitMs, signal);
      if (signal.aborted) throw aborted(`the update of "${stream}"`, signal);
    }
  }
}

async function readStream<E extends EventShape>(
  session: Session,
  stream: string,
  limits: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<StreamAsRead<E>> {
  const read = new EventRead<E>(session, readRequest(session, { kind: 'stream', stream }, {}), limits);
  const { revision = -1n } = await read.start();
  return { events: await read.toArray(), revision };
}

/** The stream as it is now, if the conflict told all that has happened since; else it must be read again. */
function catchUp<E extends EventShape>(
  known: StreamAsRead<E>,
  check: { readonly events: readonly RecordedEvent<E>[]; readonly actualRevision: bigint; readonly actual: string },
): StreamAsRead<E> | undefined {
  const missing = check.actualRevision - known.revision;
  const told = check.events;
  if (check.actual !== 'exists' || missing < 1n || BigInt(told.length) !== missing) return undefined;
  if (told[0]?.revision !== known.revision + 1n) return undefined;
  return { events: [...known.events, ...told], revision: check.actualRevision };
}

function gaveUp(stream: string, attempts: number, conflict: FactstoreError): FactstoreError {
  const times = attempts === 1 ? 'once' : `${attempts} times`;
  const text = `update of "${stream}" gave up: decided ${times}, and each time others had written first. Last: ${conflict.message}`;
  return new FactstoreError('CONFLICT', text, { ...conflict.details, attempts }, { cause: conflict });
}
