import { type FileHandle, open } from 'node:fs/promises';
import snappy from 'snappyjs';
import { FactstoreError } from '../base/errors.ts';
import { crc32c, maskedCrc } from './crc32c.ts';
import { codeOf } from './files.ts';
import { VarintReader } from './varint-reader.ts';

/**
 * A table of LevelDB, as its documentation draws it (doc/table_format.md). Blocks stand behind one another without gaps:
 *
 *     data blocks ‖ filter block, where there is one ‖ metaindex block ‖ index block ‖ footer
 *     block     contents ‖ compression (1: 0 none, 1 Snappy) ‖ masked CRC-32C of contents and compression (4, little-endian)
 *     contents  entries ‖ offsets of restarts (4 each, little-endian) ‖ number of restarts (4)
 *     entry     shared bytes of the key ‖ further bytes of it ‖ bytes of the value (varints) ‖ key ‖ value
 *     footer    handle of metaindex ‖ handle of index, padded to 40 ‖ magic (8, little-endian)
 *     handle    offset ‖ size of contents (varints)
 *
 * The index has one entry for each data block: a key that is not before its last one and before the first of the next.
 */
export class LevelDbTable {
  private readonly file: FileHandle;
  private readonly name: string;
  /** All that the footer vouches for, in the order of the file. */
  private blocks: readonly BlockHandle[] = [];

  private constructor(file: FileHandle, name: string) {
    this.file = file;
    this.name = name;
  }

  /**
   * Reads and checks where its blocks are. Errors call it by `name`; DATA_LOSS: it is damaged, or the disk does not give it.
   * `bytes`: how long it has to be.
   */
  static async open(path: string, name: string = path, bytes?: number): Promise<LevelDbTable> {
    const file = await open(path, 'r').catch((error: unknown) => {
      throw unreadable(name, error);
    });
    const table = new LevelDbTable(file, name);
    try {
      await table.readIndex(bytes);
      return table;
    } catch (error) {
      await file.close();
      throw unreadable(name, error);
    }
  }

  /**
   * Reads every block and compares it with its checksum, which LevelDB itself does not do when it reads. `pace` is told how
   * many bytes were read, and may wait. Ends in DATA_LOSS at the first damage.
   */
  async check(pace: (bytes: number) => Promise<void>): Promise<void> {
    let from = 0;
    while (from < this.blocks.length) {
      let to = from + 1;
      const { offset } = this.blocks[from] as BlockHandle;
      while (to < this.blocks.length && behind(this.blocks[to] as BlockHandle) - offset <= READ_BYTES) to++;
      const length = behind(this.blocks[to - 1] as BlockHandle) - offset;
      const bytes = await this.read(offset, length).catch((error: unknown) => {
        throw unreadable(this.name, error);
      });
      for (const block of this.blocks.slice(from, to)) this.checkBlock(bytes, block.offset - offset, block);
      await pace(bytes.length);
      from = to;
    }
  }

  close(): Promise<void> {
    return this.file.close();
  }

  private async readIndex(bytes: number | undefined): Promise<void> {
    const { size } = await this.file.stat();
    if (bytes !== undefined && size !== bytes) throw this.damaged(`it has ${size} bytes in place of ${bytes}`);
    if (size < FOOTER_BYTES) throw this.damaged(`it has ${size} bytes, fewer than its footer alone`);
    const footer = await this.read(size - FOOTER_BYTES, FOOTER_BYTES);
    if (footer.readBigUInt64LE(FOOTER_BYTES - 8) !== MAGIC) throw this.damaged('it does not end in a footer');
    const handles = new VarintReader(footer, 0);
    const metaindex = handleIn(handles);
    const index = handleIn(handles);
    if (behind(metaindex) !== index.offset || behind(index) !== size - FOOTER_BYTES)
      throw this.damaged('its footer does not fit its length');
    const values = valuesIn(await this.contents(index));
    const blocks = values.map((value) => handleIn(new VarintReader(value, 0)));
    const dataEnd = blocks.length > 0 ? behind(blocks.at(-1) as BlockHandle) : 0;
    const filter = { offset: dataEnd, size: metaindex.offset - dataEnd - TRAILER_BYTES };
    this.blocks = [...blocks, ...(metaindex.offset > dataEnd ? [filter] : []), metaindex, index];
    this.refuseGaps();
  }

  private refuseGaps(): void {
    let at = 0;
    for (const block of this.blocks) {
      if (block.offset !== at || block.size < 0) throw this.damaged(`the block at ${at} is not where its index says`);
      at = behind(block);
    }
  }

  private async contents(block: BlockHandle): Promise<Buffer> {
    const bytes = await this.read(block.offset, behind(block) - block.offset);
    this.checkBlock(bytes, 0, block);
    const contents = bytes.subarray(0, block.size);
    return bytes[block.size] === SNAPPY ? snappy.uncompress(contents) : contents;
  }

  /** `at`: where the block begins in `bytes`. */
  private checkBlock(bytes: Buffer, at: number, { offset, size }: BlockHandle): void {
    const masked = bytes.readUInt32LE(at + size + 1);
    if (masked !== maskedCrc(crc32c(bytes, at, at + size + 1)))
      throw this.damaged(`the checksum of its block at ${offset} is wrong`);
  }

  private async read(offset: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; ) {
      const { bytesRead } = await this.file.read(bytes, at, length - at, offset + at);
      if (bytesRead === 0) throw this.damaged(`it ends at ${offset + at}, in the middle of a block`);
      at += bytesRead;
    }
    return bytes;
  }

  private damaged(what: string): FactstoreError {
    return damagedTable(this.name, what);
  }
}

function damagedTable(name: string, what: string): FactstoreError {
  return new FactstoreError('DATA_LOSS', `table ${name}: ${what}`, { table: name });
}

/** Errors that say nothing of the disk. */
const OF_THE_PROCESS: readonly unknown[] = ['ENOENT', 'EMFILE', 'ENFILE', 'ENOMEM', 'EACCES'];

/** Whatever keeps a table from being read is damage of it, as it is to LevelDB. */
function unreadable(name: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof FactstoreError) return error;
  if (OF_THE_PROCESS.includes(codeOf(error))) return error;
  return damagedTable(name, `it cannot be read (${error.message})`);
}

interface BlockHandle {
  readonly offset: number;
  readonly size: number;
}

const FOOTER_BYTES = 48;
const TRAILER_BYTES = 5;
const MAGIC = 0xdb4775248b80fb57n;
const SNAPPY = 1;

/** How much is read and checked in one go, unless a block is larger: about a millisecond (rule C3). */
const READ_BYTES = 512 << 10;

function behind({ offset, size }: BlockHandle): number {
  return offset + size + TRAILER_BYTES;
}

/** The values of a block's entries. Ends in a RangeError where the contents make no sense. */
function valuesIn(contents: Buffer): readonly Uint8Array[] {
  const restarts = 4 + 4 * contents.readUInt32LE(contents.length - 4);
  const reader = new VarintReader(contents.subarray(0, contents.length - restarts), 0);
  const values: Uint8Array[] = [];
  while (reader.more()) {
    // How much of the key is that of the entry before.
    reader.next();
    const [keyBytes, valueBytes] = [reader.next(), reader.next()];
    taken(reader, keyBytes);
    values.push(taken(reader, valueBytes));
  }
  return values;
}

function taken(reader: VarintReader, length: number): Uint8Array {
  const bytes = reader.bytes(length);
  if (reader.bad || !bytes) throw new RangeError('a block ends in the middle of an entry');
  return bytes;
}

function handleIn(reader: VarintReader): BlockHandle {
  const handle = { offset: reader.next(), size: reader.next() };
  if (reader.bad) throw new RangeError('there is no handle of a block where one should be');
  return handle;
}
