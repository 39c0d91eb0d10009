import { createHash, hash } from 'node:crypto';
import { concatBytes } from '../base/bytes.ts';
import { invalid, overLimit } from '../base/errors.ts';
import type { Append, Expectation, ProducerCursor, Write } from '../model/append.ts';
import { checkNewEvent } from '../model/event.ts';
import { LIMITS } from '../model/limits.ts';
import { type AppendCondition, checkConditions } from '../model/query.ts';
import type { StreamChange } from '../model/retention.ts';
import type { ScavengeWord } from '../model/scavenge-fact.ts';
import { checkName, checkStreamName, refuseSystemName } from '../model/stream.ts';
import { PIECE_BYTES } from '../storage/record.ts';
import { checkChange } from './check-change.ts';
import { checkProjectionFact, type NamedProjectionChange, projectionWrite } from './projection-write.ts';
import { scavengeWrite } from './scavenge-write.ts';

/** An append as a client sent it: its wire form is right, nothing else is known of it. */
export interface RawAppend {
  readonly appendId: Uint8Array;
  readonly writes: readonly {
    readonly stream: string;
    readonly expect: Expectation;
    readonly events: readonly Uint8Array[];
  }[];
  readonly conditions?: readonly AppendCondition[];
  readonly producer?: ProducerCursor;
  readonly change?: StreamChange | undefined;
  readonly projection?: NamedProjectionChange | undefined;
  readonly scavenge?: ScavengeWord | undefined;
  readonly attemptAgeMs: number;
  /** The client's bytes from which repeats are recognised. */
  readonly content: readonly Uint8Array[];
}

/** The limits that configuration may lower. */
export type AppendLimits = Pick<
  { [K in keyof typeof LIMITS]: number },
  'eventBytesMax' | 'appendBytesMax' | 'metadataBytesMax' | 'eventsPerAppendMax' | 'streamsPerAppendMax'
>;

const NO_CONDITIONS: readonly AppendCondition[] = [];

/**
 * Checks everything about an append that can be checked without state; ends in INVALID_ARGUMENT with the field and the
 * reason. What passes is kept as bytes and never decoded again. `digest`: where it has been made already, in pieces.
 */
export function checkAppend(raw: RawAppend, limits: AppendLimits = LIMITS, digest = digestOf(raw.content)): Append {
  if (raw.appendId.length !== 16) {
    throw invalid('append_id', `is not a UUID of 16 bytes: it has ${raw.appendId.length}`);
  }
  const fact = factOf(raw);
  if (fact) return factAppend(raw, fact, digest);
  if (raw.writes.length === 0 && !raw.change) throw invalid('writes', 'is empty: an append needs at least one event');
  if (raw.writes.length > limits.streamsPerAppendMax) {
    throw overLimit('writes', limits.streamsPerAppendMax, raw.writes.length, 'streams');
  }
  const { eventCount, eventBytes } = raw.change ? sizeOfChange(raw, raw.change) : sizes(raw, limits);
  const streams = new Set<string>();
  const writes = raw.writes.map((write, n) => checkWrite(`writes[${n}]`, write, streams, limits));
  const { conditions = NO_CONDITIONS } = raw;
  if (conditions.length > 0) checkConditions(conditions);
  return {
    id: raw.appendId,
    digest,
    writes,
    conditions,
    ...(raw.producer && { producer: checkProducer(raw.producer) }),
    ...(raw.change && { change: raw.change }),
    attemptAgeMs: raw.attemptAgeMs,
    eventCount,
    eventBytes,
  };
}

interface FactWrite {
  readonly fact: string;
  readonly write: Write;
  readonly eventBytes: number;
}

/** A change of a projection, or a word about scavenges, is one fact in its stream, and nothing beside it. */
function factOf(raw: RawAppend): FactWrite | undefined {
  const { appendId, projection, scavenge } = raw;
  const field = projection ? 'projection' : 'scavenge';
  if (!projection && !scavenge) return undefined;
  const both = projection !== undefined && scavenge !== undefined;
  if (both || raw.writes.length > 0 || raw.change || raw.conditions?.length || raw.producer) {
    throw invalid(field, 'goes with nothing else; make this change on its own');
  }
  if (!projection) return scavenge && scavengeWrite(appendId, scavenge);
  checkProjectionFact('projection', projection);
  return projectionWrite(appendId, projection);
}

function factAppend({ appendId: id, attemptAgeMs }: RawAppend, written: FactWrite, digest: Uint8Array): Append {
  const { fact, write, eventBytes } = written;
  return { id, digest, writes: [write], conditions: NO_CONDITIONS, fact, attemptAgeMs, eventCount: 1, eventBytes };
}

function sizes(raw: RawAppend, limits: AppendLimits): { eventCount: number; eventBytes: number } {
  let eventCount = 0;
  let eventBytes = 0;
  for (const write of raw.writes) {
    eventCount += write.events.length;
    for (const event of write.events) eventBytes += event.length;
  }
  if (eventCount === 0) throw invalid('writes', 'hold no event: an append needs at least one');
  if (eventCount > limits.eventsPerAppendMax)
    throw overLimit('writes', limits.eventsPerAppendMax, eventCount, 'events');
  if (eventBytes > limits.appendBytesMax) throw overLimit('writes', limits.appendBytesMax, eventBytes, 'bytes');
  return { eventCount, eventBytes };
}

/** A change is one event, the fact; what stands beside it can only be checks. */
function sizeOfChange(raw: RawAppend, change: StreamChange): { eventCount: number; eventBytes: number } {
  const eventBytes = checkChange(change);
  const n = raw.writes.findIndex((write) => write.events.length > 0);
  if (n >= 0) throw invalid(`writes[${n}].events`, 'are given beside a change of a stream; append them on their own');
  return { eventCount: 1, eventBytes };
}

function checkWrite(
  field: string,
  write: RawAppend['writes'][number],
  streams: Set<string>,
  limits: AppendLimits,
): Write {
  checkStreamName(`${field}.stream`, write.stream);
  if (streams.has(write.stream)) {
    throw invalid(`${field}.stream`, `${JSON.stringify(write.stream)} stands in this append twice; give it one write`);
  }
  streams.add(write.stream);
  if (write.events.length > 0) refuseSystemName(`${field}.stream`, write.stream);
  write.events.forEach((event, n) => {
    checkEvent(field, n, event, limits);
  });
  return write;
}

/** The event's name is put together only for an event that is refused; most are not. */
function checkEvent(field: string, n: number, event: Uint8Array, limits: AppendLimits): void {
  try {
    checkNewEvent('event', event, limits);
  } catch {
    checkNewEvent(`${field}.events[${n}]`, event, limits);
  }
}

function checkProducer(cursor: ProducerCursor): ProducerCursor {
  checkName('producer.producer', cursor.producer, LIMITS.producerNameBytesMax);
  if (cursor.current <= cursor.previous) {
    throw invalid('producer.current', `${cursor.current} is not greater than previous, ${cursor.previous}`);
  }
  return cursor;
}

/** The digest of a large append, made with a pause after each piece (rule C3). */
export async function digestOfLarge(
  content: readonly Uint8Array[],
  yieldTurn: () => Promise<void>,
): Promise<Uint8Array> {
  const digest = createHash('sha256');
  let bytes = 0;
  for (const part of content) {
    for (let from = 0; from < part.length; from += PIECE_BYTES) {
      const piece = part.subarray(from, from + PIECE_BYTES);
      digest.update(piece);
      bytes += piece.length;
      if (bytes < PIECE_BYTES) continue;
      bytes = 0;
      await yieldTurn();
    }
  }
  return digest.digest().subarray(0, 16);
}

function digestOf(content: readonly Uint8Array[]): Uint8Array {
  const bytes = adjoining(content) ?? concatBytes(content);
  return hash('sha256', bytes, 'buffer').subarray(0, 16);
}

/** The parts as one view, where they stand behind one another in memory, as those of one message nearly always do. */
function adjoining(parts: readonly Uint8Array[]): Uint8Array | undefined {
  const [first] = parts;
  if (!first) return undefined;
  let end = first.byteOffset;
  for (const part of parts) {
    if (part.buffer !== first.buffer || part.byteOffset !== end) return undefined;
    end += part.length;
  }
  return new Uint8Array(first.buffer, first.byteOffset, end - first.byteOffset);
}
