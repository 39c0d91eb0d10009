import { decodeUtf8, EMPTY, encodeUtf8 } from '../base/bytes.ts';
import { elementsOf, membersOf, type Span, wholeOf } from '../base/json-spans.ts';
import { nearest } from '../config/suggest.ts';
import { parseTime } from './json.ts';
import type { EventToAppend, Expectation, WriteToAppend } from './store.ts';
import { isUuid } from './uuid.ts';

/** One line of an import: one append. */
export interface ImportedAppend {
  readonly appendId: string | undefined;
  readonly writes: readonly WriteToAppend[];
}

/** What is wrong with a line. */
export class BadLine extends Error {
  override readonly name = 'BadLine';
}

/** Whether a line has nothing but space; such lines are skipped, and counted. */
export function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

/** One event as `read --json` writes it. */
interface RecordedLine {
  readonly stream: string;
  readonly revision: bigint | undefined;
  readonly position: bigint | undefined;
  readonly createdUs: bigint | undefined;
  readonly event: EventToAppend;
}

/** Reads `{"appendId"?, "writes": [{"stream", "expect"?, "events": [{"type", "data", …}]}]}`. */
export function parseImportLine(line: Uint8Array): ImportedAppend {
  return parseAppend(parseLine(line));
}

/** Reads the same, or one event as `read --json` writes it. */
export function parseAppendOrEvent(line: Uint8Array): ImportedAppend | RecordedLine {
  const parsed = parseLine(line);
  const { value } = parsed;
  const isEvent = typeof value === 'object' && value !== null && 'stream' in value && !('writes' in value);
  return isEvent ? parseRecorded(parsed) : parseAppend(parsed);
}

interface ParsedLine {
  readonly text: string;
  readonly value: unknown;
}

function parseLine(line: Uint8Array): ParsedLine {
  const decoded = decodeUtf8(line);
  if (decoded === undefined) throw new BadLine('is not valid UTF-8');
  const text = decoded.startsWith('\ufeff') ? decoded.slice(1) : decoded;
  try {
    return { text, value: JSON.parse(text) };
  } catch (error) {
    throw new BadLine(`is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseAppend({ text, value }: ParsedLine): ImportedAppend {
  const top = objectAt('', value, ['appendId', 'writes']);
  const appendId = top.appendId === undefined ? undefined : uuidAt('appendId', top.appendId);
  const writes = arrayAt('writes', top.writes);
  if (writes.length === 0) throw new BadLine('writes: is empty: an append needs at least one write');
  const spans = elementsOf(text, required(membersOf(text, wholeOf(text)), 'writes'));
  return { appendId, writes: writes.map((write, w) => parseWrite(`writes[${w}]`, write, text, spans[w])) };
}

function parseWrite(path: string, value: unknown, text: string, span: Span | undefined): WriteToAppend {
  const write = objectAt(path, value, ['stream', 'expect', 'events']);
  const stream = textAt(`${path}.stream`, write.stream);
  const expect = expectationAt(`${path}.expect`, write.expect);
  if (write.events === undefined || span === undefined) return { stream, expect, events: [] };
  const events = arrayAt(`${path}.events`, write.events);
  const spans = elementsOf(text, required(membersOf(text, span), 'events'));
  return {
    stream,
    expect,
    events: events.map((event, e) => parseEvent(`${path}.events[${e}]`, event, text, spans[e])),
  };
}

const EVENT_KEYS = [
  'type',
  'data',
  'dataBase64',
  'id',
  'metadata',
  'metadataBase64',
  'tags',
  'contentType',
  'schemaVersion',
];

const RECORDED_KEYS = ['stream', 'revision', 'position', 'created'];

function parseRecorded({ text, value }: ParsedLine): RecordedLine {
  const { stream, revision, position, created } = objectAt('', value, [...RECORDED_KEYS, ...EVENT_KEYS]);
  const createdUs = created === undefined ? undefined : parseTime(textAt('created', created));
  if (created !== undefined && createdUs === undefined) throw new BadLine(`created: ${shown(created)} is no time`);
  const event = Object.fromEntries(Object.entries(value as object).filter(([key]) => !RECORDED_KEYS.includes(key)));
  return {
    stream: textAt('stream', stream),
    revision: wholeAt('revision', revision),
    position: wholeAt('position', position),
    createdUs,
    event: parseEvent('event', event, text, wholeOf(text)),
  };
}

function wholeAt(path: string, value: unknown): bigint | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  if (typeof value === 'string' && /^\d{1,19}$/.test(value)) return BigInt(value);
  throw new BadLine(`${path}: ${shown(value)} is no whole number`);
}

function parseEvent(path: string, value: unknown, text: string, span: Span | undefined): EventToAppend {
  const event = objectAt(path, value, EVENT_KEYS);
  const members = span ? membersOf(text, span) : new Map<string, Span>();
  const metadata = payloadAt(path, 'metadata', event, text, members);
  const version = event.schemaVersion;
  if (version !== undefined && !(Number.isInteger(version) && (version as number) >= 1)) {
    throw new BadLine(`${path}.schemaVersion: ${shown(version)} is not a whole number from 1`);
  }
  return {
    type: textAt(`${path}.type`, event.type),
    data: payloadAt(path, 'data', event, text, members),
    ...(event.id === undefined ? {} : { id: uuidAt(`${path}.id`, event.id) }),
    ...(metadata.length === 0 ? {} : { metadata }),
    ...(event.tags === undefined ? {} : { tags: tagsAt(`${path}.tags`, event.tags) }),
    ...(event.contentType === undefined ? {} : { contentType: textAt(`${path}.contentType`, event.contentType) }),
    ...(version === undefined ? {} : { schemaVersion: version as number }),
  };
}

/** The bytes of `data` as they stand in the line, or of `dataBase64`. */
function payloadAt(
  path: string,
  name: 'data' | 'metadata',
  event: Readonly<Record<string, unknown>>,
  text: string,
  members: ReadonlyMap<string, Span>,
): Uint8Array {
  const encoded = event[`${name}Base64`];
  const span = members.get(name);
  if (encoded === undefined) return span ? encodeUtf8(text.slice(span.start, span.end)) : EMPTY;
  if (span) throw new BadLine(`${path}: has both ${name} and ${name}Base64`);
  const base64 = textAt(`${path}.${name}Base64`, encoded);
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== base64.replace(/=+$/, '')) {
    throw new BadLine(`${path}.${name}Base64: is not base64`);
  }
  return new Uint8Array(bytes);
}

function expectationAt(path: string, value: unknown): Expectation {
  if (value === undefined) return 'any';
  if (value === 'any' || value === 'none' || value === 'exists') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  if (typeof value === 'string' && /^\d{1,19}$/.test(value) && BigInt(value) < 2n ** 63n) return BigInt(value);
  throw new BadLine(`${path}: ${shown(value)} is none of "any", "none", "exists", or a revision such as 4`);
}

function objectAt(path: string, value: unknown, keys: readonly string[]): Readonly<Record<string, unknown>> {
  const at = path === '' ? '' : `${path}: `;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new BadLine(`${at}${value === undefined ? 'is missing' : `${shown(value)} is not an object`}`);
  }
  for (const key of Object.keys(value)) {
    if (keys.includes(key)) continue;
    const meant = nearest(key, keys);
    throw new BadLine(
      `${at}unknown key ${JSON.stringify(key)}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    );
  }
  return value as Record<string, unknown>;
}

function arrayAt(path: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new BadLine(`${path}: ${value === undefined ? 'is missing' : `${shown(value)} is not an array`}`);
}

function textAt(path: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw new BadLine(`${path}: ${value === undefined ? 'is missing' : `${shown(value)} is not a text`}`);
}

function tagsAt(path: string, value: unknown): readonly string[] {
  return arrayAt(path, value).map((tag, t) => textAt(`${path}[${t}]`, tag));
}

function uuidAt(path: string, value: unknown): string {
  if (typeof value === 'string' && isUuid(value)) return value.toLowerCase();
  throw new BadLine(`${path}: ${shown(value)} is not a UUID`);
}

function required(members: ReadonlyMap<string, Span>, key: string): Span {
  const span = members.get(key);
  if (!span) throw new BadLine(`${key}: is missing`);
  return span;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
