import { execFileSync } from 'node:child_process';

/** A program of others that factstore is measured beside, as it is on this machine. */
export type Peer =
  | { readonly program: string; readonly version: string }
  | { readonly version: undefined; readonly why: string };

/** Asks the program, or its like in /usr/sbin, where Debian puts servers and not every PATH looks, for its version. */
export function findPeer(program: string, pattern: RegExp, howToGet: string): Peer {
  if (program === 'none') return { version: undefined, why: 'it was left out' };
  for (const path of [program, `/usr/sbin/${program}`]) {
    try {
      const output = execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      return { program: path, version: pattern.exec(output)?.[1] ?? 'unknown' };
    } catch {
      // The next place, or none.
    }
  }
  return { version: undefined, why: `there is no ${program} here; to have it: ${howToGet}` };
}
