import { EMPTY, encodeUtf8 } from '../base/bytes.ts';
import { invalid } from '../base/errors.ts';
import { encodeNewEvent } from '../proto/event.ts';
import { describe, textArgument } from './arguments.ts';
import type { EventExtras, EventShape } from './event-types.ts';
import { uuidOrNew } from './identifiers.ts';
import { isJsonType } from './recorded-event.ts';

const NO_TAGS: readonly string[] = [];

/** An event as the bytes of a NewEvent; `field` is its name in error messages, such as `events[0]`. */
export function encodeEvent(event: EventShape & EventExtras, field: string): Uint8Array {
  if (event === null || typeof event !== 'object') throw invalid(field, `an event is expected, not ${describe(event)}`);
  const binary = event.data instanceof Uint8Array;
  const contentType = event.contentType === undefined ? '' : textArgument(`${field}.contentType`, event.contentType);
  return encodeNewEvent({
    id: uuidOrNew(`${field}.id`, event.id),
    type: textArgument(`${field}.type`, event.type),
    data: payload(`${field}.data`, event.data, contentType),
    // Saying nothing says JSON.
    contentType: contentType === '' && binary ? 'application/octet-stream' : contentType,
    metadata: payload(`${field}.metadata`, event.metadata, ''),
    tags: tagsOf(event.tags, field),
    schemaVersion: versionOf(event.schemaVersion, field),
  });
}

function payload(field: string, value: unknown, contentType: string): Uint8Array {
  if (value === undefined) return EMPTY;
  if (value instanceof Uint8Array) return value;
  if (!isJsonType(contentType)) {
    if (typeof value === 'string') return encodeUtf8(value);
    throw invalid(field, `the content type "${contentType}" needs a Uint8Array or a string, not ${describe(value)}`);
  }
  return encodeUtf8(jsonOf(field, value));
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

function tagsOf(tags: readonly string[] | undefined, field: string): readonly string[] {
  if (tags === undefined) return NO_TAGS;
  if (!Array.isArray(tags)) throw invalid(`${field}.tags`, `an array of strings is expected, not ${describe(tags)}`);
  for (let i = 0; i < tags.length; i++) textArgument(`${field}.tags[${i}]`, tags[i]);
  return tags;
}

function versionOf(version: number | undefined, field: string): number {
  if (version === undefined) return 0;
  if (Number.isInteger(version) && version >= 1 && version <= 0xffff_ffff) return version;
  throw invalid(`${field}.schemaVersion`, `${String(version)} is not a whole number from 1 to 4294967295`);
}
