import { isAscii } from 'node:buffer';
import { COLUMNS, Column, ID_BYTES, type PackedEvents } from './packed-events.ts';

/** A batch as the sandbox takes it: see language/event.js, which reads it. */
export interface BatchText {
  readonly header: string;
  readonly bodies: string;
  readonly rows: ArrayBuffer;
  readonly places: ArrayBuffer;
  readonly ids: ArrayBuffer;
}

const JSON_TYPE = /^application\/(?:[a-z0-9.+-]*\+)?json(?:\s*;.*)?$/i;

const Flag = { saysJson: 1, dataQuoted: 2, metadataQuoted: 4, deleted: 8 } as const;
const ROW = 7;
const PLACES = 3;

export function batchText(packed: PackedEvents): BatchText {
  const { count, numbers, bytes, types, streams, contentTypes } = packed;
  const texts = new Texts(packed);
  const rows = new Int32Array((count + 1) * ROW);
  const places = new Float64Array(count * PLACES);
  const jsonFlags = contentTypes.map((type) => (type === '' || JSON_TYPE.test(type) ? Flag.saysJson : 0));
  for (let i = 0; i < count; i++) {
    const from = i * COLUMNS;
    const row = i * ROW;
    const contentType = numbers[from + Column.contentType] as number;
    const metadataLength = numbers[from + Column.metadataLength] as number;
    let flags = jsonFlags[contentType] as number;
    if (metadataLength < 0) flags |= Flag.deleted;
    rows[row] = numbers[from + Column.type] as number;
    rows[row + 1] = numbers[from + Column.stream] as number;
    rows[row + 2] = texts.length;
    if (texts.take(numbers[from + Column.dataLength] as number)) flags |= Flag.dataQuoted;
    rows[row + 3] = texts.length;
    if (texts.take(metadataLength < 0 ? -1 - metadataLength : metadataLength)) flags |= Flag.metadataQuoted;
    rows[row + 5] = contentType;
    rows[row + 6] = flags;
    places.set(numbers.subarray(from + Column.revision, from + Column.created + 1), i * PLACES);
  }
  rows[count * ROW + 2] = texts.length;
  addTags(packed, texts, rows);
  const header = JSON.stringify({ types, streams, contentTypes });
  const ids = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + count * ID_BYTES);
  return { header, bodies: texts.text, rows: rows.buffer, places: places.buffer, ids };
}

/** Tags stand behind all other texts, as JSON; of an event without any, nothing does. */
function addTags({ count, numbers, tagLists }: PackedEvents, texts: Texts, rows: Int32Array): void {
  for (let i = 0; i < count; i++) {
    rows[i * ROW + 4] = texts.length;
    const list = numbers[i * COLUMNS + Column.tags] as number;
    if (list > 0) texts.add(JSON.stringify(tagLists[list]));
  }
  rows[count * ROW + 4] = texts.length;
}

/** The bytes of bodies as one text. Where they are plain ASCII, as most are, that is decoded at once. */
class Texts {
  readonly #buffer: Buffer;
  readonly #plain: boolean;
  readonly #pieces: string[] = [];
  /** Where the next piece starts in the bytes. */
  #at: number;
  /** How long the text is so far. */
  length = 0;

  constructor({ bytes, count }: PackedEvents) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#at = count * ID_BYTES;
    const bodies = this.#buffer.subarray(this.#at);
    this.#plain = isAscii(bodies) && !bodies.includes(0);
    if (this.#plain) this.#pieces.push(bodies.toString('latin1'));
  }

  get text(): string {
    return this.#pieces.join('');
  }

  /** Takes over the next bytes; says whether they had to be quoted, because texts with zero characters cannot be passed. */
  take(bytes: number): boolean {
    const start = this.#at;
    this.#at += bytes;
    if (this.#plain) {
      this.length += bytes;
      return false;
    }
    const text = this.#buffer.toString('utf8', start, this.#at);
    const quote = text.includes('\0');
    this.add(quote ? JSON.stringify(text) : text);
    return quote;
  }

  /** Adds a text that is no part of the bytes, behind all that are. */
  add(text: string): void {
    this.#pieces.push(text);
    this.length += text.length;
  }
}
