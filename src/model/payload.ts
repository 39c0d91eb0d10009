import { decodeUtf8, encodeUtf8 } from '../base/bytes.ts';
import type { Append, ProducerCursor } from './append.ts';
import { placeStart, recordedLength, writePlace, writeRecordedEvent } from './event.ts';

/**
 * The payload of an `events` entry: one append, as it is stored, replicated and read.
 *
 *     offset  bytes  what
 *          0      1  layout version (1)
 *          1     16  append id
 *         17     16  digest of the client's bytes (rule S6)
 *         33      2  length of the producer's name, little-endian; 0: no cursor, and the next three are absent
 *         35      n  producer's name, UTF-8
 *              8+8  previous and current (rule S7), little-endian
 *              4×c  for each event, the offset behind it, counted from the first event, little-endian
 *                …  the events: RecordedEvent messages, back to back
 *
 * `c`, the number of events, stands in the header of the entry. The table of offsets makes any one event of a large
 * append reachable without walking over the others.
 */
const LAYOUT = 1;
const FIXED = 35;

/** What of an append stands before its events. */
type PayloadHeader = Pick<Append, 'id' | 'digest' | 'producer' | 'eventCount'>;

/** Where a write's events begin in its stream. */
export interface PlacedWrite {
  readonly stream: string;
  readonly firstRevision: number;
  readonly events: readonly Uint8Array[];
}

/** An append whose places are decided, measured and not yet encoded: it is written once, straight to where it stays. */
export class PayloadDraft {
  /** How many bytes `writeTo` writes. */
  readonly length: number;
  private readonly append: PayloadHeader;
  private readonly writes: readonly PlacedWrite[];
  private readonly names: readonly Uint8Array[];
  private readonly producer: Uint8Array | undefined;
  private readonly firstPosition: number;
  private readonly createdUs: number;

  constructor(append: PayloadHeader, writes: readonly PlacedWrite[], firstPosition: number, createdUs: number) {
    this.append = append;
    this.writes = writes;
    this.names = writes.map((write) => encodeUtf8(write.stream));
    this.producer = append.producer && encodeUtf8(append.producer.producer);
    this.firstPosition = firstPosition;
    this.createdUs = createdUs;
    let length = this.eventsAt;
    let position = firstPosition;
    for (const [w, { events, firstRevision }] of writes.entries()) {
      const name = this.names[w] as Uint8Array;
      for (let e = 0; e < events.length; e++) {
        length += recordedLength(events[e] as Uint8Array, name, firstRevision + e, position++, createdUs);
      }
    }
    this.length = length;
  }

  writeTo(bytes: Buffer, start: number): void {
    const { writes, createdUs } = this;
    this.writeHead(bytes, start);
    const eventsAt = start + this.eventsAt;
    let at = eventsAt;
    let table = start + this.tableAt;
    let position = this.firstPosition;
    for (const [w, { events, firstRevision }] of writes.entries()) {
      const name = this.names[w] as Uint8Array;
      for (let e = 0; e < events.length; e++) {
        at = writeRecordedEvent(bytes, at, events[e] as Uint8Array, name, firstRevision + e, position++, createdUs);
        table = bytes.writeUInt32LE(at - eventsAt, table);
      }
    }
  }

  /** The same, pausing each time that `pieceBytes` were written (rule C3). */
  *writeInPieces(bytes: Buffer, start: number, pieceBytes: number): Generator<void> {
    const { writes, createdUs } = this;
    this.writeHead(bytes, start);
    const eventsAt = start + this.eventsAt;
    let at = eventsAt;
    let pauseAt = at + pieceBytes;
    let table = start + this.tableAt;
    let position = this.firstPosition;
    for (const [w, { events, firstRevision }] of writes.entries()) {
      const name = this.names[w] as Uint8Array;
      for (const [e, event] of events.entries()) {
        for (let from = 0; from < event.length; ) {
          const to = Math.min(event.length, from + pauseAt - at);
          bytes.set(event.subarray(from, to), at);
          at += to - from;
          from = to;
          if (at < pauseAt) continue;
          yield;
          pauseAt = at + pieceBytes;
        }
        at = writePlace(bytes, at, name, firstRevision + e, position++, createdUs);
        pauseAt = Math.max(pauseAt, at + 1);
        table = bytes.writeUInt32LE(at - eventsAt, table);
      }
    }
  }

  private writeHead(bytes: Buffer, start: number): void {
    const { append, producer } = this;
    bytes[start] = LAYOUT;
    bytes.set(append.id, start + 1);
    bytes.set(append.digest, start + 17);
    bytes.writeUInt16LE(producer?.length ?? 0, start + 33);
    if (producer && append.producer) writeCursor(bytes, start + FIXED, producer, append.producer);
  }

  private get tableAt(): number {
    return FIXED + (this.producer ? this.producer.length + 16 : 0);
  }

  private get eventsAt(): number {
    return this.tableAt + this.append.eventCount * 4;
  }
}

function writeCursor(bytes: Buffer, at: number, name: Uint8Array, cursor: ProducerCursor): void {
  bytes.set(name, at);
  bytes.writeBigUInt64LE(BigInt(cursor.previous), at + name.length);
  bytes.writeBigUInt64LE(BigInt(cursor.current), at + name.length + 8);
}

/** Looks into a payload without copying it. Throws RangeError or gives garbage only for bytes that no leader encoded. */
export class PayloadView {
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly producer: ProducerCursor | undefined;
  private readonly view: DataView;
  private readonly tableAt: number;
  private readonly eventsAt: number;

  constructor(bytes: Uint8Array, count: number) {
    this.bytes = bytes;
    this.count = count;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes[0] !== LAYOUT) throw new RangeError(`payload layout ${bytes[0]} is not known`);
    const nameLength = this.view.getUint16(33, true);
    this.tableAt = FIXED + (nameLength > 0 ? nameLength + 16 : 0);
    this.eventsAt = this.tableAt + count * 4;
    if (this.eventsAt > bytes.length) throw new RangeError('payload ends within its table');
    this.producer = nameLength > 0 ? this.readCursor(nameLength) : undefined;
  }

  get appendId(): Uint8Array {
    return this.bytes.subarray(1, 17);
  }

  get digest(): Uint8Array {
    return this.bytes.subarray(17, 33);
  }

  /** Where the n-th event (from 0) begins and ends within `bytes`. */
  eventStart(n: number): number {
    return n === 0 ? this.eventsAt : this.eventEnd(n - 1);
  }

  eventEnd(n: number): number {
    return this.eventsAt + this.view.getUint32(this.tableAt + n * 4, true);
  }

  /** The n-th event (from 0), a RecordedEvent message. */
  event(n: number): Uint8Array {
    return this.bytes.subarray(this.eventStart(n), this.eventEnd(n));
  }

  /**
   * The same payload without the author's bytes of some events, of which only the places are left (rule D4). Append id,
   * digest and cursor stay: repeats are recognised by them for as long as ever.
   */
  without(erased: (n: number) => boolean): Uint8Array {
    const { bytes, count } = this;
    const starts = Array.from({ length: count }, (_, n) => {
      const start = this.eventStart(n);
      return erased(n) ? placeStart(bytes, start, this.eventEnd(n)) : start;
    });
    const length = starts.reduce((sum, start, n) => sum + this.eventEnd(n) - start, this.eventsAt);
    const to = new Uint8Array(length);
    to.set(bytes.subarray(0, this.tableAt));
    const table = new DataView(to.buffer);
    let at = this.eventsAt;
    for (const [n, start] of starts.entries()) {
      to.set(bytes.subarray(start, this.eventEnd(n)), at);
      at += this.eventEnd(n) - start;
      table.setUint32(this.tableAt + n * 4, at - this.eventsAt, true);
    }
    return to;
  }

  private readCursor(nameLength: number): ProducerCursor {
    return {
      producer: decodeUtf8(this.bytes, FIXED, FIXED + nameLength) ?? '',
      previous: Number(this.view.getBigUint64(FIXED + nameLength, true)),
      current: Number(this.view.getBigUint64(FIXED + nameLength + 8, true)),
    };
  }
}
