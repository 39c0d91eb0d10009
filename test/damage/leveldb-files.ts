/** Where things stand in the files of LevelDB, so that damage can be aimed at them. */

/** A physical record of a write-ahead file or a manifest: checksum (4 bytes), length (2), type (1), content. */
export interface LogRecord {
  readonly at: number;
  readonly length: number;
}

const BLOCK_BYTES = 32 << 10;
export const RECORD_HEADER_BYTES = 7;

export function recordsIn(bytes: Buffer): LogRecord[] {
  const records: LogRecord[] = [];
  let at = 0;
  while (at + RECORD_HEADER_BYTES <= bytes.length) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES);
    if (left < RECORD_HEADER_BYTES) {
      at += left;
      continue;
    }
    const length = bytes.readUInt16LE(at + 4);
    if (at + RECORD_HEADER_BYTES + length > bytes.length) break;
    records.push({ at, length });
    at += RECORD_HEADER_BYTES + length;
  }
  return records;
}

/** A table: blocks of rows, then the block of meta data, the block that finds the others, and the footer. */
export interface TableParts {
  readonly metaindexAt: number;
  readonly indexAt: number;
  readonly footerAt: number;
}

const FOOTER_BYTES = 48;

export function partsOf(table: Buffer): TableParts {
  const footerAt = table.length - FOOTER_BYTES;
  let at = footerAt;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = table[at++] as number;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const metaindexAt = varint();
  varint();
  return { metaindexAt, indexAt: varint(), footerAt };
}
