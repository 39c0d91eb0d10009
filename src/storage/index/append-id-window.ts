/**
 * What the window keeps (rule S6): at least so many append ids, and at least those of so much time, of which it may forget
 * all but the last `idsMax`. The time is the caller's, in microseconds, and never falls; it may stand still for long.
 */
export interface WindowLimits {
  readonly idsMin: number;
  readonly idsMax: number;
  readonly timeUs: number;
}

const SEGMENT_IDS = 1 << 18;
/** A new segment takes this part of what the window holds, so that a look-up asks few of them, however many ids there are. */
const SEGMENT_PART = 1 / 8;

/** One run of consecutive appends, with a hash table of its own. It is dropped as a whole. */
interface Segment {
  readonly baseIndex: number;
  /** For each slot a further part of the id's hash, and its log index less `baseIndex`, plus 1; 0 is an empty slot. */
  readonly prints: Uint32Array;
  readonly offsets: Uint32Array;
  readonly countMax: number;
  count: number;
  newestUs: number;
}

const NONE: readonly number[] = [];

/**
 * The append ids of the last appends, as a filter: it answers with the log indexes of entries that may have an id, and
 * the caller looks at the entry. 16 bytes an id. Ids are forgotten in the order in which they came, a whole segment at
 * a time, so that there is nothing to delete, to move or to grow while appends wait.
 */
export class AppendIdWindow {
  private readonly limits: WindowLimits;
  private readonly seed: number;
  private readonly segmentIds: number;
  private readonly segments: Segment[] = [];
  private print = 0;
  /** How many ids it holds. */
  size = 0;

  constructor(limits: WindowLimits, seed: number, segmentIds = SEGMENT_IDS) {
    this.limits = limits;
    this.seed = seed;
    this.segmentIds = segmentIds;
  }

  /** Adds the id of the newest append. `ids` holds it at `at`. */
  add(ids: Uint8Array, at: number, logIndex: number, nowUs: number): void {
    const segment = this.newestFor(logIndex);
    const mask = segment.prints.length - 1;
    let slot = this.hash(ids, at) & mask;
    while (segment.offsets[slot] !== 0) slot = (slot + 1) & mask;
    segment.prints[slot] = this.print;
    segment.offsets[slot] = logIndex - segment.baseIndex + 1;
    segment.count++;
    segment.newestUs = nowUs;
    this.size++;
    this.forget(nowUs);
  }

  /** How many segments a look-up asks. */
  get segmentCount(): number {
    return this.segments.length;
  }

  /** The log indexes of the entries that may have this id, the newest segment's first. Nearly always none or one. */
  find(id: Uint8Array): readonly number[] {
    const hash = this.hash(id, 0);
    const print = this.print;
    let found: number[] | undefined;
    for (let s = this.segments.length - 1; s >= 0; s--) {
      const segment = this.segments[s] as Segment;
      const mask = segment.prints.length - 1;
      for (let slot = hash & mask; segment.offsets[slot] !== 0; slot = (slot + 1) & mask) {
        if (segment.prints[slot] !== print) continue;
        found ??= [];
        found.push(segment.baseIndex + (segment.offsets[slot] as number) - 1);
      }
    }
    return found ?? NONE;
  }

  private newestFor(logIndex: number): Segment {
    const newest = this.segments.at(-1);
    if (newest && newest.count < newest.countMax && logIndex - newest.baseIndex < 0xffff_fffe) return newest;
    const slots = 2 ** Math.ceil(Math.log2(Math.max(this.segmentIds, this.size * SEGMENT_PART) * 2));
    const segment = {
      baseIndex: logIndex,
      prints: new Uint32Array(slots),
      offsets: new Uint32Array(slots),
      countMax: slots / 2,
      count: 0,
      newestUs: 0,
    };
    this.segments.push(segment);
    return segment;
  }

  private forget(nowUs: number): void {
    const oldest = this.segments[0] as Segment;
    if (this.segments.length === 1) return;
    const { idsMin, idsMax, timeUs } = this.limits;
    const left = this.size - oldest.count;
    if (left < idsMax && (left < idsMin || nowUs - oldest.newestUs < timeUs)) return;
    this.segments.shift();
    this.size -= oldest.count;
  }

  /** A slot, and in `print` 32 further bits. */
  private hash(id: Uint8Array, at: number): number {
    let a = this.seed;
    let b = ~this.seed;
    for (let i = at; i < at + 16; i += 4) {
      const word =
        (id[i] as number) |
        ((id[i + 1] as number) << 8) |
        ((id[i + 2] as number) << 16) |
        ((id[i + 3] as number) << 24);
      a = Math.imul(a ^ word, 0x85ebca6b);
      a ^= a >>> 15;
      b = Math.imul(b ^ word, 0xc2b2ae35);
      b ^= b >>> 13;
    }
    this.print = (Math.imul(b, 0x27d4eb2f) ^ (b >>> 16)) >>> 0;
    a = Math.imul(a, 0x2c1b3c6d);
    return a ^ (a >>> 16);
  }
}
