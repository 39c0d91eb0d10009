import { WireType, writeVarint } from '../model/wire.ts';

/** Most messages fit; larger ones say so. */
const SIZE_HINT = 256;
/** Texts up to this length are written character by character: two calls into native code cost more. */
const SHORT = 32;
/** A tag of up to 5 bytes and a varint of up to 10. */
const HEADER_MAX = 15;

/**
 * Writes the fields of one message. In contrast to protobufjs' Writer it copies bytes straight to their place, without a
 * list of operations in between, and it leaves nested messages that are bytes already as they are.
 *
 * Zeros, empty texts and empty bytes are left out, as proto3 has it, unless a method says otherwise.
 */
export class MessageWriter {
  private bytes: Buffer;
  private offset = 0;

  /** Writes to this memory, or new memory of about the size of the message. Where that is too small it takes larger one. */
  constructor(memory: number | Buffer = SIZE_HINT) {
    this.bytes = typeof memory === 'number' ? Buffer.allocUnsafe(memory) : memory;
  }

  /** A whole number from 0 to 2^53 - 1. */
  uint(field: number, value: number): this {
    return value === 0 ? this : this.uintAlways(field, value);
  }

  /** Also a zero: for members of a oneof, whose presence says something. */
  uintAlways(field: number, value: number): this {
    this.reserve(HEADER_MAX);
    this.offset = writeVarint(this.bytes, this.offset, field * 8 + WireType.varint);
    this.offset = writeVarint(this.bytes, this.offset, value);
    return this;
  }

  bool(field: number, value: boolean): this {
    return value ? this.uintAlways(field, 1) : this;
  }

  text(field: number, value: string): this {
    return value.length === 0 ? this : this.textAlways(field, value);
  }

  /** Also an empty text: for repeated fields and members of a oneof. */
  textAlways(field: number, value: string): this {
    if (value.length <= SHORT && this.shortAscii(field, value)) return this;
    const length = Buffer.byteLength(value);
    this.dataHeader(field, length);
    this.offset += this.bytes.write(value, this.offset, length, 'utf8');
    return this;
  }

  /** Writes a text of at most 127 characters, unless one of them is not ASCII. */
  private shortAscii(field: number, value: string): boolean {
    this.reserve(HEADER_MAX + value.length);
    const start = writeVarint(this.bytes, this.offset, field * 8 + WireType.bytes);
    this.bytes[start] = value.length;
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code >= 0x80) return false;
      this.bytes[start + 1 + i] = code;
    }
    this.offset = start + 1 + value.length;
    return true;
  }

  data(field: number, value: Uint8Array): this {
    return value.length === 0 ? this : this.dataAlways(field, value);
  }

  /** Also empty bytes: for repeated fields and nested messages, whose presence says something. */
  dataAlways(field: number, value: Uint8Array): this {
    return this.dataHeader(field, value.length).raw(value);
  }

  /** Begins bytes of this length; `raw` must write them. */
  dataHeader(field: number, length: number): this {
    this.reserve(HEADER_MAX + length);
    return this.tag(field, length);
  }

  /** Begins bytes of this length that stand behind this message. */
  tag(field: number, length: number): this {
    this.reserve(HEADER_MAX);
    this.offset = writeVarint(this.bytes, this.offset, field * 8 + WireType.bytes);
    this.offset = writeVarint(this.bytes, this.offset, length);
    return this;
  }

  /** Fields that are encoded already. */
  raw(value: Uint8Array): this {
    this.reserve(value.length);
    this.bytes.set(value, this.offset);
    this.offset += value.length;
    return this;
  }

  /**
   * A nested message. Its length is known only behind it. `sizeHint`: about that, so that there is room for the bytes that it
   * takes; where it takes more or less of them, the message is moved.
   */
  nested(field: number, write: (writer: MessageWriter) => void, sizeHint = 0): this {
    this.reserve(2 * HEADER_MAX);
    const at = writeVarint(this.bytes, this.offset, field * 8 + WireType.bytes);
    const start = at + lengthOfLength(sizeHint);
    this.offset = start;
    write(this);
    const length = this.offset - start;
    const moved = at + lengthOfLength(length);
    if (moved !== start) {
      this.reserve(HEADER_MAX);
      this.bytes.copyWithin(moved, start, this.offset);
    }
    writeVarint(this.bytes, at, length);
    this.offset = moved + length;
    return this;
  }

  /** The message. The writer must not be used again. */
  finish(): Buffer {
    return this.bytes.subarray(0, this.offset);
  }

  private reserve(length: number): void {
    if (this.offset + length <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.offset + length));
    larger.set(this.bytes.subarray(0, this.offset));
    this.bytes = larger;
  }
}

function lengthOfLength(length: number): number {
  if (length < 0x80) return 1;
  if (length < 0x4000) return 2;
  if (length < 0x20_0000) return 3;
  return length < 0x1000_0000 ? 4 : 5;
}
