import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { uuidBytes, uuidText } from '../../src/base/bytes.ts';
import type { FetchEntries } from '../../src/storage/raft-log-rewrite.ts';
import type { EntryRecord } from '../../src/storage/record.ts';
import { temporaryDirectory } from '../storage/support.ts';
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
