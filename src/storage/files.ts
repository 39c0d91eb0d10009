import { access, open, readdir, readFile, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Makes names that were created, renamed or removed in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Replaces a file whole and durably: whoever reads it, whenever the machine dies, sees the old one or the new one. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/** The fields of a JSON object in a file; undefined: there is no such file. One that is damaged has none. */
export async function readNote(path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    return Object(JSON.parse(await readFile(path, 'utf8'))) as Record<string, unknown>;
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** What the files of a directory take, which may come and go meanwhile; 0: there is none. */
export async function bytesIn(path: string): Promise<number> {
  let bytes = 0;
  try {
    for (const name of await readdir(path)) bytes += (await stat(join(path, name)).catch(unlessMissing))?.size ?? 0;
  } catch (error) {
    unlessMissing(error);
  }
  return bytes;
}

function unlessMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}

/** Whether there is a file or a directory. */
export function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** By what name the system, or LevelDB, calls an error; undefined: it has none. */
export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** Whether an error is that of a file which is not there. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

/** Whether an error is that of a file which the user of this process may not touch. */
export function isDenied(error: unknown): boolean {
  return codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM';
}
