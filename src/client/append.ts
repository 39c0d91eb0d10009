import { uuidText } from '../base/bytes.ts';
import { FactstoreError, invalid, overLimit } from '../base/errors.ts';
import { LIMITS } from '../model/limits.ts';
import { encodeAppendRequest } from '../proto/append-request.ts';
import type { AppendOutcome } from '../proto/append-response.ts';
import type { AppendJob, AppendPipeline } from './append-pipeline.ts';
import { describe, expectArgument, placeArgument, textArgument } from './arguments.ts';
import { eventFields } from './event-encoding.ts';
import type { EventShape, NewEvent } from './event-types.ts';
import { eventIds, uuidOrNew } from './identifiers.ts';
import type { AppendManyOptions, AppendResult, ProducerPlace, StreamWrite } from './options.ts';
import { conditionsArgument } from './queries.ts';
import type { RequestMemory } from './request-memory.ts';
import type { Session } from './session.ts';

/** An AppendRequest at most: the events, and the names and tags around them. */
const REQUEST_BYTES_MAX = LIMITS.appendBytesMax + (1 << 20);

/** Encodes an append once, and sends it. */
export function appendWrites(
  session: Session,
  pipeline: AppendPipeline,
  writes: readonly StreamWrite[],
  options: AppendManyOptions | undefined,
): Promise<AppendResult> {
  let job: AppendJob;
  try {
    job = appendJob(session, pipeline.memory, writes, options);
  } catch (error) {
    return Promise.reject(error);
  }
  return pipeline.append(job).then((outcome) => toResult(session, outcome, job.appendId));
}

function appendJob(
  session: Session,
  memory: RequestMemory,
  writes: readonly StreamWrite[],
  options: AppendManyOptions = {},
): AppendJob {
  if (!Array.isArray(writes)) throw invalid('writes', `an array of writes is expected, not ${describe(writes)}`);
  const appendId = uuidOrNew('appendId', options.appendId);
  const append = {
    appendId,
    writes: writes.map((write, i) =>
      encodeWrite(write, writes.length === 1 ? '' : `writes[${i}].`, eventIds(appendId, i)),
    ),
    producer: options.producer && encodeProducer(options.producer),
    conditions: conditionsArgument(options.conditions),
  };
  const request = encodeAppendRequest(append, (size) => memory.take(size));
  if (request.length > REQUEST_BYTES_MAX) throw overLimit('append', REQUEST_BYTES_MAX, request.length, 'bytes');
  return {
    request,
    appendId: uuidText(appendId),
    what: describeAppend(writes),
    timeoutMs: options.timeoutMs ?? session.timeoutMs,
    signal: options.signal,
  };
}

function encodeWrite(write: StreamWrite, path: string, idOf: (event: number) => Uint8Array) {
  if (write === null || typeof write !== 'object') throw invalid(`${path}write`, `is ${describe(write)}`);
  const events: readonly NewEvent[] = write.events ?? [];
  if (!Array.isArray(events)) throw invalid(`${path}events`, `an array is expected, not ${describe(events)}`);
  return {
    stream: textArgument(`${path}stream`, write.stream),
    expect: expectArgument(`${path}expect`, write.expect),
    events: events.map((event, i) => eventFields(event, path, i, idOf)),
  };
}

function encodeProducer({ producer, previous, current }: ProducerPlace) {
  return {
    producer: textArgument('producer.producer', producer),
    previous: placeArgument('producer.previous', previous),
    current: placeArgument('producer.current', current),
  };
}

function describeAppend(writes: readonly StreamWrite[]): string {
  const shown = writes.slice(0, 3).map(({ stream }) => `"${stream}"`);
  const more = writes.length > 3 ? ` and ${writes.length - 3} more` : '';
  return `append to ${shown.join(', ')}${more}`;
}

export function toResult(session: Session, outcome: AppendOutcome, appendId: string): AppendResult {
  // The pipeline turns conflicts into errors.
  if (outcome.kind !== 'appended') throw new FactstoreError('INTERNAL', 'a conflict is not a result');
  session.seen.saw(outcome.position);
  const writes = outcome.writes.map(({ stream, revision }) => ({ stream, revision: BigInt(revision) }));
  return {
    position: BigInt(outcome.position),
    revision: writes.at(-1)?.revision ?? -1n,
    firstPosition: BigInt(outcome.firstPosition),
    writes,
    created: new Date(Math.floor(outcome.createdUs / 1000)),
    createdUs: BigInt(outcome.createdUs),
    repeated: outcome.repeated,
    appendId,
  };
}

/** Whether the first argument of `append` is a stream's name. */
export function asWrites<E extends EventShape>(
  target: string | readonly StreamWrite<E>[],
  events: readonly NewEvent<E>[] | AppendManyOptions | undefined,
  options: (AppendManyOptions & { readonly expect?: StreamWrite['expect'] }) | undefined,
): { writes: readonly StreamWrite[]; options: AppendManyOptions | undefined } {
  if (typeof target !== 'string') {
    return { writes: target as readonly StreamWrite[], options: events as AppendManyOptions | undefined };
  }
  const list = events as readonly NewEvent[] | undefined;
  return { writes: [{ stream: target, events: list, expect: options?.expect }], options };
}
