import { crc32 } from 'node:zlib';
import { FactstoreError } from '../../base/errors.ts';
import type { Operation } from '../store.ts';
import { type Kind, putName, putU32, putU53 } from './keys.ts';

const SLAB_BYTES = 256 << 10;

/**
 * Encodes rows into few large buffers, key and value side by side, and gathers them as the operations of a batch.
 *
 *     key ‖ value ‖ checksum (4): CRC-32 of key and value
 *
 * LevelDB was seen to give back a table's flipped bit as a value; a head that is wrong would give wrong revisions to
 * new events, so each row proves itself when it is read.
 */
export class RowWriter {
  private slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  private at = 0;
  private keyAt = 0;
  private valueAt = 0;
  private operations: Operation[] = [];
  /** How many bytes the gathered rows have. */
  bytes = 0;

  get rows(): number {
    return this.operations.length;
  }

  /** Begins a row that takes at most `room` bytes beside its checksum. */
  start(kind: Kind, room: number): this {
    if (this.at + room + 5 > this.slab.length) {
      this.slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, room + 5));
      this.at = 0;
    }
    this.keyAt = this.at;
    this.slab[this.at++] = kind;
    return this;
  }

  /** Begins a row whose key is already encoded. */
  startAt(key: Uint8Array, room: number): this {
    this.start(key[0] as Kind, room + key.length);
    for (let i = 1; i < key.length; i++) this.slab[this.at++] = key[i] as number;
    return this.value();
  }

  name(bytes: Uint8Array): this {
    this.at = putName(this.slab, this.at, bytes, 0, bytes.length);
    return this;
  }

  /** What follows is the row's value. */
  value(): this {
    this.valueAt = this.at;
    return this;
  }

  u8(value: number): this {
    this.slab[this.at++] = value;
    return this;
  }

  u16(value: number): this {
    this.slab[this.at++] = value >>> 8;
    this.slab[this.at++] = value;
    return this;
  }

  u32(value: number): this {
    this.at = putU32(this.slab, this.at, value);
    return this;
  }

  u53(value: number): this {
    this.at = putU53(this.slab, this.at, value);
    return this;
  }

  varint(value: number): this {
    let rest = value;
    while (rest >= 128) {
      this.slab[this.at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.slab[this.at++] = rest;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.slab.set(bytes, this.at);
    this.at += bytes.length;
    return this;
  }

  /** Ends the row. */
  end(): void {
    this.u32(crc32(this.slab.subarray(this.keyAt, this.at)));
    this.operations.push({
      type: 'put',
      key: this.slab.subarray(this.keyAt, this.valueAt),
      value: this.slab.subarray(this.valueAt, this.at),
    });
    this.bytes += this.at - this.keyAt;
  }

  /** Gives the gathered rows away and begins anew. */
  take(): Operation[] {
    const taken = this.operations;
    this.operations = [];
    this.bytes = 0;
    return taken;
  }
}

/** A row's value without its checksum; ends in DATA_LOSS where the checksum is wrong. */
function rowBody(key: Uint8Array, value: Uint8Array): Uint8Array {
  const length = value.length - 4;
  if (length < 0) throw damagedRow(key);
  const body = value.subarray(0, length);
  const stored =
    (((value[length] as number) << 24) |
      ((value[length + 1] as number) << 16) |
      ((value[length + 2] as number) << 8) |
      (value[length + 3] as number)) >>>
    0;
  if (crc32(body, crc32(key)) !== stored) throw damagedRow(key);
  return body;
}

/** What a decoder made of a row; ends in DATA_LOSS where it made nothing of it. */
export function decodeRow<T>(key: Uint8Array, value: Uint8Array, decode: (body: Uint8Array) => T | undefined): T {
  const decoded = decode(rowBody(key, value));
  if (decoded === undefined) throw damagedRow(key);
  return decoded;
}

function damagedRow(key: Uint8Array): FactstoreError {
  const hex = Buffer.from(key.subarray(0, 64)).toString('hex');
  return damagedIndex(`the row ${hex} is not what was written`);
}

/** An index that contradicts itself or the log. It is derived: the remedy is to have it built again. */
export function damagedIndex(what: string): FactstoreError {
  return new FactstoreError(
    'DATA_LOSS',
    `index: ${what}. The raft log is not affected: stop the node, delete its index directory and start it again, and the index is rebuilt.`,
    { database: 'index' },
  );
}
