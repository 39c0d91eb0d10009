import { decodeUtf8, encodeUtf8 } from '../base/bytes.ts';
import type { Append, ProducerCursor } from './append.ts';
import { recordedLength, writeRecordedEvent } from './event.ts';

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

/** Where a write's events begin in its stream. */
export interface PlacedWrite {
  readonly stream: string;
  readonly firstRevision: number;
  readonly events: readonly Uint8Array[];
}

/** Encodes an append whose places are decided. */
export function encodePayload(
  append: Pick<Append, 'id' | 'digest' | 'producer' | 'eventCount'>,
  writes: readonly PlacedWrite[],
  firstPosition: number,
  createdUs: number,
): Uint8Array {
  const names = writes.map((write) => encodeUtf8(write.stream));
  const producer = append.producer ? encodeUtf8(append.producer.producer) : undefined;
  const tableAt = FIXED + (producer ? producer.length + 16 : 0);
  const eventsAt = tableAt + append.eventCount * 4;
  let length = eventsAt;
  let position = firstPosition;
  writes.forEach((write, w) => {
    write.events.forEach((event, e) => {
      length += recordedLength(event, names[w] as Uint8Array, write.firstRevision + e, position++, createdUs);
    });
  });
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes[0] = LAYOUT;
  bytes.set(append.id, 1);
  bytes.set(append.digest, 17);
  if (producer && append.producer) writeCursor(bytes, view, producer, append.producer);
  let at = eventsAt;
  let table = tableAt;
  position = firstPosition;
  writes.forEach((write, w) => {
    write.events.forEach((event, e) => {
      const name = names[w] as Uint8Array;
      at = writeRecordedEvent(bytes, at, event, name, write.firstRevision + e, position++, createdUs);
      view.setUint32(table, at - eventsAt, true);
      table += 4;
    });
  });
  return bytes;
}

function writeCursor(bytes: Uint8Array, view: DataView, name: Uint8Array, cursor: ProducerCursor): void {
  view.setUint16(33, name.length, true);
  bytes.set(name, FIXED);
  view.setBigUint64(FIXED + name.length, BigInt(cursor.previous), true);
  view.setBigUint64(FIXED + name.length + 8, BigInt(cursor.current), true);
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

  private readCursor(nameLength: number): ProducerCursor {
    return {
      producer: decodeUtf8(this.bytes, FIXED, FIXED + nameLength) ?? '',
      previous: Number(this.view.getBigUint64(FIXED + nameLength, true)),
      current: Number(this.view.getBigUint64(FIXED + nameLength + 8, true)),
    };
  }
}
