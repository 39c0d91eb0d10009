import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

/** Runs docker in the project's root; resolves with what it says. */
export async function docker(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { stdout } = await run('docker', [...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    maxBuffer: 64 << 20,
  });
  return stdout.trim();
}

/**
 * Builds the image of this tree under a name. Two revisions differ in a label alone, so the second one costs no more
 * than its last layers. The host's network, because the build fetches packages through whatever this machine does.
 */
export async function buildImage(name: string, revision: string): Promise<void> {
  await docker(['build', '--quiet', '--network', 'host', '--build-arg', `REVISION=${revision}`, '--tag', name, '.']);
}
