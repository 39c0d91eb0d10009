import { WireType } from '../../model/wire.ts';

/** The numbers of the fields of RecordedEvent (proto/factstore/v1/events.proto) that the index looks at. */
const Field = { type: 2, tag: 6, stream: 8, revision: 9, position: 10 } as const;

/**
 * Finds the fields of a recorded event that the index needs, as offsets: one scanner is used again for every event, so
 * that indexing makes no object and no text per event.
 */
export class EventScanner {
  bytes: Uint8Array = new Uint8Array(0);
  typeStart = 0;
  typeEnd = 0;
  streamStart = 0;
  streamEnd = 0;
  revision = -1;
  position = 0;
  tagCount = 0;
  /** Where each tag begins and ends, in turn. */
  tags = new Uint32Array(128);
  private at = 0;

  /** Whether the bytes are a recorded event; its fields are then set. */
  scan(bytes: Uint8Array, start: number, end: number): boolean {
    this.bytes = bytes;
    this.at = start;
    this.tagCount = 0;
    this.revision = -1;
    this.position = 0;
    this.typeStart = this.typeEnd = this.streamStart = this.streamEnd = start;
    while (this.at < end) {
      const tag = this.varint(end);
      if (!(tag >= 8 && tag <= 0xffff_ffff)) return false;
      const wireType = tag & 7;
      if (wireType === WireType.varint) {
        const value = this.varint(end);
        if (tag === Field.revision << 3) this.revision = value;
        else if (tag === Field.position << 3) this.position = value;
      } else if (wireType === WireType.bytes) {
        const length = this.varint(end);
        if (!(length <= end - this.at)) return false;
        this.field(tag >>> 3, this.at, this.at + length);
        this.at += length;
      } else if (wireType === WireType.fixed64) this.at += 8;
      else if (wireType === WireType.fixed32) this.at += 4;
      else return false;
    }
    return this.at === end && this.streamEnd > this.streamStart && this.revision >= 0 && this.position >= 1;
  }

  /** Whether the stream holds the facts about another one: its name begins with "$$". */
  isAboutStream(): boolean {
    return this.bytes[this.streamStart] === 0x24 && this.bytes[this.streamStart + 1] === 0x24;
  }

  /** Whether the stream is the system's: its name begins with "$". */
  isSystem(): boolean {
    return this.bytes[this.streamStart] === 0x24;
  }

  private field(number: number, start: number, end: number): void {
    if (number === Field.tag) {
      if (this.tagCount * 2 === this.tags.length) this.growTags();
      this.tags[this.tagCount * 2] = start;
      this.tags[this.tagCount * 2 + 1] = end;
      this.tagCount++;
    } else if (number === Field.stream) {
      this.streamStart = start;
      this.streamEnd = end;
    } else if (number === Field.type) {
      this.typeStart = start;
      this.typeEnd = end;
    }
  }

  private growTags(): void {
    const tags = new Uint32Array(this.tags.length * 2);
    tags.set(this.tags);
    this.tags = tags;
  }

  /** NaN where there is none before `end`; a comparison with it fails, and so does the scan. */
  private varint(end: number): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 10 && this.at < end; i++) {
      const byte = this.bytes[this.at++] as number;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    this.at = end + 1;
    return Number.NaN;
  }
}
