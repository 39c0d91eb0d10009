import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Recovery } from '../../src/ops/recover.ts';
import { verifyDirectory } from '../../src/ops/verify.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { DataDirectory } from '../../src/storage/data-directory.ts';
import { decodeIdentity, encodeIdentity, readIdentity } from '../../src/storage/identity.ts';
import { failure, temporaryDirectory } from './support.ts';

const CLUSTER = '0b9ed1b4-5d7c-4f0f-9a52-2d3c0a6d4a11';
const OTHER = '11111111-5d7c-4f0f-9a52-2d3c0a6d4a11';
const NOBODY = 65_534;
const SMALL = { nodeId: 'n1', ballastBytes: 1 << 16 };

async function fresh(): Promise<string> {
  return join(await temporaryDirectory(), 'a', 'data');
}

/** Opens a directory for the time of a test. */
async function opened(path: string, options: Partial<typeof SMALL> = {}): Promise<DataDirectory> {
  const directory = await DataDirectory.open(path, { ...SMALL, ...options });
  onTestFinished(() => directory.close().catch(() => {}));
  return directory;
}

async function created(): Promise<string> {
  const path = await fresh();
  await (await opened(path)).close();
  return path;
}

describe('a data directory', () => {
  test('is made when it is missing, with an identity of its own', async () => {
    const path = await fresh();
    const directory = await opened(path);
    expect(directory.identity).toMatchObject({ format: 2, clusterId: null, nodeId: 'n1', incarnation: 0 });
    expect(directory.identity.directoryId).toMatch(/^[0-9a-f]{8}-/);
    expect(directory.logPath).toBe(join(path, 'log'));
    expect(directory.indexPath).toBe(join(path, 'index'));
    expect(existsSync(join(path, 'ballast'))).toBe(true);
    expect(directory.promises.read().lastIndex).toBe(0);
    expect((await opened(await fresh())).identity.directoryId).not.toBe(directory.identity.directoryId);
  });

  test('keeps its identity, and counts its starts durably [D9]', async () => {
    const path = await fresh();
    const first = await opened(path);
    const { directoryId } = first.identity;
    expect(await first.raiseIncarnation()).toBe(1);
    expect(await first.raiseIncarnation()).toBe(2);
    await first.setCluster(CLUSTER);
    await first.close();
    const second = await opened(path);
    expect(second.identity).toEqual({ format: 2, clusterId: CLUSTER, nodeId: 'n1', directoryId, incarnation: 2 });
  });

  test('belongs to one cluster for ever', async () => {
    const directory = await opened(await fresh());
    expect((await failure(directory.setCluster('x'))).code).toBe('INVALID_ARGUMENT');
    await directory.setCluster(CLUSTER);
    await directory.setCluster(CLUSTER);
    const error = await failure(directory.setCluster(OTHER));
    expect(error.code).toBe('FAILED_PRECONDITION');
    expect(error.message).toContain(`belongs to cluster ${CLUSTER}`);
    expect(directory.identity.clusterId).toBe(CLUSTER);
  });

  test('of another node is refused with both names', async () => {
    const path = await created();
    const error = await failure(DataDirectory.open(path, { ...SMALL, nodeId: 'n2' }));
    expect(error.code).toBe('FAILED_PRECONDITION');
    expect(error.message).toContain(`${path} belongs to node n1, but this node is called n2`);
    await opened(path);
  });

  test('that this process has open is refused, and the lock is not lost by that', async () => {
    const path = await fresh();
    await opened(path);
    const link = `${path}-link`;
    await symlink(path, link);
    for (const name of [path, link]) {
      const error = await failure(DataDirectory.open(name, SMALL));
      expect(error.code).toBe('FAILED_PRECONDITION');
      expect(error.message).toContain('in use by this process');
    }
    expect(await openElsewhere(path)).toContain(`in use by process ${process.pid} on `);
  });

  test('whose process was killed can be opened at once, whoever has its process id now', async () => {
    const path = await fresh();
    const child = spawnOpener(path, 'stay');
    await once(child.stdout, 'data');
    const error = await failure(DataDirectory.open(path, SMALL));
    expect(error.message).toContain(`in use by process ${child.pid} on `);
    expect(error.code).toBe('FAILED_PRECONDITION');
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    await writeFile(join(path, 'lock', 'owner'), `process ${process.pid} on here\n`);
    await opened(path);
  });

  test('that cannot be written to is refused', async () => {
    const file = join(await temporaryDirectory(), 'file');
    await writeFile(file, '');
    for (const path of [file, join(file, 'data'), '/dev/null/data']) {
      const error = await failure(DataDirectory.open(path, SMALL));
      expect(error.code).toBe('FAILED_PRECONDITION');
      expect(error.message).toContain('is not writable');
    }
  });

  test('of an older version is refused, and says what to do', async () => {
    const path = await created();
    await writeFile(join(path, 'identity.json'), '{"format": 1, "something": "else"}');
    const error = await failure(DataDirectory.open(path, SMALL));
    expect(error.code).toBe('FAILED_PRECONDITION');
    expect(error.message).toContain('older factstore: its format is 1, this one knows 2, and does not convert it');
  });

  test('of a newer version is refused', async () => {
    const path = await created();
    await writeFile(join(path, 'identity.json'), '{"format": 3, "something": "else"}');
    const error = await failure(DataDirectory.open(path, SMALL));
    expect(error.code).toBe('FAILED_PRECONDITION');
    expect(error.message).toContain('newer factstore: its format is 3, this one knows 2');
  });

  test('with a damaged identity is refused [D7]', async () => {
    const path = await created();
    const file = join(path, 'identity.json');
    const good = await readFile(file, 'utf8');
    for (const text of [
      '',
      '{',
      '[]',
      'null',
      good.replace('n1', 'n3'),
      good.slice(0, -10),
      good.replace(': 0', ': 5'),
    ]) {
      await writeFile(file, text);
      const error = await failure(DataDirectory.open(path, SMALL));
      expect(error.code).toBe('DATA_LOSS');
      expect(error.message).toContain(file);
    }
    await writeFile(file, good);
    await opened(path);
  });

  test.skipIf(process.geteuid?.() !== 0)(
    'of another user is no damaged one, and neither verified nor recovered: root alone can try it',
    async () => {
      const path = await created();
      execFileSync('chown', ['-R', `${NOBODY}`, path]);
      const refused = expect.stringContaining(`belong to user ${NOBODY}, and this runs as user 0`);
      const { signal } = new AbortController();
      const checks = [() => verifyDirectory(path, () => {}), () => Recovery.open(path, systemClock, signal)];
      for (const check of checks)
        expect(await failure(check())).toMatchObject({ code: 'FAILED_PRECONDITION', message: refused });
      expect(execFileSync('find', [path, '-not', '-uid', `${NOBODY}`], { encoding: 'utf8' })).toBe('');
      const file = join(path, 'identity.json');
      onTestFinished(() => process.seteuid?.(0));
      process.seteuid?.(NOBODY + 1);
      const unseen = expect.stringContaining(`are not to be seen by user ${NOBODY + 1}`);
      for (const check of checks)
        expect(await failure(check())).toMatchObject({ code: 'FAILED_PRECONDITION', message: unseen });
      const denied = await failure(readIdentity(file));
      expect(denied).toMatchObject({ code: 'FAILED_PRECONDITION', message: expect.stringContaining('chown') });
    },
  );

  test('on a volume whose files are all of one user, whoever writes them, is verified by another', async () => {
    const path = await created();
    vi.spyOn(process, 'geteuid').mockReturnValue(NOBODY);
    onTestFinished(() => void vi.restoreAllMocks());
    expect(await verifyDirectory(path, () => {})).toMatchObject({ nodeId: 'n1' });
    expect((await readdir(path)).filter((name) => name.startsWith('owner-'))).toEqual([]);
  });

  test('with a log but without an identity is refused [D7]', async () => {
    const path = await created();
    await rm(join(path, 'identity.json'));
    await mkdir(join(path, 'log'));
    const error = await failure(DataDirectory.open(path, SMALL));
    expect(error.code).toBe('DATA_LOSS');
    expect(error.message).toContain('has log/ but no identity.json');
  });

  test('without its promise file is refused [D2]', async () => {
    const path = await created();
    await rm(join(path, 'promise'));
    expect((await failure(DataDirectory.open(path, SMALL))).code).toBe('DATA_LOSS');
  });

  test('into which an older identity was put back is refused, and so is one without any [D2]', async () => {
    const path = await created();
    const file = join(path, 'identity.json');
    const older = await readFile(file);
    const directory = await opened(path);
    const incarnation = await directory.raiseIncarnation();
    directory.promises.write({ ...directory.promises.read(), incarnation });
    await directory.close();
    await writeFile(file, older);
    expect((await failure(DataDirectory.open(path, SMALL))).message).toContain('an older copy of identity.json');
    await rm(file);
    expect((await failure(DataDirectory.open(path, SMALL))).message).toContain('promise file in use but no identity');
  });

  test('whose creation was interrupted anywhere is made anew', async () => {
    for (const names of [[], ['promise'], ['promise', 'identity.json.tmp']]) {
      const path = await fresh();
      await mkdir(path, { recursive: true });
      for (const name of names) await writeFile(join(path, name), 'half');
      await opened(path);
    }
  });

  test('on a full disk gives up its ballast to be opened [D1]', async () => {
    const path = await created();
    expect(existsSync(join(path, 'ballast'))).toBe(true);
    const full = await DataDirectory.open(path, { ...SMALL, freeBytes: async () => 1000 });
    onTestFinished(() => full.close());
    expect(full.ballastReleased).toBe(true);
    expect(existsSync(join(path, 'ballast'))).toBe(false);
  });

  test('with a damaged lock says that it holds no data', async () => {
    const path = await created();
    await writeFile(join(path, 'lock', 'CURRENT'), 'nonsense');
    const error = await failure(DataDirectory.open(path, SMALL));
    expect(error.message).toContain('It holds no data');
    await rm(join(path, 'lock'), { recursive: true });
    await opened(path);
  });
});

describe('an identity', () => {
  const identities = fc.record(
    {
      format: fc.constant(2),
      clusterId: fc.option(fc.uuid(), { nil: null }),
      foundedAs: fc.uuid(),
      joining: fc.uuid(),
      nodeId: fc.string({ minLength: 1, unit: 'binary' }),
      directoryId: fc.uuid(),
      incarnation: fc.maxSafeNat(),
    },
    { requiredKeys: ['format', 'clusterId', 'nodeId', 'directoryId', 'incarnation'] },
  );

  test('is read as it was written', () => {
    fc.assert(
      fc.property(identities, (identity) => {
        expect(decodeIdentity(encodeIdentity(identity))).toEqual(identity);
      }),
    );
  });

  test('a changed byte is noticed, or changes nothing [D7]', () => {
    fc.assert(
      fc.property(identities, fc.nat(), fc.integer({ min: 0, max: 255 }), (identity, at, value) => {
        const bytes = Buffer.from(encodeIdentity(identity));
        bytes[at % bytes.length] = value;
        const decoded = decodeIdentity(bytes.toString());
        if (typeof decoded !== 'string') expect(decoded).toEqual(identity);
      }),
    );
  });

  test('arbitrary text is none, and never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof decodeIdentity(text) === 'string'));
    fc.assert(fc.property(fc.json(), (text) => typeof decodeIdentity(text) === 'string'));
  });
});

function spawnOpener(path: string, then: 'stay' | 'leave') {
  const script = join(import.meta.dirname, 'processes', 'open-directory.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', script, path, then], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

/** What another process says that opens the directory. */
async function openElsewhere(path: string): Promise<string> {
  const child = spawnOpener(path, 'leave');
  let text = '';
  for await (const piece of child.stdout) text += piece;
  return text;
}
