import { mkdtemp, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FactstoreError } from '../base/errors.ts';
import { isDenied, isMissing } from './files.ts';

/**
 * Ends in FAILED_PRECONDITION where the files of a data directory are another user's than whoever runs this: what it
 * replaces would be root's, say, and the node could not open it any more. The directory itself tells nothing: on a
 * volume it may be root's, and writable for the group of the node.
 */
export async function refuseOtherUser(path: string): Promise<void> {
  const user = process.geteuid?.();
  if (user === undefined) return;
  const owner = (await ownerOf(join(path, 'identity.json'))) ?? (await ownerOf(join(path, 'log')));
  if (owner === undefined || owner === user) return;
  // A volume may give all files to one user, whoever writes them.
  if (owner !== 'unknown' && owner === (await ownerOfNew(path))) return;
  const whose = owner === 'unknown' ? 'are not to be seen by' : `belong to user ${owner}, and this runs as`;
  const as = owner === 'unknown' ? 'USER' : `'#${owner}'`;
  throw new FactstoreError(
    'FAILED_PRECONDITION',
    `the files in ${path} ${whose} user ${user}: the node could not open what it writes. Nothing was changed. Run it as the user of the node: sudo -u ${as} factstore …`,
    { path, owner, user },
  );
}

/** Undefined: there is no such file. */
async function ownerOf(path: string): Promise<number | 'unknown' | undefined> {
  try {
    return (await stat(path)).uid;
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (isDenied(error)) return 'unknown';
    throw error;
  }
}

/** Whose a file is that is made there now; undefined: none can be made. */
async function ownerOfNew(path: string): Promise<number | undefined> {
  const probe = await mkdtemp(join(path, 'owner-')).catch(() => undefined);
  if (probe === undefined) return undefined;
  try {
    return (await stat(probe)).uid;
  } finally {
    await rmdir(probe);
  }
}
