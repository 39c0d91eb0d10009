import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readNote, replaceFile } from './files.ts';

const NAME = 'diverged.json';

/**
 * `diverged.json`: that the log of this directory was found to have another history than the cluster's. It stays as long as
 * the directory: a node that is started on it serves nothing from its first moment. An unreadable one says the same.
 */
export async function readDivergenceNote(directory: string): Promise<string | undefined> {
  const note = await readNote(join(directory, NAME));
  if (!note) return undefined;
  if (typeof note.text === 'string') return note.text;
  return `the log of ${directory} was found to have another history than the cluster's, and ${NAME} can no longer tell where. Stop the node, move its data directory away and start it again: it comes back as a new member. Keep the directory, and report this`;
}

export function removeDivergenceNote(directory: string): Promise<void> {
  return rm(join(directory, NAME), { force: true });
}

export function writeDivergenceNote(directory: string, text: string): Promise<void> {
  return replaceFile(join(directory, NAME), `${JSON.stringify({ text })}\n`);
}
