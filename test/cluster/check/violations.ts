const SHOWN_MAX = 10;

/** What a check found; the first ones in words. */
export class Violations {
  readonly texts: string[] = [];
  count = 0;

  add(text: string): void {
    this.count++;
    if (this.texts.length < SHOWN_MAX) this.texts.push(text);
  }
}
