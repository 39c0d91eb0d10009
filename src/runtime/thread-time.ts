import { readFileSync } from 'node:fs';

/**
 * How long this thread has had a core, in milliseconds since it began; undefined where the system does not tell: Linux does,
 * in the first field of schedstat (in nanoseconds).
 */
export function threadCpuMs(): number | undefined {
  try {
    const ms = Number.parseInt(readFileSync('/proc/thread-self/schedstat', 'latin1'), 10) / 1e6;
    return ms > 0 ? ms : undefined;
  } catch {
    return undefined;
  }
}
