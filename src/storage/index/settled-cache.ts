/**
 * What sealed blocks say of names, for the names asked for last; `undefined` is also an answer: there is nothing.
 *
 * Least recently used in two generations: once the young one has half of the allowed names, it becomes the old one and
 * the old one is forgotten. So a hit costs one look-up and forgetting costs nothing.
 *
 * It forgets only when told that it may: between `prepare` and `apply` nothing that was loaded must go away.
 */
export class SettledCache<T> {
  private readonly half: number;
  private young = new Map<string, T | undefined>();
  private old = new Map<string, T | undefined>();

  constructor(names: number) {
    this.half = Math.max(1, Math.ceil(names / 2));
  }

  has(name: string): boolean {
    return this.young.has(name) || this.old.has(name);
  }

  get(name: string): T | undefined {
    const young = this.young.get(name);
    if (young !== undefined || !this.old.has(name)) return young;
    const value = this.old.get(name);
    if (!this.young.has(name)) this.young.set(name, value);
    return this.young.get(name);
  }

  set(name: string, value: T | undefined): void {
    this.young.set(name, value);
  }

  /** Forgets the names not asked for lately, if there are too many. */
  trim(): void {
    if (this.young.size < this.half) return;
    this.old = this.young;
    this.young = new Map();
  }
}
