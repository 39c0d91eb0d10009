import type { Measured } from './result.ts';
import { type Process, UsageMeter } from './usage.ts';

/** Reads from the beginning on and says, piece by piece, how many events came. */
export type Scan = () => AsyncIterable<number>;

export interface ScanPlan {
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** What a whole scan must come to. */
  readonly expected: number;
  readonly servers: readonly Process[];
}

/**
 * Reads again and again, first for the warm-up, then measured, and breaks off when the time is over; a scan that came to
 * its end must have had the expected number of events.
 */
export async function driveScan(scan: Scan, { warmUpMs, measureMs, expected, servers }: ScanPlan): Promise<Measured> {
  const meter = new UsageMeter(servers);
  const warm = performance.now() + warmUpMs;
  let begun: number | undefined;
  let units = 0;
  for (;;) {
    let whole = 0;
    for await (const count of scan()) {
      whole += count;
      const now = performance.now();
      if (begun === undefined) {
        if (now < warm) continue;
        begun = now;
        meter.begin();
        continue;
      }
      units += count;
      if (now - begun < measureMs) continue;
      meter.end();
      return { value: units / ((now - begun) / 1000), units, processes: meter.per(units) };
    }
    if (whole !== expected) throw new Error(`the read gave ${whole} events, not ${expected}`);
  }
}
