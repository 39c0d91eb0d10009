import { Readable, Writable } from 'node:stream';
import { runCli } from '../../src/cli/run.ts';
import type { CliResult } from './run-cli.ts';

/** Runs a command in this process, out of the sources, against real nodes. */
export async function cli(args: readonly string[], input = ''): Promise<CliResult> {
  const written = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const sink = (parts: Buffer[]) =>
    new Writable({
      write(part: Buffer, _encoding, done) {
        parts.push(part);
        done();
      },
    });
  const code = await runCli(args, {
    stdin: Readable.from(input === '' ? [] : [Buffer.from(input)]),
    stdout: sink(written.stdout),
    stderr: sink(written.stderr),
    env: {},
    signal: new AbortController().signal,
  });
  const text = (parts: Buffer[]) => Buffer.concat(parts).toString();
  return { code, stdout: text(written.stdout), stderr: text(written.stderr) };
}
