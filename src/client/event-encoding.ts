import { EMPTY } from '../base/bytes.ts';
import { invalid } from '../base/errors.ts';
import type { NewEventFields } from '../proto/event.ts';
import { describe, textArgument } from './arguments.ts';
import type { EventExtras, EventShape } from './event-types.ts';
import { newUuid, uuidArgument } from './identifiers.ts';
import { isJsonType } from './recorded-event.ts';

const NO_TAGS: readonly string[] = [];

/** What an event's parts are called in error messages. */
type Names = Readonly<
  Record<'event' | 'id' | 'type' | 'data' | 'contentType' | 'metadata' | 'tags' | 'version', string>
>;

function namesOf(event: string): Names {
  return {
    event,
    id: `${event}.id`,
    type: `${event}.type`,
    data: `${event}.data`,
    contentType: `${event}.contentType`,
    metadata: `${event}.metadata`,
    tags: `${event}.tags`,
    version: `${event}.schemaVersion`,
  };
}

const ANY_EVENT = namesOf('event');

/**
 * The fields of the n-th event of a write. Which one it is is put in words only where it is refused; most are not. Where
 * the application gave it no id, `idOf` makes one.
 */
export function eventFields(
  event: EventShape & EventExtras,
  path: string,
  n: number,
  idOf: (n: number) => Uint8Array = newUuid,
): NewEventFields {
  try {
    return fieldsOf(event, ANY_EVENT, n, idOf);
  } catch {
    return fieldsOf(event, namesOf(`${path}events[${n}]`), n, idOf);
  }
}

function fieldsOf(
  event: EventShape & EventExtras,
  names: Names,
  n: number,
  idOf: (n: number) => Uint8Array,
): NewEventFields {
  if (event === null || typeof event !== 'object') {
    throw invalid(names.event, `an event is expected, not ${describe(event)}`);
  }
  const binary = event.data instanceof Uint8Array;
  const contentType = event.contentType === undefined ? '' : textArgument(names.contentType, event.contentType);
  return {
    id: event.id === undefined ? idOf(n) : uuidArgument(names.id, event.id),
    type: textArgument(names.type, event.type),
    data: payload(names.data, event.data, contentType),
    // Saying nothing says JSON.
    contentType: contentType === '' && binary ? 'application/octet-stream' : contentType,
    metadata: payload(names.metadata, event.metadata, ''),
    tags: tagsOf(event.tags, names),
    schemaVersion: versionOf(event.schemaVersion, names),
  };
}

function payload(field: string, value: unknown, contentType: string): Uint8Array | string {
  if (value === undefined) return EMPTY;
  if (value instanceof Uint8Array) return value;
  if (isJsonType(contentType)) return jsonOf(field, value);
  if (typeof value === 'string') return value;
  throw invalid(field, `the content type "${contentType}" needs a Uint8Array or a string, not ${describe(value)}`);
}

function jsonOf(field: string, value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw invalid(field, `cannot be written as JSON: ${(error as Error).message}`);
  }
  if (text === undefined) throw invalid(field, `${describe(value)} cannot be written as JSON`);
  return text;
}

function tagsOf(tags: readonly string[] | undefined, names: Names): readonly string[] {
  if (tags === undefined) return NO_TAGS;
  if (!Array.isArray(tags)) throw invalid(names.tags, `an array of strings is expected, not ${describe(tags)}`);
  for (let i = 0; i < tags.length; i++) textArgument(names.tags, tags[i]);
  return tags;
}

function versionOf(version: number | undefined, names: Names): number {
  if (version === undefined) return 0;
  if (Number.isInteger(version) && version >= 1 && version <= 0xffff_ffff) return version;
  throw invalid(names.version, `${String(version)} is not a whole number from 1 to 4294967295`);
}
