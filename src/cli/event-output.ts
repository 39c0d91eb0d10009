import { decodeUtf8 } from '../base/bytes.ts';
import type { Output } from './io.ts';
import { jsonInteger, oneLine, timeText } from './json.ts';
import type { StoredEvent } from './store.ts';

const JSON_TYPE = /^application\/(?:[a-z0-9.+-]*\+)?json(?:\s*;.*)?$/i;

/** Whether a content type says JSON; saying nothing says JSON. */
export function saysJson(contentType: string): boolean {
  return contentType === '' || JSON_TYPE.test(contentType);
}

/** JSON bytes as they are, in one line; undefined where they are not JSON. */
export function rawJson(bytes: Uint8Array): string | undefined {
  const text = decodeUtf8(bytes);
  if (text === undefined) return undefined;
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  return oneLine(text);
}

/** `"data":…`, or `"dataBase64":"…"` where the bytes are not JSON. Nothing for no bytes. */
export function payloadMember(name: 'data' | 'metadata', bytes: Uint8Array, json: boolean): string {
  if (bytes.length === 0) return '';
  const raw = json ? rawJson(bytes) : undefined;
  return raw === undefined ? `,"${name}Base64":"${base64(bytes)}"` : `,"${name}":${raw}`;
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** An event as one line of JSON (DESIGN §9). */
export function eventJson(event: StoredEvent): string {
  const s = JSON.stringify;
  return (
    `{"stream":${s(event.stream)},"revision":${s(jsonInteger(event.revision))}` +
    `,"position":${s(jsonInteger(event.position))},"id":"${event.id}","type":${s(event.type)}` +
    payloadMember('data', event.data, saysJson(event.contentType)) +
    payloadMember('metadata', event.metadata, true) +
    `,"tags":${s(event.tags)},"contentType":${s(event.contentType || 'application/json')}` +
    `,"schemaVersion":${event.schemaVersion || 1},"created":"${timeText(event.createdUs)}"${linkedMember(event)}}`
  );
}

/** What a link leads to: the event, or why there is none. */
function linkedMember({ linked }: StoredEvent): string {
  if (linked === undefined) return '';
  return typeof linked === 'string' ? `,"linked":{"dead":"${linked}"}` : `,"linked":${eventJson(linked)}`;
}

/** An event as one line for a person; cut to the width of a terminal. */
export function eventLine(event: StoredEvent, out: Output): string {
  const position = String(event.position).padStart(6);
  const time = timeText(event.createdUs).replace('T', ' ').slice(0, 23);
  const place = `${event.stream}@${event.revision}`;
  const data = previewText(event);
  const tags = event.tags.length > 0 ? ` ${event.tags.map((tag) => `#${tag}`).join(' ')}` : '';
  if (!out.terminal) return `${position}  ${time}  ${place}  ${event.type}  ${data}${tags}`;
  const room = Math.max(20, out.columns - position.length - time.length - place.length - event.type.length - 8);
  const shown = printable(data + tags);
  const cut = shown.length > room ? `${shown.slice(0, room - 1)}…` : shown;
  return `${out.dim(position)}  ${out.dim(time)}  ${printable(place)}  ${out.cyan(printable(event.type))}  ${cut}`;
}

const DEAD_LINKS = { hidden: 'hidden or erased', neverWritten: 'never written', wholeStream: 'a whole stream' };

function previewText(event: StoredEvent): string {
  const { linked } = event;
  const raw = saysJson(event.contentType) ? rawJson(event.data) : undefined;
  if (typeof linked === 'string') return `${raw} -> ${DEAD_LINKS[linked]}`;
  if (linked) return `-> ${linked.stream}@${linked.revision}  ${linked.type}  ${previewText(linked)}`;
  if (raw !== undefined) return raw;
  return event.data.length === 0 ? '' : `<${event.data.length} bytes of ${event.contentType || 'no valid JSON'}>`;
}

/** Without the control characters with which an event could repaint somebody's terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
}
