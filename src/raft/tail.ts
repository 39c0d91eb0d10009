import { assert } from '../base/assert.ts';
import type { Entry } from './types.ts';

/** Evicted places at the front of the array are given back once there are this many. */
const COMPACT_AFTER = 1024;

/** The newest entries of the log, in memory: contiguous, cheap to extend, to cut off at either end and to look up. */
export class Tail<P> {
  private entries: (Entry<P> | undefined)[] = [];
  /** Where the first living entry stands in the array. */
  private head = 0;
  private first: number;
  private size = 0;

  constructor(first: number) {
    this.first = first;
  }

  /** Index of the first entry held; one beyond the last index of the log when it holds none. */
  get firstIndex(): number {
    return this.first;
  }

  get nextIndex(): number {
    return this.first + this.entries.length - this.head;
  }

  get bytes(): number {
    return this.size;
  }

  at(index: number): Entry<P> | undefined {
    return index < this.first ? undefined : this.entries[this.head + index - this.first];
  }

  push(entry: Entry<P>): void {
    assert(
      entry.index === this.nextIndex,
      () => `entry ${entry.index} does not follow ${this.nextIndex - 1} in memory`,
    );
    this.entries.push(entry);
    this.size += entry.bytes;
  }

  truncateAfter(index: number): void {
    while (this.nextIndex > index + 1 && this.entries.length > this.head) {
      this.size -= this.entries.pop()?.bytes ?? 0;
    }
    if (this.entries.length > this.head) return;
    this.entries = [];
    this.head = 0;
    this.first = index + 1;
    this.size = 0;
  }

  /** Forgets the oldest entries up to `index`, while more than `bytesMax` are held. */
  evict(index: number, bytesMax: number): void {
    while (this.size > bytesMax && this.first <= index && this.head < this.entries.length) {
      this.size -= this.entries[this.head]?.bytes ?? 0;
      this.entries[this.head] = undefined;
      this.head += 1;
      this.first += 1;
    }
    if (this.head < COMPACT_AFTER || this.head * 2 < this.entries.length) return;
    this.entries = this.entries.slice(this.head);
    this.head = 0;
  }

  /** Entries from `from` on, contiguous: at least one if it is held, else as many as the limits let through. */
  slice(from: number, bytesMax: number, entriesMax: number): Entry<P>[] {
    const found: Entry<P>[] = [];
    let bytes = 0;
    for (let index = from; found.length < entriesMax; index++) {
      const entry = this.at(index);
      if (entry === undefined) break;
      bytes += entry.bytes;
      if (found.length > 0 && bytes > bytesMax) break;
      found.push(entry);
    }
    return found;
  }
}
