import { EMPTY } from '../base/bytes.ts';
import { invalid, overLimit } from '../base/errors.ts';
import type { Expectation, ProducerCursor } from '../model/append.ts';
import { LIMITS } from '../model/limits.ts';
import type { AppendCondition } from '../model/query.ts';
import type { StreamChange } from '../model/retention.ts';
import type { ScavengeWord } from '../model/scavenge-fact.ts';
import { EXPECT_MAX, Expect, expectNumber } from './enums.ts';
import { type NewEventFields, newEventSize, writeNewEvent } from './event.ts';
import { MessageReader } from './message-reader.ts';
import { MessageWriter } from './message-writer.ts';
import { decodeCondition, writeCondition } from './query.ts';
import { decodeStreamChange, writeStreamChange } from './stream-change.ts';

/** A Write as it arrived. */
interface DecodedWrite {
  stream: string;
  /** A number of factstore.v1.Expect; 0 and 1 mean "any". */
  expect: number;
  /** Only with Expect.revision. */
  revision: number;
  /** Each a NewEvent as bytes, views into the message, not checked. */
  events: Uint8Array[];
}

/** A ProjectionFact. */
interface ProjectionFact {
  readonly name: string;
  readonly facts: number;
  readonly type: string;
  readonly data: string;
}

/** An AppendRequest as it arrived: its wire form is right, nothing else is checked. */
export interface DecodedAppend {
  /** Of any length; empty where it is missing. */
  appendId: Uint8Array;
  writes: DecodedWrite[];
  conditions: AppendCondition[];
  producer?: ProducerCursor;
  change?: StreamChange;
  projection?: ProjectionFact;
  scavenge?: ScavengeWord | undefined;
  attemptAgeMs: number;
  /** Absent means true. */
  forward: boolean;
  /** The fields `writes`, `producer`, `conditions`, `change`, `projection` and `scavenge` with their tags, in order: for the digest of rule S6. */
  content: Uint8Array[];
  /** The whole message, to be passed on (rule S9). */
  raw: Uint8Array;
}

const Field = {
  appendId: 1,
  writes: 2,
  producer: 3,
  attemptAgeMs: 4,
  forward: 5,
  conditions: 6,
  change: 10,
  projection: 12,
  scavenge: 13,
} as const;

const EVENTS_MAX = LIMITS.eventsPerAppendMax;

/** In the order of their numbers; 0 says nothing. */
const SCAVENGE_WORDS: readonly (ScavengeWord | undefined)[] = [undefined, 'start', 'stop'];

/**
 * Ends in INVALID_ARGUMENT where the bytes are not an AppendRequest, and in LIMIT_EXCEEDED where they hold more than the
 * format lets any append have; what this node's configuration lowers is looked at later.
 */
export function decodeAppendRequest(bytes: Uint8Array): DecodedAppend {
  const append: DecodedAppend = {
    appendId: EMPTY,
    writes: [],
    conditions: [],
    attemptAgeMs: 0,
    forward: true,
    content: [],
    raw: bytes,
  };
  let events = 0;
  const reader = new MessageReader('AppendRequest', bytes);
  while (reader.next()) {
    switch (reader.field) {
      case Field.appendId:
        append.appendId = reader.data('append_id');
        break;
      case Field.writes:
        reader.roomFor('writes', append.writes.length, LIMITS.streamsPerAppendMax, 'streams');
        append.writes.push(decodeWrite(reader.nested(`writes[${append.writes.length}]`, 'Write'), events));
        events += append.writes.at(-1)?.events.length ?? 0;
        append.content.push(bytes.subarray(reader.fieldStart, reader.offset));
        break;
      case Field.producer:
        if (append.producer) throw invalid('producer', 'stands there twice');
        append.producer = decodeProducer(reader.nested('producer', 'ProducerCursor'));
        append.content.push(bytes.subarray(reader.fieldStart, reader.offset));
        break;
      case Field.attemptAgeMs:
        append.attemptAgeMs = reader.uint('attempt_age_ms');
        break;
      case Field.forward:
        append.forward = reader.bool('forward');
        break;
      case Field.conditions:
        reader.roomFor('conditions', append.conditions.length, LIMITS.conditionsPerAppendMax, 'conditions');
        append.conditions.push(
          decodeCondition(reader.nested(`conditions[${append.conditions.length}]`, 'AppendCondition')),
        );
        append.content.push(bytes.subarray(reader.fieldStart, reader.offset));
        break;
      case Field.change:
        if (append.change) throw invalid('change', 'stands there twice');
        append.change = decodeStreamChange(reader.nested('change', 'StreamChange'));
        append.content.push(bytes.subarray(reader.fieldStart, reader.offset));
        break;
      case Field.projection:
        if (append.projection) throw invalid('projection', 'stands there twice');
        append.projection = decodeProjectionFact(reader.nested('projection', 'ProjectionFact'));
        append.content.push(bytes.subarray(reader.fieldStart, reader.offset));
        break;
      case Field.scavenge:
        if ('scavenge' in append) throw invalid('scavenge', 'stands there twice');
        append.scavenge = SCAVENGE_WORDS[reader.enumeration('scavenge', SCAVENGE_WORDS.length - 1)];
        append.content.push(bytes.subarray(reader.fieldStart, reader.offset));
        break;
      default:
        throw reader.foreign();
    }
  }
  return append;
}

/** `before`: how many events the writes before it have, since the limit is that of all together. */
function decodeWrite(reader: MessageReader, before: number): DecodedWrite {
  const write: DecodedWrite = { stream: '', expect: 0, revision: 0, events: [] };
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        write.stream = reader.text('stream');
        break;
      case 2:
        write.expect = reader.enumeration('expect', EXPECT_MAX);
        break;
      case 3:
        write.revision = reader.uint('revision');
        break;
      case 4:
        if (before + write.events.length >= EVENTS_MAX) throw overLimit('writes', EVENTS_MAX, EVENTS_MAX + 1, 'events');
        write.events.push(reader.data('events'));
        break;
      default:
        throw reader.foreign();
    }
  }
  if (write.revision !== 0 && write.expect !== Expect.revision) {
    throw invalid(`${reader.path}revision`, 'is given, but "expect" does not ask for a revision');
  }
  return write;
}

function decodeProducer(reader: MessageReader): ProducerCursor {
  const cursor = { producer: '', previous: 0, current: 0 };
  while (reader.next()) {
    if (reader.field === 1) cursor.producer = reader.text('producer');
    else if (reader.field === 2) cursor.previous = reader.uint('previous');
    else if (reader.field === 3) cursor.current = reader.uint('current');
    else throw reader.foreign();
  }
  return cursor;
}

function decodeProjectionFact(reader: MessageReader): ProjectionFact {
  const fact = { name: '', facts: 0, type: '', data: '' };
  while (reader.next()) {
    if (reader.field === 1) fact.name = reader.text('name');
    else if (reader.field === 2) fact.facts = reader.uint('facts');
    else if (reader.field === 3) fact.type = reader.text('type');
    else if (reader.field === 4) fact.data = reader.text('data');
    else throw reader.foreign();
  }
  return fact;
}

/** What an AppendRequest is encoded from. */
export interface AppendToEncode {
  readonly appendId: Uint8Array;
  readonly writes: readonly {
    readonly stream: string;
    readonly expect: Expectation;
    /** Each a NewEvent, as bytes or as its fields. */
    readonly events: readonly (Uint8Array | NewEventFields)[];
  }[];
  readonly producer?: ProducerCursor | undefined;
  readonly conditions?: readonly AppendCondition[] | undefined;
  readonly change?: StreamChange | undefined;
  readonly projection?: ProjectionFact | undefined;
  readonly scavenge?: ScavengeWord | undefined;
  /** 0 on the first attempt. */
  readonly attemptAgeMs?: number | undefined;
  readonly forward?: boolean | undefined;
}

/** `memory` gives at least so many bytes, to which the request is written. */
export function encodeAppendRequest(
  append: AppendToEncode,
  memory: (size: number) => Buffer = Buffer.allocUnsafe,
): Buffer {
  const sizes = append.writes.map(writeSize);
  const writer = new MessageWriter(memory(sizes.reduce((sum, size) => sum + size, 64 + append.appendId.length)));
  writer.data(Field.appendId, append.appendId);
  for (const [i, write] of append.writes.entries()) {
    writer.nested(Field.writes, (nested) => writeWrite(nested, write), sizes[i]);
  }
  const producer = append.producer;
  if (producer) {
    writer.nested(Field.producer, (nested) => {
      nested.text(1, producer.producer).uint(2, producer.previous).uint(3, producer.current);
    });
  }
  const { change } = append;
  if (change) writer.nested(Field.change, (nested) => writeStreamChange(nested, change));
  const { projection } = append;
  if (projection) {
    writer.nested(Field.projection, (nested) => {
      nested.text(1, projection.name).uint(2, projection.facts).text(3, projection.type).text(4, projection.data);
    });
  }
  writer.uint(Field.scavenge, SCAVENGE_WORDS.indexOf(append.scavenge));
  writer.uint(Field.attemptAgeMs, append.attemptAgeMs ?? 0);
  if (append.forward !== undefined) writer.uintAlways(Field.forward, append.forward ? 1 : 0);
  for (const condition of append.conditions ?? []) {
    writer.nested(Field.conditions, (nested) => writeCondition(nested, condition));
  }
  return writer.finish();
}

/** About how many bytes a write takes, or a few more. */
function writeSize({ stream, events }: AppendToEncode['writes'][number]): number {
  let size = 32 + stream.length * 3;
  for (const event of events) size += 6 + (event instanceof Uint8Array ? event.length : newEventSize(event));
  return size;
}

function writeWrite(writer: MessageWriter, { stream, expect, events }: AppendToEncode['writes'][number]): void {
  writer.text(1, stream).uint(2, expectNumber(expect));
  if (expect.kind === 'revision') writer.uint(3, expect.revision);
  for (const event of events) {
    if (event instanceof Uint8Array) writer.dataAlways(4, event);
    else writer.nested(4, (inner) => writeNewEvent(inner, event), newEventSize(event));
  }
}

/**
 * The field attempt_age_ms alone. In protobuf, concatenation is merge: behind the bytes of an AppendRequest it makes
 * them a repeat, and leaves all others as they were (rule S8).
 */
export function encodeAttemptAge(attemptAgeMs: number): Buffer {
  return new MessageWriter(16).uint(Field.attemptAgeMs, attemptAgeMs).finish();
}
