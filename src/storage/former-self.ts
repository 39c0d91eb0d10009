import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FactstoreError } from '../base/errors.ts';
import { isMissing, isThere, replaceFile, syncDirectory } from './files.ts';
import { readIdentity } from './identity.ts';

/**
 * `return.json`: the promises of the member that lived in this directory may be lost, so it is no more (rule D7). Its node
 * comes back as another member of the same cluster, and must found no cluster meanwhile, however empty the directory is.
 * The note goes once the new member has the founding record.
 */
export interface ReturnNote {
  readonly clusterId: string;
  /** The directory id of the member that was. */
  readonly former: string;
  /** Peer addresses of other members. */
  readonly peers: readonly string[];
  /** What was damaged. */
  readonly why: string;
}

/** What a member is made of. The identity goes last: until then the move can be done again. */
const MOVED = [
  'log',
  'log.rewritten',
  'log.damaged',
  'damaged.json',
  'diverged.json',
  'peers.json',
  'promise',
  'identity.json',
];
/** What follows from the log is of no use to anybody without it. */
const REMOVED = ['index', 'index-damaged.json', 'projections'];

function notePath(directory: string): string {
  return join(directory, 'return.json');
}

/** Where the files of the former member are kept, until there is a later one. */
export function formerSelfPath(directory: string, { former }: ReturnNote): string {
  return join(directory, `former-${former}`);
}

export async function readReturnNote(directory: string): Promise<ReturnNote | undefined> {
  const path = notePath(directory);
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ReturnNote;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new FactstoreError(
      'DATA_LOSS',
      `${path} cannot be read: ${(error as Error).message}. It says of which cluster this node is to be a member again. Ways out: move the data directory away and let the node join again with an empty one (--join)`,
      { path },
      { cause: error },
    );
  }
}

export function removeReturnNote(directory: string): Promise<void> {
  return rm(notePath(directory), { force: true });
}

/** Ends the life of the member in a directory, durably; from then on it is nobody's. The caller holds the lock. */
export async function leaveFormerSelf(directory: string, note: ReturnNote): Promise<void> {
  await replaceFile(notePath(directory), `${JSON.stringify(note)}\n`);
  await settleReturn(directory);
}

/** Finishes what `leaveFormerSelf` has begun, where a crash interrupted it. */
export async function settleReturn(directory: string): Promise<void> {
  const note = await readReturnNote(directory);
  if (!note) return;
  const identity = await readIdentity(join(directory, 'identity.json'));
  if (identity?.directoryId !== note.former) return;
  const kept = formerSelfPath(directory, note);
  for (const name of await readdir(directory))
    if (name.startsWith('former-') && join(directory, name) !== kept)
      await rm(join(directory, name), { recursive: true });
  await mkdir(kept, { recursive: true, mode: 0o700 });
  for (const name of REMOVED) await rm(join(directory, name), { recursive: true, force: true });
  for (const name of MOVED)
    if (await isThere(join(directory, name))) await rename(join(directory, name), join(kept, name));
  await syncDirectory(kept);
  await syncDirectory(directory);
}
