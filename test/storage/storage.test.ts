import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DataDirectory } from '../../src/storage/data-directory.ts';
import { LevelStore } from '../../src/storage/level-store.ts';
import { RaftLog } from '../../src/storage/raft-log.ts';
import { genesisChain } from '../../src/storage/record.ts';
import type { Operation } from '../../src/storage/store.ts';
import { append, entriesAfter, failure, SMALL, temporaryDirectory } from './support.ts';

/** Data directory, promise file and raft log on LevelDB together, as a node has them. */
interface Node {
  readonly directory: DataDirectory;
  readonly log: RaftLog;
  close(): Promise<void>;
}

async function start(path: string): Promise<Node> {
  const directory = await DataDirectory.open(path, { nodeId: 'n1', ballastBytes: 1 << 16 });
  try {
    const incarnation = await directory.raiseIncarnation();
    const store = await LevelStore.open(directory.logPath, SMALL);
    const { promises } = directory;
    const log = await RaftLog.open(store, {
      path,
      promises,
      genesis: genesisChain(Buffer.from('x')),
      incarnation,
    }).catch(async (error) => {
      await store.close();
      throw error;
    });
    const close = async () => {
      await log.close();
      await directory.close();
    };
    return { directory, log, close };
  } catch (error) {
    await directory.close();
    throw error;
  }
}

async function filled(): Promise<string> {
  const path = join(await temporaryDirectory(), 'data');
  const node = await start(path);
  for (let i = 0; i < 40; i++) await append(node.log, entriesAfter(node.log.end, 5, { payload: Buffer.alloc(1_000) }));
  await node.close();
  return path;
}

describe('a node’s storage', () => {
  test('starts again with everything after a clean stop', async () => {
    const path = await filled();
    for (let i = 0; i < 3; i++) {
      const node = await start(path);
      expect(node.log.lastIndex).toBe(200);
      await node.close();
    }
  });

  test('refuses to start when the write-ahead file, the log or the promise file is gone [D2]', async () => {
    for (const gone of ['write-ahead file', 'log', 'promise']) {
      const path = await filled();
      const names = await readdir(join(path, 'log'));
      const writeAhead = names.filter((name) => name.endsWith('.log')).map((name) => join('log', name));
      for (const name of gone === 'write-ahead file' ? writeAhead : [gone])
        await rm(join(path, name), { recursive: true });
      const error = await failure(start(path));
      expect(error.code, gone).toBe('DATA_LOSS');
      expect(error.message, gone).toContain(path);
    }
  });

  test('refuses an older copy of its log [D2]', async () => {
    const path = await filled();
    await cp(join(path, 'log'), join(path, 'older'), { recursive: true });
    const node = await start(path);
    await append(node.log, entriesAfter(node.log.end, 1));
    await node.close();
    await rm(join(path, 'log'), { recursive: true });
    await rename(join(path, 'older'), join(path, 'log'));
    const error = await failure(start(path));
    expect(error.message).toContain('ends at entry 200, but this node promised to hold everything up to entry 201');
    expect(error.details).toMatchObject({ kind: 'promiseLost', index: 200 });
  });

  test('killed in the middle of writes and truncations keeps what it said was durable, without a false alarm [D2]', async () => {
    const path = join(await temporaryDirectory(), 'data');
    const script = join(import.meta.dirname, 'processes', 'write-log.ts');
    for (const batches of [1, 40, 175, 333]) {
      const child = spawn(process.execPath, ['--import', 'tsx', script, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      onTestFinished(() => {
        child.kill('SIGKILL');
      });
      const exited = once(child, 'exit');
      const lines: string[] = [];
      for await (const line of createInterface(child.stdout)) {
        lines.push(line);
        if (lines.length === batches) child.kill('SIGKILL');
      }
      await exited;
      expect(lines.length).toBeGreaterThanOrEqual(batches);
      const [term, commit] = (lines.at(-1) as string).split(' ').map(Number) as [number, number];
      const node = await start(path);
      expect(node.log.hardState.term).toBeGreaterThanOrEqual(term);
      expect(node.log.hardState.commit).toBeGreaterThanOrEqual(commit);
      for await (const { damages } of node.log.verify()) expect(damages).toEqual([]);
      await node.close();
    }
  });
});

/** A file system of 3 MiB; undefined where this process may not mount one. */
async function smallDisk(): Promise<string | undefined> {
  const path = await temporaryDirectory();
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', path]).status !== 0) return undefined;
  onTestFinished(() => {
    spawnSync('umount', ['--lazy', path]);
  });
  return path;
}

/** Writes until nothing fits any more. */
async function fill(path: string): Promise<void> {
  for (let i = 0; ; i++) {
    const written = await writeFile(join(path, `filler${i}`), Buffer.alloc(16 << 10)).catch(() => 'full');
    if (written === 'full') return;
  }
}

describe('a full disk', () => {
  test('a node opens on it with the help of its ballast, and says so when there is none left [D1]', async ({
    skip,
  }) => {
    const disk = await smallDisk();
    if (disk === undefined) return skip('this process may not mount file systems');
    const path = join(disk, 'data');
    const options = { nodeId: 'n1', ballastBytes: 512 << 10 };
    await (await DataDirectory.open(path, options)).close();
    await fill(disk);
    const directory = await DataDirectory.open(path, options);
    expect(directory.ballastReleased).toBe(true);
    expect(await directory.raiseIncarnation()).toBe(1);
    await directory.close();
    await fill(join(disk, 'data'));
    const error = await failure(DataDirectory.open(path, options));
    expect(error.code).toBe('DISK_RESERVE');
    expect(error.message).toContain('no ballast file left');
  });
});

describe('LevelDB', () => {
  test('is not asked again after a write that failed [D1]', async () => {
    const path = join(await temporaryDirectory(), 'log');
    const store = await LevelStore.open(path, SMALL);
    onTestFinished(() => store.close());
    const put = (key: string, bytes: number): Operation => ({
      type: 'put',
      key: Buffer.from(key),
      value: Buffer.alloc(bytes),
    });
    await store.write([put('a', 10)], true);
    // Without its directory LevelDB cannot begin the next write-ahead file.
    await rename(path, `${path}.moved`);
    let error: unknown;
    for (let i = 0; i < 5 && error === undefined; i++)
      await store.write([put(`b${i}`, 100_000)], true).catch((reason: unknown) => {
        error = reason;
      });
    expect(String(error)).toContain('this process must end and start anew');
    await rename(`${path}.moved`, path);
    for (let i = 0; i < 3; i++) await expect(store.write([put('c', 1)], true)).rejects.toBe(error);
    expect(await store.get(Buffer.from('c'))).toBeUndefined();
  });

  test('that cannot make sense of its files is DATA_LOSS, and one in use says so [D7]', async () => {
    const path = join(await temporaryDirectory(), 'log');
    await (await LevelStore.open(path, SMALL)).close();
    for (const name of await readdir(path)) if (name.startsWith('MANIFEST')) await rm(join(path, name));
    const error = await failure(LevelStore.open(path, SMALL));
    expect(error.code).toBe('DATA_LOSS');
    expect(error.message).toContain(path);
    expect(existsSync(path)).toBe(true);
    await mkdir(`${path}2`);
    const store = await LevelStore.open(`${path}2`, SMALL);
    onTestFinished(() => store.close());
    expect((await failure(LevelStore.open(`${path}2`, SMALL))).code).toBe('FAILED_PRECONDITION');
  });
});
