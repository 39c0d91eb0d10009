import type { Clock } from './clock.ts';

/** Lines of one event in one window: 10 a second, however fast they come. */
export const LINES_MAX = 100;
export const WINDOW_MS = 10_000;

interface Window {
  readonly beganMs: number;
  lines: number;
}

/**
 * Keeps a storm of one event from filling the disk, or hiding the rest: in each window so many lines of it pass, and at
 * its end it is told how many did not. Events are names that the program itself gives, so there are not many of them.
 */
export class LogLimit {
  /** Is told, at the end of a window in which some did not pass, how many. */
  onSuppressed: (event: string, lines: number) => void = () => undefined;
  private readonly clock: Clock;
  private readonly windows = new Map<string, Window>();
  private all = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Lines that did not pass, so far. */
  get suppressed(): number {
    return this.all;
  }

  /** Whether a line of this event may be written now. */
  passes(event: string): boolean {
    const now = this.clock.monotonicMs();
    let window = this.windows.get(event);
    if (!window || now - window.beganMs >= WINDOW_MS) {
      window = { beganMs: now, lines: 0 };
      this.windows.set(event, window);
    }
    window.lines++;
    if (window.lines <= LINES_MAX) return true;
    if (window.lines === LINES_MAX + 1) this.tellAtItsEnd(event, window);
    this.all++;
    return false;
  }

  private tellAtItsEnd(event: string, window: Window): void {
    const left = window.beganMs + WINDOW_MS - this.clock.monotonicMs();
    this.clock.setTimer(left, () => this.onSuppressed(event, window.lines - LINES_MAX));
  }
}
