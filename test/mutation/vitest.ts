import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** What to run: files or folders below `test/`. The long random runs have a configuration of their own. */
export interface Suite {
  readonly config: string;
  readonly paths: readonly string[];
  readonly excluded: readonly string[];
}

export type Outcome =
  | { readonly kind: 'green' }
  /** A test failed: `FILE > TITLE`. */
  | { readonly kind: 'red'; readonly by: string }
  /** Not a single test ran: the code does not even load. */
  | { readonly kind: 'broken'; readonly why: string }
  | { readonly kind: 'hung' };

/** The part of the report of vitest that matters here. */
interface Report {
  readonly numTotalTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** The run under way, so that it does not outlive this process. */
let current: ChildProcess | undefined;

/** Runs tests of the project in `root` up to the first failure, for at most `boundMs`. */
export async function runTests(root: string, suite: Suite, boundMs: number): Promise<Outcome> {
  const output = join(root, 'report.json');
  rmSync(output, { force: true });
  const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--bail', '1', '--config', suite.config];
  args.push('--reporter', 'json', '--outputFile', output, ...suite.excluded.flatMap((path) => ['--exclude', path]));
  args.push(...suite.paths);
  // A process group of its own: a test that never gives the thread back is ended along with its workers.
  const child = spawn(process.execPath, args, { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  current = child;
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
  const bound = AbortSignal.timeout(boundMs);
  bound.addEventListener('abort', endTests);
  const [code, signal] = await once(child, 'close');
  bound.removeEventListener('abort', endTests);
  current = undefined;
  if (bound.aborted) return { kind: 'hung' };
  if (signal !== null) return { kind: 'broken', why: `somebody ended vitest with ${signal}` };
  return code === 0 ? { kind: 'green' } : failure(root, output, said.trim());
}

/** Ends the tests that run. */
export function endTests(): void {
  if (current?.pid === undefined) return;
  try {
    process.kill(-current.pid, 'SIGKILL');
  } catch {
    // They ended by themselves.
  }
}

function failure(root: string, output: string, said: string): Outcome {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(output, 'utf8'));
  } catch {
    return { kind: 'broken', why: `vitest left no report. ${said}` };
  }
  for (const { name, assertionResults } of report.testResults) {
    const failed = assertionResults.find(({ status }) => status === 'failed');
    if (failed) return { kind: 'red', by: `${name.slice(root.length + 1)} > ${failed.fullName}` };
  }
  const [file] = report.testResults.filter(({ message }) => message !== '');
  if (report.numTotalTests === 0) return { kind: 'broken', why: file?.message ?? `no test ran. ${said}` };
  return { kind: 'red', by: `an error outside of a test: ${(file?.message ?? said).trim().split('\n')[0]}` };
}
