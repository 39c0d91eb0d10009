import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The files of a data directory whose names stand for what the node keeps: all but LevelDB's own locks. */
async function filesOf(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  // Closing a descriptor of LOCK would give the lock of a running node away.
  const files = entries.filter((entry) => entry.isFile() && entry.name !== 'LOCK');
  return files.map((entry) => join(entry.parentPath, entry.name));
}

async function contentOf(path: string): Promise<Buffer> {
  // LevelDB drops files while they are listed.
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  });
}

/** Which of the texts stand somewhere in the files of a data directory. */
export async function foundOnDisk(directory: string, texts: readonly string[]): Promise<string[]> {
  const left = new Set(texts);
  for (const path of await filesOf(directory)) {
    const content = await contentOf(path);
    for (const text of left) if (content.includes(text)) left.delete(text);
  }
  return texts.filter((text) => !left.has(text));
}

/** How many bytes the files below a directory have. */
export async function bytesOnDisk(directory: string): Promise<number> {
  const sizes = (await filesOf(directory)).map((path) =>
    stat(path)
      .then(({ size }) => size)
      .catch(() => 0),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
