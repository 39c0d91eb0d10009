import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Damage } from './damage.ts';
import { isMissing, replaceFile } from './files.ts';

/**
 * `damaged.json`: what a running node found damaged below its commit index, for its next start, which looks only at the
 * end of the log by itself. It is a note and no promise: an unreadable one says that something is damaged, too.
 */
export async function readDamageNote(directory: string): Promise<Damage | undefined> {
  let text: string;
  try {
    text = await readFile(join(directory, 'damaged.json'), 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const { index, text: what } = JSON.parse(text) as { index: unknown; text: unknown };
    if (typeof index === 'number' && typeof what === 'string') return { kind: 'belowCommit', index, text: what };
  } catch {
    // The note itself is damaged.
  }
  return { kind: 'belowCommit', index: 0, text: 'some entry, but damaged.json can no longer tell which' };
}

export function writeDamageNote(directory: string, { index, text }: Damage): Promise<void> {
  return replaceFile(join(directory, 'damaged.json'), `${JSON.stringify({ index, text })}\n`);
}

export function removeDamageNote(directory: string): Promise<void> {
  return rm(join(directory, 'damaged.json'), { force: true });
}
