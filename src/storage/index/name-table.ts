import type { Kind } from './keys.ts';

/**
 * Gives each (kind, name) of a block a small number, straight from the bytes of an event: no text is made of a name that
 * is already known. An open-addressing hash table over one array of bytes.
 *
 * The hash takes a seed, so that nobody who does not know it can choose names that all fall on the same slot.
 */
export class NameTable {
  private readonly seed: number;
  private bytes = new Uint8Array(1 << 14);
  private used = 0;
  /** The slots hold a name's number + 1; 0 is an empty slot. */
  private slots = new Int32Array(1 << 11);
  private starts = new Uint32Array(1 << 10);
  private hashes = new Int32Array(1 << 10);
  private kinds = new Uint8Array(1 << 10);
  /** How many names there are; they are numbered from 0. */
  size = 0;

  constructor(seed: number) {
    this.seed = seed;
  }

  /** The number of a name; a new one where it is not known yet. */
  intern(kind: Kind, from: Uint8Array, start: number, end: number): number {
    const hash = this.hash(kind, from, start, end);
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const id = (this.slots[slot] as number) - 1;
      if (id < 0) return this.add(slot, hash, kind, from, start, end);
      if (this.hashes[id] === hash && this.is(id, kind, from, start, end)) return id;
      slot = (slot + 1) & mask;
    }
  }

  /** The number of a name; -1 where it is not known. */
  find(kind: Kind, from: Uint8Array, start: number, end: number): number {
    const hash = this.hash(kind, from, start, end);
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const id = (this.slots[slot] as number) - 1;
      if (id < 0) return -1;
      if (this.hashes[id] === hash && this.is(id, kind, from, start, end)) return id;
      slot = (slot + 1) & mask;
    }
  }

  kind(id: number): Kind {
    return this.kinds[id] as Kind;
  }

  name(id: number): Uint8Array {
    return this.bytes.subarray(this.starts[id], this.endOf(id));
  }

  /** Whether the name with this number is the one at `start`. */
  is(id: number, kind: Kind, from: Uint8Array, start: number, end: number): boolean {
    const at = this.starts[id] as number;
    const length = end - start;
    if (this.kinds[id] !== kind || this.endOf(id) - at !== length) return false;
    const bytes = this.bytes;
    for (let i = 0; i < length; i++) if (bytes[at + i] !== from[start + i]) return false;
    return true;
  }

  private endOf(id: number): number {
    return id + 1 < this.size ? (this.starts[id + 1] as number) : this.used;
  }

  private hash(kind: Kind, from: Uint8Array, start: number, end: number): number {
    let hash = this.seed ^ kind;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (from[i] as number), 0x01000193);
    hash ^= hash >>> 15;
    hash = Math.imul(hash, 0x2c1b3c6d);
    return hash ^ (hash >>> 13);
  }

  private add(slot: number, hash: number, kind: Kind, from: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (this.used + length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.used + length));
      larger.set(this.bytes);
      this.bytes = larger;
    }
    const id = this.size++;
    if (id >= this.starts.length) this.growNames();
    this.slots[slot] = id + 1;
    this.starts[id] = this.used;
    this.hashes[id] = hash;
    this.kinds[id] = kind;
    for (let i = 0; i < length; i++) this.bytes[this.used + i] = from[start + i] as number;
    this.used += length;
    if (this.size * 2 > this.slots.length) this.growSlots();
    return id;
  }

  private growNames(): void {
    const length = this.starts.length * 2;
    const starts = new Uint32Array(length);
    const hashes = new Int32Array(length);
    const kinds = new Uint8Array(length);
    starts.set(this.starts);
    hashes.set(this.hashes);
    kinds.set(this.kinds);
    this.starts = starts;
    this.hashes = hashes;
    this.kinds = kinds;
  }

  private growSlots(): void {
    const slots = new Int32Array(this.slots.length * 2);
    const mask = slots.length - 1;
    for (let id = 0; id < this.size; id++) {
      let slot = (this.hashes[id] as number) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = id + 1;
    }
    this.slots = slots;
  }
}
