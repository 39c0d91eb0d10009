import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { LIMITS } from '../../src/model/limits.ts';
import { checkName, checkStreamName } from '../../src/model/stream.ts';
import { type Change, type Commit, commitsOfFile, commitsOfRepository } from './git-commits.ts';

/**
 * Turns a git history into the import format: one commit is one line, so one atomic append, over the stream of its
 * contributor and one for each file that it changes. The paths that are live after the last commit are the ground truth
 * for whatever stores, orders or derives from these events.
 *
 *     npx tsx bench/datasets/git-history.ts [--repo DIR | --file F.ndjson.gz] > out.ndjson
 */
export interface DatasetEvent {
  readonly id: string;
  readonly type: 'CommitMade' | 'FileAdded' | 'FileModified' | 'FileDeleted';
  readonly data: Readonly<Record<string, unknown>>;
  readonly tags: readonly string[];
}

/** One line of the import format. */
export interface DatasetAppend {
  readonly writes: readonly { readonly stream: string; readonly events: readonly DatasetEvent[] }[];
}

const TYPES = { A: 'FileAdded', M: 'FileModified', D: 'FileDeleted' } as const;

/** The history that comes with the project's shared data; not everybody has it. */
export const SHARED_HISTORY = fileURLToPath(new URL('../../../shared/data/git-history.ndjson.gz', import.meta.url));

/** This project's own repository. */
export const OWN_REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));

/** The appends of a history, oldest first. */
export async function* appendsOf(commits: AsyncIterable<Commit>): AsyncGenerator<DatasetAppend> {
  for await (const commit of commits) yield appendOf(commit);
}

/** The append that a commit is. */
export function appendOf(commit: Commit): DatasetAppend {
  const changes = lastOfEachPath(commit.changes);
  if (changes.length + 1 > LIMITS.streamsPerAppendMax) {
    throw new Error(
      `commit ${commit.commit} changes ${changes.length} files; with its contributor these are more streams than one ` +
        `append may write to (${LIMITS.streamsPerAppendMax})`,
    );
  }
  const tags = [`commit:${commit.commit}`, `contributor:${commit.contributor}`];
  const made = { commit: commit.commit, time: commit.time, changes: changes.length };
  const writes = [write(commit, `contributor-${commit.contributor}`, 'CommitMade', made, tags)];
  for (const { status, path } of changes) {
    const data = { commit: commit.commit, path };
    writes.push(write(commit, `file-${path}`, TYPES[status], data, [...tags, `dir:${topDirectory(path)}`]));
  }
  return { writes };
}

/** Git names a path once in a commit; were there two, the last one would tell what became of it. */
function lastOfEachPath(changes: readonly Change[]): readonly Change[] {
  const byPath = new Map(changes.map((change) => [change.path, change]));
  return byPath.size === changes.length ? changes : [...byPath.values()];
}

function write(
  commit: Commit,
  stream: string,
  type: DatasetEvent['type'],
  data: DatasetEvent['data'],
  tags: readonly string[],
): DatasetAppend['writes'][number] {
  try {
    checkStreamName('stream', stream);
    for (const tag of tags) checkName('tag', tag, LIMITS.tagBytesMax);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`commit ${commit.commit}: ${JSON.stringify(stream)} cannot be imported: ${reason}`);
  }
  return { stream, events: [{ id: eventId(commit.commit, stream), type, data, tags }] };
}

function topDirectory(path: string): string {
  const slash = path.indexOf('/');
  return slash < 0 ? '.' : path.slice(0, slash);
}

/** The same event has the same id however often the history is turned (a UUID, version 8). */
function eventId(commit: string, stream: string): string {
  const digest = createHash('sha256').update(`${commit}\n${stream}`).digest();
  digest[6] = (digest[6]! & 0x0f) | 0x80;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  const hex = digest.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

/** The paths that are live after the last of these events, sorted by their bytes. Other events are passed over. */
export function replay(events: Iterable<{ readonly type: string; readonly data: unknown }>): string[] {
  const live = new Set<string>();
  for (const event of events) {
    const path = (event.data as { path?: unknown } | null)?.path;
    if (typeof path !== 'string') continue;
    if (event.type === 'FileAdded' || event.type === 'FileModified') live.add(path);
    else if (event.type === 'FileDeleted') live.delete(path);
  }
  return [...live].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** The lines of a history in the import format, each with its end. */
export async function* importLines(commits: AsyncIterable<Commit>): AsyncGenerator<string> {
  for await (const append of appendsOf(commits)) yield `${JSON.stringify(append)}\n`;
}

/** The history to take where none is named: the shared one, else this project's own. */
export function defaultHistory(): AsyncIterable<Commit> {
  return existsSync(SHARED_HISTORY) ? commitsOfFile(SHARED_HISTORY) : commitsOfRepository(OWN_REPOSITORY);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { repo: { type: 'string' }, file: { type: 'string' } } });
  if (values.repo !== undefined && values.file !== undefined) throw new Error('give --repo or --file, not both');
  let commits = defaultHistory();
  if (values.repo !== undefined) commits = commitsOfRepository(values.repo);
  else if (values.file !== undefined) commits = commitsOfFile(values.file);
  process.stdout.on('error', () => process.exit(0));
  for await (const line of importLines(commits)) {
    if (!process.stdout.write(line)) await new Promise((resolve) => process.stdout.once('drain', resolve));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
