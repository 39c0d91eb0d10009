import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FetchEntries } from '../../src/storage/raft-log-rewrite.ts';
import type { EntryRecord } from '../../src/storage/record.ts';
import { temporaryDirectory } from '../storage/support.ts';
import { dyingAt } from '../support/crash.ts';
import { damagedDirectory, loseEntry, type Opened, opened } from './storage-directory.ts';

/** More steps than any of these writes takes. */
const STEPS_MAX = 100;
const LENGTH = 40;
const LOST = 17;

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
