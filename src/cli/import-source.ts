import { createHash } from 'node:crypto';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { FactstoreError } from '../base/errors.ts';

/** The longest line: an append of 16 MiB in base64, with room for the names. */
const LINE_BYTES_MAX = 24 << 20;

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** A line without its newline. Its digests may only be asked for before the next line is taken. */
export interface SourceLine {
  /** From 1; blank lines count. */
  readonly number: number;
  readonly bytes: Uint8Array;
  /** SHA-256 of all bytes up to and including this line. */
  digest(): Uint8Array;
  /** What its digest was while it was the last line and had no end; another one only where it ends in CR LF. */
  unterminatedDigest(): Uint8Array;
}

/** The lines of plain or gzipped bytes; which of them it is shows in the first two. */
export async function* sourceLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<SourceLine> {
  const rest = bytes[Symbol.asyncIterator]();
  const parts: Uint8Array[] = [];
  let length = 0;
  while (length < 2) {
    const next = await rest.next();
    if (next.done) break;
    parts.push(next.value);
    length += next.value.length;
  }
  const first = Buffer.concat(parts);
  yield* splitLines(decompressed(first, joined(first, rest)));
}

async function* joined(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (first.length > 0) yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

function decompressed(first: Uint8Array, all: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  if (first[0] !== 0x1f || first[1] !== 0x8b) return all;
  // Errors reach whoever reads the last stream of a pipeline.
  return pipeline(Readable.from(all, { objectMode: false }), createGunzip(), () => {});
}

/**
 * Splits into lines and keeps a running digest of all bytes up to and including each line. A last line without its end
 * is digested as if it had a newline: so it mostly stays the same line when the file grows. Where it turns out that it
 * ends in CR LF, its digest is another one from then on, and the former one can be asked for.
 */
async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SourceLine> {
  const hash = createHash('sha256');
  let number = 0;
  let parts: Uint8Array[] = [];
  let length = 0;
  /** The end of the line that was taken last: not yet in the hash, so that both digests can be made from it. */
  let end = '';
  const take = (last: Uint8Array): SourceLine => {
    const bytes = parts.length === 0 ? last : Buffer.concat([...parts, last]);
    parts = [];
    length = 0;
    number++;
    const isCrLf = bytes.at(-1) === CARRIAGE_RETURN;
    hash.update(end).update(isCrLf ? bytes.subarray(0, -1) : bytes);
    end = isCrLf ? '\r\n' : '\n';
    const digestWith = (ownEnd: string) => hash.copy().update(ownEnd).digest();
    return { number, bytes, digest: () => digestWith(end), unterminatedDigest: () => digestWith('\n') };
  };
  try {
    for await (const chunk of chunks) {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        checkLength(number + 1, length + end - start);
        yield take(chunk.subarray(start, end));
        start = end + 1;
      }
      if (start === chunk.length) continue;
      parts.push(chunk.subarray(start));
      length += chunk.length - start;
      checkLength(number + 1, length);
    }
  } catch (error) {
    throw isZlibError(error) ? damaged(number, error) : error;
  }
  if (length > 0) yield take(new Uint8Array(0));
}

function checkLength(line: number, length: number): void {
  if (length <= LINE_BYTES_MAX) return;
  const message = `line ${line}: is longer than ${LINE_BYTES_MAX} bytes`;
  throw new FactstoreError('INVALID_ARGUMENT', message, { line, limit: LINE_BYTES_MAX });
}

function isZlibError(error: unknown): error is Error {
  return error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith('Z_');
}

function damaged(line: number, cause: Error): FactstoreError {
  const message = `the gzip data cannot be read behind line ${line}: ${cause.message}`;
  return new FactstoreError('INVALID_ARGUMENT', message, { line }, { cause });
}
