import { Readable, Writable } from 'node:stream';
import { runCli } from '../../src/cli/run.ts';
import type { Store } from '../../src/cli/store.ts';
import { MemoryStore } from './memory-store.ts';

export interface RunOptions {
  readonly store?: MemoryStore;
  readonly stdin?: string | Uint8Array | Readable;
  readonly env?: Record<string, string>;
  readonly signal?: AbortSignal;
  readonly stdout?: Writable;
  /** In place of the store in memory. */
  readonly connect?: (url: string) => Promise<Store>;
  /** The urls that were connected to are added. */
  readonly urls?: string[];
  readonly connectError?: Error;
}

export interface RunResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Collects what is written to it. */
export class Collected extends Writable {
  /** Called after each write with all that was written. */
  onText: (text: string) => unknown = () => {};
  private readonly parts: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.parts.push(chunk);
    done();
    this.onText(this.text);
  }

  get text(): string {
    return Buffer.concat(this.parts).toString('utf8');
  }
}

/** A pipe that gives this and then stays open; `onIdle` is called when more is asked for. */
export function openPipe(given: string | Uint8Array, onIdle: () => void): Readable {
  const parts = [Buffer.from(given)];
  return new Readable({
    read() {
      const part = parts.shift();
      if (part?.length) this.push(part);
      else onIdle();
    },
  });
}

/** Runs a command in this process, against a store in memory. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const out = new Collected();
  const err = new Collected();
  const store = options.store ?? new MemoryStore();
  const { stdin } = options;
  const code = await runCli(
    argv,
    {
      stdin: stdin instanceof Readable ? stdin : Readable.from(stdin === undefined ? [] : [Buffer.from(stdin)]),
      stdout: options.stdout ?? out,
      stderr: err,
      env: options.env ?? {},
      signal: options.signal ?? new AbortController().signal,
    },
    async (url) => {
      options.urls?.push(url);
      if (options.connectError) throw options.connectError;
      return options.connect?.(url) ?? store;
    },
  );
  return { code, out: out.text, err: err.text };
}

/** The lines of an output as JSON. */
export function jsonLines(text: string): unknown[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
