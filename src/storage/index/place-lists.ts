/**
 * Many growing lists of places, in one array: no object per list and none per place. A list holds up to a power of two
 * of places where it lies; once that is full it moves to the end of the array with twice the room. So its capacity
 * follows from its length and needs no memory, and at most half of the array is left behind.
 */
export class PlaceLists {
  private places = new Uint16Array(1 << 14);
  private used = 0;
  private offsets = new Uint32Array(1 << 10);
  private counts = new Uint32Array(1 << 10);

  /** Puts a place behind the list's last one, unless it is the last one already. */
  push(list: number, place: number): void {
    if (list >= this.counts.length) this.growLists(list);
    const count = this.counts[list] as number;
    let offset = this.offsets[list] as number;
    if (count > 0 && this.places[offset + count - 1] === place) return;
    if ((count & (count - 1)) === 0) {
      offset = this.move(offset, count);
      this.offsets[list] = offset;
    }
    this.places[offset + count] = place;
    this.counts[list] = count + 1;
  }

  count(list: number): number {
    return this.counts[list] ?? 0;
  }

  /** The n-th place (from 0) of a list that has one. */
  at(list: number, n: number): number {
    return this.places[(this.offsets[list] as number) + n] as number;
  }

  /** How many places of the list are smaller than `place`. */
  countBelow(list: number, place: number): number {
    const offset = this.offsets[list] ?? 0;
    let low = 0;
    let high = this.counts[list] ?? 0;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.places[offset + middle] as number) < place) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** A list's places as they lie, valid until the next push. */
  list(list: number): Uint16Array {
    const offset = this.offsets[list] ?? 0;
    return this.places.subarray(offset, offset + (this.counts[list] ?? 0));
  }

  private move(offset: number, count: number): number {
    const room = count === 0 ? 1 : count * 2;
    if (this.used + room > this.places.length) {
      const larger = new Uint16Array(Math.max(this.places.length * 2, this.used + room));
      larger.set(this.places);
      this.places = larger;
    }
    const to = this.used;
    this.used += room;
    for (let i = 0; i < count; i++) this.places[to + i] = this.places[offset + i] as number;
    return to;
  }

  private growLists(list: number): void {
    const length = Math.max(this.counts.length * 2, list + 1);
    const offsets = new Uint32Array(length);
    const counts = new Uint32Array(length);
    offsets.set(this.offsets);
    counts.set(this.counts);
    this.offsets = offsets;
    this.counts = counts;
  }
}
