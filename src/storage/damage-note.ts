import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Damage } from './damage.ts';
import { readNote, replaceFile, syncDirectory } from './files.ts';

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

/**
 * `index-damaged.json`: what was found damaged in the index, which a start may not see by itself. It stays until that index
 * is removed, so that it is not judged by again, however the node ended meanwhile. An unreadable one says the same.
 */
export async function readIndexDamageNote(directory: string): Promise<string | undefined> {
  const note = await readNote(join(directory, 'index-damaged.json'));
  if (!note) return undefined;
  return typeof note.text === 'string' ? note.text : 'index-damaged.json can no longer tell where';
}

export function writeIndexDamageNote(directory: string, text: string): Promise<void> {
  return replaceFile(join(directory, 'index-damaged.json'), `${JSON.stringify({ text })}\n`);
}

/** Removes the index of a directory, closed and noted as damaged, and then the note. */
export async function removeDamagedIndex(directory: string): Promise<void> {
  await rm(join(directory, 'index'), { recursive: true, force: true });
  await syncDirectory(directory);
  await rm(join(directory, 'index-damaged.json'), { force: true });
}
