import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FactstoreError } from '../base/errors.ts';
import { isThere, readNote, replaceFile } from './files.ts';
import { isUuid } from './identity.ts';

/** What a directory is to become: the first member of a cluster that goes on with its log. */
export interface RecoveryNote {
  readonly clusterId: string;
  readonly directoryId: string;
}

/**
 * `recovery.json`: written before anything else is changed, and removed when all of it is. In between the log and the
 * identity are of two clusters, so no node starts on the directory, and the same command goes on where it was interrupted.
 */
const NAME = 'recovery.json';

export async function readRecoveryNote(directory: string): Promise<RecoveryNote | undefined> {
  const path = join(directory, NAME);
  const note = await readNote(path);
  if (!note) return undefined;
  const { clusterId, directoryId } = note;
  if (isUuid(clusterId) && isUuid(directoryId)) return { clusterId, directoryId };
  throw new FactstoreError('DATA_LOSS', `${path} is damaged, so the recovery that it tells of cannot be finished`, {
    path,
  });
}

export function writeRecoveryNote(directory: string, note: RecoveryNote): Promise<void> {
  return replaceFile(join(directory, NAME), `${JSON.stringify(note)}\n`);
}

export function removeRecoveryNote(directory: string): Promise<void> {
  return rm(join(directory, NAME), { force: true });
}

export async function refuseHalfRecovered(directory: string): Promise<void> {
  if (!(await isThere(join(directory, NAME)))) return;
  const text = `the recovery of data directory ${directory} was interrupted: run factstore recover ${directory} again`;
  throw new FactstoreError('FAILED_PRECONDITION', text, { path: directory });
}
