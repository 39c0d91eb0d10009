import type { RowPlaces } from './place-rows.ts';

/** A set of places of one block, as bits: intersections and unions of lists cost the same however long the lists are. */
export class PlaceSet {
  private readonly words: Uint32Array;

  constructor(places: number) {
    this.words = new Uint32Array(Math.ceil(places / 32));
  }

  get size(): number {
    let size = 0;
    for (const word of this.words) {
      for (let rest = word; rest !== 0; rest &= rest - 1) size++;
    }
    return size;
  }

  clear(): void {
    this.words.fill(0);
  }

  /** All places. */
  fill(): void {
    this.words.fill(0xffff_ffff);
  }

  add(places: RowPlaces): void {
    if (places instanceof Uint8Array) return this.addBits(places);
    const words = this.words;
    for (let i = 0; i < places.length; i++) {
      const place = places[i] as number;
      words[place >>> 5] = (words[place >>> 5] as number) | (1 << (place & 31));
    }
  }

  addOne(place: number): void {
    this.words[place >>> 5] = (this.words[place >>> 5] as number) | (1 << (place & 31));
  }

  private addBits(bits: Uint8Array): void {
    const words = this.words;
    for (let at = 0; at < bits.length; at++) {
      words[at >>> 2] = (words[at >>> 2] as number) | ((bits[at] as number) << ((at & 3) * 8));
    }
  }

  /** Keeps what the other one has, too. */
  intersect(other: PlaceSet): void {
    const { words } = this;
    for (let i = 0; i < words.length; i++) words[i] = (words[i] as number) & (other.words[i] as number);
  }

  unite(other: PlaceSet): void {
    const { words } = this;
    for (let i = 0; i < words.length; i++) words[i] = (words[i] as number) | (other.words[i] as number);
  }

  /** The places `from` … `to`, both inclusive, ascending. */
  between(from: number, to: number): number[] {
    const found: number[] = [];
    for (let w = from >>> 5; w <= to >>> 5 && w < this.words.length; w++) {
      for (let rest = this.words[w] as number; rest !== 0; rest &= rest - 1) {
        const place = w * 32 + 31 - Math.clz32(rest & -rest);
        if (place >= from && place <= to) found.push(place);
      }
    }
    return found;
  }
}
