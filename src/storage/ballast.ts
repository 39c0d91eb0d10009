import { randomFillSync } from 'node:crypto';
import { open, rename, rm, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isMissing, syncDirectory } from './files.ts';

/** The usual size of the ballast file. */
export const BALLAST_BYTES = 64 << 20;

const PIECE_BYTES = 1 << 20;

/** Free space for those who are not root, in bytes. */
export async function freeBytes(path: string): Promise<number> {
  const space = await statfs(path);
  return space.bavail * space.bsize;
}

/**
 * Puts a file of `bytes` there that is good for nothing but to be removed when the disk is full: a node that cannot
 * even open its databases can give itself room (rule D1). It really takes the space: no holes, nothing that compresses.
 * Does nothing where it exists, or where less than twice its size would stay free. True: it is there.
 */
export async function ensureBallast(path: string, bytes: number): Promise<boolean> {
  const existing = await open(path, 'r').catch(() => undefined);
  if (existing) {
    await existing.close();
    return true;
  }
  if ((await freeBytes(dirname(path))) < 3 * bytes) return false;
  const temporary = `${path}.tmp`;
  const piece = randomFillSync(Buffer.allocUnsafe(Math.min(PIECE_BYTES, bytes)));
  const file = await open(temporary, 'w', 0o600);
  try {
    for (let at = 0; at < bytes; at += piece.length) await file.write(piece, 0, Math.min(piece.length, bytes - at));
    await file.sync();
  } catch {
    // No room after all.
    await rm(temporary, { force: true });
    return false;
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
  return true;
}

/** Removes the ballast. True: there was one. */
export async function releaseBallast(path: string): Promise<boolean> {
  await rm(`${path}.tmp`, { force: true });
  try {
    await rm(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
