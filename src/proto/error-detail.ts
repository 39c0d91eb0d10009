import { concatBytes, EMPTY } from '../base/bytes.ts';
import { ERRORS, FactstoreError, isErrorCode } from '../base/errors.ts';
import { MessageReader } from './message-reader.ts';
import { MessageWriter } from './message-writer.ts';

/** What ErrorDetail and google.rpc.Status carry at most: trailers over about 60 kB make a grpc-js client hang (S12). */
const MESSAGE_BYTES_MAX = 1536;
const DETAILS_BYTES_MAX = 1280;
const DETAIL_BYTES_MAX = 512;
const STATUS_MESSAGE_BYTES_MAX = 256;

const ANY_TYPE = 'type.googleapis.com/factstore.v1.ErrorDetail';

/** The numbers of factstore.v1.Retry. */
const RETRY = { no: 1, later: 2, elsewhere: 3 } as const;

/** An ErrorDetail; texts are cut so that it stays under 3 KiB. */
export function encodeErrorDetail(error: FactstoreError): Buffer {
  const writer = new MessageWriter(512)
    .text(1, error.code)
    .text(2, cutText(error.message, MESSAGE_BYTES_MAX))
    .bool(3, error.definite)
    .uint(4, RETRY[ERRORS[error.code].retry]);
  let room = DETAILS_BYTES_MAX;
  for (const [key, value] of Object.entries(error.details)) {
    if (value === undefined) continue;
    const text = cutText(detailText(value), DETAIL_BYTES_MAX);
    room -= Buffer.byteLength(key) + Buffer.byteLength(text) + 12;
    if (room < 0) break;
    writer.nested(5, (nested) => nested.text(1, key).text(2, text));
  }
  return writer.finish();
}

function detailText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return String(value);
  return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? inner.toString() : inner));
}

/** At most so many bytes of UTF-8, never half a character. */
function cutText(text: string, bytesMax: number): string {
  if (text.length * 3 <= bytesMax || Buffer.byteLength(text) <= bytesMax) return text;
  const bytes = Buffer.from(text);
  let end = bytesMax - 3;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return `${bytes.subarray(0, end).toString()}…`;
}

/**
 * The error that an ErrorDetail tells. A code that is not in the table comes from a newer node; it becomes INTERNAL,
 * with `definite` as the node said and the code among the details.
 */
export function decodeErrorDetail(bytes: Uint8Array, path = ''): FactstoreError {
  const reader = new MessageReader('ErrorDetail', bytes, path);
  const details: Record<string, string> = {};
  let code = '';
  let message = '';
  let definite = false;
  while (reader.next()) {
    if (reader.field === 1) code = reader.text('code');
    else if (reader.field === 2) message = reader.text('message');
    else if (reader.field === 3) definite = reader.bool('definite');
    else if (reader.field === 5) decodeDetail(reader.nested('details', 'DetailsEntry'), details);
  }
  if (isErrorCode(code)) return new FactstoreError(code, message, details, { definite });
  return new FactstoreError('INTERNAL', message || `unknown error "${code}"`, { ...details, code }, { definite });
}

function decodeDetail(reader: MessageReader, details: Record<string, string>): void {
  let key = '';
  let value = '';
  while (reader.next()) {
    if (reader.field === 1) key = reader.text('key');
    else if (reader.field === 2) value = reader.text('value');
  }
  Object.defineProperty(details, key, { value, enumerable: true, configurable: true, writable: true });
}

/** The trailer "grpc-status-details-bin": a google.rpc.Status with one ErrorDetail, under 4 KiB (rule S12). */
export function encodeStatus(error: FactstoreError): Buffer {
  const detail = encodeErrorDetail(error);
  return new MessageWriter(detail.length + 512)
    .uint(1, ERRORS[error.code].grpc)
    .text(2, cutText(error.message, STATUS_MESSAGE_BYTES_MAX))
    .nested(3, (any) => any.text(1, ANY_TYPE).dataAlways(2, detail))
    .finish();
}

/** The error in a google.rpc.Status; undefined where it has none of factstore. Bad bytes end in INVALID_ARGUMENT. */
export function decodeStatus(bytes: Uint8Array): FactstoreError | undefined {
  const reader = new MessageReader('Status', bytes);
  let error: FactstoreError | undefined;
  while (reader.next()) {
    if (reader.field === 3 && !error) error = decodeAny(reader.nested('details', 'Any'));
  }
  return error;
}

function decodeAny(reader: MessageReader): FactstoreError | undefined {
  let type = '';
  const values: Uint8Array[] = [];
  while (reader.next()) {
    if (reader.field === 1) type = reader.text('type_url');
    else if (reader.field === 2) values.push(reader.data('value'));
  }
  if (!type.endsWith('/factstore.v1.ErrorDetail')) return undefined;
  return decodeErrorDetail(values.length === 1 ? (values[0] ?? EMPTY) : concatBytes(values));
}
