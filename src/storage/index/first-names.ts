import type { Creation } from './created-names.ts';

/** So many names more than are wanted are gathered before those behind are let go. */
const SPARE_NAMES = 1_024;

/** Keeps the streams that come first in the order of the bytes of their names, at most `limit`. */
export class FirstNames {
  private readonly limit: number;
  private kept: Creation[] = [];
  /** Nothing behind this name is wanted any more. */
  private last: string | undefined;

  constructor(limit: number) {
    this.limit = limit;
  }

  add(stream: Creation): void {
    if (this.last !== undefined && compareByBytes(stream.stream, this.last) > 0) return;
    this.kept.push(stream);
    if (this.kept.length >= this.limit + SPARE_NAMES) this.cut();
  }

  /** Those that are kept, in order. */
  take(): readonly Creation[] {
    this.cut();
    return this.kept;
  }

  private cut(): void {
    this.kept.sort((a, b) => compareByBytes(a.stream, b.stream));
    if (this.kept.length < this.limit) return;
    this.kept = this.kept.slice(0, this.limit);
    this.last = this.kept.at(-1)?.stream;
  }
}

/** Compares texts as their UTF-8 sorts, without making it: in UTF-16 alone, surrogates come before what follows them there. */
export function compareByBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [one, other] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (one !== other) return rank(one) - rank(other);
  }
  return a.length - b.length;
}

function rank(code: number): number {
  return code >= 0xd800 && code <= 0xdfff ? code + 0x1_0000 : code;
}
