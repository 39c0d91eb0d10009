import { writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { assert } from '../base/assert.ts';
import { decodeUtf8, encodeUtf8 } from '../base/bytes.ts';
import { FactstoreError } from '../base/errors.ts';
import type { MemberId } from '../raft/types.ts';
import { syncDirectory } from './files.ts';
import { VOTE_BYTES_MAX } from './raft-log-rows.ts';
import { readUint53, writeUint53 } from './record.ts';

/**
 * What a node has promised to others: to vote for nobody else in this term, and to hold these entries. It is kept
 * outside LevelDB because LevelDB can forget its newest writes and open as if they had never been (rule D2).
 */
export interface Promised {
  readonly incarnation: number;
  readonly term: number;
  readonly vote: MemberId | undefined;
  readonly lastIndex: number;
  /** Chain hash at `lastIndex`, 32 bytes. It means nothing where `lastIndex` is 0. */
  readonly chain: Uint8Array;
}

/** Where promises are kept: a file in production, something that forgets as a disk does in the simulator. */
export interface PromiseStore {
  /** The newest promise that is still known. */
  read(): Promised;
  /** Survives the end of the process once it returns, the end of the machine only after `sync`. */
  write(promise: Promised): void;
  /** Makes durable what was written before the call. */
  sync(): Promise<void>;
}

export const NOTHING_PROMISED: Promised = {
  incarnation: 0,
  term: 0,
  vote: undefined,
  lastIndex: 0,
  chain: new Uint8Array(32),
};

const MAGIC = 0x5052_4d31; // "PRM1": a format of its own gets other digits
const FIXED = 80;
const USED_MAX = FIXED + VOTE_BYTES_MAX + 4;
export const SLOT_BYTES = 4096;
export const SLOTS = 3;

/**
 * One slot. A page each, so that no torn write can reach both; what stands behind the checksum means nothing.
 *
 *     offset  bytes  what (integers little-endian)
 *          0      4  "PRM1"
 *          4      4  length n of the vote, 0 to 512; 0: none
 *          8      8  sequence: the valid slot with the greater one is the newer one
 *         16      8  incarnation
 *         24      8  term
 *         32      8  last index
 *         40      8  zero
 *         48     32  chain hash there
 *         80      n  vote, UTF-8
 *       80+n      4  checksum: CRC-32 of all before
 */
export function encodeSlot(to: Buffer, sequence: number, promise: Promised): number {
  const vote = encodeUtf8(promise.vote ?? '');
  assert(vote.length <= VOTE_BYTES_MAX, () => `a vote of ${vote.length} bytes does not fit into the promise file`);
  to.writeUInt32BE(MAGIC, 0);
  to.writeUInt32LE(vote.length, 4);
  writeUint53(to, 8, sequence);
  writeUint53(to, 16, promise.incarnation);
  writeUint53(to, 24, promise.term);
  writeUint53(to, 32, promise.lastIndex);
  writeUint53(to, 40, 0);
  to.set(promise.chain, 48);
  to.set(vote, FIXED);
  const end = FIXED + vote.length;
  to.writeUInt32LE(crc32(to.subarray(0, end)), end);
  return end + 4;
}

/** The promise and its sequence; a text that says what is wrong where the slot holds none. */
export function decodeSlot(slot: Buffer): { sequence: number; promise: Promised } | string {
  if (slot.length < FIXED + 4) return 'is missing';
  if (slot.readUInt32BE(0) !== MAGIC) return 'does not begin with "PRM1"';
  const voteLength = slot.readUInt32LE(4);
  const end = FIXED + voteLength;
  if (voteLength > VOTE_BYTES_MAX || end + 4 > slot.length) return `holds a vote of ${voteLength} bytes`;
  if (slot.readUInt32LE(end) !== crc32(slot.subarray(0, end))) return 'has a wrong checksum';
  const vote = decodeUtf8(slot, FIXED, end);
  if (vote === undefined) return 'holds a vote that is not valid UTF-8';
  const promise = {
    incarnation: readUint53(slot, 16),
    term: readUint53(slot, 24),
    vote: vote === '' ? undefined : vote,
    lastIndex: readUint53(slot, 32),
    chain: Buffer.from(slot.subarray(48, FIXED)),
  };
  return { sequence: readUint53(slot, 8), promise };
}

/** The bytes of a promise file: a file in production, something that loses what was not synced in the simulator. */
export interface SlotBytes {
  /** Writes `length` bytes of `from` at `offset`, in the order of the calls; gives how many it took. */
  write(from: Buffer, length: number, offset: number): number;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The promise file. All writes between two syncs go to one slot, and while a sync is under way to the next one: so of
 * the three slots one is written, one is being synced, and one is safe from a power failure that tears both of them. It
 * loses nothing when the process dies; when the machine dies it may be as old as the last sync, which is why it proves
 * loss but never the absence of loss within the last second.
 */
export class PromiseFile implements PromiseStore {
  private readonly file: SlotBytes;
  private readonly buffer = Buffer.alloc(USED_MAX);
  private newest: Promised;
  private sequence: number;
  /** Where the next promise is written. */
  private slot: number;
  private dirty = false;
  /** Settles with the sync that was asked for last. */
  private syncing: Promise<void> = Promise.resolve();

  private constructor(file: SlotBytes, newest: Promised, sequence: number, slot: number) {
    this.file = file;
    this.newest = newest;
    this.sequence = sequence;
    this.slot = slot;
  }

  /** Creates a file in which nothing is promised, durably. One that is there already is written anew. */
  static async create(path: string): Promise<void> {
    const bytes = Buffer.alloc(SLOTS * SLOT_BYTES);
    encodeSlot(bytes, 1, NOTHING_PROMISED);
    const file = await open(path, 'w', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncDirectory(dirname(path));
  }

  /** Ends in DATA_LOSS where the file is missing or neither slot is valid. */
  static async open(path: string): Promise<PromiseFile> {
    const file = await open(path, 'r+').catch((error) => {
      throw lost(path, `cannot be opened (${(error as Error).message})`, error);
    });
    try {
      // What a process wrote last before it died may not be safe yet; from here on all slots are.
      await file.datasync();
      return PromiseFile.over(slotsOf(file), await file.readFile(), path);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** `bytes` is what stands in the file now, durably. Ends in DATA_LOSS where no slot is valid. */
  static over(file: SlotBytes, bytes: Buffer, path: string): PromiseFile {
    const problems: string[] = [];
    let newest: { sequence: number; promise: Promised; slot: number } | undefined;
    for (let slot = 0; slot < SLOTS; slot++) {
      const found = decodeSlot(bytes.subarray(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES));
      if (typeof found === 'string') problems.push(`slot ${slot + 1} ${found}`);
      else if (!newest || found.sequence > newest.sequence) newest = { ...found, slot };
    }
    if (!newest) throw lost(path, `is damaged: its ${problems.join(', its ')}`);
    return new PromiseFile(file, newest.promise, newest.sequence, (newest.slot + 1) % SLOTS);
  }

  read(): Promised {
    return this.newest;
  }

  write(promise: Promised): void {
    const length = encodeSlot(this.buffer, ++this.sequence, promise);
    const written = this.file.write(this.buffer, length, this.slot * SLOT_BYTES);
    if (written !== length) throw new FactstoreError('INTERNAL', `the promise file took ${written} of ${length} bytes`);
    this.newest = promise;
    this.dirty = true;
  }

  /** One at a time: the slot that the one before has made safe is the one to fall back on. */
  sync(): Promise<void> {
    this.syncing = this.syncing.then(() => this.syncSlot());
    return this.syncing;
  }

  private async syncSlot(): Promise<void> {
    if (!this.dirty) return;
    this.dirty = false;
    this.slot = (this.slot + 1) % SLOTS;
    await this.file.sync();
  }

  async close(): Promise<void> {
    try {
      await this.sync();
    } finally {
      await this.file.close();
    }
  }
}

function slotsOf(file: FileHandle): SlotBytes {
  return {
    write: (from, length, offset) => writeSync(file.fd, from, 0, length, offset),
    sync: () => file.datasync(),
    close: () => file.close(),
  };
}

function lost(path: string, what: string, cause?: unknown): FactstoreError {
  return new FactstoreError(
    'DATA_LOSS',
    `the promise file ${path} ${what}. Without it this node cannot know whether its raft log is complete, so it does not go on with it. Ways out: put the file back if it was moved; in a cluster whose other members are healthy, move the data directory away and let the node join again with an empty one, as a new member; else restore the directory from a backup`,
    { path, kind: 'promiseLost', index: 0, what: `the promise file ${what}` },
    { cause },
  );
}
