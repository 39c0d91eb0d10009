import { hash, randomFillSync } from 'node:crypto';
import { uuidBytes, uuidOfDigest, uuidText } from '../base/bytes.ts';
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
 * The id of an event that was given none, in an append whose id the application gave: it follows from that id and from
 * the event's place, so that the append is the same down to its last byte when another process repeats it (rule S6).
 * What it follows from never changes, because another version may be the one that repeats it.
 */
export function derivedEventId(appendId: Uint8Array, write: number, event: number): Uint8Array {
  return uuidOfDigest(hash('sha256', `${uuidText(appendId)}/${write}/${event}`, 'buffer'));
}
