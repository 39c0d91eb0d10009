import { type ChildProcess, fork } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serialize } from 'node:v8';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { EntryType } from '../../src/raft/types.ts';
import { LevelStore } from '../../src/storage/level-store.ts';
import { RaftLog } from '../../src/storage/raft-log.ts';
import type { EntryRecord } from '../../src/storage/record.ts';
import { append, EMPTY_LOG, entriesAfter, entryAfter, GENESIS, MemoryPromises, SMALL } from './support.ts';

/**
 * What real LevelDB makes of damaged files, and whether the raft log notices. LevelDB itself opens most of them without
 * a word: with records missing from the end or the middle, or with wrong values.
 */
interface Template {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly promises: MemoryPromises;
  readonly records: readonly EntryRecord[];
  readonly term: number;
  readonly vote: string;
}

/** Half a megabyte: some tables and a write-ahead file, with a truncation, votes and memberships. */
async function makeTemplate(directory: string): Promise<Template> {
  const random = new Prng(7);
  const payload = (i: number) => {
    const bytes = Buffer.alloc(100 + (i % 7) * 500);
    // Every other payload can be compressed.
    if (i % 2 === 0) for (let at = 0; at < bytes.length; at++) bytes[at] = random.between(0, 256);
    return bytes;
  };
  const promises = new MemoryPromises();
  const store = await LevelStore.open(directory, SMALL);
  const log = await RaftLog.open(store, { path: directory, promises, genesis: GENESIS, incarnation: 1 });
  await append(log, [entryAfter(EMPTY_LOG, { type: EntryType.membership, events: 0 })]);
  for (let batch = 0; batch < 66; batch++) {
    const records = entriesAfter(log.end, 1 + (batch % 5), (i) => ({
      payload: payload(batch * 5 + i),
      term: 1 + (batch >> 4),
    }));
    await append(log, records, Math.max(log.hardState.commit, log.lastIndex - 4));
    if (batch !== 30) continue;
    const base = (await log.get(log.lastIndex - 3)) as EntryRecord;
    const records2 = [entryAfter(base, { type: EntryType.membership, events: 0, term: 2, payload: payload(1000) })];
    await log.write({ truncateAfter: base.index, records: records2, hardState: { ...log.hardState, term: 2 } });
  }
  const hardState = { term: 9, vote: 'n2', commit: log.hardState.commit };
  await log.write({ truncateAfter: undefined, records: [entryAfter(log.end, { term: 5 })], hardState });
  const records = await log.read(1, log.lastIndex, Number.MAX_SAFE_INTEGER);
  await log.close();
  const files = new Map<string, Buffer>();
  for (const name of await readdir(directory))
    if (!/^LO/.test(name)) files.set(name, await readFile(join(directory, name)));
  return { files, promises, records, term: 9, vote: 'n2' };
}

/** What the judge found; "aborted" where LevelDB ended its process. */
type Outcome = string;

/** Processes that open damaged copies, one at a time. */
class Judge {
  private readonly directory: string;
  private child: ChildProcess | undefined;

  constructor(directory: string) {
    this.directory = directory;
  }

  async outcome(files: ReadonlyMap<string, Buffer>): Promise<Outcome> {
    const log = join(this.directory, 'log');
    await rm(log, { recursive: true, force: true });
    await mkdir(log);
    for (const [name, bytes] of files) await writeFile(join(log, name), bytes);
    this.child ??= fork(join(import.meta.dirname, 'processes', 'judge-damage.ts'), [join(this.directory, 'expected')], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const { child } = this;
    child.send(log);
    return new Promise((resolve) => {
      const settle = (outcome: Outcome) => {
        child.removeAllListeners();
        resolve(outcome);
      };
      child.once('message', (found) => settle(String(found)));
      child.once('exit', () => {
        this.child = undefined;
        settle('aborted');
      });
    });
  }

  close(): void {
    this.child?.kill('SIGKILL');
  }
}

const FINE = ['refused', 'noticed when read', 'intact', 'aborted'];

function count(outcomes: readonly Outcome[], which: Outcome): number {
  return outcomes.filter((found) => found === which).length;
}

describe('damaged files of LevelDB', () => {
  let template: Template;
  let judge: Judge;
  let names: string[];
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'factstore-'));
    template = await makeTemplate(join(directory, 'template'));
    names = [...template.files.keys()];
    const { promises, records, term, vote } = template;
    const expected = { genesis: GENESIS, promised: promises.newest, records: records.map((r) => r.bytes), term, vote };
    await writeFile(join(directory, 'expected'), serialize(expected));
    judge = new Judge(directory);
  });

  afterAll(async () => {
    judge.close();
    await rm(directory, { recursive: true });
  });

  /** Runs over damaged copies of every file whose name fits; none may be taken for what it is not. */
  async function each(
    pattern: RegExp,
    damage: (bytes: Buffer) => Iterable<[string, Buffer | undefined]>,
  ): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    const chosen = names.filter((name) => pattern.test(name));
    expect(chosen).not.toHaveLength(0);
    for (const name of chosen)
      for (const [what, bytes] of damage(template.files.get(name) as Buffer)) {
        const files = new Map(template.files);
        if (bytes) files.set(name, bytes);
        else files.delete(name);
        const found = await judge.outcome(files);
        expect(FINE, `${name} ${what}: ${found}`).toContain(found);
        outcomes.push(found);
      }
    return outcomes;
  }

  /** One bit of about `many` bytes, spread over all of them. */
  function* flips(bytes: Buffer, many: number): Generator<[string, Buffer]> {
    const random = new Prng(bytes.length);
    for (let i = 0; i < many; i++) {
      const at = random.between(0, bytes.length);
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] as number) ^ (1 << random.between(0, 8));
      yield [`with a flipped bit in byte ${at} of ${bytes.length}`, copy];
    }
  }

  function* cuts(bytes: Buffer, many: number): Generator<[string, Buffer]> {
    for (let i = 0; i < many; i++) {
      const length = Math.floor((bytes.length * i) / many);
      yield [`cut to ${length} of ${bytes.length} bytes`, bytes.subarray(0, length)];
    }
    yield [`cut by one byte`, bytes.subarray(0, bytes.length - 1)];
  }

  function* lostPages(bytes: Buffer, many: number): Generator<[string, Buffer]> {
    const pages = Math.ceil(bytes.length / 4096);
    for (let page = 0; page < pages; page += Math.ceil(pages / many))
      yield [
        `without page ${page} of ${pages}`,
        Buffer.from(bytes).fill(0, page * 4096, Math.min(bytes.length, (page + 1) * 4096)),
      ];
  }

  test('an undamaged copy is intact', async () => {
    expect(await judge.outcome(template.files)).toBe('intact');
    expect(names.filter((name) => name.endsWith('.ldb')).length).toBeGreaterThan(1);
    const writeAhead = names.filter((name) => name.endsWith('.log'));
    expect(writeAhead).toHaveLength(1);
    expect(template.files.get(writeAhead[0] as string)?.length).toBeGreaterThan(20_000);
  });

  test('a flipped bit in the write-ahead file is noticed, wherever it is [D7]', async () => {
    const outcomes = await each(/\.log$/, (bytes) => flips(bytes, 100));
    expect(count(outcomes, 'intact') + count(outcomes, 'aborted')).toBe(0);
  });

  test('a missing write-ahead file is noticed [D2]', async () => {
    expect(await each(/\.log$/, () => [['missing', undefined]])).toEqual(['refused']);
  });

  test('a write-ahead file that was cut anywhere is noticed [D2]', async () => {
    const outcomes = await each(/\.log$/, (bytes) => cuts(bytes, 60));
    expect(outcomes).toEqual(outcomes.map(() => 'refused'));
  });

  test('a page of the write-ahead file that never reached the disk is noticed [D7]', async () => {
    const outcomes = await each(/\.log$/, (bytes) => lostPages(bytes, 20));
    expect(count(outcomes, 'intact')).toBe(0);
  });

  test('a flipped bit in a table is noticed at the latest when the record is read, or hits nothing [D7]', async () => {
    const outcomes = await each(/\.ldb$/, (bytes) => flips(bytes, 20));
    expect(count(outcomes, 'noticed when read') + count(outcomes, 'refused')).toBeGreaterThan(outcomes.length / 2);
  });

  test('tables that are cut, missing or have lost a page are noticed [D7]', async () => {
    const outcomes = await each(/\.ldb$/, function* (bytes) {
      yield ['missing', undefined];
      yield* cuts(bytes, 5);
      yield* lostPages(bytes, 8);
    });
    expect(count(outcomes, 'refused') + count(outcomes, 'noticed when read')).toBeGreaterThan(outcomes.length * 0.9);
  });

  test('a damaged, cut or missing manifest or CURRENT is noticed [D7]', async () => {
    const outcomes = await each(/^(MANIFEST|CURRENT)/, function* (bytes) {
      yield ['missing', undefined];
      yield* cuts(bytes, 10);
      yield* flips(bytes, 60);
    });
    expect(count(outcomes, 'refused')).toBeGreaterThan(outcomes.length / 2);
  });

  test('a database without CURRENT is not taken for a new one, and keeps its files [D7]', async () => {
    const path = join(directory, 'without-current');
    await mkdir(path);
    for (const [name, bytes] of template.files) if (name !== 'CURRENT') await writeFile(join(path, name), bytes);
    await expect(LevelStore.open(path, SMALL)).rejects.toMatchObject({
      code: 'DATA_LOSS',
      message: expect.stringContaining('its file CURRENT is missing'),
    });
    expect(new Set(await readdir(path))).toEqual(new Set(names.filter((name) => name !== 'CURRENT')));
  });

  test('without any of its files the log is missed [D2]', async () => {
    expect(await judge.outcome(new Map())).toBe('refused');
  });
});
