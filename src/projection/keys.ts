import { encodeUtf8 } from '../base/bytes.ts';
import { getU53, putU53 } from '../storage/index/keys.ts';

/**
 * The keys of `projections/` (rule P5): all rows of one generation stand together.
 *
 *     name ‖ generation (8) ‖ 00                  checkpoint
 *     name ‖ generation (8) ‖ 01 ‖ partition      state and result of one partition
 *     name ‖ generation (8) ‖ 02 ‖ position (8)   an event that was parked
 *     name ‖ generation (8) ‖ 03 ‖ position (8)   outbox: what was emitted at that event
 *     name ‖ generation (8) ‖ 04 ‖ sequence (8)   journal: what a batch went on from
 *     name ‖ generation (8) ‖ 05 ‖ position (8)   digest of what changed in the span that ends there
 *     name ‖ generation (8) ‖ 06                  the last event whose row of the outbox was left out
 *
 * Names hold no control characters, so before all of them there is room for what is of no generation, or outlives one:
 *
 *     00                                          whose states these are
 *     00 ‖ name ‖ generation (8)                  rows of this generation were removed, but not purged from the files yet
 */
const Row = { checkpoint: 0, partition: 1, parked: 2, outbox: 3, journal: 4, digest: 5, leftOut: 6 } as const;

/** The keys of one generation. */
export class GenerationKeys {
  private readonly prefix: Uint8Array;

  constructor(name: string, generation: number) {
    const bytes = encodeUtf8(name);
    // Names hold no control characters, so a byte 0 ends them and none is a prefix of another (rule D10).
    const prefix = new Uint8Array(bytes.length + 1 + 8);
    prefix.set(bytes);
    putU53(prefix, bytes.length + 1, generation);
    this.prefix = prefix;
  }

  get all(): { readonly from: Uint8Array; readonly to: Uint8Array } {
    return { from: this.prefix, to: this.key(0xff) };
  }

  /** Says that a purge is owed (purge.ts). */
  get purge(): Uint8Array {
    return Buffer.concat([Uint8Array.of(0), this.prefix]);
  }

  static get allPurges(): { readonly from: Uint8Array; readonly to: Uint8Array } {
    return { from: Uint8Array.of(0, 1), to: Uint8Array.of(1) };
  }

  get checkpoint(): Uint8Array {
    return this.key(Row.checkpoint);
  }

  get leftOut(): Uint8Array {
    return this.key(Row.leftOut);
  }

  /** A key without what all of the generation have in common. */
  restOf(key: Uint8Array): Uint8Array {
    return key.subarray(this.prefix.length);
  }

  withRest(rest: Uint8Array): Uint8Array {
    return Buffer.concat([this.prefix, rest]);
  }

  partition(name: string): Uint8Array {
    return this.key(Row.partition, encodeUtf8(name));
  }

  /** Those whose names begin with `prefix`, behind `after`. */
  partitions(prefix: string, after: string): { readonly from: Uint8Array; readonly to: Uint8Array } {
    // Behind a name comes first that name with a byte 0 at its end.
    const from = after === '' ? this.partition(prefix) : this.key(Row.partition, encodeUtf8(`${after}\0`));
    const bytes = encodeUtf8(prefix);
    // No byte of UTF-8 is ff.
    const to = bytes.length === 0 ? this.key(Row.parked) : this.key(Row.partition, Uint8Array.of(...bytes, 0xff));
    return { from, to };
  }

  partitionOf(key: Uint8Array): string {
    return Buffer.from(
      key.buffer,
      key.byteOffset + this.prefix.length + 1,
      key.length - this.prefix.length - 1,
    ).toString();
  }

  parked(position: number): Uint8Array {
    return this.numbered(Row.parked, position);
  }

  outbox(position: number): Uint8Array {
    return this.numbered(Row.outbox, position);
  }

  journal(sequence: number): Uint8Array {
    return this.numbered(Row.journal, sequence);
  }

  digest(position: number): Uint8Array {
    return this.numbered(Row.digest, position);
  }

  get allParked() {
    return { from: this.key(Row.parked), to: this.key(Row.outbox) };
  }

  get wholeOutbox() {
    return { from: this.key(Row.outbox), to: this.key(Row.journal) };
  }

  get wholeJournal() {
    return { from: this.key(Row.journal), to: this.key(Row.digest) };
  }

  get endOfDigests(): Uint8Array {
    return this.key(Row.leftOut);
  }

  /** The number at the end of a key. */
  numberOf(key: Uint8Array): number {
    return getU53(key, key.length - 8);
  }

  private numbered(row: number, value: number): Uint8Array {
    const bytes = new Uint8Array(8);
    putU53(bytes, 0, value);
    return this.key(row, bytes);
  }

  private key(row: number, rest: Uint8Array = new Uint8Array(0)): Uint8Array {
    const key = Buffer.alloc(this.prefix.length + 1 + rest.length);
    key.set(this.prefix);
    key[this.prefix.length] = row;
    key.set(rest, this.prefix.length + 1);
    return key;
  }
}

/** The generation that a row belongs to. */
export function generationOfKey(key: Uint8Array): { readonly name: string; readonly generation: number } {
  const end = key.indexOf(0);
  return { name: Buffer.from(key.subarray(0, end)).toString(), generation: getU53(key, end + 1) };
}
