import { readFileSync } from 'node:fs';

/** Linux counts in hundredths of a second wherever Node runs. */
const US_PER_TICK = 10_000;

/**
 * The processor time that processes have used, user and system, in microseconds; undefined where /proc does not tell.
 * On a machine that others use too, the cost of an event is a steadier figure than its rate.
 */
export function cpuUsOf(pids: readonly (number | undefined)[]): number | undefined {
  try {
    let ticks = 0;
    for (const pid of pids) {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The second field is the name in parentheses, which may contain blanks.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    }
    return ticks * US_PER_TICK;
  } catch {
    return undefined;
  }
}
