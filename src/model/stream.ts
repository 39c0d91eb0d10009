import { encodeUtf8 } from '../base/bytes.ts';
import { FactstoreError, invalid, overLimit } from '../base/errors.ts';
import { LIMITS } from './limits.ts';
import type { Retention } from './retention.ts';

/** What a stream is, as an append condition sees it (rule S10). */
export type StreamState = 'none' | 'exists' | 'deleted' | 'tombstoned';

/** What is known of a stream at some place of the log. */
export interface StreamHead {
  readonly state: StreamState;
  /** The revision of the last event; -1 where none was ever written. */
  readonly revision: number;
  /** What of it is hidden (rule R1); undefined: nothing was ever said about it. */
  readonly retention?: Retention | undefined;
}

export const NEVER_WRITTEN: StreamHead = { state: 'none', revision: -1 };

/** With this begin the names of the streams that hold the facts about another one. */
export const ABOUT = '$$';

/** The stream that holds the facts about a stream: its metadata, its deletions. */
export function systemStreamOf(stream: string): string {
  return ABOUT + stream;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Ends in INVALID_ARGUMENT unless the text is 1 to `bytesMax` bytes of UTF-8 without control characters. */
export function checkName(field: string, text: string, bytesMax: number): void {
  if (text.length === 0) throw invalid(field, 'is empty');
  if (CONTROL.test(text)) throw invalid(field, `${JSON.stringify(text.slice(0, 80))} contains a control character`);
  if (!text.isWellFormed()) throw invalid(field, 'is not valid Unicode');
  const bytes = text.length * 3 <= bytesMax ? text.length : encodeUtf8(text).length;
  if (bytes > bytesMax) throw overLimit(field, bytesMax, bytes, 'bytes');
}

/** Ends in INVALID_ARGUMENT unless it is a stream's name. */
export function checkStreamName(field: string, name: string): void {
  checkName(field, name, LIMITS.streamNameBytesMax + (name.startsWith(ABOUT) ? ABOUT.length : 0));
}

/** Whether the name, of a stream or a type, belongs to the system (rule S16). */
export function isSystemName(name: string): boolean {
  return name.startsWith('$');
}

/** Refuses names that only the system's own verbs may write (rule S16). */
export function refuseSystemName(field: string, name: string): void {
  if (!isSystemName(name)) return;
  throw new FactstoreError(
    'INVALID_ARGUMENT',
    `${field}: ${JSON.stringify(name.slice(0, 80))} is reserved: names that begin with "$" are written by factstore alone`,
    { field },
  );
}

/** The category of a stream: its name up to the first "-"; the whole name where there is none. */
export function categoryOf(stream: string): string {
  const dash = stream.indexOf('-');
  return dash < 0 ? stream : stream.slice(0, dash);
}
