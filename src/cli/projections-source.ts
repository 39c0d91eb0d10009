import { readFile } from 'node:fs/promises';
import { decodeUtf8 } from '../base/bytes.ts';
import { type Context, standardInput } from './context.ts';
import { UsageError } from './failure.ts';

/** The source of a projection, out of a file or standard input. */
export async function sourceOf(context: Context, file: string): Promise<string> {
  const name = file === '-' ? 'standard input' : file;
  const text = decodeUtf8(file === '-' ? await inputOf(context) : await contentOf(file));
  if (text === undefined) throw new UsageError(`${name} is not valid UTF-8`);
  return text;
}

async function inputOf(context: Context): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  for await (const part of standardInput(context)) parts.push(Buffer.from(part as Uint8Array));
  return Buffer.concat(parts);
}

async function contentOf(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${(error as Error).message}`);
  }
}
