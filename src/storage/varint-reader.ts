/** Reads varints, of rows of the index and of files of LevelDB; `bad` once the bytes do not hold what was asked for. */
export class VarintReader {
  private readonly from: Uint8Array;
  private at: number;
  bad = false;

  constructor(from: Uint8Array, at: number) {
    this.from = from;
    this.at = at;
  }

  more(): boolean {
    return !this.bad && this.at < this.from.length;
  }

  bytes(count: number): Uint8Array | undefined {
    if (this.at + count > this.from.length) return undefined;
    this.at += count;
    return this.from.subarray(this.at - count, this.at);
  }

  next(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 8 && this.at < this.from.length; i++) {
      const byte = this.from[this.at++] as number;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    this.bad = true;
    return 0;
  }
}
