import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isThere, syncDirectory } from './files.ts';

/**
 * The files of a log that is written anew, in a data directory:
 *
 *     log.rewritten   the new one, while it is being written
 *     log.damaged     the old one, from when the new one is complete until that was opened
 *
 * `log` is moved away only when `log.rewritten` is complete; so without `log`, that one is the log.
 */
export function rewrittenLogPath(directory: string): string {
  return join(directory, 'log.rewritten');
}

/** Puts the new log, complete and closed, in the place of the old one, which is closed too. */
export async function swapLogs(directory: string): Promise<void> {
  await rename(join(directory, 'log'), join(directory, 'log.damaged'));
  await rename(rewrittenLogPath(directory), join(directory, 'log'));
  await syncDirectory(directory);
}

/** Finishes a swap that a crash interrupted, or forgets a new log that is not complete. Before the log is opened. */
export async function settleSwap(directory: string): Promise<void> {
  const rewritten = rewrittenLogPath(directory);
  if (await isThere(join(directory, 'log'))) return rm(rewritten, { recursive: true, force: true });
  if (!(await isThere(rewritten))) return;
  await rename(rewritten, join(directory, 'log'));
  await syncDirectory(directory);
}

/** The new log was opened and verified: the old one has done its duty. */
export function dropDamagedLog(directory: string): Promise<void> {
  return rm(join(directory, 'log.damaged'), { recursive: true, force: true });
}
