import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FactstoreError } from '../base/errors.ts';
import { isMissing, replaceFile } from './files.ts';

const FORMAT = 1;

/**
 * The highest incarnation that was seen of each other member, in a small file of the data directory, so that a restart
 * does not forget them (rule D9). It changes when a peer starts, which is seldom; it is written behind the greeting, and
 * loses what was seen in the last moment before a power failure.
 */
export class IncarnationFile {
  private readonly path: string;
  private readonly seen: Map<string, number>;
  private readonly onError: (error: unknown) => void;
  private writing: Promise<void> | undefined;
  private written = true;

  private constructor(path: string, seen: Map<string, number>, onError: (error: unknown) => void) {
    this.path = path;
    this.seen = seen;
    this.onError = onError;
  }

  /** Ends in DATA_LOSS where the file cannot be understood. `onError`: it could not be written (rule D1). */
  static async open(directory: string, onError: (error: unknown) => void): Promise<IncarnationFile> {
    const path = join(directory, 'incarnations.json');
    return new IncarnationFile(path, await read(path), onError);
  }

  /** 0: none was seen. */
  highest(member: string): number {
    return this.seen.get(member) ?? 0;
  }

  raise(member: string, incarnation: number): void {
    if (incarnation <= this.highest(member)) return;
    this.seen.set(member, incarnation);
    this.written = false;
    this.writing ??= this.write().catch(this.onError);
  }

  /** Resolves once everything that was seen is on disk. */
  async close(): Promise<void> {
    await this.writing;
  }

  private async write(): Promise<void> {
    try {
      while (!this.written) {
        this.written = true;
        const members = Object.fromEntries(this.seen);
        await replaceFile(this.path, `${JSON.stringify({ format: FORMAT, members })}\n`);
      }
    } finally {
      this.writing = undefined;
    }
  }
}

async function read(path: string): Promise<Map<string, number>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return new Map();
    throw error;
  }
  try {
    const { format, members } = JSON.parse(text) as { format: unknown; members: Record<string, unknown> };
    const entries = Object.entries(members);
    if (format === FORMAT && entries.every(([, seen]) => Number.isSafeInteger(seen))) {
      return new Map(entries as [string, number][]);
    }
  } catch {
    // Said below.
  }
  throw new FactstoreError(
    'DATA_LOSS',
    `${path} is damaged, or of a newer version. It only helps to recognise members that run from an old copy of their data; if you know of none, delete it and start again`,
    { path },
  );
}
