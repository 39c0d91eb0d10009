import { hash, randomFillSync } from 'node:crypto';
import { uuidBytes, uuidOfDigest } from '../base/bytes.ts';
import { invalid } from '../base/errors.ts';

/** Random bytes are drawn for many UUIDs at once: one call of the generator costs more than a whole append. */
const UUIDS_PER_DRAW = 256;
const drawn = Buffer.alloc(16 * UUIDS_PER_DRAW);
let next = drawn.length;

/** A new random UUID (version 4), 16 bytes. */
export function newUuid(): Uint8Array {
  if (next === drawn.length) {
    randomFillSync(drawn);
    next = 0;
  }
  const uuid = Uint8Array.prototype.slice.call(drawn, next, next + 16);
  next += 16;
  uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x40;
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80;
  return uuid;
}

/** The bytes of a UUID that the application gave; a new one where it gave none. */
export function uuidOrNew(field: string, text: string | undefined): Uint8Array {
  return text === undefined ? newUuid() : uuidArgument(field, text);
}

/** The bytes of a UUID that the application gave. */
export function uuidArgument(field: string, text: string): Uint8Array {
  const bytes = typeof text === 'string' ? uuidBytes(text) : undefined;
  if (!bytes) throw invalid(field, `${JSON.stringify(text)} is not a UUID`);
  return bytes;
}

/**
 * The ids of those events of a write that were given none. They follow from the append's id and from where the event
 * stands in it, so that the append is the same down to its last byte when another process repeats it (rule S6). What they
 * follow from never changes, because another version may be the one that repeats it: the first 16 bytes of a digest
 *
 *     SHA-256 of    0  16  id of the append
 *                  16   4  place of the write in the append, big endian
 *
 * as a UUID of version 8, to whose last four bytes, big endian, the place of the event in the write is added.
 */
export function eventIds(appendId: Uint8Array, write: number): (event: number) => Uint8Array {
  let first: Buffer | undefined;
  return (event) => {
    first ??= firstId(appendId, write);
    const id = Uint8Array.prototype.slice.call(first);
    const last = first.readUInt32BE(12) + event;
    id[12] = last >>> 24;
    id[13] = last >>> 16;
    id[14] = last >>> 8;
    id[15] = last;
    return id;
  };
}

const place = Buffer.alloc(20);

function firstId(appendId: Uint8Array, write: number): Buffer {
  place.set(appendId);
  place.writeUInt32BE(write, 16);
  return Buffer.from(uuidOfDigest(hash('sha256', place, 'buffer')));
}
