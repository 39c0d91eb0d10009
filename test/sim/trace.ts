import type { Time } from './time.ts';

/**
 * What happens in a run, for people to read, and its fingerprint: a hash over every event, message, write and answer. Two
 * runs with the same fingerprint were the same to the last event.
 */
export class Trace {
  private readonly time: Time;
  private readonly write: ((line: string) => void) | undefined;
  private high = 0x811c9dc5;
  private low = 0x1234567;

  constructor(time: Time, write?: (line: string) => void) {
    this.time = time;
    this.write = write;
  }

  /** A line of the trace; the text is put together only if somebody reads it. */
  note(who: string, text: () => string): void {
    this.write?.(`${this.time.nowMs.toFixed(3).padStart(11)}  ${who.padEnd(8)}${text()}`);
  }

  mix(number: number): void {
    this.high = Math.imul(this.high ^ (number >>> 0), 0x01000193);
    this.low = Math.imul(this.low ^ Math.floor(number / 0x1_0000_0000) ^ (this.high >>> 7), 0x85ebca6b) + 1;
  }

  mixBytes(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += 1) this.mix(bytes[at] as number);
  }

  get fingerprint(): string {
    return [this.high, this.low, this.time.events].map((part) => (part >>> 0).toString(16).padStart(8, '0')).join('');
  }
}
