import { readFile } from 'node:fs/promises';
import { type Context, standardInput } from './context.ts';
import { UsageError } from './failure.ts';

/** The source of a projection, out of a file or standard input. */
export async function sourceOf(context: Context, file: string): Promise<string> {
  if (file === '-') {
    const parts: Buffer[] = [];
    for await (const part of standardInput(context)) parts.push(Buffer.from(part as Uint8Array));
    return Buffer.concat(parts).toString();
  }
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${(error as Error).message}`);
  }
}
