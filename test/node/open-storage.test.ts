import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { uuidBytes, uuidText } from '../../src/base/bytes.ts';
import { verifyDirectory } from '../../src/ops/verify.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { readIndexDamageNote } from '../../src/storage/damage-note.ts';
import type { FetchEntries } from '../../src/storage/raft-log-rewrite.ts';
import { type EntryRecord, stubOf } from '../../src/storage/record.ts';
import { logging } from '../peer/support.ts';
import { append, entriesAfter, temporaryDirectory } from '../storage/support.ts';
import { dyingAt } from '../support/crash.ts';
import { damagedDirectory, FOUNDED, loseEntry, type Opened, opened, RECORD } from './storage-directory.ts';

/** More steps than any of these writes takes. */
const STEPS_MAX = 100;
/** A cluster that goes on with the log of the one that was founded. */
const RECOVERED = '7c2d19a6-1d0a-4c55-8f07-5a0f6f4d2b90';
const LENGTH = 20;
const LOST = 3;

async function repair({ storage }: Opened, records: readonly EntryRecord[]): Promise<void> {
  const fetch: FetchEntries = async (from, to) => records.slice(from - 1, to);
  for await (const _ of storage.repair(fetch)) {
    // Each step is one batch.
  }
}

async function expectWhole({ storage, directory }: Opened, records: readonly EntryRecord[]): Promise<void> {
  expect(storage.damage).toBeUndefined();
  const found = await storage.log.read(1, LENGTH, Number.MAX_SAFE_INTEGER);
  expect(found.map(({ bytes }) => bytes)).toEqual(records.map(({ bytes }) => bytes));
  const names = await readdir(directory.path);
  expect(names.filter((name) => /^log|^damaged/.test(name))).toEqual(['log']);
}

describe('the repair of a log', () => {
  test('goes on at the next start, whenever it died, and does not begin again behind the swap [D7]', async () => {
    const died: string[] = [];
    const { path: damaged, records } = await damagedDirectory(LENGTH, LOST);
    await loseEntry(damaged, LOST);
    for (let step = 0; step < STEPS_MAX; step++) {
      const path = join(await temporaryDirectory(), 'data');
      await cp(damaged, path, { recursive: true });
      const before = await opened(path);
      const at = await dyingAt(step, () => repair(before, records));
      if (at !== undefined) died.push(at.replace(path, ''));
      const swapped = (await readdir(path)).includes('log.damaged');
      await before.close();
      const after = await opened(path);
      if (at === undefined || swapped) expect(after.storage.damage, at).toBeUndefined();
      else if (after.storage.damage) await repair(after, records);
      await expectWhole(after, records);
      await after.close();
      if (at === undefined) break;
    }
    const swap = ['rename /log', 'rm /damaged.json', 'rename /log.rewritten', 'rm /log.damaged'];
    expect(died.filter((at) => swap.includes(at))).toEqual(['rm /log.damaged', ...swap]);
  });
});

test('a log that is mended with what others have erased has the index built anew, which has the names of it [R2]', async () => {
  for (const isErased of [true, false]) {
    const { path, records } = await damagedDirectory(LENGTH, LOST);
    await loseEntry(path, LOST);
    const found = records.map((record) =>
      isErased && record.index === LOST ? stubOf(record, Buffer.from('erased')) : record,
    );
    const before = await opened(path);
    await repair(before, found);
    expect((await readIndexDamageNote(path)) !== undefined).toBe(isErased);
    await before.close();
  }
});

describe('a swap of logs that a crash interrupted', () => {
  /** The old log is moved away, and the new one has not taken its place yet. */
  async function halfSwapped(): Promise<{ path: string; records: readonly EntryRecord[] }> {
    const { path, records } = await damagedDirectory(LENGTH, LOST);
    await cp(join(path, 'log'), join(path, 'log.rewritten'), { recursive: true });
    await loseEntry(path, LOST);
    await rename(join(path, 'log'), join(path, 'log.damaged'));
    return { path, records };
  }

  test('is finished by who verifies the directory, and the next start has the whole log [D7]', async () => {
    const { path, records } = await halfSwapped();
    const { damages, entries } = await verifyDirectory(path, () => undefined);
    expect({ damages, entries }).toEqual({ damages: [], entries: LENGTH });
    await expectWhole(await opened(path), records);
  });

  test('is finished also where another program has put an empty log in its place meanwhile [D7]', async () => {
    const { path, records } = await halfSwapped();
    await mkdir(join(path, 'log'));
    await expectWhole(await opened(path), records);
  });
});

test('who verifies a directory without a log says so, and makes none [D7]', async () => {
  const { path } = await damagedDirectory(LENGTH, LOST);
  await rm(join(path, 'log'), { recursive: true });
  expect((await verifyDirectory(path, () => undefined)).damages).toEqual(['log/ is missing']);
  expect(await readdir(path)).not.toContain('log');
});

describe('entries for another member', () => {
  test('are committed ones, unless it can tell those that it has lost from others [C5, D7]', async () => {
    const { path, records } = await damagedDirectory(LENGTH, LOST);
    const asked = async ({ storage }: Opened, uncommitted: boolean, applied?: number) => {
      const request = { clusterId: storage.clusterId, from: LENGTH, to: LENGTH + 9, uncommitted };
      const entries = await storage.entries(request, applied);
      return entries.map(({ index }) => index);
    };
    const running = await opened(path);
    await append(running.storage.log, entriesAfter(records.at(-1) as EntryRecord, 2), LENGTH + 1);
    expect(await asked(running, false)).toEqual([LENGTH, LENGTH + 1]);
    expect(await asked(running, true)).toEqual([LENGTH, LENGTH + 1, LENGTH + 2]);
    // The disk hears of a commit with the next batch only, which may be long after it.
    expect(await asked(running, false, LENGTH + 2)).toEqual([LENGTH, LENGTH + 1, LENGTH + 2]);
    await running.close();
    // One that mends its own log gives the same.
    await loseEntry(path, LOST);
    const mending = await opened(path);
    expect(mending.storage.usable).toBe(false);
    expect(await asked(mending, false)).toEqual([LENGTH, LENGTH + 1]);
    expect(await asked(mending, true)).toEqual([LENGTH, LENGTH + 1, LENGTH + 2]);
  });
});

describe('an index that was found damaged while the node ran', () => {
  /** Opens the index; true: it was built anew. */
  async function rebuilds({ storage }: Opened): Promise<boolean> {
    const { logger, lines } = logging();
    const fatal = (error: unknown) => expect.unreachable(String(error));
    const reserve = { halfUsed: false, refresh: async () => false };
    await storage.openIndex({ logger, clock: systemClock, reserve, fatal, onSystemEvent: () => undefined });
    return lines.some(({ event, text }) => event === 'index.rebuilt' && /built anew.*a block is short/.test(text));
  }

  /** As the node leaves it that is killed while it hands over. */
  async function killed(): Promise<string> {
    const path = join(await temporaryDirectory(), 'data');
    const left = join(await temporaryDirectory(), 'data');
    const { storage, close } = await opened(path);
    await storage.adopt(RECORD);
    expect(await rebuilds({ storage } as Opened)).toBe(false);
    await storage.noteIndexDamage('a block is short of rows');
    await cp(path, left, { recursive: true });
    await close();
    return left;
  }

  test('is built anew at the next start, however the node ended, and only then [D5, D7]', async () => {
    const path = await killed();
    const first = await opened(path);
    expect(await rebuilds(first)).toBe(true);
    await first.close();
    const second = await opened(path);
    expect(await rebuilds(second)).toBe(false);
  });

  test('is not opened where a start has died while it was removed [D5]', async () => {
    const died: string[] = [];
    const damaged = await killed();
    for (let step = 0; died.at(-1) !== 'rm /index-damaged.json'; step++) {
      const path = join(await temporaryDirectory(), 'data');
      await cp(damaged, path, { recursive: true });
      const before = await opened(path);
      const at = await dyingAt(step, async () => void (await rebuilds(before)));
      await before.close();
      died.push(String(at).replace(path, ''));
      const after = await opened(path);
      expect(await rebuilds(after), at).toBe(true);
      await after.close();
    }
    expect(died.map((at) => at.trim())).toEqual(['rm /index', 'open', 'rm /index-damaged.json']);
  });
});

describe('a node that becomes a member of a cluster', () => {
  const idOf = ({ storage }: Opened) => (storage.foundingBytes ? uuidText(storage.clusterId) : undefined);

  /** Becomes a member of the cluster with this id, and dies before that step. False: it was done before that. */
  async function dies(path: string, step: number, clusterId: string): Promise<boolean> {
    const { storage, close } = await opened(path);
    const at = await dyingAt(step, () => storage.adopt(RECORD, uuidBytes(clusterId)));
    await close();
    return at !== undefined;
  }

  async function expectMember(path: string, clusterId: string): Promise<string | undefined> {
    const node = await opened(path);
    const found = idOf(node);
    if (found === undefined) await node.storage.adopt(RECORD, uuidBytes(clusterId));
    expect(idOf(node)).toBe(clusterId);
    expect(node.storage.log.lastIndex).toBe(1);
    await node.close();
    const later = await opened(path);
    expect(idOf(later)).toBe(clusterId);
    expect(later.directory.identity.clusterId).toBe(clusterId);
    expect(later.directory.identity.foundedAs).toBe(clusterId === FOUNDED ? undefined : FOUNDED);
    await later.close();
    return found;
  }

  test('that goes on with the log of another is one of that or of none, whenever it died [R3]', async () => {
    const found: (string | undefined)[] = [];
    for (let step = 0; step < STEPS_MAX; step++) {
      const path = join(await temporaryDirectory(), 'data');
      const died = await dies(path, step, RECOVERED);
      found.push(await expectMember(path, RECOVERED));
      if (!died) break;
    }
    expect(new Set(found)).toEqual(new Set([undefined, RECOVERED]));
  });

  test('is not taken for one of another that it was about to become one of before [R3]', async () => {
    const about = join(await temporaryDirectory(), 'data');
    // The last step before the log has its first entry.
    let step = 0;
    for (let begun = false; !begun; step++) {
      const path = join(await temporaryDirectory(), 'data');
      await dies(path, step, RECOVERED);
      const { storage, close } = await opened(path);
      begun = storage.foundingBytes !== undefined;
      await close();
      if (!begun) await cp(path, about, { recursive: true });
    }
    const found: (string | undefined)[] = [];
    for (step = 0; step < STEPS_MAX; step++) {
      const path = join(await temporaryDirectory(), 'data');
      await cp(about, path, { recursive: true });
      const died = await dies(path, step, FOUNDED);
      found.push(await expectMember(path, FOUNDED));
      if (!died) break;
    }
    expect(new Set(found)).toEqual(new Set([undefined, FOUNDED]));
  });
});
