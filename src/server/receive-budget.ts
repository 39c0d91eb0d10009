/**
 * Room for the appends of all connections together, from their announcement or their receipt until they are answered
 * (rule C8). What is announced and finds no room waits its turn, in order; nothing is received for it meanwhile.
 */
export class ReceiveBudget {
  private free: number;
  private readonly total: number;
  private readonly waiting: { readonly bytes: number; readonly grant: () => void }[] = [];

  constructor(bytes: number) {
    this.free = bytes;
    this.total = bytes;
  }

  /** Resolves once `bytes` are set aside; they have to be given back with `release`. */
  reserve(bytes: number): Promise<void> {
    if (this.waiting.length === 0 && this.fits(bytes)) {
      this.free -= bytes;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.waiting.push({ bytes, grant: resolve }));
  }

  /** Counts what is here already, room or not; it has to be given back with `release`. */
  take(bytes: number): void {
    this.free -= bytes;
  }

  /** True: no more should be received until something is given back. */
  get exhausted(): boolean {
    return this.free <= 0;
  }

  release(bytes: number): void {
    this.free += bytes;
    for (let next = this.waiting[0]; next && this.fits(next.bytes); next = this.waiting[0]) {
      this.waiting.shift();
      this.free -= next.bytes;
      next.grant();
    }
  }

  /** How many wait for room. */
  get queued(): number {
    return this.waiting.length;
  }

  get used(): number {
    return this.total - this.free;
  }

  /** What is larger than the whole budget passes alone, else it would wait for ever. */
  private fits(bytes: number): boolean {
    return bytes <= this.free || this.free === this.total;
  }
}
