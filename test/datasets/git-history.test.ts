import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Commit, commitsOfFile, commitsOfRepository, parseGitLog } from '../../bench/datasets/git-commits.ts';
import {
  appendOf,
  appendsOf,
  type DatasetAppend,
  importLines,
  OWN_REPOSITORY,
  replay,
  SHARED_HISTORY,
} from '../../bench/datasets/git-history.ts';
import { parseImportLine } from '../../src/cli/import-format.ts';

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function eventsOf(appends: readonly DatasetAppend[]) {
  return appends.flatMap((append) => append.writes.flatMap((write) => write.events));
}

function git(directory: string, ...args: string[]): string {
  return execFileSync('git', ['-C', directory, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

function hasCommits(directory: string): boolean {
  try {
    return git(directory, 'rev-parse', 'HEAD') !== '';
  } catch {
    return false;
  }
}

/** The truth about a repository: as `git ls-files` says it of a clean checkout. */
function filesAt(directory: string): string[] {
  return git(directory, 'ls-tree', '-r', '--name-only', '-z', 'HEAD').split('\0').filter(Boolean);
}

describe.runIf(existsSync(SHARED_HISTORY))('the shared history', () => {
  test('becomes 5,540 appends with 25,543 events whose replay yields exactly the known paths', async () => {
    const appends = await collect(appendsOf(commitsOfFile(SHARED_HISTORY)));
    const events = eventsOf(appends);
    expect(appends.length).toBe(5_540);
    expect(events.length).toBe(25_543);
    expect(events.filter((event) => event.type === 'CommitMade').length).toBe(5_540);
    expect(new Set(events.map((event) => event.id)).size).toBe(25_543);
    const truth = readFileSync(SHARED_HISTORY.replace('.ndjson.gz', '.files.txt'), 'utf8').trimEnd().split('\n');
    expect(replay(events)).toEqual(truth);
  });

  test('makes the same lines each time, and each is a good line of an import', async () => {
    const lines = await collect(importLines(commitsOfFile(SHARED_HISTORY)));
    expect(await collect(importLines(commitsOfFile(SHARED_HISTORY)))).toEqual(lines);
    for (const line of lines.slice(0, 200)) expect(() => parseImportLine(Buffer.from(line))).not.toThrow();
  });
});

describe.runIf(hasCommits(OWN_REPOSITORY))("this project's own history", () => {
  test('replays to the files of its last commit', async () => {
    const appends = await collect(appendsOf(commitsOfRepository(OWN_REPOSITORY)));
    expect(replay(eventsOf(appends))).toEqual(filesAt(OWN_REPOSITORY));
  });
});

describe('any repository on disk', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'factstore-git-'));
    git(directory, 'init', '--quiet', '--initial-branch=main');
    git(directory, 'config', 'user.name', 'Somebody');
    git(directory, 'config', 'user.email', 'somebody@example.org');
    git(directory, 'config', 'commit.gpgsign', 'false');
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  function commit(message: string): void {
    git(directory, 'add', '--all');
    git(directory, 'commit', '--quiet', '--allow-empty', '-m', message);
  }

  test('renames, merges, empty commits, type changes and odd names replay to what git has', async () => {
    const put = (name: string, text: string) => writeFileSync(join(directory, name), text);
    put('a b', '1');
    put('c', 'a text that is long enough to be taken for a rename, were renames looked for');
    put('ü"\t', 'odd');
    put(':100644 A', 'a name that looks like a record');
    commit('first');
    commit('empty');
    git(directory, 'checkout', '--quiet', '-b', 'side');
    put('z', 'side');
    commit('side');
    git(directory, 'checkout', '--quiet', 'main');
    put('y', 'main');
    commit('main');
    git(directory, 'merge', '--quiet', '--no-edit', 'side');
    renameSync(join(directory, 'c'), join(directory, 'd'));
    rmSync(join(directory, 'a b'));
    symlinkSync('y', join(directory, 'a b'));
    commit('rename and type change');
    const commits = await collect(commitsOfRepository(directory));
    expect(commits.map((each) => each.changes.map((change) => change.status + change.path).sort())).toEqual([
      ['A:100644 A', 'Aa b', 'Ac', 'Aü"\t'],
      [],
      ['Ay'],
      ['Az'],
      ['Ad', 'Dc', 'Ma b'],
    ]);
    expect(commits[0]).toMatchObject({
      commit: expect.stringMatching(/^[0-9a-f]{40}$/),
      contributor: expect.stringMatching(/^[0-9a-f]{10}$/),
    });
    const changes = commits.flatMap((each) => each.changes);
    const types = { A: 'FileAdded', M: 'FileModified', D: 'FileDeleted' };
    expect(replay(changes.map(({ status, path }) => ({ type: types[status], data: { path } })))).toEqual(
      filesAt(directory),
    );
  });

  test('a repository without commits, or none at all, is an error that says so', async () => {
    await expect(collect(commitsOfRepository(directory))).rejects.toThrow(/git log in .* ended with 128: /);
    await expect(collect(commitsOfRepository(join(directory, 'none')))).rejects.toThrow(/cannot change to/);
  });
});

describe('one commit', () => {
  const commit: Commit = {
    commit: 'c0ffee',
    time: '2026-01-02T03:04:05+01:00',
    contributor: '28bf75efd3',
    changes: [
      { status: 'A', path: 'README.md' },
      { status: 'M', path: 'src/model/event.ts' },
      { status: 'D', path: 'old/file' },
    ],
  };

  test('is an append over its contributor and every file, tagged with commit, contributor and directory', () => {
    const { writes } = appendOf(commit);
    expect(writes.map((write) => [write.stream, write.events[0]?.type, write.events[0]?.tags.at(-1)])).toEqual([
      ['contributor-28bf75efd3', 'CommitMade', 'contributor:28bf75efd3'],
      ['file-README.md', 'FileAdded', 'dir:.'],
      ['file-src/model/event.ts', 'FileModified', 'dir:src'],
      ['file-old/file', 'FileDeleted', 'dir:old'],
    ]);
    expect(writes[0]?.events[0]?.data).toEqual({ commit: 'c0ffee', time: commit.time, changes: 3 });
    expect(writes[1]?.events[0]).toMatchObject({
      data: { commit: 'c0ffee', path: 'README.md' },
      tags: ['commit:c0ffee', 'contributor:28bf75efd3', 'dir:.'],
    });
  });

  test('that named a file twice would write to it once, with the last word', () => {
    const twice = appendOf({
      ...commit,
      changes: [
        { status: 'A', path: 'x' },
        { status: 'D', path: 'x' },
      ],
    });
    expect(twice.writes.map((write) => write.events[0]?.type)).toEqual(['CommitMade', 'FileDeleted']);
  });

  test('with a path over the limit, or too many files, is refused by name', () => {
    const long = { status: 'A', path: 'x'.repeat(1020) } as const;
    expect(() => appendOf({ ...commit, changes: [long] })).toThrow(
      /commit c0ffee: "file-x+" cannot be imported: stream: 1025 bytes is over the limit of 1024/,
    );
    const many = Array.from({ length: 1000 }, (_, i) => ({ status: 'A', path: `f${i}` }) as const);
    expect(() => appendOf({ ...commit, changes: many })).toThrow('commit c0ffee changes 1000 files');
  });

  test('that git tells in a way that is not understood is refused', async () => {
    async function* bytes(text: string) {
      yield Buffer.from(text);
    }
    await expect(collect(parseGitLog(bytes('\u0001c\u0002t\u0002m\0\n:1 2 3 4 U\0path\0')))).rejects.toThrow('"U"');
    await expect(collect(parseGitLog(bytes('garbage\0')))).rejects.toThrow('"garbage"');
  });
});
