import { COLUMNS, Column, ID_BYTES, type PackedEvents } from './packed-events.ts';

/** A batch as the sandbox takes it: see language/event.js, which reads it. */
export interface BatchText {
  readonly header: string;
  readonly bodies: string;
  readonly ids: string;
}

const JSON_TYPE = /^application\/(?:[a-z0-9.+-]*\+)?json(?:\s*;.*)?$/i;

const Flag = { saysJson: 1, dataQuoted: 2, metadataQuoted: 4, deleted: 8 } as const;

export function batchText(packed: PackedEvents): BatchText {
  const { count, numbers, types, streams, contentTypes, tagLists } = packed;
  const buffer = Buffer.from(packed.bytes.buffer, packed.bytes.byteOffset, packed.bytes.length);
  const json = contentTypes.map(saysJson);
  const rows: number[] = [];
  const pieces: string[] = [];
  let bodiesLength = 0;
  let at = count * ID_BYTES;
  /** Adds a text to the bodies; gives where it starts. */
  const add = (text: string) => {
    pieces.push(text);
    bodiesLength += text.length;
    return bodiesLength - text.length;
  };
  for (let i = 0; i < count; i++) {
    const row = i * COLUMNS;
    const number = (column: number) => numbers[row + column] as number;
    const deleted = number(Column.metadataLength) < 0;
    const dataEnd = at + number(Column.dataLength);
    const metadataLength = deleted ? -1 - number(Column.metadataLength) : number(Column.metadataLength);
    const data = buffer.toString('utf8', at, dataEnd);
    at = dataEnd + metadataLength;
    const metadata = metadataLength === 0 ? '' : buffer.toString('utf8', dataEnd, at);
    const contentType = number(Column.contentType);
    let flags = (json[contentType] ? Flag.saysJson : 0) | (deleted ? Flag.deleted : 0);
    if (data.includes('\0')) flags |= Flag.dataQuoted;
    if (metadata.includes('\0')) flags |= Flag.metadataQuoted;
    const dataStart = add(flags & Flag.dataQuoted ? JSON.stringify(data) : data);
    const metadataStart = add(flags & Flag.metadataQuoted ? JSON.stringify(metadata) : metadata);
    const tags = JSON.stringify(tagLists[number(Column.tags)]);
    const rest = add(`[${number(Column.created)},${JSON.stringify(contentTypes[contentType])},${tags}]`);
    rows.push(number(Column.type), number(Column.stream), number(Column.revision), number(Column.position));
    rows.push(dataStart, metadataStart, rest, flags);
  }
  return {
    header: JSON.stringify({ types, streams, rows }),
    bodies: pieces.join(''),
    ids: buffer.toString('hex', 0, count * ID_BYTES),
  };
}

/** As the SDK and the CLI judge it: JSON unless said otherwise. */
function saysJson(contentType: string): boolean {
  return contentType === '' || JSON_TYPE.test(contentType);
}
