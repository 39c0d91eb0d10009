import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';

/** What a commit did to a file: added, modified (its type too), deleted. Renames are a D and an A. */
export interface Change {
  readonly status: 'A' | 'M' | 'D';
  readonly path: string;
}

/** One commit of a first-parent history. */
export interface Commit {
  readonly commit: string;
  /** ISO 8601, with the author's offset. */
  readonly time: string;
  /** A pseudonym. */
  readonly contributor: string;
  readonly changes: readonly Change[];
}

/** Reads the format of shared/data/git-history.ndjson.gz, oldest commit first. */
export async function* commitsOfFile(path: string): AsyncGenerator<Commit> {
  const file = createReadStream(path);
  const bytes = path.endsWith('.gz') ? file.pipe(createGunzip()) : file;
  file.on('error', (error) => bytes.destroy(error));
  for await (const line of createInterface({ input: bytes, crlfDelay: Infinity })) {
    if (line.trim() !== '') yield JSON.parse(line) as Commit;
  }
}

/** Reads the first-parent history of a repository on this disk, oldest commit first. */
export async function* commitsOfRepository(directory: string): AsyncGenerator<Commit> {
  const git = spawn(
    'git',
    [
      ...['-C', directory, '-c', 'log.showRoot=true', '-c', 'log.showSignature=false', 'log', 'HEAD'],
      ...['--first-parent', '--reverse', '-m', '--raw', '-z', '--no-renames', '--no-abbrev', '--no-color'],
      '--format=tformat:%x01%H%x02%aI%x02%aE',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let complaint = '';
  git.stderr.on('data', (part) => {
    complaint = (complaint + String(part)).slice(0, 2000);
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    git.on('error', reject);
    git.on('close', resolve);
  });
  // A git that cannot be started shows in `ended`, which is only looked at below.
  ended.catch(() => {});
  yield* parseGitLog(git.stdout);
  const code = await ended;
  if (code !== 0) throw new Error(`git log in ${directory} ended with ${code}: ${complaint.trim()}`);
}

/**
 * Parses `git log --raw -z` with the format above. Everything ends with a NUL: a header; then, for each change, a
 * record `:mode mode sha sha STATUS` and a path. The first record of a commit begins with a line end.
 */
export async function* parseGitLog(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Commit> {
  let commit: (Commit & { changes: Change[] }) | undefined;
  let status: Change['status'] | undefined;
  for await (const token of splitAtNul(bytes)) {
    if (status !== undefined) {
      commit?.changes.push({ status, path: token });
      status = undefined;
    } else if (token.startsWith('\u0001')) {
      if (commit) yield commit;
      const [sha = '', time = '', mail = ''] = token.slice(1).split('\u0002');
      commit = { commit: sha, time, contributor: pseudonym(mail), changes: [] };
    } else if (token.trimStart().startsWith(':')) {
      status = statusOf(token);
    } else if (token.trim() !== '') {
      throw new Error(`git log wrote what is not understood: ${JSON.stringify(token.slice(0, 100))}`);
    }
  }
  if (commit) yield commit;
}

function statusOf(record: string): Change['status'] {
  const letter = record.slice(record.lastIndexOf(' ') + 1);
  if (letter === 'A' || letter === 'M' || letter === 'D') return letter;
  if (letter === 'T') return 'M';
  throw new Error(`git log tells a change of the kind ${JSON.stringify(letter)}, which is not understood`);
}

/** Names and addresses stay out of the store. */
function pseudonym(mail: string): string {
  return createHash('sha256').update(mail.toLowerCase()).digest('hex').slice(0, 10);
}

async function* splitAtNul(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const all = Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = all.indexOf(0); end >= 0; end = all.indexOf(0, start)) {
      const token = all.subarray(start, end);
      try {
        yield decoder.decode(token);
      } catch {
        throw new Error(`a path is not UTF-8: ${JSON.stringify(token.toString('latin1'))}`);
      }
      start = end + 1;
    }
    rest = all.subarray(start);
  }
}
