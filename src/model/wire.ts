/** The little of the protobuf wire format that factstore walks itself, where whole messages pass through as bytes. */

export const WireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Reads fields of one message, one after another. It never reads behind the end; what is malformed makes it `bad`. */
export class FieldReader {
  readonly bytes: Uint8Array;
  /** Where the next field begins. */
  offset: number;
  readonly end: number;
  /** The number and the wire type of the field that `next` found. */
  field = 0;
  wireType = 0;
  /** The value of a varint field; NaN above 2^53 - 1, where it would not be exact. */
  value = 0;
  /** The bounds of a bytes field. */
  start = 0;
  stop = 0;
  /** Where the tag of the field began. */
  fieldStart = 0;
  /** Set once the bytes turned out not to be a message. */
  bad = false;

  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.bytes = bytes;
    this.offset = offset;
    this.end = end;
  }

  /** Moves to the next field; false at the end and where the bytes are malformed. */
  next(): boolean {
    if (this.bad || this.offset >= this.end) return false;
    this.fieldStart = this.offset;
    const tag = this.varint();
    if (this.bad || !(tag >= 8 && tag <= 0xffff_ffff)) return this.fail();
    this.field = Math.floor(tag / 8);
    this.wireType = tag % 8;
    switch (this.wireType) {
      case WireType.varint:
        this.value = this.varint();
        return !this.bad;
      case WireType.bytes:
        return this.skip(this.varint());
      case WireType.fixed64:
        return this.skip(8);
      case WireType.fixed32:
        return this.skip(4);
      default:
        return this.fail();
    }
  }

  private skip(length: number): boolean {
    if (this.bad || !(length <= this.end - this.offset)) return this.fail();
    this.start = this.offset;
    this.stop = this.offset + length;
    this.offset = this.stop;
    return true;
  }

  private varint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      if (this.offset >= this.end) {
        this.bad = true;
        return 0;
      }
      const byte = this.bytes[this.offset++] as number;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value <= Number.MAX_SAFE_INTEGER ? value : Number.NaN;
      factor *= 128;
    }
    this.bad = true;
    return 0;
  }

  private fail(): boolean {
    this.bad = true;
    return false;
  }
}

/** How many bytes a varint takes. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++;
  return length;
}

/** Writes a varint and gives the offset behind it. */
export function writeVarint(bytes: Uint8Array, offset: number, value: number): number {
  let rest = value;
  let at = offset;
  while (rest >= 128) {
    bytes[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  bytes[at++] = rest;
  return at;
}
