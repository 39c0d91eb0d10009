import type { RowWriter } from './row-writer.ts';

/**
 * The places of a name in one block, as they stand in a row: a list, 2 bytes each (big-endian), ascending; or, where that is
 * shorter, bits: place p is bit p % 8 of byte p / 8. A list has an even number of bytes. Bits end with their last byte that
 * is not zero, and with a zero byte behind it where their number would be even.
 *
 * A name that every second event has takes 2 KiB a block in place of 16. Names that are all frequent and seldom together
 * have to be compared block by block, and this is what is read for it.
 */
export type RowPlaces = Uint16Array | Uint8Array;

/** Puts a list of places that ascend, at least one, into the row that is being written. */
export function putPlaces(to: RowWriter, places: Uint16Array): RowWriter {
  const bytes = (((places.at(-1) as number) >>> 3) + 1) | 1;
  if (bytes >= places.length * 2) {
    for (let i = 0; i < places.length; i++) to.u16(places[i] as number);
    return to;
  }
  const bits = new Uint8Array(bytes);
  for (let i = 0; i < places.length; i++) {
    const place = places[i] as number;
    bits[place >>> 3] = (bits[place >>> 3] as number) | (1 << (place & 7));
  }
  return to.raw(bits);
}

/** The places from `start` to the end, as they stand there: a list, or bits. Undefined for bytes that are neither. */
export function decodeRowPlaces(body: Uint8Array, start = 0): RowPlaces | undefined {
  const bytes = body.length - start;
  if (bytes % 2 === 0) return decodeList(body, start);
  const bits = body.subarray(start);
  return bits[bytes - 1] !== 0 || bits[bytes - 2] ? bits : undefined;
}

/** The same as a list, however they stand there. */
export function decodePlaces(body: Uint8Array, start = 0): Uint16Array | undefined {
  const places = decodeRowPlaces(body, start);
  return places && places instanceof Uint8Array ? listOf(places) : places;
}

function decodeList(body: Uint8Array, start: number): Uint16Array | undefined {
  const count = (body.length - start) / 2;
  if (count < 1) return undefined;
  const places = new Uint16Array(count);
  let before = -1;
  for (let i = 0; i < count; i++) {
    const place = ((body[start + i * 2] as number) << 8) | (body[start + i * 2 + 1] as number);
    if (place <= before) return undefined;
    places[i] = before = place;
  }
  return places;
}

function listOf(bits: Uint8Array): Uint16Array {
  const places = new Uint16Array(bits.length * 8);
  let count = 0;
  for (let at = 0; at < bits.length; at++) {
    for (let rest = bits[at] as number; rest !== 0; rest &= rest - 1) {
      places[count++] = at * 8 + 31 - Math.clz32(rest & -rest);
    }
  }
  return places.subarray(0, count);
}
