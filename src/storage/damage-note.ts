import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Damage } from './damage.ts';
import { readNote, replaceFile } from './files.ts';

/**
 * `damaged.json`: what a running node found damaged below its commit index, for its next start, which looks only at the
 * end of the log by itself. It is a note and no promise: an unreadable one says that something is damaged, too.
 */
export async function readDamageNote(directory: string): Promise<Damage | undefined> {
  const note = await readNote(join(directory, 'damaged.json'));
  if (!note) return undefined;
  const { index, text } = note;
  if (typeof index === 'number' && typeof text === 'string') return { kind: 'belowCommit', index, text };
  return { kind: 'belowCommit', index: 0, text: 'some entry, but damaged.json can no longer tell which' };
}

export function writeDamageNote(directory: string, { index, text }: Damage): Promise<void> {
  return replaceFile(join(directory, 'damaged.json'), `${JSON.stringify({ index, text })}\n`);
}

export function removeDamageNote(directory: string): Promise<void> {
  return rm(join(directory, 'damaged.json'), { force: true });
}
