import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32c, maskedCrc } from './crc32c.ts';
import { isMissing } from './files.ts';
import { VarintReader } from './varint-reader.ts';

/** A table that the manifest names: it was whole and synced before. */
export interface LiveTable {
  readonly number: number;
  readonly bytes: number;
  /** The key of its last row. */
  readonly lastKey: Uint8Array;
}

/**
 * The tables that a LevelDB database consists of. What else lies in its directory may be half written, by a compaction that
 * is under way or was when the process ended, or be about to be deleted.
 *
 * Undefined: CURRENT or the manifest are missing or damaged, which LevelDB itself tells when it opens the database.
 */
export async function liveTables(database: string): Promise<readonly LiveTable[] | undefined> {
  try {
    const name = (await readFile(join(database, 'CURRENT'), 'utf8')).trim();
    if (!/^MANIFEST-\d+$/.test(name)) return undefined;
    return tablesNamedIn(await readFile(join(database, name)));
  } catch (error) {
    // A new manifest may have taken the place of the one that CURRENT named a moment ago.
    if (isMissing(error) || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** A manifest is made of edits, each of which adds tables and takes others away. Ends in a RangeError where it makes no sense. */
function tablesNamedIn(manifest: Buffer): readonly LiveTable[] {
  const live = new Map<number, LiveTable>();
  for (const edit of recordsIn(manifest)) {
    const { added, gone } = decodeEdit(edit);
    for (const number of gone) live.delete(number);
    for (const table of added) live.set(table.number, table);
  }
  return [...live.values()];
}

const BLOCK_BYTES = 32 << 10;
const HEADER_BYTES = 7;
const FULL = 1;
const FIRST = 2;
const LAST = 4;

/**
 * The records of a file in LevelDB's log format (doc/log_format.md): blocks of 32 KiB, in which stand pieces of records,
 * none across the end of a block.
 *
 *     piece  masked CRC-32C of type and bytes (4) ‖ length (2) ‖ type (1: whole, first, middle or last piece) ‖ bytes
 *
 * A piece that the end of the file cuts was never finished. Ends in a RangeError at one that is damaged.
 */
function* recordsIn(file: Buffer): Generator<Buffer> {
  let pieces: Buffer[] = [];
  for (let at = 0; at + HEADER_BYTES <= file.length; ) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES);
    if (left < HEADER_BYTES) {
      at += left;
      continue;
    }
    const type = file[at + 6] as number;
    const end = at + HEADER_BYTES + file.readUInt16LE(at + 4);
    if (end > file.length) return;
    if (type < FULL || type > LAST) throw new RangeError(`no piece of a record begins at ${at}`);
    if (file.readUInt32LE(at) !== maskedCrc(crc32c(file, at + 6, end))) throw new RangeError(`wrong checksum at ${at}`);
    if (type === FULL || type === FIRST) pieces = [];
    pieces.push(file.subarray(at + HEADER_BYTES, end));
    if (type === FULL || type === LAST) yield Buffer.concat(pieces);
    at = end;
  }
}

/** What the fields of a version edit are (db/version_edit.cc): a tag, then numbers and texts that its kind has. */
const Tag = {
  comparator: 1,
  log: 2,
  nextFile: 3,
  lastSequence: 4,
  pointer: 5,
  gone: 6,
  added: 7,
  previousLog: 9,
} as const;

/** Behind the key of a row stand its sequence number and type. */
const SEQUENCE_BYTES = 8;

function decodeEdit(edit: Buffer): { added: readonly LiveTable[]; gone: readonly number[] } {
  const reader = new VarintReader(edit, 0);
  const text = () => {
    const bytes = reader.bytes(reader.next());
    if (!bytes) throw new RangeError('an edit ends in the middle of a text');
    return bytes;
  };
  const added: LiveTable[] = [];
  const gone: number[] = [];
  while (reader.more()) {
    const tag = reader.next();
    if (tag === Tag.comparator) text();
    else if (tag === Tag.pointer) {
      reader.next();
      text();
    } else if (tag === Tag.gone) {
      reader.next();
      gone.push(reader.next());
    } else if (tag === Tag.added) {
      reader.next();
      const [number, bytes] = [reader.next(), reader.next()];
      text();
      const lastKey = text();
      added.push({ number, bytes, lastKey: lastKey.subarray(0, lastKey.length - SEQUENCE_BYTES) });
    } else if (tag === Tag.log || tag === Tag.nextFile || tag === Tag.lastSequence || tag === Tag.previousLog)
      reader.next();
    else throw new RangeError(`an edit has a field ${tag}`);
  }
  if (reader.bad) throw new RangeError('an edit ends in the middle of a number');
  return { added, gone };
}
