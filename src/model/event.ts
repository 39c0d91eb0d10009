import { decodeUtf8 } from '../base/bytes.ts';
import { type FactstoreError, invalid, overLimit } from '../base/errors.ts';
import { LIMITS } from './limits.ts';
import { checkName, refuseSystemName } from './stream.ts';
import { FieldReader, varintLength, WireType, writeVarint } from './wire.ts';

/**
 * Events as bytes. `NewEvent` and `RecordedEvent` (proto/factstore/v1/events.proto) share the numbers of the fields that
 * an author writes, and in protobuf concatenation is merge; so a recorded event is the author's own bytes followed by
 * the fields that the leader adds. No node decodes a payload to store or to serve it.
 */
const Field = {
  id: 1,
  type: 2,
  data: 3,
  contentType: 4,
  metadata: 5,
  tags: 6,
  schemaVersion: 7,
  stream: 8,
  revision: 9,
  position: 10,
  createdUs: 11,
} as const;

/** "$", with which the system's names begin. */
const SYSTEM = 0x24;

/**
 * Walks the top level of a NewEvent once and ends in INVALID_ARGUMENT where it is not one (rule S14): only the author's
 * field numbers, with their wire types, scalars once, strings in valid UTF-8, everything within the limits. Without
 * this a client could forge the revision of an event, or poison every reader that refuses bad UTF-8.
 */
export function checkNewEvent(
  field: string,
  bytes: Uint8Array,
  limits: { readonly eventBytesMax: number; readonly metadataBytesMax: number } = LIMITS,
): void {
  if (bytes.length > limits.eventBytesMax) throw overLimit(field, limits.eventBytesMax, bytes.length, 'bytes');
  const reader = new FieldReader(bytes);
  let seen = 0;
  let tags = 0;
  while (reader.next()) {
    const number = reader.field;
    if (number > Field.schemaVersion) throw foreignField(field, number);
    const expected = number === Field.schemaVersion ? WireType.varint : WireType.bytes;
    if (reader.wireType !== expected) throw invalid(field, `field ${number} of NewEvent has the wrong wire type`);
    if (number === Field.tags) {
      tags++;
      if (tags > LIMITS.tagsPerEventMax) throw overLimit(`${field}.tags`, LIMITS.tagsPerEventMax, tags, 'tags');
    } else if (seen & (1 << number)) throw invalid(field, `field ${number} of NewEvent stands there twice`);
    seen |= 1 << number;
    checkField(field, reader, limits.metadataBytesMax);
  }
  if (reader.bad) throw invalid(field, 'is not a NewEvent message');
  if (!(seen & (1 << Field.id))) throw invalid(`${field}.id`, 'is missing: a UUID of 16 bytes is needed');
  if (!(seen & (1 << Field.type))) throw invalid(`${field}.type`, 'is missing');
}

function foreignField(field: string, number: number): FactstoreError {
  return invalid(field, `field ${number} is not one that an author may write`);
}

function checkField(field: string, reader: FieldReader, metadataBytesMax: number): void {
  const length = reader.stop - reader.start;
  switch (reader.field) {
    case Field.id:
      if (length !== 16) throw invalid(`${field}.id`, `is not a UUID of 16 bytes: it has ${length}`);
      return;
    case Field.type:
      if (!isPlainName(reader, LIMITS.typeBytesMax)) checkType(`${field}.type`, reader);
      return;
    case Field.contentType:
      if (length > 0 && !isPlainName(reader, LIMITS.contentTypeBytesMax))
        checkName(`${field}.content_type`, text(`${field}.content_type`, reader), LIMITS.contentTypeBytesMax);
      return;
    case Field.metadata:
      if (length > metadataBytesMax) throw overLimit(`${field}.metadata`, metadataBytesMax, length, 'bytes');
      return;
    case Field.tags:
      if (isPlainName(reader, LIMITS.tagBytesMax)) return;
      checkName(`${field}.tags`, text(`${field}.tags`, reader), LIMITS.tagBytesMax);
      return;
    case Field.schemaVersion:
      if (!(reader.value <= 0xffff_ffff)) throw invalid(`${field}.schema_version`, 'is above 4294967295');
      return;
  }
}

function checkType(field: string, reader: FieldReader): void {
  const type = text(field, reader);
  checkName(field, type, LIMITS.typeBytesMax);
  refuseSystemName(field, type);
}

/** Whether it is a name that needs no closer look: nearly all are short printable ASCII, and not the system's. */
function isPlainName({ bytes, start, stop }: FieldReader, bytesMax: number): boolean {
  if (stop === start || stop - start > bytesMax || bytes[start] === SYSTEM) return false;
  for (let i = start; i < stop; i++) {
    const byte = bytes[i] as number;
    if (byte < 0x20 || byte >= 0x7f) return false;
  }
  return true;
}

function text(field: string, reader: FieldReader): string {
  const decoded = decodeUtf8(reader.bytes, reader.start, reader.stop);
  if (decoded === undefined) throw invalid(field, 'is not valid UTF-8');
  return decoded;
}

/** How many bytes `writeRecordedEvent` writes. `streamBytes` is the stream's name in UTF-8. */
export function recordedLength(
  event: Uint8Array,
  streamBytes: Uint8Array,
  revision: number,
  position: number,
  createdUs: number,
): number {
  const stream = 1 + varintLength(streamBytes.length) + streamBytes.length;
  return event.length + stream + 3 + varintLength(revision) + varintLength(position) + varintLength(createdUs);
}

/** Writes the author's bytes and behind them all the leader's fields, also those that are zero; gives the offset behind. */
export function writeRecordedEvent(
  to: Uint8Array,
  offset: number,
  event: Uint8Array,
  streamBytes: Uint8Array,
  revision: number,
  position: number,
  createdUs: number,
): number {
  to.set(event, offset);
  return writePlace(to, offset + event.length, streamBytes, revision, position, createdUs);
}

/** The leader's fields of a recorded event, which stand behind the author's bytes; gives the offset behind. */
export function writePlace(
  to: Uint8Array,
  offset: number,
  streamBytes: Uint8Array,
  revision: number,
  position: number,
  createdUs: number,
): number {
  let at = offset;
  to[at++] = (Field.stream << 3) | WireType.bytes;
  at = writeVarint(to, at, streamBytes.length);
  to.set(streamBytes, at);
  at += streamBytes.length;
  to[at++] = Field.revision << 3;
  at = writeVarint(to, at, revision);
  to[at++] = Field.position << 3;
  at = writeVarint(to, at, position);
  to[at++] = Field.createdUs << 3;
  return writeVarint(to, at, createdUs);
}

/** Where the leader's fields begin in a recorded event. Throws RangeError for bytes that are not one. */
export function placeStart(bytes: Uint8Array, start: number, end: number): number {
  const reader = new FieldReader(bytes, start, end);
  while (reader.next()) {
    if (reader.field === Field.stream) return reader.fieldStart;
  }
  throw new RangeError('the bytes are not a recorded event');
}

/**
 * Whether only the place of a recorded event is left, and its author's bytes are erased (rule D4). Those never begin with
 * the stream: the leader refuses the field (rule S14).
 */
export function isErasedEvent(bytes: Uint8Array, start = 0): boolean {
  return bytes[start] === ((Field.stream << 3) | WireType.bytes);
}

/** Reads what queries look at in an author's event; undefined where the bytes are not one. */
export function scanNewEvent(bytes: Uint8Array): { type: string; tags: string[] } | undefined {
  const reader = new FieldReader(bytes);
  const names = { type: '', tags: [] as string[] };
  while (reader.next()) {
    if (reader.wireType !== WireType.bytes || (reader.field !== Field.type && reader.field !== Field.tags)) continue;
    const decoded = decodeUtf8(bytes, reader.start, reader.stop);
    if (decoded === undefined) return undefined;
    if (reader.field === Field.type) names.type = decoded;
    else names.tags.push(decoded);
  }
  return reader.bad ? undefined : names;
}

/** What the index needs of a recorded event. */
export interface EventKeys {
  stream: string;
  revision: number;
  position: number;
  type: string;
  tags: string[];
}

/** Reads those fields of a recorded event; undefined where the bytes are not one. */
export function scanRecordedEvent(bytes: Uint8Array, start = 0, end = bytes.length): EventKeys | undefined {
  const reader = new FieldReader(bytes, start, end);
  const keys: EventKeys = { stream: '', revision: -1, position: 0, type: '', tags: [] };
  while (reader.next()) {
    if (reader.wireType === WireType.bytes) {
      if (reader.field !== Field.type && reader.field !== Field.tags && reader.field !== Field.stream) continue;
      const decoded = decodeUtf8(bytes, reader.start, reader.stop);
      if (decoded === undefined) return undefined;
      if (reader.field === Field.type) keys.type = decoded;
      else if (reader.field === Field.stream) keys.stream = decoded;
      else keys.tags.push(decoded);
    } else if (reader.wireType === WireType.varint) {
      if (reader.field === Field.revision) keys.revision = reader.value;
      else if (reader.field === Field.position) keys.position = reader.value;
    }
  }
  return reader.bad || keys.stream === '' || keys.revision < 0 || keys.position < 1 ? undefined : keys;
}
