import { fstatSync, fsyncSync, writeSync } from 'node:fs';
import { Writable } from 'node:stream';

const STANDARD_OUTPUT = 1;

/** A regular file, written whole. Node's own stream for one takes a short write, as on a disk that fills up, for a whole one. */
export class FileOutput extends Writable {
  private readonly file: number;

  constructor(file: number) {
    super();
    this.file = file;
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    try {
      for (let at = 0; at < chunk.length; ) at += writeSync(this.file, chunk, at);
    } catch (error) {
      return done(error as Error);
    }
    done();
  }

  /** Returns once what was written is on the disk. */
  sync(): void {
    fsyncSync(this.file);
  }
}

/** Where the process writes what it gives. */
export function standardOutput(): Writable {
  return fstatSync(STANDARD_OUTPUT).isFile() ? new FileOutput(STANDARD_OUTPUT) : process.stdout;
}
