import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removeDamageNote } from './damage-note.ts';
import { isThere, syncDirectory } from './files.ts';

/**
 * The files of a log that is written anew, in a data directory:
 *
 *     log.rewritten   the new one, while it is being written
 *     log.damaged     the old one, from when the new one is complete until that is the log
 *
 * `log` is moved away only when `log.rewritten` is complete; so without `log`, that one is the log. And `log.damaged` is
 * always older than a `log` beside it, which takes that name only when all of it is written and checked. Nobody writes a
 * new log beside a `log.damaged`: where both are, the new one is complete, and a `log` beside them is not the node's.
 */
export function rewrittenLogPath(directory: string): string {
  return join(directory, 'log.rewritten');
}

/** Forgets a new log that is not complete, closed. */
export function dropRewrittenLog(directory: string): Promise<void> {
  return rm(rewrittenLogPath(directory), { recursive: true, force: true });
}

/** Puts the new log, complete and closed, in the place of the old one, which is closed too. */
export async function swapLogs(directory: string): Promise<void> {
  // One that is left of an earlier repair would be in the way.
  await dropDamagedLog(directory);
  await rename(join(directory, 'log'), join(directory, 'log.damaged'));
  await syncDirectory(directory);
  await finishSwap(directory);
}

/**
 * The note of what is damaged goes while there is no `log`: it is of the old one. So one that is found beside a `log`
 * is always of that, and a repair whose process died behind the swap does not begin again.
 */
async function finishSwap(directory: string): Promise<void> {
  await removeDamageNote(directory);
  await syncDirectory(directory);
  await rename(rewrittenLogPath(directory), join(directory, 'log'));
  await syncDirectory(directory);
}

/**
 * Finishes a swap that a crash interrupted, or forgets a new log that is not complete. Before the log is opened; either
 * way `log` is the newest that is whole, and nothing else is kept.
 */
export async function settleSwap(directory: string): Promise<void> {
  const log = join(directory, 'log');
  const isComplete = await isThere(join(directory, 'log.damaged'));
  const isRewritten = await isThere(rewrittenLogPath(directory));
  // Whoever opens a database that is not there makes an empty one.
  if (isRewritten && isComplete) await rm(log, { recursive: true, force: true });
  if (await isThere(log)) await dropRewrittenLog(directory);
  else if (isRewritten) await finishSwap(directory);
  else return;
  await dropDamagedLog(directory);
}

/** The new log has taken its place: the old one has done its duty. */
export function dropDamagedLog(directory: string): Promise<void> {
  return rm(join(directory, 'log.damaged'), { recursive: true, force: true });
}
